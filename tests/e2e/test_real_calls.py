"""What is recorded of real calls is what the caller heard and what the language model's ledger says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from logged_calls import CHOPPY_MS, TRIES, patient
from recorded_calls import Recorded, Sound, nearest, read

from callscope.demo.caller import CallHeard
from callscope.demo.run import Truth, record, record_calls
from callscope.demo.scenarios import APOLOGY, DESK_NUMBER, GREETING, MADE_UP_KEY, MODEL, REPLIES, SCENARIOS

pytestmark = pytest.mark.e2e

ALL = sorted(SCENARIOS)
ANSWERED = ["barge_in", "error", "order"]
SOUND_MS = 250
"""How far the recorded sound may be from the event of it."""
EAR_MS = 200
"""How far a recorded moment may be from the caller's ear: voice activity is judged in steps of 32 ms. On a machine
that is too busy to carry sound in time, so much more as the caller noticed of that."""


class Calls(msgspec.Struct, frozen=True):
    """The demo's calls: what was recorded, and what happened."""

    root: Path
    truths: dict[str, Truth]
    recorded: dict[str, Recorded]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Calls:
    """All of them at once; again, one after the other, those whose caller noticed that the machine disturbed it."""
    root, truths = tmp_path_factory.mktemp("demo"), dict[str, Truth]()
    callers = [each if each.name == "silent" else patient(each) for each in SCENARIOS.values()]
    for number in range(TRIES):
        for some in [[each] for each in callers] if number else [callers]:
            made = asyncio.run(record_calls(root, some, progress=print))
            truths |= {truth.scenario: truth for truth in made}
        heard = {name: truth.call for name, truth in truths.items()}
        callers = [each for each in callers if heard[each.name].late_ms + heard[each.name].choppy_ms >= CHOPPY_MS]
        if not callers:
            break
    return Calls(
        root,
        truths,
        {name: read(root, truth.call_id) for name, truth in truths.items()},
    )


def said_by_agent(recorded: Recorded) -> list[str]:
    return [text for role, text in recorded.spoken() if role == "assistant"]


def tolerance_ms(call: CallHeard) -> float:
    return EAR_MS + call.late_ms + call.choppy_ms


def llm_usage(recorded: Recorded) -> dict[str, Any]:
    (line,) = [line for line in recorded.record.call.callscope["usage"] if line["service"] == "llm"]
    assert isinstance(line, dict)
    return line


@pytest.mark.parametrize("scenario", ALL)
def test_every_line_of_the_caller_is_a_turn_in_its_words(calls: Calls, scenario: str) -> None:
    lines = [text for role, text in calls.recorded[scenario].spoken() if role == "user"]
    assert lines == [said.text for said in calls.truths[scenario].call.said]


def test_the_agent_turns_are_the_greeting_and_the_answers(calls: Calls) -> None:
    order, goodbye = (REPLIES[line.text] for line in SCENARIOS["order"].lines)
    assert said_by_agent(calls.recorded["order"]) == [GREETING, order.after_tool, goodbye.text]
    repeated = REPLIES[SCENARIOS["error"].lines[1].text]
    assert said_by_agent(calls.recorded["error"]) == [GREETING, APOLOGY, repeated.text]


@pytest.mark.parametrize("scenario", ANSWERED)
def test_the_turns_alternate_as_they_were_spoken(calls: Calls, scenario: str) -> None:
    roles = [role for role, _ in calls.recorded[scenario].spoken()]
    assert roles == ["assistant", "user", "assistant", "user", "assistant"]


@pytest.mark.parametrize("scenario", ANSWERED)
def test_the_recorded_waits_are_what_the_caller_heard(calls: Calls, scenario: str) -> None:
    call = calls.truths[scenario].call
    exchanges = [exchange for exchange in calls.recorded[scenario].exchanges if exchange.kind == "exchange"]
    assert len(exchanges) == len(call.said)
    for exchange, said in zip(exchanges, call.said, strict=True):
        assert exchange.response_ms == pytest.approx(call.wait_ms(said), abs=tolerance_ms(call))


@pytest.mark.parametrize("scenario", ALL)
def test_the_parts_of_every_wait_add_up_to_it(calls: Calls, scenario: str) -> None:
    for exchange in calls.recorded[scenario].exchanges:
        if exchange.response_ms is not None:
            assert sum(part.duration_ms for part in exchange.parts) == exchange.response_ms


