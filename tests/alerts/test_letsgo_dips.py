"""Rules for falling success on five years of a real telephone bot: which dips they find, and what else they tell.

A dip is found in hindsight, from both sides: seven days in which at least eight points fewer calls succeeded than in
the median of the 13 weeks before and the 13 after, unlikely by chance (p < 0.001).
"""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from alert_index import DAY_MS, past, rule
from letsgo_calls import FILE, Day, days, put_days

from callscope.alerts.incidents import Notice
from callscope.alerts.rehearsal import moments, rehearse

pytestmark = pytest.mark.skipif(not FILE.exists(), reason="the days of Let's Go! are not here")

WEEK = dt.timedelta(days=7)
OF_WEEKS = """
kind = "success_rate"
label = "outcome"
window = "7d"
baseline = "56d"
worse_by = "5%"
confidence = "99.9%"
recover_for = "3d"
"""


class Dip(NamedTuple):
    first: dt.date
    """The first day of the first bad week."""
    last: dt.date


@pytest.fixture(scope="module")
def bot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("letsgo")
    put_days(root, days())
    return root


def fired(root: Path, text: str) -> list[dt.date]:
    """The last day of the window in which each incident began; looked at after each day."""
    found = days()
    first_ms, last_ms = found[0].begins_ms, found[-1].begins_ms + DAY_MS
    with past(root, last_ms, first_ms) as known:
        notices = rehearse(known, [rule(text)], moments(first_ms + DAY_MS, last_ms, DAY_MS)).notices
    return [day_before(notice) for notice in notices if notice.state == "fired"]


def day_before(notice: Notice) -> dt.date:
    return dt.datetime.fromtimestamp(notice.at_ms / 1000, tz=dt.UTC).date() - dt.timedelta(days=1)


def dips() -> list[Dip]:
    by_date = {day.date: day for day in days()}
    found: list[Dip] = []
    at = min(by_date) + WEEK - dt.timedelta(days=1)
    while at <= max(by_date):
        if is_bad(by_date, at):
            begun = found.pop().first if found and at - found[-1].last <= WEEK else at - dt.timedelta(days=6)
            found.append(Dip(begun, at))
        at += dt.timedelta(days=1)
    return found


def is_bad(by_date: dict[dt.date, Day], last: dt.date) -> bool:
    good, n = week(by_date, last)
    around = [week(by_date, last + number * WEEK) for number in range(-13, 14) if number]
    usual = [part / whole for part, whole in around if whole >= 30]
    if n < 60 or len(usual) < 8:
        return False
    middle = statistics.median(usual)
    away = (middle - good / n) / math.sqrt(middle * (1 - middle) / n)
    return good / n <= middle - 0.08 and 0.5 * math.erfc(away / math.sqrt(2)) < 0.001


def week(by_date: dict[dt.date, Day], last: dt.date) -> tuple[int, int]:
    found = [by_date[day] for day in dates(last) if day in by_date]
    return sum(day.successes for day in found), sum(day.calls for day in found)


def dates(last: dt.date) -> Iterator[dt.date]:
    return (last - dt.timedelta(days=number) for number in range(7))


def found_of(all_dips: list[Dip], told: list[dt.date]) -> set[Dip]:
    return {dip for dip in all_dips for day in told if dip.first <= day <= dip.last + dt.timedelta(days=3)}


def test_a_rule_of_weeks_finds_most_of_the_dips_and_nothing_else(bot: Path) -> None:
    all_dips, told = dips(), fired(bot, OF_WEEKS)

    found = found_of(all_dips, told)

    assert (len(all_dips), len(found)) == (17, 13)
    assert [day for day in told if not found_of(all_dips, [day])] == []
    assert len(told) == 15  # two dips are told twice


def test_a_fixed_limit_tells_more_often_and_of_what_is_usual_by_then(bot: Path) -> None:
    fixed = 'kind = "success_rate"\nlabel = "outcome"\nwindow = "7d"\nthreshold = "65%"\n'

    told = fired(bot, fixed)

    assert len(told) > 20
    assert len(found_of(dips(), told)) < 13
