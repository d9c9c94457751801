"""A call as a trace: which spans, when, and what they say."""

from __future__ import annotations

import msgspec
import pytest
from loopback_collector import EVENTS, START_MS, TURNS, at, call, named, said, trace

from callscope.interop import gen_ai, trace_usage
from callscope.interop.spans import ERROR, Span
from callscope.model.event import Event
from callscope.prices.shipped import catalogue


def words(spans: tuple[Span, ...]) -> str:
    return msgspec.json.encode(spans).decode()


def test_a_call_is_a_tree_of_its_exchanges_and_their_stages() -> None:
    spans = trace(of=call(agent={"name": "desk"}))
    ids = {span.span_id: span.name for span in spans}

    assert [(span.name, ids.get(span.parent_id or "")) for span in spans] == [
        ("invoke_workflow desk", None),
        ("invoke_agent desk", "invoke_workflow desk"),
        ("speech_to_text nova-3", "invoke_agent desk"),
        ("chat claude", "invoke_agent desk"),
        ("execute_tool pay", "invoke_agent desk"),
        ("chat claude", "invoke_agent desk"),
        ("text_to_speech sonic", "invoke_agent desk"),
        ("invoke_agent desk", "invoke_workflow desk"),
    ]
    assert len(ids) == len(spans)
    assert {span.trace_id for span in spans} == {spans[0].trace_id}
    assert {span.attributes[gen_ai.CONVERSATION] for span in spans} == {"c1"}


def test_spans_lie_where_the_work_was() -> None:
    spans = trace()
    places = [(span.name, span.start_ms - START_MS, span.end_ms - START_MS) for span in spans]

    assert places == [
        ("invoke_workflow", 0, 9000),
        ("invoke_agent", 1000, 5120),
        ("speech_to_text nova-3", 1000, 2300),
        ("chat claude", 2320, 2900),
        ("execute_tool pay", 2950, 3450),
        ("chat claude", 3500, 3610),
        ("text_to_speech sonic", 3710, 4200),
        ("invoke_agent", 5000, 5000),
    ]


def test_durations_are_seconds_and_the_parts_of_a_wait_add_up() -> None:
    turn = named(trace(), "invoke_agent").attributes
    parts = [value for name, value in turn.items() if name.startswith(gen_ai.WAIT)]

    assert turn[gen_ai.RESPONSE] == 2.0
    assert sum(parts) == pytest.approx(2.0)
    assert named(trace(), "chat").attributes[gen_ai.TIME_TO_FIRST_CHUNK] == 0.38
    assert named(trace(), "text_to_speech").attributes[gen_ai.FIRST_AUDIO] == 0.09
    assert named(trace(), "speech_to_text").attributes[gen_ai.FINALIZED] == 0.3


def test_what_is_unknown_is_absent() -> None:
    spans = trace(of=call(ended_at_ms=None, status="abandoned"))

    assert all(value is not None and value != "" for span in spans for value in span.attributes.values())
    assert not {gen_ai.DIRECTION, gen_ai.AGENT_NAME, gen_ai.DURATION, "callscope.cost.total_usd"} & set(
        spans[0].attributes
    )
    assert spans[0].attributes[gen_ai.END_UNKNOWN] is True
    assert spans[0].end_ms == START_MS + 8900
    failed = [span for span in spans if span.name == "chat claude"][1]
    assert not {gen_ai.INPUT_TOKENS, gen_ai.OUTPUT_TOKENS, gen_ai.TIME_TO_FIRST_CHUNK} & set(failed.attributes)


def test_an_interruption_is_told_on_the_answer_that_was_cut_off() -> None:
    spans = trace()
    first, second = (span for span in spans if span.name == "invoke_agent")

    assert first.attributes[gen_ai.END_REASON] == "interrupted"
    assert second.attributes[gen_ai.END_REASON] == "session_closed"
    assert [event.at_ms - START_MS for event in first.events if event.name == "barge_in"] == [5100]
    assert not [event for event in second.events if event.name == "barge_in"]


def test_failures_are_errors_of_the_span_that_failed() -> None:
    spans = trace(of=call(status="failed", error="it said Ann"))
    tool = named(spans, "execute_tool")
    failed = [span for span in spans if span.name == "chat claude"][1]

    assert (tool.status, tool.attributes[gen_ai.ERROR_TYPE]) == (ERROR, "failed")
    assert (failed.status, failed.attributes[gen_ai.ERROR_TYPE]) == (ERROR, "APIError")
    assert [event.attributes["exception.type"] for event in failed.events if event.name == "exception"] == ["APIError"]
    assert (spans[0].status, spans[0].attributes[gen_ai.ERROR_TYPE], spans[0].status_message) == (ERROR, "APIError", "")
    assert named(spans, "invoke_agent").status == 0


def test_an_error_told_after_its_request_had_failed_is_still_of_it() -> None:
    events = (
        at(0, "llm_started", request_id="r1", model="m"),
        at(100, "llm_stopped", request_id="r1", outcome="failed"),
        at(101, "error", message="no", stage="llm", exception_type="RateLimitError"),
    )

    assert named(trace(events, ()), "chat").attributes[gen_ai.ERROR_TYPE] == "RateLimitError"


