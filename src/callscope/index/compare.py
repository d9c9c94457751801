"""Two sets of calls side by side: agent versions, periods, whatever two queries say.

Each figure of both sides, the difference and its 95 % confidence interval: see `callscope.index.interval` for how, and
why so. "Clearly different" are two sides where the interval leaves 0 out. Of thirty figures that are compared, one or
two are expected to be so by chance alone.
"""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import compress
from operator import sub
from typing import Final, Literal, NamedTuple

import msgspec

from callscope.index.call_waits import WAIT_BYTES, unpacked
from callscope.index.counted import Counted
from callscope.index.figures import ENOUGH
from callscope.index.histogram import NAMES, RESPONSE
from callscope.index.interval import Estimate, difference, mean, quantile, share_of, wilson
from callscope.index.matching import matching_calls, snapshot
from callscope.index.sums import UNFINISHED
from callscope.model.call import COMPLETED
from callscope.query.query import CallQuery
from callscope.timeline.percentiles import percentile

Statistic = Literal["p50", "p95", "share", "mean"]
Unit = Literal["ms", "share", "usd"]

FEWEST_CALLS: Final = 10
"""Fewer calls than this say too little of how calls vary for an interval."""

_QUANTILES: Final[tuple[tuple[Statistic, float], ...]] = (("p50", 0.50), ("p95", 0.95))
_COLUMNS: Final = (
    "c.id, c.status, c.exchanges, c.unanswered, c.errors > 0, CASE WHEN c.unpriced = 0 THEN c.cost_usd END, w.cut_off, "
    + ", ".join(f"w.{name}" for name in NAMES)
)


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is of one side."""

    calls: int
    exchanges: int
    unanswered: int


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of both sides."""

    measure: str
    """``response``, ``stage.<name>``, ``completion``, ``interruption_rate``, ``error_rate`` or ``cost`` (of a call)."""
    statistic: Statistic
    unit: Unit
    a: float | None
    """None: not enough values."""
    b: float | None
    n_a: int
    """Values that it is of: waits, ended calls, answers, calls, or calls whose whole cost is known."""
    n_b: int
    difference: float | None = None
    """b - a."""
    low: float | None = None
    """The difference is from this to ``high`` with 95 % confidence; None where there is no interval."""
    high: float | None = None
    clear: bool = False
    """Clearly different: the interval leaves 0 out."""
    note: str | None = None
    """Why there is no interval."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two sets of calls."""

    a: Side
    b: Side
    shared_calls: int
    """Calls that are in both sets: the two are then not independent, and there are no intervals."""
    figures: tuple[Figure, ...]
    """Of waits (response, then each stage that occurred), then of calls, then of cost."""


def compare(db: sqlite3.Connection, a: CallQuery, b: CallQuery) -> Comparison:
    """Compare the calls of two queries, from their waits. Their sort, limit and cursor are of no account."""
    with snapshot(db):
        sides = _Calls(db, a), _Calls(db, b)
    shared = len(sides[0].answers.keys() & sides[1].answers.keys())
    return Comparison(
        a=sides[0].side(), b=sides[1].side(), shared_calls=shared, figures=tuple(_figures(*sides, shared))
    )


class _Measured(NamedTuple):
    """One side of a figure."""

    value: float | None
    n: int
    calls: int
    estimate: Estimate | None


