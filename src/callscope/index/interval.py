"""95 % confidence intervals: of a quantile, a share, a mean, and of the difference of two of them.

Values of one call belong together (a slow model is slow all call long), so it is calls that vary independently, not
exchanges. Where a figure is of exchanges, its variance is that of the sums by call (the linearised variance of a ratio
of cluster totals: Cochran, *Sampling Techniques*, 1977, chapter 9A). How much greater it is than that of as many
independent values is the design effect, here at least 1.

quantile
    Woodruff (Journal of the American Statistical Association 47, 1952): the interval of the share of values below it,
    p ± t sqrt(p (1 - p) d / n) with the design effect d, read off at the values of those ranks. There is none where a
    rank is beyond the last value.
share
    Wilson's score interval (same journal 22, 1927), of n / d values.
mean
    Student's.
difference
    From the two intervals by MOVER (Zou and Donner, Statistics in Medicine 27, 2008; of two shares that is Newcombe's
    method 10, Statistics in Medicine 17, 1998). An interval that is longer on one side stays so.

Nothing is resampled: a bootstrap of 10,000 exchanges takes plain Python seconds, this takes milliseconds and says the
same each time. Where two sides are equal, 0 is in the interval of the difference in 95 % of simulated comparisons (92
to 95 % for shares near 0): tests/index/test_interval.py.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Sequence
from itertools import accumulate, repeat
from operator import mul
from typing import Final, NamedTuple

from callscope.timeline.percentiles import percentile

_Z: Final = 1.959963984540054
"""The normal distribution's 97.5 % quantile."""
_LANE: Final = 4
_SMALL: Final = 1 << 24
"""Numbers of 32 bits below this are compared all at once: the byte at the top then says no more than that."""
_HALF: Final = (1 << 31) - 1
_ABOVE: Final = 0x80


class Estimate(NamedTuple):
    """A figure and its interval, in the unit of the values."""

    value: float
    low: float
    high: float


def quantile(
    values: Sequence[float], sizes: Sequence[int], share: float, *, ordered: Sequence[float]
) -> Estimate | None:
    """The quantile of values; None when there are too few for an interval so far out, or one group.

    Args:
        values: those of a group (call) next to each other.
        sizes: how many values each group has, in that order, at least one.
        share: 0 to 1.
        ordered: the same values, ascending.
    """
    found = float(percentile(ordered, share))
    effect = design_effect(_above(values, sizes, found, highest=ordered[-1]), sizes)
    if effect is None:
        return None
    n = len(ordered)
    reach = student(len(sizes) - 1) * math.sqrt(n * share * (1 - share) * effect)
    low, high = (n * share + side * reach - 0.5 for side in (-1, 1))  # ranks from 0, between two values
    if low < 0 or high > n - 1:
        return None
    return Estimate(found, *(percentile(ordered, rank / (n - 1)) for rank in (low, high)))


def _above(values: Sequence[float], sizes: Sequence[int], limit: float, *, highest: float) -> list[int]:
    """How many values of each group are above a limit, which is one of them or between two."""
    ends = list(accumulate(sizes))
    if isinstance(values, array) and values.typecode == "I" and values.itemsize == _LANE and highest < _SMALL:
        # As one integer of 32 bits a value: what is added takes those that are above over the highest bit.
        together = int.from_bytes(values.tobytes(), sys.byteorder)
        ones = int.from_bytes(array("I", (1,)).tobytes() * len(values), sys.byteorder)
        added = (together + ones * (_HALF - int(limit))).to_bytes(len(values) * _LANE, sys.byteorder)
        flags, sign = added[_LANE - 1 if sys.byteorder == "little" else 0 :: _LANE], _ABOVE
    else:
        flags, sign = bytes(map(limit.__lt__, values)), 1
    return list(map(flags.count, repeat(sign), [0, *ends], ends))


def share_of(parts: Sequence[int], sizes: Sequence[int]) -> Estimate | None:
    """A share of things that belong to groups: how many of each group it is, and how many there are; None as above."""
    effect = design_effect(parts, sizes)
    if effect is None:
        return None
    n = sum(sizes)
    return wilson(sum(parts) / n, n / effect, times=student(len(sizes) - 1))


def wilson(share: float, n: float, *, times: float = _Z) -> Estimate:
    """A share of ``n`` independent things; ``times``: how many standard errors the interval reaches."""
    square = times * times / n
    middle = (share + square / 2) / (1 + square)
    reach = math.sqrt(square * (share * (1 - share) + square / 4)) / (1 + square)
    return Estimate(share, max(0.0, middle - reach), min(1.0, middle + reach))


def mean(values: Sequence[float]) -> Estimate | None:
    """The mean of independent values; None of fewer than two."""
    n = len(values)
    if n < 2:  # noqa: PLR2004 -- one value has no variance
        return None
    middle = math.fsum(values) / n
    variance = math.fsum((value - middle) ** 2 for value in values) / (n - 1)
    reach = student(n - 1) * math.sqrt(variance / n)
    return Estimate(middle, middle - reach, middle + reach)


def difference(a: Estimate, b: Estimate) -> Estimate:
    """What b is more than a; the two are independent."""
    value = b.value - a.value
    low = value - math.hypot(b.value - b.low, a.high - a.value)
    high = value + math.hypot(b.high - b.value, a.value - a.low)
    return Estimate(value, low, high)


def design_effect(parts: Sequence[int], sizes: Sequence[int]) -> float | None:
    """How many times the variance of a share is that of as many independent things; None of fewer than two groups."""
    groups, n = len(sizes), sum(sizes)
    if groups < 2:  # noqa: PLR2004 -- one group has no variance
        return None
    share = sum(parts) / n
    if not 0 < share < 1:
        return 1.0
    # The sum of (part - share * size)² over all groups.
    squares = _products(parts, parts) - 2 * share * _products(parts, sizes) + share * share * _products(sizes, sizes)
    return max(1.0, groups / (groups - 1) * squares / (n * share * (1 - share)))


def _products(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(map(mul, one, other))


def student(degrees: int) -> float:
    """The 97.5 % quantile of Student's distribution (Abramowitz and Stegun 26.7.5: to 0.1 % from 5 degrees on)."""
    z, v = _Z, degrees
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )
