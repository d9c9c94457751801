"""Hours, days, weeks, months and years in UTC, and how times are made of them. Unix milliseconds throughout."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from callscope.model.wire import LAST_MS

Period = Literal["hour", "day", "week", "month", "year"]
"""Weeks begin on Monday."""

PERIODS: Final[tuple[Period, ...]] = ("hour", "day", "week", "month", "year")
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
WEEK_MS: Final = 7 * DAY_MS

_FIXED_MS: Final = {"hour": HOUR_MS, "day": DAY_MS, "week": WEEK_MS}
_FIRST_MONDAY_MS: Final = 4 * DAY_MS
_LONGEST_MS: Final = {"month": 31 * DAY_MS, "year": 366 * DAY_MS}


class Segment(NamedTuple):
    """A part of a stretch of time, and what it can be answered from."""

    source: Literal["calls", "hour", "day_sum", "week_sum"]
    """The calls themselves, or the table of that name."""
    since_ms: int | None
    """None: from the beginning of all times."""
    until_ms: int | None
    """The first moment that is not in it any more; None: to the end of all times."""


def start_of(period: Period, moment_ms: int) -> int:
    """The first moment of the period that a moment is in."""
    if period == "month":
        return _start_of_month(moment_ms - moment_ms % DAY_MS)
    if period == "year":
        return _start_of_year(moment_ms - moment_ms % DAY_MS)
    length_ms = _FIXED_MS[period]
    return moment_ms - (moment_ms - (_FIRST_MONDAY_MS if period == "week" else 0)) % length_ms


def end_of(period: Period, start_ms: int) -> int:
    """The first moment after the period that begins at ``start_ms``."""
    if period in _LONGEST_MS:
        return start_of(period, start_ms + _LONGEST_MS[period])
    return start_ms + _FIXED_MS[period]


def segments(since_ms: int | None, until_ms: int | None, *, by_hour: bool) -> list[Segment]:
    """Cut a stretch of time into whole days, whole hours at their edges, and at their edges what is less than an hour.

    The segments follow each other without gap or overlap; those that would be empty are left out. An open end is taken
    for the end of a whole day. ``by_hour``: no days, everything whole is in hours.
    """
    first_hour, last_hour = _up(since_ms, HOUR_MS), _down(until_ms, HOUR_MS)
    if _is_empty(first_hour, last_hour):
        return [] if _is_empty(since_ms, until_ms) else [Segment("calls", since_ms, until_ms)]
    cuts = [Segment("calls", since_ms, first_hour)] if since_ms != first_hour else []
    first_day, last_day = _up(first_hour, DAY_MS), _down(last_hour, DAY_MS)
    if by_hour or _is_empty(first_day, last_day):
        cuts.append(Segment("hour", first_hour, last_hour))
    else:
        cuts += [Segment("hour", first_hour, first_day)] if first_hour != first_day else []
        cuts.append(Segment("day_sum", first_day, last_day))
        cuts += [Segment("hour", last_day, last_hour)] if last_day != last_hour else []
    return cuts + ([Segment("calls", last_hour, until_ms)] if last_hour != until_ms else [])


def by_weeks(cuts: list[Segment], last_ms: int) -> list[Segment]:
    """The same segments, with whole weeks in place of their days, as far as there are sums of weeks.

    Args:
        cuts: what `segments` gave.
        last_ms: the first moment after the last week that has sums; all before it have them.
    """
    found: list[Segment] = []
    for cut in cuts:
        first = None if cut.since_ms is None else -(-(cut.since_ms - _FIRST_MONDAY_MS) // WEEK_MS) * WEEK_MS
        begin = None if first is None else first + _FIRST_MONDAY_MS
        end = last_ms if cut.until_ms is None else min(last_ms, start_of("week", cut.until_ms))
        if cut.source != "day_sum" or (begin is not None and begin >= end):
            found.append(cut)
            continue
        found += [Segment("day_sum", cut.since_ms, begin)] if cut.since_ms != begin else []
        found.append(Segment("week_sum", begin, end))
        found += [Segment("day_sum", end, cut.until_ms)] if cut.until_ms != end else []
    return found


def _up(moment_ms: int | None, length_ms: int) -> int | None:
    return None if moment_ms is None else -(-moment_ms // length_ms) * length_ms


def _down(moment_ms: int | None, length_ms: int) -> int | None:
    return None if moment_ms is None else moment_ms // length_ms * length_ms


def _is_empty(since_ms: int | None, until_ms: int | None) -> bool:
    return since_ms is not None and until_ms is not None and since_ms >= until_ms


@lru_cache(maxsize=4096)
def _start_of_month(day_ms: int) -> int:
    day = _date(day_ms)
    return round(day.replace(day=1).timestamp() * 1000)


@lru_cache(maxsize=4096)
def _start_of_year(day_ms: int) -> int:
    return round(_date(day_ms).replace(month=1, day=1).timestamp() * 1000)


def _date(moment_ms: int) -> datetime:
    return datetime.fromtimestamp(min(max(moment_ms, 0), LAST_MS) // 1000, tz=UTC)