@pytest.mark.parametrize("scenario", ALL)
def test_a_barge_in_is_counted_exactly_where_the_caller_cut_in(calls: Calls, scenario: str) -> None:
    cuts = sum(said.cut_in for said in calls.truths[scenario].call.said)
    assert cuts == (1 if scenario == "barge_in" else 0)
    assert len(calls.recorded[scenario].data_of("barge_in")) == cuts
    assert calls.recorded[scenario].record.call.callscope["interruptions"] == cuts


def test_only_the_answer_that_was_cut_off_is_marked_and_its_heard_part_is_shorter(calls: Calls) -> None:
    turns = [turn for turn in calls.recorded["barge_in"].record.turns if turn.role == "assistant"]
    assert [turn.interrupted for turn in turns] == [False, True, False]
    cut = turns[1]
    reply = REPLIES[SCENARIOS["barge_in"].lines[0].text].text
    assert cut.text is not None
    assert cut.heard is not None
    assert 0 < len(cut.heard) < len(cut.text) < len(reply)
    assert " ".join(cut.text.split()).startswith(" ".join(cut.heard.split()))
    assert reply.startswith(" ".join(cut.text.split()))


def test_hanging_up_after_the_last_word_interrupts_nothing(calls: Calls) -> None:
    for scenario in ("order", "error"):
        assert not any(turn.interrupted for turn in calls.recorded[scenario].record.turns)


def test_the_tool_call_is_there_with_arguments_result_and_duration(calls: Calls) -> None:
    order = calls.recorded["order"]
    (called,) = order.data_of("tool_call")
    (result,) = order.data_of("tool_result")
    assert called["name"] == "lookup_order"
    assert "742" in str(called["arguments"])
    assert result["tool_call_id"] == called["tool_call_id"]
    assert result["outcome"] == "completed"
    assert "Friday" in str(result["result"])
    assert result["duration_ms"] == pytest.approx(1000, abs=400 + calls.truths["order"].call.late_ms)
    (with_tool,) = [exchange for exchange in order.exchanges if exchange.tools]
    assert with_tool.tools == ("lookup_order",)


@pytest.mark.parametrize("scenario", ALL)
def test_the_tokens_are_those_that_the_language_model_told(calls: Calls, scenario: str) -> None:
    requests = calls.truths[scenario].requests
    told = [request for request in requests if request.usage_told]
    if not requests:  # a machine so busy that the caller hung up before the model was asked
        assert calls.recorded[scenario].data_of("llm_started") == []
        return
    line = llm_usage(calls.recorded[scenario])
    assert line["model"] == MODEL
    assert line["reports"] == len(told)
    assert line["units"]["input_tokens"] == sum(request.prompt_tokens for request in told)
    assert line["units"]["output_tokens"] == sum(request.completion_tokens for request in told)
    assert line["units"]["cache_read_input_tokens"] == sum(request.cached_tokens for request in told)


def test_a_request_that_was_cut_off_is_counted_as_one_without_usage(calls: Calls) -> None:
    assert [request.usage_told for request in calls.truths["barge_in"].requests] == [False, True]
    assert llm_usage(calls.recorded["barge_in"])["unreported_requests"] == 1
    assert llm_usage(calls.recorded["order"])["unreported_requests"] == 0


def test_the_recognised_seconds_and_spoken_characters_are_counted(calls: Calls) -> None:
    call = calls.truths["order"].call
    lines = {line["service"]: line["units"] for line in calls.recorded["order"].record.call.callscope["usage"]}
    spoken_seconds = sum(said.stopped_at_ms - said.started_at_ms for said in call.said) / 1000
    assert spoken_seconds < lines["stt"]["audio_seconds"] < spoken_seconds + 2.5 * len(call.said)
    order, goodbye = (REPLIES[line.text] for line in SCENARIOS["order"].lines)
    spaces_between_sentences = 3
    assert lines["tts"]["characters"] == pytest.approx(
        len(GREETING) + len(order.after_tool) + len(goodbye.text), abs=spaces_between_sentences
    )


def test_an_error_that_was_recovered_is_recorded_and_the_call_is_completed(calls: Calls) -> None:
    assert [request.status for request in calls.truths["error"].requests] == [401, 200]
    recorded = calls.recorded["error"]
    (error,) = recorded.data_of("error")
    assert error["stage"] == "llm"
    assert error["provider"] == "localhost"
    assert error["model"] == MODEL
    assert error["category"] == "authentication"
    assert "Incorrect API key" in str(error["message"])
    assert recorded.record.call.callscope["errors"] == 1
    assert [each["error_id"] for each in recorded.data_of("error_recovered")] == [error["error_id"]]
    assert recorded.record.call.status == "completed"


