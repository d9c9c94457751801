"""What a gate looks at: figures of some calls, each with its 95 % interval. See `callscope.index.interval`."""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress
from typing import Final, Literal, NamedTuple

import msgspec

from callscope.index.call_waits import WAIT_BYTES, unpacked
from callscope.index.compare import FEWEST_CALLS
from callscope.index.counted import Counted
from callscope.index.figures import ENOUGH
from callscope.index.histogram import RESPONSE
from callscope.index.interval import Estimate, mean, quantile, share_of, student, wilson
from callscope.index.matching import matching_calls, snapshot
from callscope.index.sums import UNFINISHED
from callscope.model.call import COMPLETED
from callscope.model.event import SILENCE
from callscope.query.query import STAGES, CallQuery
from callscope.timeline.percentiles import percentile

Unit = Literal["ms", "share", "usd"]

QUANTILES: Final = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
OF_CALLS: Final[dict[str, Unit]] = {
    "error_rate": "share",
    "completion": "share",
    "interruption_rate": "share",
    "unanswered": "share",
    "silence": "share",
    "cost_per_call": "usd",
    "cost_per_minute": "usd",
}
MEASURES: Final[dict[str, Unit]] = {
    **dict.fromkeys(QUANTILES, "ms"),
    **OF_CALLS,
    **{f"stage.{stage}.{name}": "ms" for stage in STAGES for name in QUANTILES},
}
"""All measures, and their unit."""
_COLUMNS: Final = (
    "c.id, c.status, c.exchanges, c.unanswered, c.errors > 0, CASE WHEN c.unpriced = 0 THEN c.cost_usd END, "  # noqa: S608 -- names of ours
    "c.duration_ms, w.cut_off, "
    f"ifnull((SELECT instr(types, '\"{SILENCE}\"') FROM event_types WHERE id = c.event_types), 0)"
)
_MS_PER_MINUTE: Final = 60_000


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """A figure of some calls."""

    value: float | None
    """None: not known, or not of enough values."""
    low: float | None = None
    """With 95 % confidence it is from this to ``high``; None where there is no interval."""
    high: float | None = None
    n: int = 0
    """Values that it is of: waits, calls, answers."""
    calls: int = 0
    """That these are from."""

    @property
    def estimate(self) -> Estimate | None:
        """Value and interval; None without one, or of so few calls that it would say too little."""
        if self.value is None or self.low is None or self.high is None or self.calls < FEWEST_CALLS:
            return None
        return Estimate(self.value, self.low, self.high)


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """Some calls, measured."""

    calls: int
    measures: dict[str, Measured]
    numbers: frozenset[int] = frozenset()
    """Of the calls, to see whether two samples share some; empty of what was read from a file."""


class _Row(NamedTuple):
    """What is read of a call."""

    number: int
    status: str
    exchanges: int
    unanswered: int
    fails: int
    cost_usd: float | None
    duration_ms: float | None
    cut_off: int
    silence: int
    """Above 0: something was not heard, as an event tells."""


def measure(db: sqlite3.Connection, query: CallQuery, names: Iterable[str]) -> Sample:
    """Measure the calls of a query, by `MEASURES`. Its sort, limit and cursor are of no account."""
    wanted = sorted(set(names), key=list(MEASURES).index)
    waits = sorted({_wait_of(name) for name in wanted if MEASURES[name] == "ms"})
    columns = ", ".join([_COLUMNS, *(f"w.{wait}" for wait in waits)])
    calls: list[_Row] = []
    values = {wait: (array("I"), list[int]()) for wait in waits}
    with snapshot(db):
        for rows in matching_calls(db, query, columns, waits=True):
            calls += [_Row(*row[: len(_Row._fields)]) for row in rows]
            for wait, blobs in zip(waits, list(zip(*rows, strict=True))[len(_Row._fields) :], strict=True):
                numbers, sizes = values[wait]
                numbers += unpacked(blobs)
                sizes += [size // WAIT_BYTES for size in map(len, blobs) if size]
    ordered = {wait: Counted(Counter(numbers)) for wait, (numbers, _) in values.items()}
    found: dict[str, Measured] = {}
    for name in wanted:
        if MEASURES[name] == "ms":
            wait = _wait_of(name)
            found[name] = _quantile(*values[wait], QUANTILES[name.rsplit(".", 1)[-1]], ordered[wait])
        else:
            found[name] = _of_calls(name, calls)
    return Sample(calls=len(calls), measures=found, numbers=frozenset(call.number for call in calls))


def _wait_of(name: str) -> str:
    return name.split(".")[1] if "." in name else RESPONSE


def _quantile(values: Sequence[int], sizes: Sequence[int], share: float, ordered: Counted) -> Measured:
    if len(values) < ENOUGH:
        return Measured(value=None, n=len(values), calls=len(sizes))
    estimate = quantile(values, sizes, share, ordered=ordered)
    return _measured(percentile(ordered, share), estimate, n=len(values), calls=len(sizes))


def _of_calls(name: str, calls: Sequence[_Row]) -> Measured:
    if name == "error_rate":
        return _share([bool(call.fails) for call in calls])
    if name == "completion":
        return _share([call.status == COMPLETED for call in calls if call.status not in UNFINISHED])
    if name == "silence":
        return _share([call.unanswered > 0 or call.silence > 0 for call in calls])
    if name == "interruption_rate":
        return _share_of([call.cut_off for call in calls], [call.exchanges - call.unanswered for call in calls])
    if name == "unanswered":
        return _share_of([call.unanswered for call in calls], [call.exchanges for call in calls])
    priced = [call for call in calls if call.status not in UNFINISHED and call.cost_usd is not None]
    if name == "cost_per_call":
        costs = [call.cost_usd or 0.0 for call in priced]
        value = math.fsum(costs) / len(costs) if costs else None
        return _measured(value, mean(costs), n=len(costs), calls=len(costs))
    timed = [(call.cost_usd or 0.0, call.duration_ms / _MS_PER_MINUTE) for call in priced if call.duration_ms]
    return _ratio(timed)


def _share(of: Sequence[bool]) -> Measured:
    n = len(of)
    share = sum(of) / n if n else None
    return _measured(share, None if share is None else wilson(share, n), n=n, calls=n)


def _share_of(parts: Sequence[int], sizes: Sequence[int]) -> Measured:
    """A share of things of which each call has some; calls without any say nothing."""
    some = [size > 0 for size in sizes]
    parts, sizes = list(compress(parts, some)), list(compress(sizes, some))
    n = sum(sizes)
    value = sum(parts) / n if n else None
    return _measured(value, share_of(parts, sizes) if n else None, n=n, calls=len(sizes))


def _ratio(pairs: Sequence[tuple[float, float]]) -> Measured:
    """The ratio of two sums over calls; the interval from its residuals, as of any ratio of cluster totals."""
    n = len(pairs)
    whole = math.fsum(size for _, size in pairs)
    if not whole:
        return Measured(value=None, n=n, calls=n)
    value = math.fsum(part for part, _ in pairs) / whole
    if n < 2:  # noqa: PLR2004 -- one value has no variance
        return Measured(value=value, n=n, calls=n)
    squares = math.fsum((part - value * size) ** 2 for part, size in pairs)
    reach = student(n - 1) * math.sqrt(n / (n - 1) * squares) / whole
    return _measured(value, Estimate(value, value - reach, value + reach), n=n, calls=n)


def _measured(value: float | None, estimate: Estimate | None, *, n: int, calls: int) -> Measured:
    if estimate is None:
        return Measured(value=value, n=n, calls=calls)
    return Measured(value=value, low=estimate.low, high=estimate.high, n=n, calls=calls)
