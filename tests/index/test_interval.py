"""Confidence intervals: known values, and that they are right as often as they say."""

from __future__ import annotations

import math
import random
from array import array
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.index.interval import (
    Estimate,
    design_effect,
    difference,
    mean,
    quantile,
    share_of,
    student,
    wilson,
)
from callscope.timeline.percentiles import percentile


def quantile_of(values: Sequence[float], calls: Sequence[int], share: float) -> Estimate | None:
    by_call = sorted(range(len(values)), key=calls.__getitem__)
    sizes = [times for _, times in sorted(Counter(calls).items())]
    return quantile([values[at] for at in by_call], sizes, share, ordered=sorted(values))


def rounded(estimate: Estimate | None, digits: int = 4) -> tuple[float, ...]:
    assert estimate is not None
    return tuple(round(number, digits) for number in estimate)


def test_a_share_has_the_interval_of_the_published_example() -> None:
    # Newcombe 1998, Statistics in Medicine 17:857, table I: method 3 (score, without continuity correction).
    assert rounded(wilson(81 / 263, 263)) == (0.3080, 0.2553, 0.3662)
    assert rounded(wilson(15 / 148, 148)) == (0.1014, 0.0624, 0.1605)
    assert rounded(wilson(0 / 20, 20)) == (0.0, 0.0, 0.1611)
    assert rounded(wilson(1 / 29, 29)) == (0.0345, 0.0061, 0.1718)


def test_the_difference_of_two_shares_has_the_interval_of_the_published_example() -> None:
    # Newcombe 1998, Statistics in Medicine 17:873, table II: method 10.
    assert rounded(difference(wilson(48 / 80, 80), wilson(56 / 70, 70))) == (0.2, 0.0524, 0.3339)
    assert rounded(difference(wilson(3 / 10, 10), wilson(9 / 10, 10))) == (0.6, 0.1705, 0.8090)
    assert rounded(difference(wilson(0 / 10, 10), wilson(10 / 10, 10))) == (1.0, 0.6075, 1.0)


def test_students_quantile_is_that_of_the_tables() -> None:
    assert [round(student(degrees), 3) for degrees in (9, 19, 29, 120, 10**6)] == [2.262, 2.093, 2.045, 1.980, 1.960]


def test_a_mean_has_students_interval() -> None:
    values = [3.0, 5.0, 4.0, 6.0, 2.0, 4.0, 5.0, 3.0, 4.0, 4.0]
    reach = 2.2622 * math.sqrt(12 / 9 / 10)
    assert mean(values) == pytest.approx((4, 4 - reach, 4 + reach), abs=1e-3)
    assert mean([1.0]) is None


def test_values_that_vary_by_call_alone_count_as_one_a_call() -> None:
    parts, sizes = [10 * (call % 2) for call in range(40)], [10] * 40
    assert design_effect(parts, sizes) == pytest.approx(10 * 40 / 39)
    assert design_effect([5] * 40, sizes) == 1
    assert design_effect([0] * 40, sizes) == 1
    assert design_effect([1], [2]) is None
    alone, together = wilson(0.5, 40, times=student(39)), share_of(parts, sizes)
    assert together is not None
    assert (together.low, together.high) == pytest.approx((alone.low, alone.high), abs=0.005)


def test_a_quantile_lies_between_the_values_of_its_outer_ranks() -> None:
    # 100 independent values: ranks 50 -+ 1.984 * 5 (with the continuity correction of half a rank), counted from 1.
    found = quantile_of(range(1, 101), range(100), 0.5)
    assert found is not None
    assert found == pytest.approx((50.5, 50.5 - 9.92 * math.sqrt(100 / 99), 50.5 + 9.92 * math.sqrt(100 / 99)), abs=0.3)


def test_too_few_values_so_far_out_have_no_interval() -> None:
    assert quantile_of(range(80), range(80), 0.95) is None
    assert quantile_of(range(120), range(120), 0.95) is not None
    assert quantile_of(range(120), [0] * 120, 0.5) is None


