"""The lanes of a call's axis: a bar for what went on, a mark for what went wrong, all of them links to their moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from callscope.archive.reader import CallRecord
from callscope.model.exchange import Exchange
from callscope.report import figures
from callscope.timeline.summary import Problem, Timeline
from callscope.web.call import spans
from callscope.web.call.axis import Axis, percent
from callscope.web.call.links import Links
from callscope.web.call.spans import Span
from callscope.web.call.tool_calls import ToolCall
from callscope.web.call.values import short

_MOST: Final = 200
"""Bars of a lane for each look; beyond, neighbours become one."""
_LEAST_SHARE: Final = 0.1
"""Percent of the axis that a bar is wide at least; its outline adds a pixel and a half."""
_SHAPES: Final = {"barge_in": "barge", "error": "error", "slow": "slow", "unanswered": "slow", "silence": "slow"}
_TITLE: Final = 200


class Bar(msgspec.Struct, frozen=True):
    """A stretch of time."""

    x: str
    width: str
    look: str
    """A class: ``k-…``, with ``first``; ``hatched`` for what was not heard."""
    title: str
    href: str


class Mark(msgspec.Struct, frozen=True):
    """A moment."""

    x: str
    shape: str
    """``barge``, ``error`` or ``slow``: a symbol of the template."""
    look: str
    title: str
    href: str


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the drawing."""

    name: str
    summary: str
    """What it shows, in words."""
    bars: tuple[Bar, ...] = ()
    marks: tuple[Mark, ...] = ()


class Kind(msgspec.Struct, frozen=True):
    """What is drawn alike."""

    look: str
    spans: Sequence[Span]


class Band(msgspec.Struct, frozen=True):
    """The wait of the selected exchange, over all lanes."""

    x: str
    width: str
    is_slow: bool


def lanes_of(
    record: CallRecord, timeline: Timeline, calls: Sequence[ToolCall], axis: Axis, links: Links, *, has_sound: bool
) -> tuple[Lane, ...]:
    """The lanes that have anything, from the caller down to what went wrong.

    Below waveforms, which have a lane for each side, both sides' speech is in one.
    """
    events, turns, end_ms = record.events, record.turns, axis.end_ms
    caller = Kind("k-caller", spans.caller_spans(events, turns, end_ms))
    agent = Kind("k-agent", spans.agent_spans(events, turns, end_ms))
    kinds = (
        *([("Spoken", agent, caller)] if has_sound else [("Caller", caller), ("Agent", agent)]),
        ("STT", Kind("k-stt", spans.stt_spans(events))),
        ("LLM", Kind("k-llm", spans.llm_spans(events))),
        ("Tools", Kind("k-tool", spans.tool_spans(calls))),
        ("TTS", Kind("k-tts", spans.tts_spans(events))),
    )
    lanes = [_lane(name, found, axis, links) for name, *found in kinds if any(kind.spans for kind in found)]
    marks = _marks(timeline.problems, axis, links)
    if marks:
        lanes.append(Lane(name="Trouble", summary=f"Trouble: {figures.count(len(marks), 'mark')}", marks=marks))
    return tuple(lanes)


def band_of(exchange: Exchange | None, axis: Axis, *, target_ms: int) -> Band | None:
    """Where on the axis the caller waited; None when that is not known."""
    if exchange is None or exchange.wait_from_ms is None:
        return None
    length_ms = exchange.response_ms if exchange.response_ms is not None else exchange.silence_ms
    if not length_ms:
        return None
    start = axis.share(exchange.wait_from_ms)
    width = max(axis.share(exchange.wait_from_ms + length_ms) - start, _LEAST_SHARE)
    return Band(percent(start), percent(width), length_ms >= target_ms and exchange.kind != "greeting")


def _lane(name: str, kinds: Iterable[Kind], axis: Axis, links: Links) -> Lane:
    bars = tuple(
        _bar(span, kind.look, axis, links) for kind in kinds for span in merged(kind.spans, most=_MOST, axis=axis)
    )
    return Lane(name=name, summary=f"{name}: {figures.count(len(bars), 'bar')}", bars=bars)


def _bar(span: Span, kind: str, axis: Axis, links: Links) -> Bar:
    start = min(axis.share(span.start_ms), 100 - _LEAST_SHARE)
    width = max(axis.share(span.end_ms) - start, _LEAST_SHARE)
    look = {spans.UNHEARD: "hatched", spans.FIRST: f"{kind} first", "bad": "k-bad"}.get(span.look, kind)
    at = figures.clock(max(axis.since(span.start_ms), 0))
    title = short(f"{at} {span.title}", _TITLE)
    return Bar(percent(start), percent(width), look, title, links.at(axis.since(span.start_ms)))


def merged(found: Sequence[Span], *, most: int, axis: Axis) -> list[Span]:
    """The spans, where they are too many as one for each of ``most`` stretches of the axis and each look.

    What stands for several is as long as they are together, so that busy stretches are seen to be busy.
    """
    if len(found) <= most:
        return list(found)
    groups: dict[tuple[int, str], list[Span]] = {}
    for span in found:
        groups.setdefault((int(axis.share(span.start_ms) / 100 * most), span.look), []).append(span)
    return [_one(group) for group in groups.values()]


def _one(group: Sequence[Span]) -> Span:
    if len(group) == 1:
        return group[0]
    start_ms = min(span.start_ms for span in group)
    length_ms = sum(span.end_ms - span.start_ms for span in group)
    title = f"{len(group)} together, {figures.wait(length_ms)} in all; the first: {group[0].title}"
    return Span(start_ms=start_ms, end_ms=start_ms + length_ms, title=title, look=group[0].look)


def _marks(problems: Sequence[Problem], axis: Axis, links: Links) -> tuple[Mark, ...]:
    found: list[Mark] = []
    taken: set[tuple[str, int]] = set()
    for problem in problems:
        shape = _SHAPES.get(problem.kind)
        place = (shape or "", round(axis.share(problem.at_ms) * 3))
        if shape is None or place in taken:
            continue
        taken.add(place)
        since_ms = axis.since(problem.at_ms)
        title = short(f"{figures.clock(max(since_ms, 0))} {problem.text}", _TITLE)
        look = "k-bad" if shape == "error" else "k-warn"
        found.append(Mark(axis.x(problem.at_ms), shape, look, title, links.at(since_ms)))
    return tuple(found)
