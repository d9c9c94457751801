"""How values are spread, as columns on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from callscope.web.charts.axis import Scale, place

_LEAST_HEIGHT: Final = 1.0
_LEAST_WIDTH: Final = 0.1
"""Percent. Of what is there something is to be seen."""


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """How many values there are from ``low`` up to ``high``."""

    low: float
    high: float
    count: int


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A bin as it is drawn; percent."""

    at: float
    width: float
    top: float
    height: float
    bin: Bin
    is_trouble: bool
    """All of it lies above the limit."""


def bins(edges: Sequence[float], counts: Sequence[int], *, largest: float) -> tuple[Bin, ...]:
    """Bins from where each begins and how many it holds; the last one ends with the largest value."""
    ends = [*edges[1:], max(largest, edges[-1])] if edges else []
    return tuple(Bin(low=low, high=high, count=count) for low, high, count in zip(edges, ends, counts, strict=True))


def columns(found: Sequence[Bin], scale: Scale, *, limit: float | None = None) -> tuple[Column, ...]:
    """The columns of bins that hold something, as high as their count is of the largest one."""
    most = max((each.count for each in found), default=0)
    return tuple(_column(each, most, scale, limit) for each in found if each.count > 0)


def _column(found: Bin, most: int, scale: Scale, limit: float | None) -> Column:
    at, to = scale.at(found.low), scale.at(found.high)
    height = max(place(found.count / most), _LEAST_HEIGHT)
    return Column(
        at=at,
        width=round(max(to - at, _LEAST_WIDTH), 3),
        top=round(100 - height, 3),
        height=height,
        bin=found,
        is_trouble=limit is not None and found.low >= limit,
    )
