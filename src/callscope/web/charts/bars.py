"""Bars: stacked ones over time, and a share of a width."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from callscope.web.charts.axis import Scale, place
from callscope.web.charts.time_axis import Slot

_GAP: Final = 0.18
"""Of a period's width, left free between two bars."""
_LEAST: Final = 0.8
"""Percent. Of what is above 0 something is to be seen."""


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a bar."""

    series: int
    """Which of the values of its bar it is."""
    top: float
    """Percent of the height, from above."""
    height: float


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A period's bar; without pieces where there is nothing."""

    at: float
    """Percent of the width."""
    width: float
    pieces: tuple[Piece, ...]
    top: float
    """Of the whole bar; 100 when there is none."""


def stacked(columns: Sequence[Sequence[float]], slots: Sequence[Slot], scale: Scale) -> tuple[Bar, ...]:
    """A bar a period, its values on each other, the first one lowest. What is not above 0 has no piece."""
    return tuple(_bar(column, slot, scale) for column, slot in zip(columns, slots, strict=True))


def length(value: float | None, largest: float) -> float:
    """Percent of a width that a value has of the largest; something of all that is above 0."""
    if value is None or not math.isfinite(value) or value <= 0 or largest <= 0:
        return 0
    return max(place(min(value / largest, 1)), _LEAST)


def _bar(column: Sequence[float], slot: Slot, scale: Scale) -> Bar:
    pieces: list[Piece] = []
    top, total = 100.0, 0.0
    for series, value in enumerate(column):
        if value > 0:
            total += value
            above = min(100 - scale.at(total), top - _LEAST)
            pieces.append(Piece(series=series, top=round(above, 3), height=round(top - above, 3)))
            top = above
    gap = slot.width * _GAP
    return Bar(
        at=round(slot.at + gap / 2, 3), width=round(slot.width - gap, 3), pieces=tuple(pieces), top=round(top, 3)
    )
