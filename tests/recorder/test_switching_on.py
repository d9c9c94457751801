from __future__ import annotations

import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from callscope import CallLogger, SettingError, Settings, resolve_log_root
from callscope.config import load
from callscope.testing import call_dirs, metadata


def test_recording_is_off_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    threads = threading.active_count()
    for value in (None, "", "   "):
        if value is None:
            monkeypatch.delenv("PATTER_LOG_DIR", raising=False)
        else:
            monkeypatch.setenv("PATTER_LOG_DIR", value)
        logger = CallLogger.from_env()
        with logger.start_call("a") as call:
            call.turn("user", "hello")
            call.event("x")
            call.usage("stt", audio_seconds=1)
            call.error("no")
            call.audio(b"", sample_rate=8000)
            call.update(caller="1")
        logger.log_call_start("b")
        logger.log_turn("b", {"role": "user"})
        logger.log_event("b", "x")
        logger.log_call_end("b")

        assert not logger.enabled
        assert logger.call_dir("a") is None
        assert call.path is None
        assert logger.flush()
        assert logger.close()
        assert not logger.health().enabled

    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == threads


def test_the_root_is_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATTER_LOG_DIR", "~/logs")

    logger = CallLogger.from_env()

    assert logger.root == tmp_path / "logs"
    assert logger.enabled


@pytest.mark.parametrize("value", ["auto", "AUTO", " Auto "])
@pytest.mark.skipif(sys.platform != "linux", reason="the platform's place differs")
def test_auto_is_the_platforms_place(value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert resolve_log_root(value) == tmp_path / ".local" / "share" / "patter"

    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert resolve_log_root(value) == tmp_path / "data" / "patter"


def test_a_root_that_cannot_be_made_gives_one_warning_and_no_recording(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")

    logger = CallLogger(tmp_path / "file" / "root")

    assert not logger.enabled
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "not recorded" in caplog.text
    logger.start_call("a").turn("user", "the call goes on")


def test_importing_callscope_needs_msgspec_and_the_standard_library_only() -> None:
    program = (
        "import sys; before = set(sys.modules); import callscope; "
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert set(output.split()) <= {
        "callscope",
        "msgspec",
        "typing_extensions",
    }  # the last is msgspec's own, where it is there


def test_a_typo_in_an_argument_is_an_error() -> None:
    with pytest.raises(SettingError, match="phone is 'masked': write one of mask, full, hash_only"):
        Settings(phone="masked")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="transcript"):
        Settings(transcript="redacted")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="retention_days"):
        Settings(retention_days=-1)
    with pytest.raises(SettingError, match="buffer_rows"):
        Settings(buffer_rows=0)


@pytest.mark.parametrize(
    ("variable", "value", "field", "safest"),
    [
        ("PATTER_LOG_REDACT_PHONE", "masked", "phone", "mask"),
        ("PATTER_LOG_TRANSCRIPT", "redcat", "transcript", "off"),
        ("PATTER_LOG_RETENTION_DAYS", "30d", "retention_days", None),
        ("PATTER_LOG_RETENTION_DAYS", "-1", "retention_days", None),
        ("PATTER_LOG_RETENTION_DAYS", "1.5", "retention_days", None),
    ],
)
def test_a_typo_in_the_environment_takes_the_safest_value_and_says_so(
    variable: str, value: str, field: str, safest: object, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load({variable: value})

    CallLogger(tmp_path, settings=settings)

    assert getattr(settings, field) == safest
    assert variable in settings.problems[0]
    assert repr(value) in caplog.text


def test_the_environments_words_are_read_in_any_case() -> None:
    settings = load(
        {"PATTER_LOG_REDACT_PHONE": " FULL ", "PATTER_LOG_TRANSCRIPT": "Redact", "PATTER_LOG_RETENTION_DAYS": "0"}
    )

    assert (settings.phone, settings.transcript, settings.retention_days, settings.problems) == (
        "full",
        "redact",
        0,
        (),
    )


def test_nothing_is_made_before_the_first_call(tmp_path: Path) -> None:
    threads = threading.active_count()
    logger = CallLogger(tmp_path / "root")

    assert list((tmp_path / "root").iterdir()) == []
    assert threading.active_count() == threads
    logger.close()


def test_a_closed_logger_takes_no_rows_and_counts_them(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    call.turn("user", "1")
    logger.close()
    call.turn("user", "2")

    health = logger.health()
    assert (health.written, health.lost, health.accepted) == (1, {"closed": 1}, 2)
    assert metadata(call_dirs(tmp_path)[0])["status"] == "abandoned"
