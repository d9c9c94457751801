"""Lines about calls, read back: the sentence and facts that the console showed when they were written."""

from __future__ import annotations

import json
from typing import Any

from log_samples import START_MS, ts

from callscope.archive.log_line import Bounds, LineReader
from callscope.report.log_lines import ShownLine, shown


def told(event: str, **more: Any) -> ShownLine:
    row = {"ts": ts(0), "level": "info", "logger": "callscope.call", "event": event, "call_id": "CA1", **more}
    reader = LineReader(("2026-11-21", 1, "x"), Bounds(START_MS - 1000, START_MS + 60_000), before_ms=START_MS)
    (line,) = reader.read(0, json.dumps(row).encode())
    return shown(line)


def test_an_error_says_its_message_its_service_and_its_stack() -> None:
    failure = {"type": "APITimeoutError", "message": "Request timed out.", "stack": "Traceback …\nAPITimeoutError: x"}
    line = told("error", stage="llm", provider="openai", exception=failure, data={"category": "timeout"})

    assert line.text == "error: APITimeoutError: Request timed out."
    assert line.facts == (("stage", "llm"), ("provider", "openai"))
    assert line.stack == ("Traceback …", "APITimeoutError: x")


def test_an_error_without_a_stack_or_other_facts_is_said_once() -> None:
    line = told("error", exception={"message": "no such voice"})

    assert (line.text, line.facts, line.stack) == ("error: no such voice", (), ())


def test_a_provider_that_stands_beside_the_facts_is_part_of_the_sentence() -> None:
    line = told("usage", provider="openai", data={"service": "llm", "model": "gpt-4.1", "input_tokens": 1200})

    assert (line.text, line.facts) == ("usage llm openai gpt-4.1, input_tokens 1,200", ())


def test_a_stage_that_works_again_is_named_by_its_stage() -> None:
    line = told("error_recovered", stage="llm", data={"processor": "OpenAILLMService#0", "after_ms": 2000})

    assert (line.text, line.facts) == ("llm works again", (("stage", "llm"),))


def test_a_line_without_facts_is_said_as_the_console_says_it() -> None:
    assert told("call_started").text == "call started"
    assert told("client_connected", stage="transport").text == "client connected: stage transport"


def test_a_line_of_a_program_is_its_own_whatever_its_logger_is_called() -> None:
    assert told("call_started", source={"file": "bot.py", "line": 4}).text == "call_started"
