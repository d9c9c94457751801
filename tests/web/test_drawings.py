"""Drawings as values: where things are, which round values stand beside them, and what is left out."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from callscope.web.charts.axis import Scale, linear_scale, log_scale
from callscope.web.charts.bars import length, stacked
from callscope.web.charts.heatmap import LEVELS, cells
from callscope.web.charts.histogram import bins, columns
from callscope.web.charts.steps import steps
from callscope.web.charts.time_axis import TimeAxis, period_of, time_axis
from callscope.web.charts.words import short_money, short_number, short_wait

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MIDNIGHT_MS = 1_795_219_200_000  # 2026-11-21T00:00:00Z
HUNDRED = Scale(low=0, high=100)


def days(count: int) -> TimeAxis:
    return time_axis(MIDNIGHT_MS - (count - 1) * DAY_MS, MIDNIGHT_MS + DAY_MS)


@pytest.mark.parametrize(
    ("largest", "labels"),
    [
        (7, ["0", "2", "4", "6", "8"]),
        (100, ["0", "50", "100"]),
        (3.2, ["0", "1", "2", "3", "4"]),
        (0.00013, ["0", "0.00005", "0.0001", "0.00015"]),
        (1, ["0", "0.5", "1"]),
    ],
)
def test_ticks_are_round_and_reach_above_the_largest_value(largest: float, labels: list[str]) -> None:
    scale = linear_scale(largest, short_number)
    assert [tick.label for tick in scale.ticks] == labels
    assert scale.high >= largest
    assert scale.ticks[-1].at == 100


@pytest.mark.parametrize("nothing", [0, -3, math.nan, math.inf])
def test_an_axis_of_nothing_has_the_tick_0_alone(nothing: float) -> None:
    assert [tick.label for tick in linear_scale(nothing, short_number).ticks] == ["0"]


@pytest.mark.parametrize("largest", [1e-8, 0.3, 1, 9.99, 1e6, 3e15, 1e300])
def test_an_axis_of_any_size_has_few_ticks_and_the_largest_value_on_it(largest: float) -> None:
    scale = linear_scale(largest, short_number)
    assert 2 <= len(scale.ticks) <= 6
    assert 40 <= scale.at(largest) <= 100


def test_a_place_is_never_outside_of_the_axis() -> None:
    assert [HUNDRED.at(value) for value in (-1, 0, 25, 100, 1e9, math.inf, -math.inf, math.nan)] == [
        0, 0, 25, 100, 100, 100, 0, 0,
    ]  # fmt: skip


def test_a_logarithmic_axis_has_1_2_and_5_and_equal_steps_for_equal_factors() -> None:
    scale = log_scale(190, 8_522, short_wait)
    assert [tick.label for tick in scale.ticks] == ["100 ms", "200 ms", "500 ms", "1 s", "2 s", "5 s", "10 s"]
    assert (scale.at(100), scale.at(1_000), scale.at(10_000)) == (0, 50, 100)


def test_a_logarithmic_axis_over_many_powers_has_the_powers_alone() -> None:
    labels = [tick.label for tick in log_scale(1, 900_000, short_wait).ticks]
    assert labels[:4] == ["1 ms", "10 ms", "100 ms", "1 s"]


@pytest.mark.parametrize("value", [0, 1, 500, 2**32])
def test_a_logarithmic_axis_of_one_value_has_a_length(value: float) -> None:
    scale = log_scale(value, value, short_wait)
    assert scale.low < scale.high
    assert 0 <= scale.at(value) <= 100


@pytest.mark.parametrize(
    ("length_ms", "period"),
    [(HOUR_MS, "hour"), (48 * HOUR_MS, "hour"), (7 * DAY_MS, "day"), (90 * DAY_MS, "day"), (91 * DAY_MS, "week"),
     (2_000 * DAY_MS, "month"), (20_000 * DAY_MS, "year")],
)  # fmt: skip
def test_the_longer_the_time_the_longer_its_periods(length_ms: int, period: str) -> None:
    assert period_of(MIDNIGHT_MS, MIDNIGHT_MS + length_ms) == period


def test_periods_follow_each_other_and_fill_the_width() -> None:
    axis = time_axis(MIDNIGHT_MS - 6 * DAY_MS + HOUR_MS, MIDNIGHT_MS + HOUR_MS)
    assert len(axis.slots) == 7
    assert all(one.end_ms == other.start_ms for one, other in pairwise(axis.slots))
    assert axis.slots[0].start_ms == MIDNIGHT_MS - 6 * DAY_MS
    assert axis.slots[-1].name == "Sat 21 Nov 2026"
    assert axis.slots[-1].at + axis.slots[-1].width == pytest.approx(100, abs=0.01)


def test_hours_are_counted_from_midnight_which_is_named_by_its_day() -> None:
    axis = time_axis(MIDNIGHT_MS - 20 * HOUR_MS, MIDNIGHT_MS + 20 * HOUR_MS)
    assert [tick.label for tick in axis.ticks] == ["06:00", "12:00", "18:00", "21 Nov", "06:00", "12:00", "18:00"]


def test_a_time_that_begins_long_ago_has_few_ticks() -> None:
    axis = time_axis(0, MIDNIGHT_MS)
    assert axis.period == "year"
    assert 2 <= len(axis.ticks) <= 8


@pytest.mark.parametrize("days_back", [0.04, 2, 2.1, 90, 91, 732, 733, 3_294, 3_295, 20_778])
def test_no_time_has_more_than_120_periods(days_back: float) -> None:
    axis = time_axis(MIDNIGHT_MS + HOUR_MS - int(days_back * DAY_MS), MIDNIGHT_MS + HOUR_MS)
    assert 1 <= len(axis.slots) <= 120
    assert 1 <= len(axis.ticks) <= 8
    assert all(before.end_ms == after.start_ms for before, after in pairwise(axis.slots))


def test_steps_are_level_and_joined_only_where_both_sides_are_known() -> None:
    axis = days(5)
    drawn = steps([10, 30, None, 50, math.nan], axis.slots, HUNDRED)
    assert [(level.at, level.to, level.top) for level in drawn.levels] == [(0, 20, 90), (20, 40, 70), (60, 80, 50)]
    assert [(rise.at, rise.top, rise.bottom) for rise in drawn.rises] == [(20, 70, 90)]


def test_steps_of_equal_values_have_nothing_to_join() -> None:
    assert steps([7, 7, 7], days(3).slots, HUNDRED).rises == ()


def test_a_step_is_trouble_only_above_the_limit() -> None:
    drawn = steps([10, 20, 30, 40], days(4).slots, HUNDRED, limit=20)
    assert [level.is_trouble for level in drawn.levels] == [False, False, True, True]


def test_parts_of_a_bar_stand_on_each_other() -> None:
    (bar,) = stacked([[20, 0, 30]], days(3).slots[:1], HUNDRED)
    assert [(piece.series, piece.top, piece.height) for piece in bar.pieces] == [(0, 80, 20), (2, 50, 30)]
    assert bar.top == 50


def test_of_nothing_there_is_no_bar_and_of_little_there_is_one_that_can_be_seen() -> None:
    nothing, little = stacked([[0, 0], [1e-9, 0]], days(3).slots[:2], HUNDRED)
    assert nothing.pieces == ()
    assert little.pieces[0].height > 0.5


@pytest.mark.parametrize(
    ("value", "largest", "percent"),
    [(5, 10, 50), (10, 10, 100), (20, 10, 100), (None, 10, 0), (0, 10, 0), (3, 0, 0), (math.nan, 10, 0)],
)
def test_the_length_of_a_bar_is_its_share_of_the_largest(value: float | None, largest: float, percent: float) -> None:
    assert length(value, largest) == percent


def test_columns_of_a_spread_are_as_high_as_their_share_of_the_highest() -> None:
    scale = log_scale(100, 10_000, short_wait)
    found = columns(bins((100, 1_000, 2_000), (5, 0, 10), largest=10_000), scale, limit=1_500)
    assert [(column.at, column.height, column.is_trouble) for column in found] == [
        (0, 50, False),
        (pytest.approx(65.05, abs=0.01), 100, True),
    ]
    assert found[0].width == 50


def test_a_spread_of_nothing_has_no_columns() -> None:
    assert columns((), log_scale(1, 10, short_wait)) == ()
    assert bins((), (), largest=0) == ()


def test_cells_are_told_apart_by_lightness_and_trouble_by_the_limit() -> None:
    found = cells([100, None, 600, 1_100], limit=1_000)
    assert [cell.level for cell in found] == [1, 0, 3, LEVELS]
    assert [cell.is_trouble for cell in found] == [False, False, False, True]


def test_cells_of_equal_values_are_all_of_the_middle_level() -> None:
    assert [cell.level for cell in cells([5, 5])] == [3, 3]
    assert cells([]) == ()


def test_values_beside_an_axis_are_short() -> None:
    assert [short_wait(ms) for ms in (0, 5, 500, 1_500, 120_000, 600_000)] == [
        "0", "5 ms", "500 ms", "1.5 s", "120 s", "10 min",
    ]  # fmt: skip
    assert [short_money(usd) for usd in (0, 0.05, 0.00002, 1_200)] == ["$0", "$0.05", "$0.00002", "$1,200"]
