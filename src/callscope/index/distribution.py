"""How waits are spread: how many are how long, on a logarithmic scale, for charts."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import msgspec

from callscope.errors import SettingError
from callscope.index import regex
from callscope.index.figures import ENOUGH
from callscope.index.histogram import NAMES, RESPONSE, Gathered, bucket_of
from callscope.index.trends import Groups
from callscope.query.query import CallQuery

EDGES_MS: Final = (0, *(round(10 ** (1 + step / 16)) for step in range(16 * 4)), 100_000)
"""Where bars begin: sixteen to a power of ten, each 15 % longer than the one before. What is shorter than the second is
in the first bar, what is longer than the last is in that."""
_SHARES: Final = (0.50, 0.95, 0.99)


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """The waits of one group. Percentiles are within 1 %, all else is exact but for the edges of bars."""

    edges_ms: tuple[int, ...]
    """Where each bar begins, ascending: those of `EDGES_MS` from the shortest wait of all groups to the longest."""
    counts: tuple[int, ...]
    """How many waits are in each bar; a wait within 2 % of an edge may be in the bar beside it."""
    n: int
    min_ms: int
    max_ms: int
    p50_ms: float | None
    """None: fewer than `callscope.index.figures.ENOUGH` waits, as with the next two."""
    p95_ms: float | None
    p99_ms: float | None


def distribution(
    db: sqlite3.Connection, query: CallQuery, *, stage: str = RESPONSE, by: str | None = None
) -> list[tuple[str | int, Distribution]]:
    """The waits of the matching calls by group, in the order of their keys; groups without such waits are absent.

    Args:
        db: see `callscope.index.database`.
        query: which calls; its sort, limit and cursor are of no account.
        stage: ``response``, or a stage of it.
        by: see `callscope.index.trends.trends`; None: all together, with the key ``""``.

    Raises:
        SettingError: there is no such stage or group.
    """
    if stage not in NAMES:
        raise SettingError(f"there is no stage {stage!r}: write {', '.join(NAMES)}")
    regex.install(db)
    groups = Groups(db, query, by=() if by is None else (by,), names=(stage,))
    found = {key: tally.gathered().get(stage) for key, tally in sorted(groups.tallies.items())}
    waits = {(key[0] if key else ""): each for key, each in found.items() if each is not None}
    if not waits:
        return []
    edges = [each.edges() for each in waits.values()]
    first = bisect_right(EDGES_MS, min(lowest for _, lowest, _ in edges)) - 1
    last = bisect_right(EDGES_MS, max(highest for _, _, highest in edges))
    return [(key, _distribution(each, EDGES_MS[first:last])) for key, each in waits.items()]


def _distribution(waits: Gathered, edges_ms: Sequence[int]) -> Distribution:
    n, lowest, highest = waits.edges()
    first, counts = waits.histogram().counts()
    ends = [min(max(bucket_of(edge) - first, 0), len(counts)) for edge in edges_ms[1:]]
    parts = zip([0, *ends], [*ends, len(counts)], strict=True)
    p50_ms, p95_ms, p99_ms = waits.quantiles(_SHARES) if n >= ENOUGH else (None, None, None)
    return Distribution(
        edges_ms=tuple(edges_ms),
        counts=tuple(sum(counts[begin:end]) for begin, end in parts),
        n=n,
        min_ms=lowest,
        max_ms=highest,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
    )
