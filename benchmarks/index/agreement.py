"""Whether callscope and DuckDB give the same answer: a ratio of times means something only then."""

from __future__ import annotations

from typing import Any, Final

from callscope.index.calls import CallPage
from callscope.index.error_groups import ErrorGroup
from callscope.index.search import HitPage

_WITHIN: Final = 0.02
"""Percentiles of sums are to be within this of exact ones."""

Rows = list[tuple[Any, ...]]


def agrees(ours: Any, columns: list[str], rows: Rows, names: dict[int, str]) -> bool | None:
    """Whether two answers hold the same, in the same order where there is one; None where that cannot be told.

    Args:
        ours: callscope's.
        columns: names of DuckDB's columns.
        rows: DuckDB's.
        names: the paths of the calls by their numbers.
    """
    if isinstance(ours, CallPage):
        if ours.total is not None:
            return ours.total == int(rows[0][0])
        return [call.path for call in ours.calls] == [row[columns.index("path")] for row in rows]
    if isinstance(ours, HitPage):
        found = [(names[row[0] >> 20], row[1]) for row in rows]
        return [(hit.path, hit.kind) for hit in ours.hits] == found if ours.complete else None
    if not isinstance(ours, list) or not ours:
        return None
    if isinstance(ours[0], ErrorGroup):
        groups = {(group.fingerprint, group.count, group.calls) for group in ours}
        return groups == {(row[0], row[2], row[3]) for row in rows}
    if isinstance(ours[0], tuple):
        return _same_waits(dict(ours), rows)
    return [len(part) for part in ours[: len(rows[0])]] == [len(part or ()) for part in rows[0]]


def _same_waits(ours: dict[tuple[Any, ...], Any], rows: Rows) -> bool:
    """Whether each group of theirs is among ours, with near percentiles. Ours count calls without exchanges, too."""
    for *key, count, waits in rows:
        figures = ours.get(tuple(key))
        if figures is None or figures.calls < count:
            return False
        told = (figures.response.p50_ms, figures.response.p95_ms, figures.response.p99_ms)
        pairs = zip(told, waits or (), strict=False)
        if any(found is not None and abs(found - exact) > _WITHIN * exact for found, exact in pairs):
            return False
    return True
