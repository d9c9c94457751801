"""What holds for any sequence of events whatever, in any order and with any moments."""

from __future__ import annotations

import random
import tracemalloc
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from timeline_script import START, agent, at, caller, fold_of

from callscope.model.event import Event
from callscope.model.exchange import Exchange
from callscope.model.turn import Turn
from callscope.timeline.fold import Fold
from callscope.timeline.outcome import decide
from callscope.timeline.summary import summarise

KINDS = [
    "client_connected",
    "client_disconnected",
    "call_ended",
    "user_started_speaking",
    "user_stopped_speaking",
    "user_turn_started",
    "user_turn_stopped",
    "agent_started_speaking",
    "agent_stopped_speaking",
    "transcript",
    "turn_detection",
    "llm_started",
    "llm_first_token",
    "llm_stopped",
    "tool_call",
    "tool_result",
    "tts_started",
    "tts_first_audio",
    "tts_stopped",
    "barge_in",
    "error",
    "error_recovered",
    "usage",
    "something else",
]
HOSTILE = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just([1]))
DATA = st.fixed_dictionaries(
    {},
    optional={
        "request_id": st.sampled_from(["a", "b"]) | HOSTILE,
        "tool_call_id": st.sampled_from(["a", "b"]),
        "name": HOSTILE,
        "delay_ms": st.integers(0, 900) | HOSTILE,
        "leading_silence_ms": st.integers(0, 90) | HOSTILE,
        "interrupted": st.booleans() | HOSTILE,
        "outcome": st.sampled_from(["completed", "tool_call"]) | HOSTILE,
        "provider": HOSTILE,
        "message": HOSTILE,
        "fatal": HOSTILE,
        "error_id": st.sampled_from(["a", "b"]) | HOSTILE,
        "after_ms": HOSTILE,
        "unreported_requests": HOSTILE,
        "reason": HOSTILE,
    },
)


def _event(kind: str, step_ms: int | None, data: dict[str, Any], now: list[int]) -> Event:
    if step_ms is None:
        return Event(ts_ms=None, type=kind, data=data)
    now[0] += step_ms
    return Event(ts_ms=now[0], type=kind, data=data)


def _sequence(steps: list[tuple[str, int | None, dict[str, Any]]]) -> list[Event]:
    now = [START]
    return [_event(kind, step, data, now) for kind, step, data in steps]


ORDINARY = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(-150, 3000), DATA), max_size=60).map(_sequence)
ANYTHING = st.lists(
    st.tuples(st.sampled_from(KINDS), st.none() | st.integers(-(10**13), 10**13), DATA), max_size=40
).map(_sequence)
EVENTS = ORDINARY | ANYTHING
CALLS = st.none() | st.just(START)


def _whole(events: list[Event], start: int | None) -> list[Exchange]:
    fold = Fold(started_at_ms=start)
    for event in events:
        fold.event(event)
    return fold.finish(None)


@settings(max_examples=250)
@given(EVENTS, CALLS)
def test_the_parts_of_a_wait_follow_each_other_and_add_up_to_it(events: list[Event], start: int | None) -> None:
    for exchange in _whole(events, start):
        assert sum(part.duration_ms for part in exchange.parts) == (exchange.response_ms or 0)
        end_ms = 0
        for part in exchange.parts:
            assert part.start_ms == end_ms
            assert part.duration_ms > 0
            end_ms += part.duration_ms
        for left, right in zip(exchange.parts, exchange.parts[1:], strict=False):
            assert (left.stage, left.label, left.owner) != (right.stage, right.label, right.owner)


@settings(max_examples=250)
@given(EVENTS, CALLS)
def test_an_exchange_never_contradicts_itself(events: list[Event], start: int | None) -> None:
    exchanges = _whole(events, start)
    assert [exchange.index for exchange in exchanges] == list(range(len(exchanges)))
    for exchange in exchanges:
        if exchange.answered_at_ms is None:
            assert exchange.response_ms is None
            assert not exchange.interrupted
            assert exchange.silence_ms is None or exchange.silence_ms >= 0
        elif exchange.wait_from_ms is not None:
            assert exchange.response_ms == exchange.answered_at_ms - exchange.wait_from_ms >= 0
        if exchange.kind == "greeting":
            assert exchange.index == 0


