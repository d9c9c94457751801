"""What went on during a call, stage by stage, as stretches of time taken from its events."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec

from callscope.model import event as types
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.report import figures
from callscope.timeline.running import owner_of
from callscope.web.call.tool_calls import ToolCall
from callscope.web.call.values import short, text_of

UNHEARD: Final = "hatched"
FIRST: Final = "first"
"""Until the first word or sound: what a caller waits for."""
_MS_A_CHARACTER: Final = 65
"""Speech at an ordinary pace, for words of which nothing was heard."""
_LONGEST_RECOGNITION_MS: Final = 10_000
"""A transcript that comes later than this after the end of speech is not drawn as work on it."""
_WORDS: Final = 100


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of time in Unix milliseconds."""

    start_ms: int
    end_ms: int
    title: str
    look: str = ""
    """`UNHEARD`, `FIRST`, ``bad``, or empty: as its lane."""


def caller_spans(events: Sequence[Event], turns: Sequence[Turn], end_ms: int) -> list[Span]:
    """When the caller spoke."""
    spoken = _speech(events, types.USER_STARTED_SPEAKING, types.USER_STOPPED_SPEAKING, end_ms)
    return [_said("Caller spoke", *each) for each in spoken] or _from_turns(turns, "user", "Caller spoke")


def agent_spans(events: Sequence[Event], turns: Sequence[Turn], end_ms: int) -> list[Span]:
    """When the agent was heard; behind what was cut off, the words that were not."""
    spoken = _speech(events, types.AGENT_STARTED_SPEAKING, types.AGENT_STOPPED_SPEAKING, end_ms)
    heard = [_said("Agent spoke", *each) for each in spoken] or _from_turns(turns, "assistant", "Agent spoke")
    cuts = [(row.ts_ms, row.data) for row in events if row.type == types.BARGE_IN and row.ts_ms is not None]
    unheard = []
    for span, following in pairwise([*heard, None]):
        if span is None:
            break
        until_ms = following.start_ms if following is not None else end_ms
        cut = next((data for ts_ms, data in cuts if span.start_ms <= ts_ms < max(until_ms, span.end_ms + 1)), None)
        rest = _unheard(span, cut, until_ms) if cut is not None else None
        if rest is not None:
            unheard.append(rest)
    return sorted([*heard, *unheard], key=lambda span: span.start_ms)


def stt_spans(events: Sequence[Event]) -> list[Span]:
    """From the end of speech to each transcript; where speech went on, only the transcript's moment."""
    stops = sorted(row.ts_ms for row in events if row.type == types.USER_STOPPED_SPEAKING and row.ts_ms is not None)
    found, last_ms = [], 0
    for row in events:
        if row.type != types.TRANSCRIPT or row.ts_ms is None:
            continue
        earliest_ms = max(row.ts_ms - _LONGEST_RECOGNITION_MS, last_ms)
        place = bisect_right(stops, row.ts_ms)
        since_ms = stops[place - 1] if place and stops[place - 1] >= earliest_ms else row.ts_ms
        words, owner = text_of(row.data.get("text")), owner_of(row.data)
        took = f" {figures.wait(row.ts_ms - since_ms)} after the caller's last sound" if since_ms < row.ts_ms else ""
        title = f"Transcript{took}{_by(owner)}{f': {short(words, _WORDS)}' if words else ''}"
        found.append(Span(start_ms=since_ms, end_ms=row.ts_ms, title=title))
        last_ms = row.ts_ms
    return found


def llm_spans(events: Sequence[Event]) -> list[Span]:
    """Each request: until its first word, and until its end."""
    return _requests(events, "LLM", types.LLM_STARTED, types.LLM_FIRST_TOKEN, types.LLM_STOPPED, "first word")


def tts_spans(events: Sequence[Event]) -> list[Span]:
    """Each synthesis: until its first sound, and until its end."""
    return _requests(events, "Synthesis", types.TTS_STARTED, types.TTS_FIRST_AUDIO, types.TTS_STOPPED, "first sound")


def tool_spans(calls: Iterable[ToolCall]) -> list[Span]:
    """Each call of a tool."""
    return [
        Span(
            start_ms=call.start_ms,
            end_ms=call.end_ms if call.end_ms is not None else call.start_ms,
            title=f"{short(call.name, _WORDS)}: {call.outcome}"
            + (f" in {figures.wait(call.duration_ms)}" if call.duration_ms is not None else ""),
            look="bad" if call.is_failure else "",
        )
        for call in calls
        if call.start_ms is not None
    ]


