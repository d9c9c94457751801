"""What the Overview draws over time: waits as steps, spend and outcomes as bars, each with the same as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from callscope.index.figures import Figures
from callscope.model import call as statuses
from callscope.report import figures
from callscope.web.charts.axis import Scale, Tick, linear_scale
from callscope.web.charts.bars import Bar, stacked
from callscope.web.charts.steps import Steps, steps
from callscope.web.charts.time_axis import TimeAxis
from callscope.web.charts.words import short_money, short_number, short_wait
from callscope.web.pages.tiles import NOT_ENOUGH
from callscope.web.template import money, number

Spent = Mapping[tuple[int, str, str], tuple[float, int]]
"""US dollars and how much is unpriced, by the first moment of a period, provider and service."""

_MOST: Final = 5
"""Providers that have a colour of their own."""
_UNKNOWN: Final = "no provider told"
OTHER: Final = "other"
_KINDS: Final = {"stt": "k-stt", "llm": "k-llm", "tts": "k-tts", "telephony": "k-caller", "realtime": "k-agent"}
_SHADES: Final = ("", " lighter", " lightest")
_OUTCOMES: Final = (
    ("Completed", "calm", (statuses.COMPLETED,)),
    ("No answer, busy, canceled", "k-wait", (statuses.NO_ANSWER, statuses.BUSY, statuses.CANCELED)),
    ("In progress", "k-caller", (statuses.IN_PROGRESS,)),
    ("Abandoned", "k-warn", (statuses.ABANDONED, "unreadable")),
    ("Failed", "k-bad", (statuses.FAILED,)),
)


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of a legend."""

    name: str
    kind: str
    """Its class."""
    total: str = ""
    is_absent: bool = False
    """Nothing of it is drawn."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One of the percentiles over time."""

    series: Series
    steps: Steps


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """Between the target and what is above it, in one period; percent."""

    at: float
    width: float
    top: float
    height: float


class Spot(msgspec.Struct, frozen=True, kw_only=True):
    """A period that can be pointed at."""

    at: float
    width: float
    title: str
    address: str
    is_marked: bool = False
    """Something in it is not known."""


class Trend(msgspec.Struct, frozen=True, kw_only=True):
    """A drawing over time."""

    id: str
    name: str
    label: str
    """What is to be seen, in a sentence."""
    scale: Scale
    ticks: tuple[Tick, ...]
    spots: tuple[Spot, ...]
    legend: tuple[Series, ...]
    lines: tuple[Line, ...] = ()
    bars: tuple[Bar, ...] = ()
    limit: float | None = None
    """Percent from above of the target; None: it is beyond the drawing, or there is none."""
    limit_name: str = ""
    over: tuple[Band, ...] = ()
    """Where the p95 is above the target."""
    columns: tuple[str, ...]
    """Of the table."""
    rows: tuple[tuple[str, ...], ...]
    """The name of the period, then a text for each of ``columns``."""
    note: str = ""
    """Why nothing is drawn; empty: something is."""
    age: str = ""
    """When it was counted, where that is a while ago."""


def latency(axis: TimeAxis, by_slot: Mapping[int, Figures], addresses: Sequence[str], *, target_ms: float) -> Trend:
    """Percentiles of the response by period; periods with too few values have none."""
    found = [by_slot.get(slot.start_ms) for slot in axis.slots]
    waits = [None if each is None else each.response for each in found]
    values = {
        "p50": [None if each is None else each.p50_ms for each in waits],
        "p95": [None if each is None else each.p95_ms for each in waits],
        "p99": [None if each is None else each.p99_ms for each in waits],
    }
    largest = max((value for each in values.values() for value in each if value is not None), default=0)
    scale = linear_scale(max(largest, target_ms) if largest else 0, short_wait)
    lines = tuple(
        Line(series=Series(name=name, kind=f"line-{name}"), steps=steps(each, axis.slots, scale, limit=target_ms))
        for name, each in values.items()
    )
    limit = round(100 - scale.at(target_ms), 3)
    rows: list[tuple[str, ...]] = []
    for slot, each in zip(axis.slots, waits, strict=True):
        if each is None or not each.n:
            rows.append((slot.name, "0", *(figures.UNKNOWN,) * 3))
        elif each.p50_ms is None:
            rows.append((slot.name, number(each.n), *(NOT_ENOUGH,) * 3))
        else:
            rows.append(
                (slot.name, number(each.n), *(figures.wait(x) for x in (each.p50_ms, each.p95_ms, each.p99_ms)))
            )
    titles = [
        f"{name}: p50 {p50}, p95 {p95}, p99 {p99}, n {n}"
        if p50 not in {NOT_ENOUGH, figures.UNKNOWN}
        else f"{name}: {'not enough for percentiles, n ' + n if n != '0' else 'no answers'}"
        for name, n, p50, p95, p99 in rows
    ]
    return Trend(
        id="latency",
        name="Response latency",
        label=f"Response latency by {axis.period}, p50, p95 and p99, against a target of {figures.wait(target_ms)}",
        scale=scale,
        ticks=axis.ticks,
        spots=_spots(axis, titles, addresses),
        legend=tuple(line.series for line in lines),
        lines=lines,
        limit=limit if largest else None,
        over=_over(lines[1].steps, limit),
        limit_name=f"target {short_wait(target_ms)}",
        columns=("n", "p50", "p95", "p99"),
        rows=tuple(rows),
        note="" if largest else f"Not enough answers for percentiles: a {axis.period} needs 20.",
    )


