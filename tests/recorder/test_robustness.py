"""What a demanding tester found: wrong types, bad roots, late rows, forks, clocks that jump."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import wave
from pathlib import Path
from typing import Any

import pytest

from callscope import CallLogger, SettingError, Settings
from callscope.archive.verify import verify
from callscope.clock import now_ms
from callscope.recorder import guard
from callscope.testing import Disk, call_dirs, metadata, rows

KEY = "sk-proj-abcDEF1234567890abcdefGHIJ"


@pytest.mark.parametrize("value", ["gpt-4.1", 7, ["x"], b"x", object()], ids=lambda value: type(value).__name__)
def test_a_call_with_metadata_of_wrong_types_is_written_and_keeps_no_other_from_its_end(
    value: Any, tmp_path: Path
) -> None:
    logger = CallLogger(tmp_path)
    logger.start_call("typo", agent=value, labels=value, framework=value, caller=value, trace_id=value).update(
        agent=value
    )
    for number in range(20):
        with logger.start_call(f"call-{number}") as call:
            call.turn("user", "x")
    logger.close()

    statuses = [metadata(directory)["status"] for directory in call_dirs(tmp_path)]
    assert statuses.count("completed") == 20
    assert statuses.count("abandoned") == 1


def test_one_call_whose_metadata_fails_keeps_no_other_from_its_end(tmp_path: Path) -> None:
    guard.reraise = False
    logger = CallLogger(tmp_path)
    broken = logger.start_call("broken")
    logger.flush()
    assert broken.file is not None
    broken.file.document = None  # type: ignore[method-assign, assignment]
    broken.end()
    for number in range(20):
        logger.start_call(f"call-{number}").end()
    logger.close()

    assert [metadata(directory)["status"] for directory in call_dirs(tmp_path)].count("completed") == 20


@pytest.mark.parametrize("root", ["~nosuchuser/calls", "a\0b", "/proc/nope/calls", "{link}/calls"])
def test_a_bad_root_gives_one_warning_and_a_logger_that_is_off(
    root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    root = root.format(link=tmp_path / "link")

    assert not CallLogger(root).enabled
    assert len(caplog.records) == 1
    if "\0" not in root:
        monkeypatch.setenv("PATTER_LOG_DIR", root)
        assert not CallLogger.from_env().enabled


def test_blanks_around_the_root_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATTER_LOG_DIR", f"  {tmp_path / 'calls'} ")

    assert CallLogger.from_env().root == tmp_path / "calls"


def test_a_setting_of_a_wrong_type_is_a_setting_error() -> None:
    for name, value in (("retention_days", "30"), ("buffer_rows", "5"), ("buffer_mb", 1.5), ("retention_days", True)):
        wrong: dict[str, Any] = {name: value}
        with pytest.raises(SettingError):
            Settings(**wrong)


def test_a_call_after_close_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    logger = CallLogger(tmp_path)
    logger.start_call("a").end()
    logger.close()
    call = logger.start_call("late")
    call.turn("user", "x")
    call.end()

    assert not logger.enabled
    assert not call.enabled
    assert "after close()" in caplog.text
    assert logger.health().lost == {"closed": 1}


def test_a_second_close_goes_on_waiting_where_the_first_gave_up(tmp_path: Path) -> None:
    disk = Disk()
    logger = CallLogger(tmp_path, write=disk)
    call = logger.start_call("a")
    logger.flush()
    disk.stall()
    for number in range(40):
        call.turn("user", str(number))
    assert disk.reached.wait(10)
    assert not logger.close(0.01)
    assert not logger.close(0.01)
    assert not logger.flush(0.01)
    disk.mend()

    assert logger.close(10)
    assert len(rows(call_dirs(tmp_path)[0])) == 40


@pytest.mark.parametrize(
    ("given", "written"),
    [("error", "failed"), ("cancelled", "canceled"), ("no-answer", "no_answer"), ("Busy", "busy"), ("FAILED", "failed"),
     ("timeout", "failed"), ("in_progress", "completed"), ("whatever", "completed"), ("abandoned", "abandoned")],
)  # fmt: skip
def test_a_status_in_other_words_is_understood(given: str, written: str, tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    logger.start_call("ours").end(status=given)
    logger.log_call_start("theirs")
    logger.log_call_end("theirs", status=given)
    logger.close()

    assert [metadata(directory)["status"] for directory in call_dirs(tmp_path)] == [written, written]


def test_a_claim_of_completion_does_not_hide_that_nothing_was_heard(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    for name in ("ours", "theirs"):
        logger.log_call_start(name)
        logger.log_event(name, "tts_started", {"request_id": "1"})
        logger.log_event(name, "error", {"stage": "tts", "message": "no voice"})
        logger.log_turn(name, {"role": "assistant", "text": "hello"})
    logger.log_call_end("theirs")
    logger._calls(logger._channel).open["ours"].end(status="completed")  # type: ignore[arg-type]
    logger.close()

    for directory in call_dirs(tmp_path):
        assert metadata(directory)["status"] == "failed"
        assert "heard nothing" in metadata(directory)["error"]


@pytest.mark.parametrize("transcript", ["full", "redact", "off"])
def test_no_field_of_a_call_takes_a_key_to_the_disk(transcript: Any, tmp_path: Path) -> None:
    logger = CallLogger(tmp_path, settings=Settings(transcript=transcript))
    call = logger.start_call(
        "a", trace_id=KEY, direction=KEY, telephony_provider=KEY, provider_mode=KEY, agent={"model": KEY},
        labels={KEY: KEY, "path": f"/x/{KEY}"}, framework={"name": KEY, "version": KEY},
    )  # fmt: skip
    call.event(KEY, {KEY: KEY})
    call.usage(KEY, provider=KEY, model=KEY, input_tokens=KEY)
    call.turn(KEY, KEY, latency={KEY: KEY}, cost={"x": KEY}, heard=KEY)
    wrong: Any = KEY
    call.end(
        status=KEY, error=KEY, reason=KEY, cost={"total": KEY}, latency={"p50_ms": KEY}, recording_path=f"/x/{KEY}",
        turns=wrong, duration_ms=wrong,
    )  # fmt: skip
    logger.close()

    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"abcDEF1234567890" not in everything
    assert metadata(call_dirs(tmp_path)[0])["turns"] == 1


def test_figures_that_cannot_be_are_computed_instead(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a", at_ms=1_000_000)
    call.turn("user", "x")
    call.end(turns=-5, duration_ms=-1, at_ms=1_002_000)
    logger.close()

    envelope = metadata(call_dirs(tmp_path)[0])
    assert (envelope["turns"], envelope["duration_ms"]) == (1, 2000)


def fork_program(body: str, root: Path) -> None:
    program = "import os, sys\nfrom callscope import CallLogger\nlogger = CallLogger(sys.argv[1])\n" + textwrap.dedent(
        body
    )
    result = subprocess.run([sys.executable, "-c", program, str(root)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "Error" not in result.stderr


def test_the_sums_of_a_call_with_two_processes_are_those_of_its_files(tmp_path: Path) -> None:
    fork_program(
        """
        call = logger.start_call("a")
        call.turn("user", "before")
        logger.flush()
        pid = os.fork()
        if pid == 0:
            for number in range(50):
                call.turn("assistant", f"child {number}")
            logger.flush()
            os._exit(0)
        os.waitpid(pid, 0)
        for number in range(50):
            call.turn("user", f"parent {number}")
        call.end()
        logger.close()
        """,
        tmp_path,
    )

    (directory,) = call_dirs(tmp_path)
    envelope = metadata(directory)
    assert len(rows(directory)) == 101
    assert envelope["turns"] == envelope["callscope"]["accepted"] == envelope["callscope"]["written"] == 101
    assert [row["turn_index"] for row in rows(directory)] == list(range(101))
    assert all(not check.problems for check in verify(tmp_path, now_ms=now_ms()))


def test_a_fork_right_after_the_start_is_noticed_too(tmp_path: Path) -> None:
    fork_program(
        """
        call = logger.start_call("a")
        call.turn("user", "parent")
        pid = os.fork()
        if pid == 0:
            while not (call.planned_path / "metadata.json").exists():
                pass
            call.turn("user", "child")
            logger.flush()
            os._exit(0)
        os.waitpid(pid, 0)
        call.end()
        logger.close()
        """,
        tmp_path,
    )

    envelope = metadata(call_dirs(tmp_path)[0])
    assert envelope["turns"] == len(rows(call_dirs(tmp_path)[0])) == 2


def test_the_end_that_a_child_wrote_first_stays(tmp_path: Path) -> None:
    fork_program(
        """
        call = logger.start_call("a")
        call.turn("user", "before")
        logger.flush()
        pid = os.fork()
        if pid == 0:
            call.turn("assistant", "child")
            call.end(status="busy", reason="the child ended it")
            logger.flush()
            os._exit(0)
        os.waitpid(pid, 0)
        call.end(reason="the parent, later")
        logger.close()
        """,
        tmp_path,
    )

    envelope = metadata(call_dirs(tmp_path)[0])
    assert (envelope["status"], envelope["turns"]) == ("busy", 2)
    assert envelope["callscope"]["end_reason"] == "the child ended it"
    assert envelope["callscope"]["accepted"] == 2


def test_losses_are_on_disk_while_the_call_goes_on(tmp_path: Path) -> None:
    disk = Disk()
    logger = CallLogger(tmp_path, write=disk)
    call = logger.start_call("a")
    call.turn("user", "kept")
    logger.flush()
    assert call.file is not None
    disk.break_with(5)
    call.turn("user", "lost")
    logger.flush()
    disk.mend()
    writer = logger._writer
    assert writer is not None
    writer._losers_at_ns = 0  # a second has gone by
    call.event("anything")
    logger.flush()

    assert metadata(call_dirs(tmp_path)[0])["callscope"]["lost"] == {"io_error": 1}
    logger.close()


def test_loggers_that_nobody_has_any_more_take_their_threads_with_them(tmp_path: Path) -> None:
    def one_call(number: int) -> None:
        logger = CallLogger(tmp_path)
        with logger.start_call(f"call-{number}") as call:
            call.turn("user", "x")

    before = set(threading.enumerate())
    for number in range(20):
        one_call(number)
        gc.collect()
    ours = [thread for thread in set(threading.enumerate()) - before if thread.name == "callscope-writer"]
    for thread in ours:
        thread.join(10)

    assert sum(thread.is_alive() for thread in ours) <= 1
    assert all(metadata(directory)["status"] == "completed" for directory in call_dirs(tmp_path))


def test_a_call_keeps_its_logger(tmp_path: Path) -> None:
    call = CallLogger(tmp_path).start_call("a")
    gc.collect()
    for number in range(100):
        call.turn("user", str(number))
    call.end()
    assert isinstance(call.owner, CallLogger)
    call.owner.close()

    assert len(rows(call_dirs(tmp_path)[0])) == 100


def test_sound_of_a_wrong_clock_makes_no_hours_of_silence(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    second = bytes(16_000)
    call.audio(second, sample_rate=8000, channels=1)
    call.audio(second, sample_rate=8000, channels=1, at_ms=now_ms() + 10_800_000)
    call.end()
    logger.close()

    with wave.open(str(call_dirs(tmp_path)[0] / "recording.wav")) as wav:
        assert wav.getnframes() == 16_000


def test_sound_of_no_possible_form_does_not_spoil_the_rest(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    call.audio(bytes(100), sample_rate=0)
    call.audio(bytes(100), sample_rate=8000, channels=0)
    call.audio(bytes(16_000), sample_rate=8000, channels=1)
    call.end()
    logger.close()

    with wave.open(str(call_dirs(tmp_path)[0] / "recording.wav")) as wav:
        assert (wav.getframerate(), wav.getnframes()) == (8000, 8000)
    assert metadata(call_dirs(tmp_path)[0])["callscope"]["recording"]["lost_chunks"] == 2


def test_two_loggers_of_patters_kind_find_each_others_calls(tmp_path: Path) -> None:
    first, second = CallLogger(tmp_path), CallLogger(tmp_path)
    first.log_call_start("two", caller="+15551234567")
    second.log_turn("two", {"role": "user", "text": "x"})
    second.log_call_end("two")
    first.close()
    second.close()

    (directory,) = call_dirs(tmp_path)
    assert metadata(directory)["status"] == "completed"
    assert metadata(directory)["caller"] == "***4567"


def test_a_new_logger_does_not_write_into_a_closed_ones_call(tmp_path: Path) -> None:
    first = CallLogger(tmp_path)
    first.log_call_start("x")
    first.close()
    second = CallLogger(tmp_path)
    second.log_turn("x", {"role": "user", "text": "kept"})
    second.close()

    assert second.health().written == 1


def test_health_counts_rows_and_nothing_else(tmp_path: Path) -> None:
    disk = Disk()
    logger = CallLogger(tmp_path, write=disk)
    call = logger.start_call("a")
    logger.flush()
    disk.stall()
    for number in range(10):
        call.turn("user", str(number))
        call.audio(bytes(100), sample_rate=8000)
        call.update(labels={"n": number})
    assert disk.reached.wait(10)

    assert logger.health().accepted == 10
    disk.mend()
    call.end()
    logger.close()
    assert (logger.health().accepted, logger.health().pending) == (10, 0)


def test_a_directory_removed_in_the_middle_is_noticed(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    call.turn("user", "gone")
    logger.flush()
    shutil.rmtree(call_dirs(tmp_path)[0])
    assert logger._writer is not None
    logger._writer._beat_at_ns = 0  # ten seconds have gone by
    call.event("anything")
    logger.flush()
    call.turn("user", "kept")
    call.end()
    logger.close()

    assert [row["text"] for row in rows(call_dirs(tmp_path)[0])] == ["kept"]


class Broken(dict[str, Any]):
    def items(self) -> Any:
        raise RuntimeError("no")


def test_an_id_that_cannot_be_looked_at_raises_nothing(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    hostile: Any = Broken()
    logger.start_call(hostile).end()
    logger.log_call_start(hostile)
    logger.log_turn(hostile, {"role": "user"})
    logger.log_call_end(hostile)
    logger.close()

    assert len(call_dirs(tmp_path)) == 2
    assert os.path.basename(call_dirs(tmp_path)[0]).startswith("Broken")  # noqa: PTH119 -- reads better
