"""A stretch of time cut into hours, days, weeks, months or years of equal width: what trends are drawn over."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from callscope.index.periods import DAY_MS, Period, end_of, start_of
from callscope.web.charts.axis import Tick, place

_BY_HOUR_MS: Final = 48 * 3_600_000
_BY_DAY_MS: Final = 90 * DAY_MS
_BY_WEEK_MS: Final = 2 * 366 * DAY_MS
_BY_MONTH_MS: Final = 9 * 366 * DAY_MS
_TICKS: Final[dict[Period, tuple[int, ...]]] = {
    "hour": (1, 2, 3, 6, 12, 24),
    "day": (1, 2, 7, 14, 28),
    "week": (1, 2, 4, 8, 13, 26, 52),
    "month": (1, 3, 6, 12, 24),
    "year": (1, 2, 5, 10, 20, 50),
}
_MOST_TICKS: Final = 8
_WORDS: Final = {
    "hour": "%a %-d %b, %H:00",
    "day": "%a %-d %b %Y",
    "week": "week of %-d %b %Y",
    "month": "%B %Y",
    "year": "%Y",
}
_SHORT: Final = {"hour": "%H:00", "day": "%-d %b", "week": "%-d %b", "month": "%b %Y", "year": "%Y"}


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """One period."""

    start_ms: int
    """Unix milliseconds of its first moment, which may lie before the time that was asked for."""
    end_ms: int
    """Of the first moment after it."""
    at: float
    """Percent of the width at which it begins."""
    width: float
    """Percent."""
    name: str
    """``Sat 21 Nov 2026``."""


class TimeAxis(msgspec.Struct, frozen=True, kw_only=True):
    """All periods of a stretch of time, also those in which nothing was."""

    period: Period
    slots: tuple[Slot, ...]
    ticks: tuple[Tick, ...]


def period_of(since_ms: int, until_ms: int) -> Period:
    """Hours up to two days, days up to 90, then weeks, months from two years on, years from nine on: 120 at most."""
    length_ms = until_ms - since_ms
    if length_ms <= _BY_HOUR_MS:
        return "hour"
    if length_ms <= _BY_DAY_MS:
        return "day"
    if length_ms <= _BY_WEEK_MS:
        return "week"
    return "month" if length_ms <= _BY_MONTH_MS else "year"


def time_axis(since_ms: int, until_ms: int) -> TimeAxis:
    """Cut the time from ``since_ms`` up to ``until_ms``, Unix milliseconds, UTC; at least one period."""
    period = period_of(since_ms, until_ms)
    starts = [start_of(period, since_ms)]
    while (after := end_of(period, starts[-1])) < until_ms:
        starts.append(after)
    count = len(starts)
    slots = tuple(
        Slot(
            start_ms=start,
            end_ms=end_of(period, start),
            at=place(i / count),
            width=place(1 / count),
            name=written(start, _WORDS[period]),
        )
        for i, start in enumerate(starts)
    )
    return TimeAxis(period=period, slots=slots, ticks=_ticks(period, starts))


def written(moment_ms: int, form: str) -> str:
    """A moment as `strftime` writes it, UTC."""
    return datetime.fromtimestamp(moment_ms / 1000, tz=UTC).strftime(form)


def _ticks(period: Period, starts: list[int]) -> tuple[Tick, ...]:
    """Beside the middle of every so many periods; in hours, counted from midnight."""
    count = len(starts)
    steps = _TICKS[period]
    step = next((step for step in steps if count / step <= _MOST_TICKS), steps[-1])
    first = next((i for i, start in enumerate(starts) if start % DAY_MS == 0), 0) if period == "hour" else count - 1
    shown = range(first % step, count, step)
    return tuple(
        Tick(place((i + 0.5) / count), _label(period, starts[i]), is_minor=bool((len(shown) - 1 - n) % 2))
        for n, i in enumerate(shown)
    )


def _label(period: Period, start_ms: int) -> str:
    return written(start_ms, "%-d %b" if period == "hour" and start_ms % DAY_MS == 0 else _SHORT[period])