def test_no_key_and_no_number_is_anywhere_on_the_disk(calls: Calls) -> None:
    kept = [path for path in calls.root.rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        for secret in (MADE_UP_KEY[8:24], DESK_NUMBER[1:]):
            assert secret.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("scenario", ALL)
def test_the_numbers_are_masked_and_the_labels_are_kept(calls: Calls, scenario: str) -> None:
    call = calls.recorded[scenario].record.call
    number = SCENARIOS[scenario].number
    assert (call.caller, call.callee) == (f"***{number[-4:]}", f"***{DESK_NUMBER[-4:]}")
    assert call.labels == {"environment": "demo", "scenario": scenario}


def test_a_call_in_which_the_caller_heard_nothing_is_failed_and_says_why(calls: Calls) -> None:
    assert calls.truths["silent"].call.bytes_heard == 0
    recorded = calls.recorded["silent"]
    assert recorded.record.call.status == "failed"
    assert recorded.record.call.error
    assert {error["stage"] for error in recorded.data_of("error")} == {"tts"}
    assert recorded.data_of("error_recovered") == []
    assert {turn.heard for turn in recorded.record.turns if turn.role == "assistant"} == {""}


@pytest.mark.parametrize("scenario", ALL)
def test_nothing_was_lost_and_nothing_is_wrong_with_the_files(calls: Calls, scenario: str) -> None:
    record = calls.recorded[scenario].record
    assert record.problems == ()
    assert record.call.callscope["lost"] == {}
    assert record.call.callscope["written"] == record.call.callscope["accepted"]


@pytest.mark.parametrize("scenario", ALL)
def test_the_call_begins_and_ends_when_the_caller_connects_and_hangs_up(calls: Calls, scenario: str) -> None:
    recorded, call = calls.recorded[scenario], calls.truths[scenario].call
    (connected,) = [event for event in recorded.record.events if event.type == "client_connected"]
    assert connected.ts_ms == pytest.approx(call.connected_at_ms, abs=tolerance_ms(call))
    assert recorded.record.call.ended_at_ms == pytest.approx(call.hung_up_at_ms, abs=1500 + call.late_ms)
    assert recorded.record.call.end_reason


@pytest.mark.parametrize("scenario", ANSWERED)
def test_the_recording_is_as_long_as_the_call(calls: Calls, scenario: str) -> None:
    call = calls.truths[scenario].call
    length_ms = Sound(calls.recorded[scenario]).seconds * 1000
    assert length_ms == pytest.approx(call.hung_up_at_ms - call.connected_at_ms, abs=tolerance_ms(call))


@pytest.mark.parametrize("scenario", ANSWERED)
def test_each_side_is_on_its_own_channel_when_it_was_said_and_heard(calls: Calls, scenario: str) -> None:
    call, sound = calls.truths[scenario].call, Sound(calls.recorded[scenario])
    caller, agent = sound.onsets_ms(sound.caller), sound.onsets_ms(sound.agent)
    for said in call.said:
        assert nearest(caller, said.started_at_ms) == pytest.approx(said.started_at_ms, abs=tolerance_ms(call))
    for heard in call.heard:
        assert nearest(agent, heard.started_at_ms) == pytest.approx(heard.started_at_ms, abs=tolerance_ms(call))


@pytest.mark.parametrize("scenario", ANSWERED)
def test_each_answer_begins_in_the_recording_where_its_event_says(calls: Calls, scenario: str) -> None:
    recorded, call = calls.recorded[scenario], calls.truths[scenario].call
    sound = Sound(recorded)
    onsets = sound.onsets_ms(sound.agent)
    starts = recorded.moments_ms("agent_started_speaking")
    assert len(starts) == 3
    for start in starts:
        assert nearest(onsets, start) == pytest.approx(start, abs=SOUND_MS + call.late_ms + call.choppy_ms)


def test_an_answer_that_was_cut_off_is_silent_in_the_recording_while_the_caller_speaks(calls: Calls) -> None:
    recorded = calls.recorded["barge_in"]
    sound = Sound(recorded)
    (cut,) = recorded.moments_ms("barge_in")
    starts = recorded.moments_ms("agent_started_speaking")
    (next_start,) = [start for start in starts if start > cut]
    silent = sound.between(sound.agent, cut + SOUND_MS, next_start - SOUND_MS)
    assert len(silent) > 0
    assert not silent.any()


def test_a_second_run_records_nothing_again(calls: Calls) -> None:
    told: list[str] = []
    assert record(calls.root, progress=told.append) == []
    assert len(told) == 1
