from __future__ import annotations

import io
import logging
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog
from kept_lines import configured, events_of, failed, lines_of, run
from loguru import logger as guru

from callscope import logs


def test_a_line_of_the_standard_library_is_kept_with_all_that_is_known(tmp_path: Path) -> None:
    with configured(tmp_path):
        logging.getLogger("shop.orders").warning("order %d is late", 7, extra={"minutes": 12})

    (line,) = lines_of(tmp_path)
    assert list(line)[:4] == ["ts", "level", "logger", "event"]
    assert (line["level"], line["logger"], line["event"]) == ("warning", "shop.orders", "order 7 is late")
    assert line["source"]["file"] == "test_log_lines.py"
    assert line["source"]["function"] == "test_a_line_of_the_standard_library_is_kept_with_all_that_is_known"
    assert (line["thread"], line["data"]) == ("MainThread", {"minutes": 12})
    assert "call_id" not in line


def test_a_line_of_structlog_keeps_its_fields_whatever_they_are_called(tmp_path: Path) -> None:
    with configured(tmp_path):
        structlog.get_logger("shop").bind(table=4).info("100 % done", name="bob", args=(1,), message_id="m1", level_=3)
        structlog.get_logger().error("unnamed")

    first, second = lines_of(tmp_path)
    assert (first["event"], first["logger"]) == ("100 % done", "shop")
    assert first["data"]["name"] == "bob"
    assert (first["data"]["table"], first["data"]["message_id"]) == (4, "m1")
    assert (first["source"]["file"], second["logger"]) == ("test_log_lines.py", __name__)


def test_structlog_as_the_program_configured_it_is_left_alone(tmp_path: Path) -> None:
    mine = [structlog.processors.KeyValueRenderer()]
    structlog.configure(processors=mine, logger_factory=structlog.stdlib.LoggerFactory())
    try:
        with configured(tmp_path):
            assert structlog.get_config()["processors"] is mine
            structlog.get_logger("x").warning("hello")
        assert structlog.get_config()["processors"] is mine
    finally:
        structlog.reset_defaults()
    assert events_of(tmp_path) == ["event='hello'"]


def test_a_line_of_loguru_is_kept_with_its_fields_and_its_exception(tmp_path: Path) -> None:
    with configured(tmp_path):
        guru.bind(attempt=3).opt(exception=failed(TimeoutError("no answer"))).error("request failed")

    (line,) = lines_of(tmp_path)
    assert (line["event"], line["level"], line["data"]) == ("request failed", "error", {"attempt": 3})
    assert line["exception"]["type"] == "TimeoutError"
    assert "no answer" in line["exception"]["message"]
    assert "raise error" in line["exception"]["stack"]


def test_lines_of_pipecats_services_have_their_stage_and_provider(tmp_path: Path) -> None:
    with configured(tmp_path):
        logging.getLogger("pipecat.services.deepgram.stt").warning("slow")
        logging.getLogger("pipecat.services.llm_service").warning("slow")

    first, second = lines_of(tmp_path)
    assert (first["stage"], first["provider"], second["stage"]) == ("stt", "deepgram", "llm")
    assert "provider" not in second


def test_lines_below_their_loggers_level_are_not_kept(tmp_path: Path) -> None:
    with configured(tmp_path, level="info", levels={"httpx": "warning", "shop.debugged": "debug"}):
        logging.getLogger("shop").debug("no")
        logging.getLogger("httpx._client").info("no")
        logging.getLogger("httpx._client").warning("loud")
        logging.getLogger("shop.debugged").debug("yes")
        guru.debug("no")
        structlog.get_logger("shop").debug("no")
        structlog.get_logger("shop.debugged").debug("also")

    assert events_of(tmp_path) == ["loud", "yes", "also"]


def handlers_of_loguru() -> dict[int, Any]:
    core: Any = vars(guru)["_core"]
    return dict(core.handlers)


def test_the_programs_handlers_and_levels_are_as_before_when_logs_are_closed(tmp_path: Path) -> None:
    root, other = logging.getLogger(), logging.getLogger("shop.quiet")
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    root.addHandler(handler)
    other.setLevel(logging.ERROR)
    before = (root.level, list(root.handlers), handlers_of_loguru())
    try:
        with configured(tmp_path, levels={"shop.quiet": "debug"}, console=True):
            assert root.level == logging.INFO
            logging.getLogger("shop").warning("both see it")
            other.debug("asked for")
        assert (root.level, root.handlers, other.level) == (before[0], before[1], logging.ERROR)
        assert len(handlers_of_loguru()) == len(before[2])
    finally:
        root.removeHandler(handler)
        other.setLevel(logging.NOTSET)
    assert stream.getvalue() == "both see it\nasked for\n"
    assert events_of(tmp_path) == ["both see it", "asked for"]