def test_no_words_leave_unless_they_are_asked_for() -> None:
    of = call(
        status="failed", error="Ann failed", callscope={"end_reason": "Ann hung up", "labels": {"note": "for Ann"}}
    )

    assert "Ann" not in words(trace(of=of, openinference=True))
    assert "card is" not in words(trace(of=of))
    told = words(trace(of=of, content=True, openinference=True))
    for each in ("Sorry, Ann.", "it said Ann", "Ann hung up", "Ann failed", '\\"to\\":\\"Ann\\"', "my card is"):
        assert each in told
    assert "4111" not in told


def test_phone_numbers_are_never_whole() -> None:
    of = call(
        call_id="+14155552671",
        caller="+14155552671",
        callee="sip:+14155552671@example.com",
        callscope={"labels": {"customer": "4155552671", "from": "+14155552671", "build": "20260101"}},
    )
    events = (*EVENTS, at(6100, "dialled", to="+14155552671", number="+14155552671"))
    turns = (*TURNS, said(6000, "user", "call me at +1 415 555 2671", 3))

    for content in (False, True):
        told = words(trace(events, turns, of=of, content=content, openinference=True))
        assert "5552671" not in told
        assert "555 2671" not in told
        assert "***2671" in told
        assert content or "20260101" in told  # a token may stay; in words it is looked at as all words are


def test_messages_are_the_conventions_json() -> None:
    turn = named(trace(content=True), "invoke_agent").attributes

    assert msgspec.json.decode(turn[gen_ai.OUTPUT_MESSAGES]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Sorry, Ann."}], "finish_reason": "interrupted"}
    ]
    assert msgspec.json.decode(turn[gen_ai.INPUT_MESSAGES])[0]["role"] == "user"


def test_ids_are_the_same_each_time_and_others_for_a_call_of_another_day() -> None:
    first, again = trace(), trace(content=True)
    other = trace(of=call(started_at_ms=START_MS - 86_400_000))

    assert [(span.trace_id, span.span_id) for span in first] == [(span.trace_id, span.span_id) for span in again]
    assert not {span.span_id for span in first} & {span.span_id for span in other}
    assert first[0].trace_id != other[0].trace_id


@pytest.mark.parametrize(
    ("own", "used"),
    [
        ("0af7651916cd43dd8448eb211c80319c", True),
        ("0AF7651916CD43DD8448EB211C80319C", True),
        ("trace-1", False),
        ("0" * 32, False),
    ],
)
def test_a_call_stays_in_the_trace_that_it_has(own: str, *, used: bool) -> None:
    span = trace(of=call(trace_id=own))[0]

    assert (span.trace_id == own.lower()) is used
    assert span.attributes[gen_ai.TRACE_ID] == own


def test_input_tokens_hold_the_cached_ones_whatever_the_provider_counts() -> None:
    beside = {"provider": "anthropic", "input_tokens": 10, "cache_read_input_tokens": 90}

    assert named(trace(), "chat").attributes[gen_ai.INPUT_TOKENS] == 100
    assert trace_usage.tokens([beside])[gen_ai.INPUT_TOKENS] == 100
    assert trace_usage.tokens([{**beside, "provider": "openai", "input_tokens": 100}])[gen_ai.INPUT_TOKENS] == 100


def test_who_counts_cached_tokens_beside_the_others_is_as_in_the_prices() -> None:
    for provider in catalogue().providers():
        for name in {provider.id, *provider.aliases} - {"polly"}:  # which is no language model
            assert name.startswith(gen_ai.CACHED_BESIDE) is not provider.cached_inside_input, name


def test_usage_that_names_no_request_goes_to_the_only_one_it_can_be_of() -> None:
    more = (
        at(4300, "usage", service="tts", characters=3),
        at(4310, "tts_started", request_id="s2", model="sonic"),
        at(4400, "tts_stopped", request_id="s2"),
    )
    spans = trace((*EVENTS[:21], *more, *EVENTS[21:]))

    assert named(trace(), "text_to_speech").attributes[gen_ai.CHARACTERS] == 13
    assert named(trace(), "speech_to_text").attributes[gen_ai.AUDIO_SECONDS] == 1.2
    assert not [span for span in spans if gen_ai.CHARACTERS in span.attributes]  # whose they are nobody knows


def test_a_model_that_hears_and_speaks_generates_content() -> None:
    events = (
        at(0, "llm_started", request_id="r1", provider="openai", model="gpt-realtime"),
        at(90, "usage", service="realtime", request_id="r1", input_audio_tokens=7, cached_audio_tokens=3),
        at(100, "llm_stopped", request_id="r1", outcome="completed"),
    )
    span = named(trace(events, ()), "generate_content gpt-realtime")

    assert span.attributes[gen_ai.OUTPUT_TYPE] == "speech"
    assert span.attributes[gen_ai.AUDIO_INPUT] == 7
    assert span.attributes[gen_ai.AUDIO_CACHE_READ] == 3


