"""Where a value is on a drawing's axis, and which round values stand beside it. Places are percent of the length."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import msgspec

_DIGITS: Final = 3
"""Of a place in percent: a hundredth of a pixel."""
_ROUND: Final = (1, 2, 5, 10)
_LEAST: Final = 1e-9
_DECADE: Final = 10.0


class Tick(msgspec.Struct, frozen=True):
    """A round value beside an axis."""

    at: float
    """Percent of the axis from where it begins."""
    label: str
    is_minor: bool = False
    """One that a narrow drawing leaves out."""


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """An axis of values from ``low`` to ``high``."""

    low: float
    high: float
    is_log: bool = False
    ticks: tuple[Tick, ...] = ()

    def at(self, value: float) -> float:
        """The percent of the axis at which a value is; what lies beyond an end is at that end."""
        if not math.isfinite(value):
            return 100.0 if value > 0 else 0.0
        if self.is_log:
            value = max(value, self.low)
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return place(min(max(share, 0.0), 1.0))


def place(share: float) -> float:
    """A share of one as percent, as short as drawings need it."""
    return round(share * 100, _DIGITS)


def linear_scale(largest: float, label: Callable[[float], str], *, most: int = 4) -> Scale:
    """An axis from 0 to a round value that is not below the largest one.

    Args:
        largest: of the values that are drawn; not above 0: there is nothing to draw, and no tick but 0.
        label: how a value is written.
        most: steps between ticks.
    """
    if not math.isfinite(largest) or largest < _LEAST:
        return Scale(low=0, high=1, ticks=(Tick(0, label(0)),))
    step = _round_up(largest / most)
    steps = max(1, math.ceil(round(largest / step, _DIGITS * 3)))
    ticks = tuple(Tick(place(i / steps), label(i * step)) for i in range(steps + 1))
    return Scale(low=0, high=steps * step, ticks=ticks)


def log_scale(smallest: float, largest: float, label: Callable[[float], str], *, most: int = 9) -> Scale:
    """A logarithmic axis between round values around the smallest and the largest one, both above 0.

    Ticks stand at 1, 2 and 5 times each power of ten; where those are too many, at the powers alone.
    """
    low, high = _round_down(max(smallest, _LEAST)), _round_up(max(largest, smallest, _LEAST))
    if high <= low:
        high = _round_up(low * 2)
    values = _between(low, high)
    if len(values) > most:
        values = [value for value in values if math.isclose(_leading(value), 1)]
    scale = Scale(low=low, high=high, is_log=True)
    found = tuple(
        Tick(scale.at(value), label(value), is_minor=not math.isclose(_leading(value), 1) and len(values) > most / 2)
        for value in values
    )
    return msgspec.structs.replace(scale, ticks=found)


def _between(low: float, high: float) -> list[float]:
    exponent = math.floor(math.log10(low))
    last = math.ceil(math.log10(high))
    values = [factor * _DECADE**power for power in range(exponent, last + 1) for factor in _ROUND[:-1]]
    return [value for value in values if low <= value * (1 + _LEAST) and value <= high * (1 + _LEAST)]


def _leading(value: float) -> float:
    return value / _power(value)


def _power(value: float) -> float:
    """The power of ten that is not above the value, up to how floats are rounded."""
    return math.pow(_DECADE, math.floor(math.log10(value) + _LEAST))


def _round_up(value: float) -> float:
    power = _power(value)
    return min(factor * power for factor in _ROUND if value <= factor * power * (1 + _LEAST))


def _round_down(value: float) -> float:
    power = _power(value)
    return max(factor * power for factor in _ROUND[:-1] if value >= factor * power * (1 - _LEAST))
