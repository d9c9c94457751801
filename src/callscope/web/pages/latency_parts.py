"""What the Latency page is made of: the spread of waits, the stages they are made of, the hours, the slowest ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from callscope.index.distribution import Distribution
from callscope.index.figures import ENOUGH, Figures, Percentiles
from callscope.index.histogram import RESPONSE
from callscope.index.periods import DAY_MS, HOUR_MS
from callscope.index.slowest import SlowExchange
from callscope.query import quantities
from callscope.query.canonical import unparse
from callscope.query.query import STAGES, CallQuery, Term
from callscope.report import figures
from callscope.web.asked import Asked
from callscope.web.charts.axis import Scale, log_scale
from callscope.web.charts.bars import length
from callscope.web.charts.heatmap import cells
from callscope.web.charts.histogram import Column, bins, columns
from callscope.web.charts.time_axis import written
from callscope.web.charts.words import short_wait
from callscope.web.pages.first_problems import calls_address
from callscope.web.template import number, share

NAMES: Final = {
    RESPONSE: "Response",
    "endpointing": "Endpointing wait",
    "transcription": "Transcription",
    "turn_detection": "Turn detection",
    "handover": "Handover",
    "llm": "LLM",
    "tool": "Tools",
    "aggregation": "Sentence built",
    "synthesis": "Synthesis",
    "output": "Output",
    "unexplained": "Unexplained",
}
KINDS: Final = {
    RESPONSE: "k-agent",
    "endpointing": "k-wait",
    "transcription": "k-stt",
    "llm": "k-llm",
    "tool": "k-tool",
    "aggregation": "k-agent",
    "synthesis": "k-tts",
    "unexplained": "k-wait",
}
"""Classes of the stages that have a colour of their own; the others are ``k-other``."""
HEAT_DAYS: Final = 14
_UNKNOWN: Final = "unknown"


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A percentile, or the target, across a spread."""

    name: str
    at: float
    """Percent of the width."""
    text: str
    row: int
    """Of its words: what is near stands below each other."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How the waits of a group are spread."""

    name: str
    address: str | None
    columns: tuple[tuple[Column, str, str], ...]
    """What is drawn, its words, and the address of its calls."""
    marks: tuple[Mark, ...]
    n: int
    p50: str
    p95: str
    p99: str
    longest: str
    is_slow: bool
    """Its p95 is above the target."""


class StageRow(msgspec.Struct, frozen=True, kw_only=True):
    """A stage in the table of stages."""

    name: str
    kind: str
    address: str
    is_chosen: bool
    waits: Percentiles
    share: float | None
    """Of all response time; None: not known."""
    p50_length: float
    """Percent of the longest p95 of all stages, as with the next one."""
    p95_length: float


class Heat(msgspec.Struct, frozen=True, kw_only=True):
    """An hour."""

    level: int
    is_trouble: bool
    is_few: bool
    """There are answers, but not enough for a percentile."""
    title: str
    address: str
    """Empty when nothing was."""


class HeatDay(msgspec.Struct, frozen=True, kw_only=True):
    """A day of hours."""

    name: str
    hours: tuple[Heat, ...]


class Slow(msgspec.Struct, frozen=True, kw_only=True):
    """One of the slowest exchanges."""

    address: str
    call_id: str
    agent: str
    started_at_ms: int
    wait_ms: int
    length: float
    is_slow: bool
    stage: str
    """The one that took longest; empty when none is known."""
    stage_ms: int | None
    kind: str


def scale_of(found: Sequence[Distribution]) -> Scale | None:
    """One axis for all of them; None when there are none."""
    known = [each for each in found if each.n]
    if not known:
        return None
    smallest, largest = min(each.edges_ms[0] for each in known), max(each.max_ms for each in known)
    return log_scale(max(smallest, 1), max(largest, 2), short_wait)


def spread(
    found: Distribution, scale: Scale, asked: Asked, *, stage: str, name: str, of: str = "", target_ms: float | None
) -> Spread:
    """A distribution as it is drawn.

    Args:
        found: the waits.
        scale: of the drawing.
        asked: the page's filter.
        stage: what waits they are.
        name: of the group.
        of: the condition that the group's calls fit; empty: all.
        target_ms: None: there is none for this stage.
    """
    field = "wait" if stage == RESPONSE else f"stage.{stage}"
    drawn = columns(bins(found.edges_ms, found.counts, largest=found.max_ms + 1), scale, limit=target_ms)
    shown = []
    for column in drawn:
        low, high = column.bin.low, max(column.bin.high - 1, column.bin.low)
        edges = "..".join(quantities.written(edge, unit="ms") for edge in (low, high))
        title = (
            f"{figures.wait(low)} to {figures.wait(column.bin.high)}: {column.bin.count:,}, "
            f"{share(column.bin.count / found.n)}{', above the target' if column.is_trouble else ''}"
        )
        shown.append((column, title, calls_address(asked, f"{of} {field}:{edges}".strip())))
    marks = []
    for row, (label, value) in enumerate((("p50", found.p50_ms), ("p95", found.p95_ms), ("p99", found.p99_ms))):
        if value is not None:
            marks.append(Mark(name=label, at=scale.at(value), text=f"{label} {figures.wait(value)}", row=row))
    if target_ms is not None and scale.low <= target_ms <= scale.high:
        marks.append(Mark(name="target", at=scale.at(target_ms), text=f"target {short_wait(target_ms)}", row=3))
    return Spread(
        name=name or _UNKNOWN,
        address=calls_address(asked, of) if of else None,
        columns=tuple(shown),
        marks=tuple(marks),
        n=found.n,
        p50=_enough(found.p50_ms),
        p95=_enough(found.p95_ms),
        p99=_enough(found.p99_ms),
        longest=figures.wait(found.max_ms),
        is_slow=target_ms is not None and found.p95_ms is not None and found.p95_ms > target_ms,
    )


