"""Values by two things at once: one hue, by lightness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec

LEVELS: Final = 5


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    level: int
    """1, the palest, to `LEVELS`; 0: it has no value."""
    is_trouble: bool
    """Above the limit."""


def cells(values: Sequence[float | None], *, limit: float | None = None) -> tuple[Cell, ...]:
    """A cell for each value: levels are of equal width between the smallest and the largest; None: not known.

    When all are equal there is nothing to tell apart, and all are of the middle level.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    low, high = min(known, default=0.0), max(known, default=0.0)
    return tuple(
        Cell(
            level=0 if value is None or not math.isfinite(value) else _level(value, low, high),
            is_trouble=limit is not None and value is not None and value > limit,
        )
        for value in values
    )


def _level(value: float, low: float, high: float) -> int:
    if high <= low:
        return (LEVELS + 1) // 2
    return min(1 + int((value - low) / (high - low) * LEVELS), LEVELS)