@given(
    st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 12)), min_size=20, max_size=120),
    st.sampled_from([0.5, 0.95]),
)
def test_a_quantile_is_the_exact_one_and_in_its_interval(pairs: list[tuple[int, int]], share: float) -> None:
    values, calls = [value for value, _ in pairs], [call for _, call in pairs]
    found = quantile_of(values, calls, share)
    if found is not None:
        assert found.value == percentile(sorted(values), share)
        assert min(values) <= found.low <= found.value <= found.high <= max(values)


@given(*[st.tuples(st.floats(-9, 9), st.floats(0, 9), st.floats(0, 9))] * 2)
def test_a_difference_turned_round_is_the_same_with_another_sign(
    a: tuple[float, float, float], b: tuple[float, float, float]
) -> None:
    one, other = (Estimate(value, value - below, value + above) for value, below, above in (a, b))
    there, back = difference(one, other), difference(other, one)
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low))
    assert there.low <= there.value <= there.high


def waits(dice: random.Random, calls: int) -> tuple[list[float], list[int]]:
    """Waits of calls of five exchanges on average; as much of their variance is between calls as within them."""
    values, groups = [], []
    for call in range(calls):
        slow = dice.gauss(0, 0.35)
        for _ in range(max(1, int(dice.expovariate(0.2)))):
            values.append(800 * math.exp(slow + dice.gauss(0, 0.35)))
            groups.append(call)
    return values, groups


def cut_off(dice: random.Random, calls: int) -> tuple[list[int], list[int]]:
    """How many of the answers of each call were cut off, and how many there were; some callers are impatient."""
    parts, sizes = [], []
    for _ in range(calls):
        share = dice.betavariate(1, 4)
        sizes.append(max(1, int(dice.expovariate(0.2))))
        parts.append(sum(dice.random() < share for _ in range(sizes[-1])))
    return parts, sizes


@pytest.mark.parametrize(
    "side",
    [
        lambda dice: quantile_of(*waits(dice, 60), 0.5),
        lambda dice: quantile_of(*waits(dice, 90), 0.95),
        lambda dice: share_of(*cut_off(dice, 60)),
        lambda dice: mean([dice.lognormvariate(-2, 0.5) for _ in range(60)]),
    ],
    ids=["median", "p95", "share", "mean"],
)
def test_where_nothing_differs_the_interval_says_so_about_19_times_of_20(
    side: Callable[[random.Random], Estimate | None],
) -> None:
    dice = random.Random(20)
    covered = []
    for _ in range(400):
        a, b = side(dice), side(dice)
        if a is not None and b is not None:
            _, low, high = difference(a, b)
            covered.append(low <= 0 <= high)
    assert len(covered) > 300
    assert 0.92 <= sum(covered) / len(covered) <= 0.985


def test_exchanges_of_one_call_are_not_taken_for_independent_ones() -> None:
    dice = random.Random(4)
    values, calls = waits(dice, 60)
    together, apart = quantile_of(values, calls, 0.5), quantile_of(values, range(len(values)), 0.5)
    assert together is not None
    assert apart is not None
    assert together.high - together.low > 1.3 * (apart.high - apart.low)


@given(
    st.lists(
        st.lists(
            st.one_of(st.integers(0, 50), st.integers(0, 2**32 - 1), st.integers(2**24 - 2, 2**24 + 2)), min_size=1
        ),
        min_size=2,
        max_size=30,
    ),
    st.sampled_from([0.5, 0.95]),
)
def test_packed_values_have_the_interval_of_the_same_values_in_a_list(groups: list[list[int]], share: float) -> None:
    values = [value for group in groups for value in group]
    sizes, ordered = list(map(len, groups)), sorted(values)
    assert quantile(array("I", values), sizes, share, ordered=ordered) == quantile(
        values, sizes, share, ordered=ordered
    )