def condition(field: str, value: str) -> str:
    """The words for calls of a group; empty for those of which it is unknown."""
    return unparse(CallQuery(terms=(Term(field=field, op="is", values=(value,)),))) if value else ""


def stage_rows(
    total: Figures, shares: Mapping[str, float], addresses: Mapping[str, str], chosen: str
) -> tuple[StageRow, ...]:
    """The response and its stages; those that never occurred are left out."""
    waits: dict[str, Percentiles] = {RESPONSE: total.response}
    waits.update({name: total.stages[name] for name in STAGES if name in total.stages})
    longest = max((each.p95_ms or 0 for each in waits.values()), default=0)
    return tuple(
        StageRow(
            name=NAMES[name],
            kind=KINDS.get(name, "k-other"),
            address=addresses[name],
            is_chosen=name == chosen,
            waits=each,
            share=shares.get(name),
            p50_length=length(each.p50_ms, longest),
            p95_length=length(each.p95_ms, longest),
        )
        for name, each in waits.items()
        if each.n
    )


def heat_days(
    by_hour: Mapping[int, Figures], asked: Asked, *, metric: str, target_ms: float, first_ms: int, last_ms: int
) -> tuple[HeatDay, ...]:
    """A row a day, the newest one first.

    Args:
        by_hour: figures by the first moment of an hour, in Unix milliseconds.
        asked: the page's filter.
        metric: ``p95``, or ``n`` for how many answers.
        target_ms: above it a p95 is trouble.
        first_ms: first moment of the first day.
        last_ms: a moment of the last one.
    """
    hours = [start for day in range(first_ms, last_ms + 1, DAY_MS) for start in range(day, day + DAY_MS, HOUR_MS)]
    waits = [None if hour not in by_hour else by_hour[hour].response for hour in hours]
    is_n = metric == "n"
    values = [None if each is None else (each.n or None if is_n else each.p95_ms) for each in waits]
    drawn = cells(values, limit=None if is_n else target_ms)
    found = [
        Heat(
            level=cell.level,
            is_trouble=cell.is_trouble,
            is_few=each is not None and 0 < each.n < ENOUGH,
            title=_hour_title(hour, each),
            address="" if hour not in by_hour else calls_address_of_hour(asked, hour),
        )
        for hour, each, cell in zip(hours, waits, drawn, strict=True)
    ]
    days = [
        HeatDay(name=written(hours[at], "%a %-d %b"), hours=tuple(found[at : at + 24]))
        for at in range(0, len(hours), 24)
    ]
    return tuple(reversed(days))


def calls_address_of_hour(asked: Asked, hour_ms: int) -> str:
    """The calls of one hour, with the filter's own conditions; seconds are left out, there are many such links."""
    query = msgspec.structs.replace(asked.query, since_ms=None, until_ms=None)
    since, until = (written(moment, "%Y-%m-%dT%H:%MZ") for moment in (hour_ms, hour_ms + HOUR_MS))
    return asked.to("/calls", q=f"{unparse(query)} since:{since} until:{until}".strip(), range=None)


def slow_rows(found: Sequence[SlowExchange], *, target_ms: float) -> tuple[Slow, ...]:
    """The slowest exchanges as rows, each with a bar of its share of the slowest."""
    longest = max((each.response_ms for each in found), default=0)
    return tuple(
        Slow(
            address=f"/calls/{quote(each.path)}?exchange={each.seq}#at",
            call_id=each.call_id,
            agent=each.agent,
            started_at_ms=each.started_at_ms,
            wait_ms=each.response_ms,
            length=length(each.response_ms, longest),
            is_slow=each.response_ms > target_ms,
            stage=NAMES[each.stage] if each.stage else "",
            stage_ms=each.stage_ms,
            kind=KINDS.get(each.stage or "", "k-other"),
        )
        for each in found
    )


def _hour_title(hour_ms: int, waits: Percentiles | None) -> str:
    name = written(hour_ms, "%a %-d %b %H:00")
    if waits is None or not waits.n:
        return f"{name}: no answers"
    if waits.p95_ms is None:
        return f"{name}: n {waits.n}, not enough for a p95"
    return f"{name}: p95 {figures.wait(waits.p95_ms)}, p50 {figures.wait(waits.p50_ms)}, n {number(waits.n)}"


def _enough(value: float | None) -> str:
    return "not enough" if value is None else figures.wait(value)
