"""How values are spread, as columns on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from callscope.web.charts.axis import Scale, place

BINS_A_DECADE: Final = 20
"""Each column is 12 % wider than the one before."""


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


def edges(smallest: float, largest: float) -> tuple[int, ...]:
    """Where columns begin and the last one ends: whole numbers from below the smallest value to above the largest."""
    found = [max(int(smallest), 1)]
    while found[-1] <= largest:
        found.append(max(found[-1] + 1, round(found[-1] * 10 ** (1 / BINS_A_DECADE))))
    return tuple(found)


def columns(bins: Sequence[Bin], scale: Scale, *, limit: float | None = None) -> tuple[Column, ...]:
    """The columns of bins that hold something, as high as their count is of the largest one."""
    most = max((each.count for each in bins), default=0)
    found = []
    for each in bins:
        if each.count > 0:
            at, to = scale.at(each.low), scale.at(each.high)
            height = max(place(each.count / most), 1.0)
            found.append(
                Column(
                    at=at,
                    width=round(max(to - at, 0.1), 3),
                    top=round(100 - height, 3),
                    height=height,
                    bin=each,
                    is_trouble=limit is not None and each.low >= limit,
                )
            )
    return tuple(found)