def test_openinference_is_there_when_asked_for() -> None:
    assert gen_ai.SPAN_KIND not in words(trace())
    spans = trace(content=True, openinference=True)
    kinds = {span.name.partition(" ")[0]: span.attributes[gen_ai.SPAN_KIND] for span in spans}
    request = named(spans, "chat").attributes

    assert kinds == {
        "invoke_workflow": "AGENT",
        "invoke_agent": "AGENT",
        "speech_to_text": "CHAIN",
        "text_to_speech": "CHAIN",
        "chat": "LLM",
        "execute_tool": "TOOL",
    }
    assert (request["llm.token_count.prompt"], request["llm.token_count.total"]) == (100, 105)
    assert named(spans, "invoke_agent").attributes["output.value"] == "Sorry, Ann."


def test_the_cost_of_an_exchange_stands_once() -> None:
    alone = trace(tuple(event for event in EVENTS if event.data.get("request_id") != "r2"), openinference=True)

    assert [(span.name, span.attributes[gen_ai.OI_COST]) for span in alone if gen_ai.OI_COST in span.attributes] == [
        ("chat claude", 0.25)
    ]
    two = [span.name for span in trace(openinference=True) if gen_ai.OI_COST in span.attributes]
    assert two == ["invoke_agent"]  # of two requests nobody knows which cost what
    assert named(trace(), "invoke_agent").attributes["callscope.cost.total_usd"] == 0.5


def costs_of(spans: tuple[Span, ...]) -> dict[str, float]:
    return {span.name: span.attributes[gen_ai.OI_COST] for span in spans if gen_ai.OI_COST in span.attributes}


def test_what_a_call_cost_outside_its_exchanges_stands_at_the_call() -> None:
    used = (at(9000, "usage", service="llm", provider="openai", model="m", input_tokens=100),)
    assert costs_of(trace(used, (), of=call(cost={"total": 0.5, "llm": 0.3}), openinference=True)) == {
        "invoke_workflow": 0.3
    }
    assert costs_of(trace(of=call(cost={"total": 1.0, "llm": 0.45}), openinference=True)) == {
        "invoke_workflow": pytest.approx(0.2),
        "invoke_agent": 0.25,
    }
    assert "invoke_workflow" not in costs_of(trace(of=call(cost={"total": 1.0, "llm": 0.25}), openinference=True))
    assert costs_of(trace((), (), of=call(cost=None), openinference=True)) == {}


def test_every_row_is_told_once_and_in_order() -> None:
    spans = trace(content=True)
    rows = sorted(
        (event.attributes[gen_ai.EVENT_ROW], event.attributes[gen_ai.ROW_TYPE], event.at_ms)
        for span in spans
        for event in span.events
        if gen_ai.EVENT_ROW in event.attributes
    )
    turns = [event for span in spans for event in span.events if gen_ai.TURN_ROW in event.attributes]

    assert rows == [(row, event.type, event.ts_ms) for row, event in enumerate(EVENTS)]
    assert sorted(event.attributes["callscope.data.turn_index"] for event in turns) == [0, 1, 2]
    assert spans[0].attributes[gen_ai.EVENT_ROWS] == len(EVENTS)


def test_without_rows_only_what_people_look_for_is_told() -> None:
    spans = trace(rows=False)
    names = {event.name for span in spans for event in span.events}

    assert names == {"user_stopped_speaking", "agent_started_speaking", "barge_in", "exception"}
    assert gen_ai.EVENT_ROW not in words(spans)
    assert gen_ai.EVENT_ROWS not in spans[0].attributes


def test_a_row_without_a_moment_stands_where_the_one_before_it_does() -> None:
    events = (
        at(0, "client_connected"),
        at(700, "warning", code="a"),
        Event(ts_ms=None, type="warning", data={"code": "b"}),
    )
    told = trace(events, ())[0].events

    assert [event.at_ms - START_MS for event in told] == [0, 700, 700]
    assert [event.attributes.get(gen_ai.MOMENT_UNKNOWN) for event in told] == [None, None, True]


def test_what_has_no_end_ends_with_its_exchange_and_says_so() -> None:
    span = named(trace(tuple(event for event in EVENTS if event.type != "tts_stopped")), "text_to_speech")

    assert (span.end_ms - START_MS, span.attributes[gen_ai.UNFINISHED]) == (5120, True)


def test_a_call_of_which_nothing_is_known_has_no_spans() -> None:
    assert trace((), (), of=call(started_at_ms=None, ended_at_ms=None)) == ()
    assert [span.name for span in trace((), ())] == ["invoke_workflow"]


def test_a_call_that_was_only_written_down_has_its_exchanges_from_its_turns() -> None:
    turns = (
        said(1000, "user", "hi", 0),
        said(3000, "assistant", "hello", 1, latency={"response_ms": 800}, duration_ms=500),
    )
    spans = trace((), turns)

    assert [(span.name, span.end_ms - START_MS) for span in spans] == [
        ("invoke_workflow", 9000),
        ("invoke_agent", 3500),
    ]
    assert spans[1].attributes[gen_ai.RESPONSE] == 0.8