@settings(max_examples=250)
@given(EVENTS, CALLS, st.randoms(use_true_random=False))
def test_draining_at_any_moment_changes_nothing(events: list[Event], start: int | None, dice: random.Random) -> None:
    fold = Fold(started_at_ms=start)
    drained: list[Exchange] = []
    for event in events:
        fold.event(event)
        if dice.random() < 0.5:
            drained += fold.drain()
        if dice.random() < 0.2:
            fold.current_latency()
    drained += fold.finish(None)
    assert drained == _whole(events, start)
    assert fold.finish(None) == []


@given(EVENTS, CALLS)
def test_a_row_latency_adds_up(events: list[Event], start: int | None) -> None:
    fold = Fold(started_at_ms=start)
    for event in events:
        fold.event(event)
        latency = fold.current_latency()
        if latency is not None:
            assert latency.pop("response_ms") == sum(latency.values())


@given(EVENTS, CALLS)
def test_any_call_has_an_outcome_and_a_summary(events: list[Event], start: int | None) -> None:
    timeline = summarise(start, None, [], events)
    outcome = decide(timeline.facts, status=None, error=None, reason=None)
    assert outcome.status in {"completed", "failed", "canceled"}
    assert outcome.reason
    assert (outcome.error is None) == (outcome.status != "failed")


TURNS = st.lists(
    st.builds(
        Turn,
        ts_ms=st.none() | st.integers(START, START + 10**6),
        turn_index=st.none() | st.integers(0, 50),
        role=st.sampled_from(["user", "assistant", "system", "tool", "unknown"]),
        text=st.none(),
        latency=st.none() | st.dictionaries(st.sampled_from(["response_ms", "total_ms", "llm_ms"]), HOSTILE),
        interrupted=st.booleans(),
    ),
    max_size=30,
)


@given(TURNS, ORDINARY)
def test_any_turns_beside_any_events_can_be_summed_up(turns: list[Turn], events: list[Event]) -> None:
    timeline = summarise(START, None, turns, events)
    for exchange in timeline.exchanges:
        assert sum(part.duration_ms for part in exchange.parts) == (exchange.response_ms or 0)


def _long_call(rows: int) -> list[Event]:
    """Thirty minutes of questions, tools, answers and chatter between them."""
    events: list[Event] = []
    turn = 0
    while len(events) < rows:
        begin = 5400 * turn
        request = f"request {turn}"
        events += [
            *caller(begin, begin + 1500, turn_after=300),
            at(begin + 1820, "llm_started", request_id=request, provider="openai", model="gpt"),
            at(begin + 2100, "tool_call", tool_call_id=request, name="lookup"),
            at(begin + 2300, "tool_result", tool_call_id=request),
            *(at(begin + 2300 + n, "metrics", processor="LLM", ttfb=0.3) for n in range(40)),
            at(begin + 2400, "tts_started", request_id=request),
            at(begin + 2500, "tts_first_audio", request_id=request),
            *agent(begin + 2600, begin + 5000),
            at(begin + 5001, "error", message=f"error {turn}", recovered=True),
        ]
        turn += 1
    return events[:rows]


def test_the_size_of_a_fold_does_not_grow_with_the_call() -> None:
    events = _long_call(20_000)
    fold = Fold(started_at_ms=START)
    tracemalloc.start()
    try:
        sizes = []
        closed = 0
        for place, event in enumerate(events, start=1):
            fold.event(event)
            closed += len(fold.drain())
            if place in {10_000, 20_000}:  # the interpreter has filled its own caches by the first
                sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert closed > 300
    assert sizes[-1] - sizes[0] < 10_000, sizes


def test_an_exchange_that_never_ends_does_not_grow_either() -> None:
    fold = fold_of([at(0, "user_turn_started")])
    tracemalloc.start()
    try:
        sizes = []
        for place in range(1, 12_001):
            fold.event(at(1000 + place, "tool_call", tool_call_id=str(place), name="poll"))
            for edge in (*caller(1000 + place, 1000 + place), at(1000 + place, "transcript", processor="STT")):
                fold.event(edge)
            if place % 4000 == 0:
                sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[-1] - sizes[0] < 10_000, sizes
