"""Lines and calls: which call a line belongs to, what the recorder tells, errors that become events."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import structlog
from kept_lines import configured, failed, lines_of
from loguru import logger as guru

from callscope import CallLogger, Settings
from callscope.recorder import told
from callscope.testing import call_dirs, rows

log = logging.getLogger("shop")


def by_text(directory: Path) -> dict[str, str | None]:
    return {line["event"]: line.get("call_id") for line in lines_of(directory)}


def facts(directory: Path) -> list[dict[str, Any]]:
    return [line for line in lines_of(directory) if line["logger"] == "callscope.call"]


@pytest.fixture
def calls(tmp_path: Path) -> CallLogger:
    return CallLogger(tmp_path / "root")


def test_lines_have_the_call_of_their_task_and_of_what_it_starts(tmp_path: Path, calls: CallLogger) -> None:
    async def later(name: str) -> None:
        await asyncio.sleep(0)
        log.info(f"task of {name}")  # noqa: G004 -- as programs do
        await asyncio.to_thread(log.info, f"thread of {name}")
        await asyncio.get_running_loop().run_in_executor(None, log.info, f"executor of {name}")
        guru.info(f"loguru of {name}")
        structlog.get_logger("shop").info(f"structlog of {name}")

    async def call(name: str) -> None:
        with calls.start_call(name):
            await asyncio.gather(asyncio.create_task(later(name)), later(f"{name} itself"))

    async def main() -> None:
        await asyncio.gather(*(call(f"CA{number}") for number in range(4)))

    with configured(tmp_path):
        asyncio.run(main())
        log.info("outside")
        calls.close()

    found = by_text(tmp_path)
    assert found.pop("outside") is None
    said = {event: call_id for event, call_id in found.items() if " of CA" in event}
    assert len(said) == 4 * 2 * 5
    assert all(f" of {call_id}" in event for event, call_id in said.items())


def test_threads_that_a_call_starts_and_work_in_pools_belong_to_it_and_others_do_not(
    tmp_path: Path, calls: CallLogger
) -> None:
    class Mine(threading.Thread):
        def run(self) -> None:
            log.info("own thread class")
            inner = threading.Thread(target=log.info, args=("thread of a thread",))
            inner.start()
            inner.join()

    with configured(tmp_path), ThreadPoolExecutor(1) as pool:
        with calls.start_call("CA1"):
            thread = Mine()
            thread.start()
            thread.join()
            pool.submit(log.info, "pool in the call").result()
            timer = threading.Timer(0, log.info, ("timer",))
            timer.start()
            timer.join()
        pool.submit(log.info, "pool after the call").result()
        with calls.start_call("CA2"):
            pool.submit(log.info, "pool in another").result()
        calls.close()

    found = {event: call for event, call in by_text(tmp_path).items() if not event.startswith(("call_", "turn"))}
    assert found == {
        "own thread class": "CA1",
        "thread of a thread": "CA1",
        "pool in the call": "CA1",
        "timer": "CA1",
        "pool after the call": None,
        "pool in another": "CA2",
    }
    assert "run" not in thread.__dict__


def test_what_was_wrapped_is_as_before_when_logs_are_closed(tmp_path: Path) -> None:
    before = (threading.Thread.start, ThreadPoolExecutor.submit)
    with configured(tmp_path):
        assert threading.Thread.start is not before[0]
    assert (threading.Thread.start, ThreadPoolExecutor.submit) == before

    with configured(tmp_path) as made:  # somebody else wraps after us: theirs stays, ours does nothing in it
        ours = threading.Thread.start
        threading.Thread.start = lambda thread: ours(thread)  # type: ignore[method-assign, assignment]  # noqa: PLW0108 -- another
        made.close()
        thread = threading.Thread(target=lambda: None)
        thread.start()
        thread.join()
    threading.Thread.start = before[0]  # type: ignore[method-assign]
    assert told.listeners == []


def test_a_failing_pool_job_raises_as_it_did(tmp_path: Path) -> None:
    def fails() -> None:
        raise KeyError("x")

    with configured(tmp_path), ThreadPoolExecutor(1) as pool, pytest.raises(KeyError):
        pool.submit(fails).result()
    with configured(tmp_path), ThreadPoolExecutor(1) as pool:
        done = pool.submit(dict, fn=1, call=2, self=3)
        assert concurrent.futures.wait([done]).done == {done}
        assert done.result() == {"fn": 1, "call": 2, "self": 3}


def test_what_happens_in_a_call_is_told_with_its_facts_and_without_its_words(tmp_path: Path, calls: CallLogger) -> None:
    with configured(tmp_path):
        call = calls.start_call("CA12", caller="+15551234567")
        call.event("client_connected", {"transport": "websocket"})
        call.turn("user", "my name is Anna")
        call.event("user_started_speaking")
        call.event("tool_call", {"tool_call_id": "t1", "name": "order", "arguments": {"who": "Anna"}})
        call.usage("llm", provider="openai", model="gpt-4.1", input_tokens=812, output_tokens=30)
        call.turn("assistant", "hello Anna", latency={"response_ms": 840})
        call.event("barge_in", {"heard_characters": 5, "generated_characters": 10})
        call.event("warning", {"message": "slow", "code": "slow"})
        call.event("silence", {"kind": "no_answer"})
        call.error(TimeoutError("no answer"), stage="llm", provider="openai")
        call.event("client_disconnected")
        call.end()
        calls.close()

    lines = facts(tmp_path)
    assert [(line["event"], line["level"]) for line in lines] == [
        ("call_started", "info"),
        ("client_connected", "info"),
        ("turn", "info"),
        ("tool_call", "info"),
        ("usage", "info"),
        ("turn", "info"),
        ("barge_in", "info"),
        ("warning", "warning"),
        ("silence", "warning"),
        ("error", "error"),
        ("client_disconnected", "info"),
        ("call_over", "info"),
    ]
    assert {line["call_id"] for line in lines} == {"CA12"}
    assert "Anna" not in json.dumps(lines)
    assert "5551234567" not in json.dumps(lines)
    turn, error, over = lines[5], lines[9], lines[-1]
    assert (turn["data"]["characters"], turn["data"]["latency"]) == (10, {"response_ms": 840})
    assert (error["stage"], error["provider"], error["exception"]["type"]) == ("llm", "openai", "TimeoutError")
    assert "TimeoutError" in error["exception"]["stack"]
    assert over["data"]["duration_ms"] >= 0
    assert over["data"]["cost"]["total"] > 0


def test_the_console_tells_it_in_one_line_each(
    tmp_path: Path, calls: CallLogger, capsys: pytest.CaptureFixture[str]
) -> None:
    with configured(None, console=True):
        call = calls.start_call("CA12")
        call.turn("assistant", "x" * 62, turn_index=3, latency={"response_ms": 840})
        call.event("tool_result", {"tool_call_id": "t", "name": "order", "outcome": "failed", "duration_ms": 1500})
        call.event("barge_in", {"heard_characters": 5, "generated_characters": 10})
        call.error("it broke", stage="tts", provider="cartesia")
        call.end(status="completed", duration_ms=1234)
        calls.close()

    lines = [line[13:] for line in capsys.readouterr().err.splitlines()]
    assert lines[1:5] == [
        "info     CA12 turn 3 assistant 62 characters, waited 0.84 s",
        "info     CA12 tool order failed after 1.50 s",
        "info     CA12 the caller interrupted: 5 of 10 characters were heard",
        "error    CA12 error: it broke stage=tts provider=cartesia",
    ]
    assert lines[5].startswith("info     CA12 call over: completed, 1.23 s, 1 turn, ")
    assert len(lines) == 6


def test_other_events_are_told_at_debug(tmp_path: Path, calls: CallLogger) -> None:
    with configured(tmp_path, level="debug"):
        call = calls.start_call("CA1")
        call.event("user_started_speaking")
        call.event("my_own", {"number": 3})
        call.end()
        calls.close()

    assert [(line["event"], line["level"]) for line in facts(tmp_path)[1:3]] == [
        ("user_started_speaking", "debug"), ("my_own", "debug"),
    ]  # fmt: skip


@pytest.mark.parametrize("transcript", ["full", "redact", "off"])
def test_no_word_reaches_the_logs_at_debug_that_the_policy_keeps_off_the_disk(tmp_path: Path, transcript: Any) -> None:
    settings = Settings(transcript=transcript)
    calls = CallLogger(tmp_path / "root", settings=settings)
    with configured(tmp_path, level="debug", settings=settings):
        call = calls.start_call("CA1")
        call.event("transcript", {"text": "call me at anna@example.com", "language": "en"})
        call.end()
        calls.close()

    text = json.dumps(facts(tmp_path))
    assert ("anna@example.com" in text) is (transcript == "full")
    assert ("call me" in text) is (transcript != "off")


def test_an_exception_that_is_logged_in_a_call_is_an_error_of_the_call_once(tmp_path: Path, calls: CallLogger) -> None:
    with configured(tmp_path), calls.start_call("CA1"):
        error = failed(ConnectionError("refused"))
        log.error("it failed", exc_info=error)
        guru.opt(exception=error).error("again")
        logging.getLogger("pipecat.services.openai.llm").error("and again", exc_info=error)
        log.warning("only a warning", exc_info=error)
        log.error("no exception")
    calls.close()

    errors = [row["data"] for row in rows(call_dirs(tmp_path / "root")[0], "events.jsonl") if row["type"] == "error"]
    assert len(errors) == 3
    assert [row.get("duplicate_of") for row in errors] == [None, errors[0]["error_id"], errors[0]["error_id"]]
    assert (errors[0]["stage"], errors[0]["exception_type"]) == ("application", "ConnectionError")
    assert (errors[2]["stage"], errors[2]["provider"]) == ("llm", "openai")
    assert "ConnectionError: refused" in errors[0]["stack"]
    assert "in failed" in errors[0]["stack"]
    assert [line["level"] for line in lines_of(tmp_path) if line["event"] == "error"] == []


def test_an_exception_outside_of_calls_is_a_line_and_nothing_else(tmp_path: Path, calls: CallLogger) -> None:
    with configured(tmp_path):
        log.error("it failed", exc_info=failed(ConnectionError("refused")))
    calls.close()

    assert [line["event"] for line in lines_of(tmp_path)] == ["it failed"]
    assert call_dirs(tmp_path / "root") == []
