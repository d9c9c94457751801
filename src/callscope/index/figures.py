"""What calls come to: how many, how long, how well, how slow, how dear. Percentiles are never averaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from operator import add
from typing import Final

import msgspec

from callscope.index.call_waits import unpacked
from callscope.index.counted import Counted
from callscope.index.histogram import NAMES, RESPONSE, Gathered, gather
from callscope.index.sums import NANO_PER_USD, SUMS, US_PER_MINUTE, Row
from callscope.timeline.percentiles import percentile

ENOUGH: Final = 20
"""Fewer values than this have no percentiles."""

_SHARES: Final = (0.50, 0.95, 0.99)
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

    __slots__ = ("_histograms", "_sums", "_waits")

    def __init__(self) -> None:
        self._sums: list[int] = [0] * len(SUMS)
        self._histograms: list[bytes] = []
        self._waits: dict[str, Counter[int]] = {}

    def add(self, sums: Row) -> None:
        """Add `SUMS` of one call or of many."""
        self._sums = list(map(add, self._sums, sums))

    def add_histograms(self, *columns: Sequence[bytes]) -> None:
        """Add the waits of rows of rollups."""
        for packed in columns:
            self._histograms += packed

    def add_waits(self, columns: Iterable[tuple[str, Sequence[bytes]]]) -> None:
        """Add the waits of calls: by name, those of each call as ``call_waits`` holds them."""
        for name, blobs in columns:
            values = unpacked(blobs)
            if values:
                self._waits.setdefault(name, Counter()).update(values)

    def gathered(self) -> dict[str, Gathered]:
        """All waits by name, as histograms."""
        found = gather(self._histograms)
        for name, waits in self._waits.items():
            found.setdefault(name, Gathered([], [], [])).add(list(waits.elements()))
        return found

    def figures(self, *, minutes: float) -> Figures:
        """What it comes to, over so many minutes of time."""
        sums = dict(zip(SUMS, self._sums, strict=True))
        calls, ended = sums["calls"], sums["calls"] - sums["unfinished"]
        exchanges, unanswered, unpriced = sums["exchanges"], sums["unanswered"], sums["unpriced_calls"]
        waits = self._percentiles()
        return Figures(
            calls=calls,
            ended=ended,
            minutes=sums["duration_us"] / US_PER_MINUTE,
            turns=sums["turns"],
            exchanges=exchanges,
            unanswered=unanswered,
            completion=_share(sums["completed"], ended),
            interruption_rate=_share(sums["interruptions"], exchanges - unanswered),
            error_rate=_share(sums["calls_with_errors"], calls),
            response=waits.pop(RESPONSE, Percentiles(n=0)),
            stages=waits,
            cost_usd=None if unpriced == calls and not sums["nano_usd"] else sums["nano_usd"] / NANO_PER_USD,
            unpriced_calls=unpriced,
            calls_per_minute=_share(calls, minutes),
            turns_per_minute=_share(sums["turns"], minutes),
        )

    def _percentiles(self) -> dict[str, Percentiles]:
        """Of what was added, exactly when there is no histogram among it."""
        exactly = {} if self._histograms else self._waits
        gathered = self.gathered() if self._histograms else {}
        found: dict[str, Percentiles] = {}
        for name in NAMES:
            if name in exactly:
                found[name] = _of_counted(exactly[name])
            elif name in gathered:
                found[name] = _of_gathered(gathered[name])
        return found


def _of_gathered(gathered: Gathered) -> Percentiles:
    count, lowest, highest = gathered.edges()
    return _percentiles(count, lowest, highest, gathered.quantiles(_SHARES) if count >= ENOUGH else None)


def _of_counted(waits_ms: Counter[int]) -> Percentiles:
    ordered = Counted(waits_ms)
    shares = [percentile(ordered, share) for share in _SHARES] if len(ordered) >= ENOUGH else None
    return _percentiles(len(ordered), ordered[0], ordered[-1], shares)


def _percentiles(n: int, lowest: int, highest: int, shares: Sequence[float] | None) -> Percentiles:
    if shares is None:
        return Percentiles(n=n, min_ms=lowest, max_ms=highest)
    p50_ms, p95_ms, p99_ms = (round(value, _DECIMALS) for value in shares)
    return Percentiles(n=n, min_ms=lowest, max_ms=highest, p50_ms=p50_ms, p95_ms=p95_ms, p99_ms=p99_ms)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
