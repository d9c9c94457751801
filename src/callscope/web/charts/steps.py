"""A value a period as a line of steps. Between periods without a value nothing is drawn: nothing is known there."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from callscope.web.charts.axis import Scale
from callscope.web.charts.time_axis import Slot


class Level(msgspec.Struct, frozen=True, kw_only=True):
    """The value of one period: a level line."""

    at: float
    """Percent of the width at which it begins, and at which it ends."""
    to: float
    top: float
    """Percent of the height, from above."""
    is_trouble: bool = False
    """Above what the page takes for good."""


class Rise(msgspec.Struct, frozen=True, kw_only=True):
    """What joins the levels of two periods that follow each other; percent."""

    at: float
    top: float
    bottom: float


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """One line."""

    levels: tuple[Level, ...]
    rises: tuple[Rise, ...]


def steps(values: Sequence[float | None], slots: Sequence[Slot], scale: Scale, *, limit: float | None = None) -> Steps:
    """The steps of a value for each period; None: not known. Above ``limit`` they are trouble."""
    levels: list[Level] = []
    rises: list[Rise] = []
    last: Level | None = None
    for slot, value in zip(slots, values, strict=True):
        if value is None or not math.isfinite(value):
            last = None
            continue
        top = round(100 - scale.at(value), 3)
        is_trouble = limit is not None and value > limit
        if last is not None and last.top != top:
            rises.append(Rise(at=slot.at, top=min(last.top, top), bottom=max(last.top, top)))
        last = Level(at=slot.at, to=round(slot.at + slot.width, 3), top=top, is_trouble=is_trouble)
        levels.append(last)
    return Steps(levels=tuple(levels), rises=tuple(rises))