def _over(line: Steps, limit: float) -> tuple[Band, ...]:
    return tuple(
        Band(at=level.at, width=round(level.to - level.at, 3), top=level.top, height=round(limit - level.top, 3))
        for level in line.levels
        if level.is_trouble
    )


def outcomes(axis: TimeAxis, by_status: Mapping[tuple[int, str], int], addresses: Sequence[str]) -> Trend:
    """Calls by how they ended, a bar a period."""
    columns = [
        [sum(by_status.get((slot.start_ms, status), 0) for status in of) for _, _, of in _OUTCOMES]
        for slot in axis.slots
    ]
    totals = [sum(column[at] for column in columns) for at in range(len(_OUTCOMES))]
    scale = linear_scale(max(map(sum, columns), default=0), short_number)
    names = [name for name, _, _ in _OUTCOMES]
    titles = [
        f"{slot.name}: {figures.count(sum(column), 'call')}"
        + "".join(f", {count:,} {name.lower()}" for name, count in zip(names, column, strict=True) if count)
        for slot, column in zip(axis.slots, columns, strict=True)
    ]
    return Trend(
        id="outcomes",
        name="Outcomes",
        label=f"Calls by {axis.period} and how they ended",
        scale=scale,
        ticks=axis.ticks,
        spots=_spots(axis, titles, addresses),
        legend=tuple(
            Series(name=name, kind=kind, total=number(total), is_absent=not total)
            for (name, kind, _), total in zip(_OUTCOMES, totals, strict=True)
        ),
        bars=stacked(columns, axis.slots, scale),
        columns=tuple(names),
        rows=tuple(
            (slot.name, *(number(count) for count in column)) for slot, column in zip(axis.slots, columns, strict=True)
        ),
    )


def spend(axis: TimeAxis, spent: Spent, addresses: Sequence[str]) -> Trend:
    """Known dollars by provider, a bar a period; periods in which something is unpriced are marked."""
    series, place_of = _providers(spent)
    width = len(series)
    at = {slot.start_ms: number for number, slot in enumerate(axis.slots)}
    columns = [[0.0] * width for _ in axis.slots]
    unpriced = [0] * len(axis.slots)
    for (start_ms, provider, _), (usd, parts) in spent.items():
        if start_ms in at:
            columns[at[start_ms]][place_of[provider]] += usd
            unpriced[at[start_ms]] += parts
    scale = linear_scale(max(map(sum, columns), default=0), short_money)
    names = [each.name for each in series]
    titles, rows = [], []
    for slot, column, parts in zip(axis.slots, columns, unpriced, strict=True):
        known = sum(column)
        total = money(known if known or not parts else None, parts)
        by = "".join(f", {name} {money(usd)}" for name, usd in zip(names, column, strict=True) if usd and width > 1)
        titles.append(f"{slot.name}: {total}{by}")
        rows.append((slot.name, total, *(money(usd) if usd else figures.UNKNOWN for usd in column)))
    return Trend(
        id="spend",
        name="Spend",
        label=f"Spend by {axis.period} and provider, US dollars",
        scale=scale,
        ticks=axis.ticks,
        spots=_spots(axis, titles, addresses, marked=unpriced),
        legend=series,
        bars=stacked(columns, axis.slots, scale),
        columns=("Total", *names),
        rows=tuple(rows),
    )


def _providers(spent: Spent) -> tuple[tuple[Series, ...], dict[str, int]]:
    """The dearest providers, each in the colour of what it is mostly paid for, and where each stands; then the rest."""
    totals: dict[str, float] = {}
    parts: dict[tuple[str, str], float] = {}
    for (_, provider, service), (usd, _) in spent.items():
        totals[provider] = totals.get(provider, 0) + usd
        parts[provider, service] = parts.get((provider, service), 0) + usd
    ranked = sorted((name for name in totals if totals[name] > 0), key=lambda name: (-totals[name], name))
    shown, rest = ranked[:_MOST], ranked[_MOST:]
    series, used = [], dict[str, int]()
    for name in shown:
        service = max((part for part in parts if part[0] == name), key=lambda part: parts[part])[1]
        kind = _KINDS.get(service, "k-tool")
        shade = _SHADES[min(used.get(kind, 0), len(_SHADES) - 1)]
        used[kind] = used.get(kind, 0) + 1
        series.append(Series(name=name or _UNKNOWN, kind=kind + shade, total=money(totals[name])))
    if rest:
        series.append(Series(name=OTHER, kind="k-wait", total=money(sum(totals[name] for name in rest))))
    place_of = {name: min(at, _MOST) for at, name in enumerate(ranked)}
    place_of.update({name: 0 for name in totals if name not in place_of})
    return tuple(series) or (Series(name=_UNKNOWN, kind="k-wait"),), place_of


def _spots(
    axis: TimeAxis, titles: Sequence[str], addresses: Sequence[str], *, marked: Sequence[int] | None = None
) -> tuple[Spot, ...]:
    return tuple(
        Spot(at=slot.at, width=slot.width, title=title, address=address, is_marked=bool(mark))
        for slot, title, address, mark in zip(
            axis.slots, titles, addresses, marked or [0] * len(axis.slots), strict=True
        )
    )