def test_a_root_level_that_lets_more_through_is_left_alone(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    try:
        with configured(tmp_path):
            assert root.level == logging.DEBUG
            logging.getLogger("shop").debug("not asked for")
    finally:
        root.setLevel(before)
    assert not list(tmp_path.glob("*.jsonl"))


def test_configuring_again_replaces_the_first_and_no_line_is_there_twice(tmp_path: Path) -> None:
    first = logs.configure(directory=tmp_path / "one", console=False)
    logging.getLogger("shop").warning("one")
    guru.warning("one too")
    with configured(tmp_path / "two"):
        logging.getLogger("shop").warning("two")
        guru.warning("two too")

    assert events_of(tmp_path / "one") == ["one", "one too"]
    assert events_of(tmp_path / "two") == ["two", "two too"]
    assert first.health().pending == 0
    assert logs.current_logs() is None


def test_lines_of_loguru_come_also_after_somebody_removed_all_its_handlers(tmp_path: Path) -> None:
    with configured(tmp_path):
        guru.remove()
        logs.ensure_loguru()
        guru.warning("still here")

    assert events_of(tmp_path) == ["still here"]


def test_a_line_that_the_program_passes_on_to_another_library_is_there_once(tmp_path: Path) -> None:
    class Intercept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            guru.opt(depth=6, exception=record.exc_info).log(record.levelname, record.getMessage())

    handler = Intercept()
    logging.getLogger().addHandler(handler)
    try:
        with configured(tmp_path):
            logging.getLogger("shop").warning("passed on")
    finally:
        logging.getLogger().removeHandler(handler)

    assert events_of(tmp_path) == ["passed on"]


def test_a_line_that_loguru_passes_on_is_there_once_too(tmp_path: Path) -> None:
    def passed_on(message: Any) -> None:
        logging.getLogger("passed").warning(message.record["message"])

    for first in (True, False):
        directory = tmp_path / str(first)
        number = guru.add(passed_on) if first else 0
        with configured(directory):
            number = number if first else guru.add(passed_on)
            guru.warning("passed on")
            logging.getLogger("shop").warning("said twice")
            guru.bind(twice=1).log("TRACE", "below")
        guru.remove(number)
        assert events_of(directory) == ["passed on", "said twice"]


def test_hostile_lines_raise_nothing_and_are_kept_as_well_as_can_be(tmp_path: Path) -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError("no")

        __repr__ = __str__

    others = logging.getLogger().handlers[:]  # those of pytest raise
    for handler in others:
        logging.getLogger().removeHandler(handler)
    with configured(tmp_path) as made:
        log = logging.getLogger("shop")
        log.warning("needs %d", "a number")
        log.warning(Hostile())
        log.warning("half a character: \ud800 and \x00")
        log.warning("bad extra", extra={"it": Hostile(), "nan": float("nan"), "deep": [[[{"a": {1: 2}}]]]})
        log.warning("x" * 100_000)
        structlog.get_logger("shop").warning(None, it=Hostile())
        made.flush()
        health = made.health()
    for handler in others:
        logging.getLogger().addHandler(handler)

    assert len(lines_of(tmp_path)) == 6
    assert (health.accepted, health.written, health.lost) == (6, 6, {})
    assert len(lines_of(tmp_path)[4]["event"]) < 33_000


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    with configured(tmp_path / "deep" / "logs"):
        logging.getLogger("shop").warning("x")

    (file,) = (tmp_path / "deep" / "logs").glob("*.jsonl")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_without_a_directory_or_a_root_nothing_is_written_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PATTER_LOG_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    made = logs.configure(console=False)
    logging.getLogger("shop").warning("x")
    made.close()

    assert (made.health().directory, made.health().written) == (None, 1)
    assert list(tmp_path.iterdir()) == []


def test_files_are_beside_the_calls_when_nothing_else_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATTER_LOG_DIR", str(tmp_path))
    made = logs.configure(console=False)
    logging.getLogger("shop").warning("x")
    made.close()

    assert events_of(tmp_path / "logs") == ["x"]


def test_importing_callscope_loads_nothing_of_the_logs() -> None:
    out, _ = run(
        """
        import sys, callscope
        print([name for name in ("structlog", "callscope.logs", "logging.config") if name in sys.modules])
        callscope.logs.configure(console=False).close()
        print("structlog" in sys.modules)
        """
    )

    assert out.split("\n")[:2] == ["[]", "True"]
    assert sys.modules["callscope"].__getattr__("logs") is logs
