"""What a real bot's logs hold: several calls in one process, Pipecat's lines, the program's own, and what happened."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from logged_calls import PRICES, TRIES, Run, patient, run_calls, together
from recorded_calls import read

from callscope.demo.scenarios import APOLOGY, GREETING, INSTRUCTION, MADE_UP_KEY, REPLIES, SCENARIOS
from callscope.model.event import Event
from callscope.model.wire import format_ts

pytestmark = pytest.mark.e2e

CALLS = {f"call-{name}": patient(SCENARIOS[name]) for name in ("order", "error", "barge_in")}
WORDS = [GREETING, APOLOGY, INSTRUCTION, *REPLIES, *(each.text for each in REPLIES.values() if each.text)]
Lines = list[dict[str, Any]]


class Logged(msgspec.Struct, frozen=True):
    """A run, and the lines of its only file."""

    run: Run
    lines: Lines

    def told(self, call_id: str, event: str) -> Lines:
        """What the recorder told of a call."""
        return [
            line
            for line in self.lines
            if line["logger"] == "callscope.call" and line["event"] == event and line["call_id"] == call_id
        ]


class Runs(msgspec.Struct, frozen=True):
    """The same program twice: as it is, and with one variable more."""

    info: Logged
    debug: Logged


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    for number in range(TRIES):
        info, debug = tmp_path_factory.mktemp("info"), tmp_path_factory.mktemp("debug")
        made = asyncio.run(_both(info, debug, at_once=1 if number else 2))
        if all(run.is_smooth for run in made):
            break
    return Runs(*(Logged(run, lines_of(run.root)) for run in made))


async def _both(info: Path, debug: Path, *, at_once: int) -> list[Run]:
    as_it_is = run_calls(info, CALLS, environment=PRICES)
    looking = run_calls(debug, {"looked-at": patient(SCENARIOS["order"])}, environment={"CALLSCOPE_LOG_LEVEL": "DEBUG"})
    return await together(as_it_is, looking, at_once=at_once)


@pytest.fixture
def info(runs: Runs) -> Logged:
    return runs.info


def lines_of(root: Path) -> Lines:
    (file,) = (root / "logs").glob("*.jsonl")
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def test_the_lines_of_pipecat_the_program_libraries_and_calls_are_in_one_file(info: Logged) -> None:
    loggers = {line["logger"].split(".")[0] for line in info.lines}
    assert {"pipecat", "shop", "websockets", "callscope"} <= loggers
    assert all(list(line)[:4] == ["ts", "level", "logger", "event"] for line in info.lines)
    assert info.lines[-1]["event"] == "the shop is closed"


def test_lines_have_the_call_that_their_code_ran_for_though_three_go_on_at_once(info: Logged) -> None:
    by_letters = {len(line.text): call_id for call_id, each in CALLS.items() for line in each.lines}
    understood = [line for line in info.lines if line["event"] == "understood a sentence"]
    assert Counter(line["call_id"] for line in understood) == dict.fromkeys(CALLS, 2)
    assert all(line["call_id"] == by_letters[line["data"]["letters"]] for line in understood)
    asked = [line for line in info.lines if "/v1/chat/completions" in line["event"] and line["level"] == "info"]
    assert len(asked) == 7
    assert all(f"/{line['call_id']}/v1/" in line["event"] for line in asked)


def test_a_thread_that_a_call_started_speaks_for_the_call(info: Logged) -> None:
    looked_up = [line for line in info.lines if line["event"] == "looked up in a thread"]
    assert all(line["thread"] != "MainThread" for line in looked_up)
    assert Counter(line["call_id"] for line in looked_up) == dict.fromkeys(CALLS, 2)


def test_all_lines_of_pipecat_while_calls_go_on_have_a_call_and_those_of_services_their_stage(info: Logged) -> None:
    lines = [line for line in info.lines if line["logger"].startswith("pipecat.")]
    assert {line.get("call_id") for line in lines} == set(CALLS)
    transport = [line for line in lines if line["logger"].startswith("pipecat.transports")]
    assert {line.get("stage") for line in transport} == {"transport"}


def test_what_a_pipeline_does_is_a_line_each(info: Logged) -> None:
    for call_id, expected in {
        "call-order": ("tool_call", "tool_result"),
        "call-error": ("error", "error_recovered"),
        "call-barge_in": ("barge_in",),
    }.items():
        events = ("call_started", "client_connected", "client_disconnected", "call_ended", "call_over", *expected)
        assert {event: len(info.told(call_id, event)) for event in events} == dict.fromkeys(events, 1)


@pytest.mark.parametrize("call_id", sorted(CALLS))
def test_turns_waits_usage_and_cost_are_the_figures_of_the_record(info: Logged, call_id: str) -> None:
    record = read(info.run.root, call_id).record
    turns = {line["data"]["turn_index"]: line["data"] for line in info.told(call_id, "turn")}
    rows = {turn.turn_index: turn for turn in record.turns if turn.role in {"user", "assistant"}}
    assert {index: told["characters"] for index, told in turns.items() if index in rows} == {
        index: len(turn.text or "") for index, turn in rows.items()
    }
    waits = [
        told["latency"]["response_ms"] for told in turns.values() if (told.get("latency") or {}).get("response_ms")
    ]
    assert len(waits) >= 2
    assert len(info.told(call_id, "usage")) == len([event for event in record.events if event.type == "usage"])
    (over,) = info.told(call_id, "call_over")
    assert over["data"]["duration_ms"] == record.call.duration_ms
    assert over["data"]["turns"] == record.call.turns
    assert over["data"]["latency"] == record.call.latency
    assert over["data"]["cost"]["total"] == pytest.approx((record.call.cost or {})["total"])
    assert over["data"]["cost"]["total"] > 0


def test_a_tool_error_or_barge_in_is_told_at_the_moment_of_its_event(info: Logged) -> None:
    for call_id, event in (("call-order", "tool_call"), ("call-error", "error"), ("call-barge_in", "barge_in")):
        (line,) = info.told(call_id, event)
        (row,) = events_of(info, call_id, event)
        assert line["ts"] == format_ts(row.ts_ms or 0)


def events_of(logged: Logged, call_id: str, event: str) -> list[Event]:
    return [each for each in read(logged.run.root, call_id).record.events if each.type == event]


def test_an_error_of_a_service_has_type_message_stack_stage_and_provider(info: Logged) -> None:
    (line,) = info.told("call-error", "error")
    assert (line["level"], line["stage"], line["provider"]) == ("error", "llm", "localhost")
    assert line["exception"]["type"] == "AuthenticationError"
    assert line["data"]["category"] == "authentication"
    assert "Traceback (most recent call last):" in line["exception"]["stack"]
    assert "base_llm.py" in line["exception"]["stack"]


def test_at_info_no_word_of_a_conversation_is_in_the_file_or_on_the_console(info: Logged) -> None:
    text = json.dumps(info.lines) + info.run.stderr
    assert [words for words in WORDS if words in text] == []
    assert MADE_UP_KEY[8:24] not in text


def test_the_console_has_each_line_once_without_colours_in_a_pipe(info: Logged) -> None:
    assert "\x1b" not in info.run.stderr
    first = [line for line in info.run.stderr.splitlines() if line[:2].isdigit() and line[2:3] == ":"]
    assert len(first) == len(info.lines)
    levels = Counter(line.split()[1] for line in first)
    assert levels == Counter(line["level"] for line in info.lines)
    assert "Traceback (most recent call last):" in info.run.stderr


def test_one_variable_brings_debug_lines_and_with_them_whole_contexts(runs: Runs) -> None:
    debug = [line for line in runs.debug.lines if line["level"] == "debug"]
    assert "debug" not in {line["level"] for line in runs.info.lines}
    assert len(debug) > 100
    assert any("Generating LLM response" in line["event"] and GREETING in line["event"] for line in debug)
    in_call = [line for line in debug if line["logger"].startswith("pipecat.services")]
    assert {line.get("call_id") for line in in_call} <= {"looked-at", None}
    others = [line for line in runs.debug.lines if line["level"] != "debug"]
    assert [words for words in WORDS if words in json.dumps(others)] == []


def test_with_debug_every_event_of_the_call_is_a_line(runs: Runs) -> None:
    events = Counter(event.type for event in read(runs.debug.run.root, "looked-at").record.events)
    told = Counter(line["event"] for line in runs.debug.lines if line["logger"] == "callscope.call")
    assert {"transcript", "llm_started", "tts_started", "tool_call", "user_started_speaking"} <= set(events)
    assert {event: told[event] for event in events} == dict(events)
