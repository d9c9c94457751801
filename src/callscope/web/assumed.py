"""Which calls of a list have a cost with something assumed in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from callscope.index.calls import CallRow
from callscope.index.index import Index
from callscope.model.cost import ESTIMATED, PARTIAL

_SECONDS: Final = 0.25
"""The list does not wait longer for this."""


def estimated_calls(calls: Sequence[CallRow], index: Index) -> frozenset[int]:
    """The numbers of those calls; of a cost that is known in part, only its lines tell.

    Raises as `callscope.index.index.Index.sql` does.
    """
    sure = {call.id for call in calls if call.cost_status == ESTIMATED}
    partial = [str(call.id) for call in calls if call.cost_status == PARTIAL]
    if not partial:
        return frozenset(sure)
    among = ", ".join(partial)
    _, found, _ = index.sql(
        f"SELECT DISTINCT call FROM cost_line WHERE call IN ({among}) AND status = '{ESTIMATED}'",  # noqa: S608 -- numbers of ours
        seconds=_SECONDS,
    )
    return frozenset(sure.union(int(str(number)) for (number,) in found))
