"""What calls come to: how many, how long, how well, how slow, how dear. Percentiles are never averaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from operator import add
from typing import Final

import msgspec

from callscope.archive.reader import UNREADABLE
from callscope.index.histogram import NAMES, RESPONSE, Histogram, histogram_of, merged, unpack_all
from callscope.index.sums import INTERRUPTIONS_AT, SUMS, Row
from callscope.model.call import COMPLETED, IN_PROGRESS
from callscope.timeline.percentiles import percentile

ENOUGH: Final = 20
"""Fewer values than this have no percentiles."""
UNFINISHED: Final = frozenset({IN_PROGRESS, UNREADABLE})
"""Statuses of calls of which nobody can say how they ended."""

_SHARES: Final = (0.50, 0.95, 0.99)
_MS_PER_MINUTE: Final = 60_000
_DECIMALS: Final = 1


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """How waits are distributed, in milliseconds."""

    n: int
    """How many there are. Below `ENOUGH` there are no percentiles: they would say more than is known."""
    min_ms: int | None = None
    """None when there are none, as with ``max_ms``."""
    max_ms: int | None = None
    p50_ms: float | None = None
    """None: not enough values, as with the next two."""
    p95_ms: float | None = None
    p99_ms: float | None = None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a set of calls comes to. A share of nothing is None."""

    calls: int
    ended: int
    """Calls that are over, whichever way."""
    minutes: float
    """Of all calls together."""
    turns: int
    exchanges: int
    """A caller's turn and the answer to it; greetings are not counted, here and below."""
    unanswered: int
    """Exchanges in which the caller heard nothing back."""
    completion: float | None
    """Completed calls / ended calls."""
    interruption_rate: float | None
    """Answers that the caller cut off / answers."""
    error_rate: float | None
    """Calls with an error / calls."""
    response: Percentiles
    """What the caller waited for an answer."""
    stages: dict[str, Percentiles]
    """The parts of it, by stage; stages that did not occur are absent."""
    cost_usd: float | None
    """The sum of what is known: a lower bound where ``unpriced_calls`` > 0. None when nothing is known."""
    unpriced_calls: int
    """Calls whose cost is not known, or not whole."""
    calls_per_minute: float | None
    """Over the time that was asked for, or from the first call's hour to now; None when that time is yet to come."""
    turns_per_minute: float | None


class Tally:
    """Adds up calls, rows of rollups, or both."""

    __slots__ = ("_completed", "_histograms", "_sums", "_unfinished", "_waits")

    def __init__(self) -> None:
        self._sums: list[float] = [0] * len(SUMS)
        self._completed = 0
        self._unfinished = 0
        self._histograms: list[bytes] = []
        self._waits: dict[str, Counter[int]] = {}

    def add(self, status: str, sums: Row) -> None:
        """Add calls of one status: `SUMS` of one call or of many."""
        self._sums = list(map(add, self._sums, sums))
        if status == COMPLETED:
            self._completed += sums[0]
        elif status in UNFINISHED:
            self._unfinished += sums[0]

    def add_histograms(self, packed: bytes) -> None:
        """Add the waits of a row of a rollup."""
        self._histograms.append(packed)

    def add_exchanges(self, interrupted: int, waits: Sequence[Sequence[int | None]]) -> None:
        """Add what calls do not say of their exchanges.

        Args:
            interrupted: how many of their answers were cut off.
            waits: a column for each of `NAMES`.
        """
        self._sums[INTERRUPTIONS_AT] += interrupted
        for name, column in zip(NAMES, waits, strict=True):
            values = [value for value in column if value is not None]
            if values:
                self._waits.setdefault(name, Counter()).update(values)

    def figures(self, *, minutes: float, stages: bool) -> Figures:
        """What it comes to, over so many minutes of time; without ``stages``, of the response alone."""
        sums = dict(zip(SUMS, self._sums, strict=True))
        calls, ended = int(sums["calls"]), int(sums["calls"]) - self._unfinished
        exchanges, unanswered, turns = int(sums["exchanges"]), int(sums["unanswered"]), int(sums["turns"])
        unpriced = int(sums["unpriced_calls"])
        waits = self._percentiles(stages=stages)
        return Figures(
            calls=calls,
            ended=ended,
            minutes=sums["duration_ms"] / _MS_PER_MINUTE,
            turns=turns,
            exchanges=exchanges,
            unanswered=unanswered,
            completion=_share(self._completed, ended),
            interruption_rate=_share(sums["interruptions"], exchanges - unanswered),
            error_rate=_share(sums["calls_with_errors"], calls),
            response=waits.pop(RESPONSE, Percentiles(n=0)),
            stages=waits,
            cost_usd=None if unpriced == calls and not sums["cost_usd"] else sums["cost_usd"],
            unpriced_calls=unpriced,
            calls_per_minute=_share(calls, minutes),
            turns_per_minute=_share(turns, minutes),
        )

    def _percentiles(self, *, stages: bool) -> dict[str, Percentiles]:
        histograms = unpack_all(self._histograms, response_only=not stages)
        found = {}
        for name in NAMES if stages else (RESPONSE,):
            histogram, waits = histograms.get(name), self._waits.get(name)
            if histogram is not None:
                found[name] = _of_histogram(histogram, waits)
            elif waits is not None:
                found[name] = percentiles_of(sorted(waits.elements()))
        return found


def percentiles_of(waits_ms: Sequence[int]) -> Percentiles:
    """Of one or more waits in ascending order, exactly."""
    return _percentiles(
        len(waits_ms),
        waits_ms[0],
        waits_ms[-1],
        [percentile(waits_ms, share) for share in _SHARES] if len(waits_ms) >= ENOUGH else None,
    )


def _of_histogram(histogram: Histogram, more: Counter[int] | None) -> Percentiles:
    also = histogram_of(list(more.elements())) if more is not None else None
    if also is not None:
        histogram = merged((histogram, also))
    shares = histogram.quantiles(_SHARES) if histogram.count >= ENOUGH else None
    return _percentiles(histogram.count, histogram.lowest, histogram.highest, shares)


def _percentiles(n: int, lowest: int, highest: int, shares: Sequence[float] | None) -> Percentiles:
    if shares is None:
        return Percentiles(n=n, min_ms=lowest, max_ms=highest)
    p50_ms, p95_ms, p99_ms = (round(value, _DECIMALS) for value in shares)
    return Percentiles(n=n, min_ms=lowest, max_ms=highest, p50_ms=p50_ms, p95_ms=p95_ms, p99_ms=p99_ms)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