def _speech(events: Sequence[Event], began: str, ended: str, end_ms: int) -> list[tuple[int, int, bool]]:
    """Beginning, end and whether the end was told; edges are paired by their moments, not by their rows.

    Who begins again had ended, though nobody told when: at the latest then.
    """
    edges = sorted(
        (row.ts_ms, row.type == began) for row in events if row.type in (began, ended) and row.ts_ms is not None
    )
    found: list[tuple[int, int, bool]] = []
    since_ms: int | None = None
    for ts_ms, is_begin in edges:
        if is_begin:
            if since_ms is not None and ts_ms > since_ms:
                found.append((since_ms, ts_ms, False))
            since_ms = ts_ms
        elif since_ms is not None:
            found.append((since_ms, ts_ms, True))
            since_ms = None
    if since_ms is not None:
        found.append((since_ms, max(end_ms, since_ms), False))
    return found


def _said(what: str, start_ms: int, end_ms: int, is_told: bool) -> Span:  # noqa: FBT001 -- of `_speech`
    length = f" for {figures.wait(end_ms - start_ms)}" if is_told else "; the end was not recorded"
    return Span(start_ms=start_ms, end_ms=end_ms, title=f"{what}{length}")


def _from_turns(turns: Sequence[Turn], role: str, what: str) -> list[Span]:
    found = []
    for turn in turns:
        if turn.role == role and turn.ts_ms is not None:
            length_ms = figures.known(turn.duration_ms)
            title = f"{what} for {figures.wait(length_ms)}" if length_ms is not None else f"{what}; how long is unknown"
            found.append(Span(start_ms=turn.ts_ms, end_ms=turn.ts_ms + round(length_ms or 0), title=title))
    return found


def _unheard(span: Span, cut: dict[str, Any], until_ms: int) -> Span | None:
    heard, generated = figures.known(cut.get("heard_characters")), figures.known(cut.get("generated_characters"))
    if heard is None or generated is None or heard >= generated:
        return None
    pace = (span.end_ms - span.start_ms) / heard if heard else _MS_A_CHARACTER
    end_ms = min(span.end_ms + round((generated - heard) * pace), max(until_ms, span.end_ms))
    title = f"Not heard: {generated - heard:.0f} of {generated:.0f} characters that were generated (length estimated)"
    return Span(start_ms=span.end_ms, end_ms=end_ms, title=title, look=UNHEARD)


class _Request(msgspec.Struct):
    start_ms: int
    data: dict[str, Any]
    first_ms: int | None = None
    end_ms: int | None = None
    outcome: str = ""


def _requests(events: Sequence[Event], what: str, began: str, first: str, ended: str, word: str) -> list[Span]:
    found: list[_Request] = []
    open_ones: dict[str, _Request] = {}
    for row in events:
        name = text_of(row.data.get("request_id"))
        if row.ts_ms is None:
            continue
        if row.type == began:
            open_ones[name] = _Request(row.ts_ms, row.data)
            found.append(open_ones[name])
        elif row.type == first and name in open_ones:
            open_ones[name].first_ms = open_ones[name].first_ms or row.ts_ms
        elif row.type == ended and name in open_ones:
            request = open_ones.pop(name)
            request.end_ms, request.outcome = row.ts_ms, text_of(row.data.get("outcome")).replace("_", " ")
    return [span for request in found for span in _request_spans(request, what, word)]


def _request_spans(request: _Request, what: str, word: str) -> Iterable[Span]:
    start_ms, first_ms, end_ms = request.start_ms, request.first_ms, request.end_ms
    told: list[str] = []
    if first_ms is not None:
        told.append(f"{word} after {figures.wait(first_ms - start_ms)}")
    if end_ms is not None:
        told.append(f"{figures.wait(end_ms - start_ms)} in all")
    title = f"{what}{_by(owner_of(request.data))}: {', '.join([*told, request.outcome]).strip(', ')}".strip(": ")
    look = "bad" if request.outcome == "failed" else FIRST
    middle_ms = first_ms if first_ms is not None else end_ms if end_ms is not None else start_ms
    yield Span(start_ms=start_ms, end_ms=max(middle_ms, start_ms), title=title, look=look)
    if first_ms is not None and end_ms is not None and end_ms > first_ms:
        yield Span(start_ms=first_ms, end_ms=end_ms, title=title)


def _by(owner: str) -> str:
    return f" by {short(owner, _WORDS)}" if owner else ""
