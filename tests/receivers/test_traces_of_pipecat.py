"""Pipecat's traces as calls: real ones against the frames of the same calls, and small ones for what those lack."""

from __future__ import annotations

import json
import random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sent_traces import PIPECAT, SESSIONS, events, pipecat, plain, small_call, span, told, turns

from callscope.interop import calls
from callscope.interop.otlp import from_json
from callscope.interop.spans import distinct
from callscope.model.event import Event
from callscope.model.whole import WholeCall
from callscope.timeline.summary import Timeline, summarise

real = pytest.mark.skipif(not SESSIONS.is_dir(), reason="the recorded sessions are not here")
both = pytest.mark.parametrize("name", PIPECAT)


def frames(name: str) -> list[dict[str, Any]]:
    """Each frame once: those that go both ways are in the file twice."""
    seen: list[dict[str, Any]] = []
    for line in (SESSIONS / name / "frames.jsonl").read_text().splitlines():
        frame = json.loads(line)
        last = seen[-1] if seen else {}
        if frame["frame"] == last.get("frame") and frame["t"] - last["t"] < 0.001 and "metrics" not in frame:
            continue
        seen.append(frame)
    return seen


def figures(name: str, kind: str) -> list[Any]:
    return [metric["value"] for frame in frames(name) for metric in frame.get("metrics", ()) if metric["type"] == kind]


def timeline(call: WholeCall) -> Timeline:
    return summarise(call.started_at_ms, call.ended_at_ms, (), [row for row in call.rows if isinstance(row, Event)])


@real
@both
def test_the_words_are_those_of_the_frames_and_of_the_context(name: str) -> None:
    call = told(pipecat(name))

    heard = [frame["text"].strip() for frame in frames(name) if frame["frame"] == "TranscriptionFrame"]
    assert [turn.text for turn in turns(call) if turn.role == "user"] == heard
    said = {message["content"] for message in json.loads((SESSIONS / name / "context.json").read_text())}
    assert said <= {turn.text for turn in turns(call)}


@real
@both
def test_the_waits_are_what_the_frames_say(name: str) -> None:
    """From the caller's last sound to the agent's first: the end of speech is the text's moment less its delay."""
    call = told(pipecat(name))

    waits = []
    stopped = None
    for frame in frames(name):
        for metric in frame.get("metrics", ()):
            if metric["type"] == "TTFBMetricsData" and "Whisper" in metric["processor"] and metric["value"]:
                stopped = frame["t"] - metric["value"]
        if frame["frame"] == "BotStartedSpeakingFrame" and stopped is not None:
            waits.append(round((frame["t"] - stopped) * 1000))
            stopped = None
    answered = [each.response_ms for each in timeline(call).exchanges if each.kind == "exchange"]
    assert answered == pytest.approx(waits, abs=60)
    assert len(answered) == 3


@real
@both
def test_the_agent_begins_to_speak_when_the_frames_say_so(name: str) -> None:
    call = told(pipecat(name))

    began = [frame["t"] for frame in frames(name) if frame["frame"] == "BotStartedSpeakingFrame"]
    told_ms = [event.ts_ms or 0 for event in events(call, "agent_started_speaking")]
    assert [each - told_ms[0] for each in told_ms] == pytest.approx([(t - began[0]) * 1000 for t in began], abs=60)
    assert call.source["computed"] == ["agent_started_speaking", "agent_stopped_speaking"]


@real
@both
def test_the_agent_is_silent_at_the_moment_that_is_given_at_the_latest(name: str) -> None:
    call = told(pipecat(name))

    stopped = [frame["t"] for frame in frames(name) if frame["frame"] == "BotStoppedSpeakingFrame"]
    began = next(frame["t"] for frame in frames(name) if frame["frame"] == "BotStartedSpeakingFrame")
    first_ms = events(call, "agent_started_speaking")[0].ts_ms or 0
    for frame_s, event in zip(stopped, events(call, "agent_stopped_speaking"), strict=False):
        late_ms = (event.ts_ms or 0) - first_ms - (frame_s - began) * 1000
        assert late_ms > -60
        assert event.data == ({"at_latest": True} if late_ms > 60 else {"interrupted": True})


@real
@pytest.mark.parametrize(("name", "cut"), [("pipecat-barge-in", [0, 2]), ("pipecat-no-barge-in", [])])
def test_an_answer_is_cut_off_only_where_the_caller_spoke_into_it(name: str, cut: list[int]) -> None:
    """The span attribute is true on the last turn, too, where nobody did."""
    call = told(pipecat(name))

    answers = [turn for turn in turns(call) if turn.role == "assistant"]
    assert [place for place, turn in enumerate(answers) if turn.interrupted] == cut
    assert all(turn.heard is None for turn in answers)
    assert timeline(call).interruptions == len(cut)
    assert len(events(call, "barge_in")) == len(cut)


@real
@both
def test_what_is_billed_is_what_the_frames_counted(name: str) -> None:
    usage = [event.data for event in events(told(pipecat(name)), "usage")]

    def total(service: str, unit: str) -> float:
        return sum(float(each.get(unit, 0)) for each in usage if each["service"] == service)

    tokens = figures(name, "LLMUsageMetricsData")
    assert total("llm", "input_tokens") == sum(each["prompt_tokens"] for each in tokens)
    assert total("llm", "output_tokens") == sum(each["completion_tokens"] for each in tokens)
    assert total("llm", "cache_read_input_tokens") == sum(each["cache_read_input_tokens"] for each in tokens)
    heard = sum(each["audio_seconds"] for each in figures(name, "STTUsageMetricsData"))
    assert total("stt", "audio_seconds") == pytest.approx(heard)
    # The span counts the words without the spaces between sentences, which the frames count.
    assert total("tts", "characters") == pytest.approx(sum(figures(name, "TTSUsageMetricsData")), abs=3)