class _Waits:
    """Waits of one name."""

    __slots__ = ("sizes", "values")

    def __init__(self) -> None:
        self.values = array("I")
        """Those of a call next to each other."""
        self.sizes: list[int] = []
        """How many there are of each call that has some."""

    def add(self, blobs: Sequence[bytes]) -> None:
        self.values += unpacked(blobs)
        self.sizes += [size // WAIT_BYTES for size in map(len, blobs) if size]

    def measured(self) -> list[_Measured]:
        """At each of `_QUANTILES`."""
        n, calls = len(self.values), len(self.sizes)
        if n < ENOUGH:
            return [_Measured(None, n, calls, None) for _ in _QUANTILES]
        ordered = Counted(Counter(self.values))
        return [
            _Measured(
                percentile(ordered, share),
                n,
                calls,
                quantile(self.values, self.sizes, share, ordered=ordered),
            )
            for _, share in _QUANTILES
        ]


class _Calls:
    """What is known of one side."""

    def __init__(self, db: sqlite3.Connection, query: CallQuery) -> None:
        self.answers: dict[int, int] = {}
        self.waits = {name: _Waits() for name in NAMES}
        self._exchanges = self._unanswered = self._failing = 0
        self._ended: list[bool] = []
        self._costs: list[float] = []
        self._cut_off: dict[int, int] = {}
        for rows in matching_calls(db, query, _COLUMNS, waits=True):
            calls, statuses, exchanges, unanswered, failing, costs, cut_off, *waits = zip(*rows, strict=True)
            self.answers.update(zip(calls, map(sub, exchanges, unanswered), strict=True))
            self._exchanges += sum(exchanges)
            self._unanswered += sum(unanswered)
            self._failing += sum(failing)
            is_over = [status not in UNFINISHED for status in statuses]
            self._ended += [status == COMPLETED for status in compress(statuses, is_over)]
            self._costs += [cost for cost in compress(costs, is_over) if cost is not None]
            self._cut_off.update({call: times for call, times in zip(calls, cut_off, strict=True) if times})
            for name, blobs in zip(NAMES, waits, strict=True):
                self.waits[name].add(blobs)
        self._costs.sort()

    def side(self) -> Side:
        return Side(calls=len(self.answers), exchanges=self._exchanges, unanswered=self._unanswered)

    def wait(self, name: str) -> list[_Measured]:
        """The waits of that name at each of `_QUANTILES`."""
        return self.waits[name].measured()

    def completion(self) -> _Measured:
        return _of_calls(sum(self._ended), len(self._ended))

    def errors(self) -> _Measured:
        return _of_calls(self._failing, len(self.answers))

    def interruptions(self) -> _Measured:
        answered = [call for call, answers in self.answers.items() if answers > 0]
        sizes = [self.answers[call] for call in answered]
        cut_off = [self._cut_off.get(call, 0) for call in answered]
        n = sum(sizes)
        if not n:
            return _Measured(None, 0, 0, None)
        return _Measured(sum(self._cut_off.values()) / n, n, len(sizes), share_of(cut_off, sizes))

    def mean_cost(self) -> _Measured:
        n = len(self._costs)
        return _Measured(math.fsum(self._costs) / n if n else None, n, n, mean(self._costs))

    def median_cost(self) -> _Measured:
        n = len(self._costs)
        if n < ENOUGH:
            return _Measured(None, n, n, None)
        estimate = quantile(self._costs, [1] * n, 0.50, ordered=self._costs)
        return _Measured(percentile(self._costs, 0.50), n, n, estimate)


def _of_calls(count: int, calls: int) -> _Measured:
    if not calls:
        return _Measured(None, 0, 0, None)
    return _Measured(count / calls, calls, calls, wilson(count / calls, calls))


def _figures(a: _Calls, b: _Calls, shared: int) -> Iterator[Figure]:
    for name in NAMES:
        if name == RESPONSE or a.waits[name].values or b.waits[name].values:
            measure = name if name == RESPONSE else f"stage.{name}"
            for (statistic, _), one, other in zip(_QUANTILES, a.wait(name), b.wait(name), strict=True):
                yield _figure(measure, statistic, "ms", one, other, shared)
    yield _figure("completion", "share", "share", a.completion(), b.completion(), shared)
    yield _figure("interruption_rate", "share", "share", a.interruptions(), b.interruptions(), shared)
    yield _figure("error_rate", "share", "share", a.errors(), b.errors(), shared)
    yield _figure("cost", "mean", "usd", a.mean_cost(), b.mean_cost(), shared)
    yield _figure("cost", "p50", "usd", a.median_cost(), b.median_cost(), shared)


def _figure(measure: str, statistic: Statistic, unit: Unit, a: _Measured, b: _Measured, shared: int) -> Figure:
    figure = Figure(
        measure=measure,
        statistic=statistic,
        unit=unit,
        a=a.value,
        b=b.value,
        n_a=a.n,
        n_b=b.n,
        difference=b.value - a.value if a.value is not None and b.value is not None else None,
        note=_why_not(a, b, shared),
    )
    if figure.note is not None or a.estimate is None or b.estimate is None:
        return figure
    _, low, high = difference(a.estimate, b.estimate)
    return msgspec.structs.replace(figure, low=low, high=high, clear=low > 0 or high < 0)


def _why_not(a: _Measured, b: _Measured, shared: int) -> str | None:
    """Why there is no interval; None when there is one."""
    if a.value is None or b.value is None:
        return "not enough values"
    if shared:
        return f"no interval: {shared} calls are on both sides"
    if min(a.calls, b.calls) < FEWEST_CALLS:
        return f"no interval: fewer than {FEWEST_CALLS} calls on a side"
    if a.estimate is None or b.estimate is None:
        return "no interval: not enough values so far out"
    return None