@real
@both
def test_json_and_protobuf_are_the_same_call(name: str) -> None:
    lines = (SESSIONS / name / "otlp.jsonl").read_bytes().splitlines()
    records = [each for line in lines for each in from_json.decode("traces", line).records]

    assert distinct(records) == distinct(pipecat(name))
    assert plain(told(records)) == plain(told(pipecat(name)))


@real
@both
def test_spans_that_are_not_pipecats_are_kept_and_counted(name: str) -> None:
    call = told(pipecat(name))

    assert call.source["not_understood"] == {
        "span WS /ws": 1, "span fastapi.dependencies": 1, "span fastapi.endpoint": 1
    }  # fmt: skip
    assert len(call.originals["spans.jsonl"].splitlines()) == 18 == call.source["spans"]


@real
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(), again=st.integers(0, 18), name=st.sampled_from(sorted(PIPECAT)))
def test_order_and_repetition_change_nothing(seed: int, again: int, name: str) -> None:
    chance = random.Random(seed)
    records = pipecat(name)
    sent = [*records, *chance.sample(records, again)]
    chance.shuffle(sent)

    assert plain(told(sent)) == plain(told(records))


@real
@both
def test_at_every_moment_of_a_call_there_is_a_call_to_show(name: str) -> None:
    """From the first span that names it on; and it is in progress until its own span comes."""
    records = pipecat(name)
    is_known = False
    for count in range(1, len(records) + 1):
        found = [each for each in calls.gathered(records[:count]) if calls.is_ready(each)]
        is_known = is_known or bool(found)
        assert bool(found) == is_known
        for each in found:
            call = calls.tell(each)
            assert call is not None
            assert call.call_id == PIPECAT[name]
            ended = any(getattr(record, "name", "") == "conversation" for record in records[:count])
            assert (call.ended_at_ms is not None) == ended
    assert is_known


def test_a_turn_whose_span_has_not_come_is_told_as_far_as_it_is_known() -> None:
    spans = [each for each in small_call() if each.name in {"stt", "tts", "conversation"}]

    assert [(turn.role, turn.text) for turn in turns(told([*spans]))] == [
        ("user", "Are you open?"), ("assistant", "Yes.")
    ]  # fmt: skip


def test_a_call_whose_end_never_comes_is_abandoned() -> None:
    call = told([*small_call(is_over=False)], is_silent=True)

    assert call.end["status"] == "abandoned"
    assert call.source["computed"] == ["ended_at"] or "ended_at" in call.source["computed"]


def test_an_error_in_a_span_is_an_error_of_the_call() -> None:
    failed = span(
        "llm", 2.1, 3.0, {"gen_ai.request.model": "m"}, status=2, status_message="overloaded", scope="pipecat"
    )

    (error,) = events(told([*small_call(), failed]), "error")

    assert error.data["message"] == "overloaded"
    assert error.data["stage"] == "llm"


def test_a_tool_of_a_speech_to_speech_model_is_told_from_its_two_spans() -> None:
    named = {"conversation.id": "C1", "tool.function_name": "find", "tool.call_id": "t1"}
    spans = [
        span("llm_tool_call", 1.0, 1.1, {**named, "tool.arguments": '{"n": 4}'}, scope="pipecat"),
        span(
            "llm_tool_result",
            1.5,
            1.6,
            {**named, "tool.result": "gone", "tool.result_status": "error"},
            scope="pipecat",
        ),
    ]

    call = told([*spans])

    (asked,), (came,) = events(call, "tool_call"), events(call, "tool_result")
    assert asked.data == {"tool_call_id": "t1", "name": "find", "arguments": {"n": 4}}
    assert came.data["outcome"] == "failed"
    assert call.fields["provider_mode"] == "realtime"


def test_where_recogniser_and_synthesizer_trace_nothing_words_and_waits_come_from_the_model_and_the_turn() -> None:
    asked = '[{"role": "assistant", "content": "Hello."}, {"role": "user", "content": "Are you open?"}]'
    spans = small_call()
    llm = span(
        "llm", 2.0, 3.0, {"input": asked, "output": "Yes.", "metrics.ttfb": 0.4}, scope="pipecat",
        parent_id=spans[0].parent_id,
    )  # fmt: skip
    call = told([llm, *spans[3:]])

    assert [(turn.role, turn.text) for turn in turns(call)] == [("user", "Are you open?"), ("assistant", "Yes.")]
    assert [each.response_ms for each in timeline(call).exchanges] == [1_200]
    assert call.source["computed"] == ["caller's words", "user_stopped_speaking"]


def test_an_answer_that_nothing_says_was_heard_is_not_said_to_be() -> None:
    """Its synthesis may have failed: a turn without a latency and without a synthesis tells nothing of it."""
    spans = small_call()
    turn = {"conversation.id": "C1", "turn.number": 1}
    silent = [each for each in spans if each.name == "conversation"]
    silent.append(span("turn", 0.0, 6.0, turn, scope="pipecat", parent_id=silent[0].span_id))
    silent.append(span("llm", 2.0, 3.0, {"output": "Yes."}, scope="pipecat", parent_id=silent[1].span_id))

    call = told([*silent])

    assert [turn.text for turn in turns(call)] == ["Yes."]
    assert not events(call, "agent_started_speaking")


def test_of_two_tellings_of_one_span_the_fuller_one_is_taken_whichever_came_first() -> None:
    spans = small_call()
    early = msgspec.structs.replace(spans[3], end_ns=spans[3].start_ns, attributes={"conversation.id": "C1"})

    first, last = told([early, *spans]), told([*spans, early])

    assert plain(first) == plain(last) == plain(told([*spans]))
