"""Comparing two sets of calls: the figures, their differences, and when it may be said that they differ."""

from __future__ import annotations

import random
import sqlite3

import pytest
from direct_rows import DAY, DAY_MS, HOUR_MS, Wait, empty_index, put

from callscope.index.compare import Comparison, Figure, Side, compare
from callscope.query.query import CallQuery, Term
from callscope.timeline.percentiles import percentile


def version(name: str) -> CallQuery:
    return CallQuery(terms=(Term(field="version", op="is", values=(name,)),))


OLD, NEW = version("1"), version("2")


def figure(comparison: Comparison, measure: str, statistic: str) -> Figure:
    (found,) = (each for each in comparison.figures if (each.measure, each.statistic) == (measure, statistic))
    return found


def put_many(db: sqlite3.Connection, name: str, *, calls: int, median_ms: int, seed: int) -> list[int]:
    """Calls of four exchanges; the waits of all of them."""
    dice = random.Random(seed)
    found = []
    for at in range(calls):
        values = [round(median_ms * dice.lognormvariate(0, 0.3)) for _ in range(4)]
        found += values
        put(db, at_ms=DAY + at * 1_000, version=name, waits=[Wait(each, stages={"llm": each // 2}) for each in values])
    return found


def test_two_versions_of_which_one_is_slower_differ_clearly_in_what_is_slower_and_in_nothing_else() -> None:
    db = empty_index()
    old = put_many(db, "1", calls=120, median_ms=800, seed=1)
    new = put_many(db, "2", calls=110, median_ms=1_000, seed=2)
    found = compare(db, OLD, NEW)
    assert (found.a, found.b) == (
        Side(calls=120, exchanges=480, unanswered=0),
        Side(calls=110, exchanges=440, unanswered=0),
    )
    assert found.shared_calls == 0
    for statistic, share in (("p50", 0.5), ("p95", 0.95)):
        response = figure(found, "response", statistic)
        a, b = percentile(sorted(old), share), percentile(sorted(new), share)
        assert (response.a, response.b, response.n_a, response.n_b) == (a, b, 480, 440)
        assert response.difference == pytest.approx(b - a)
        assert response.low is not None
        assert response.high is not None
        assert 0 < response.low < b - a < response.high
        assert (response.unit, response.clear, response.note) == ("ms", True, None)
    assert {(each.measure, each.statistic) for each in found.figures if each.clear} == {
        ("response", "p50"),
        ("response", "p95"),
        ("stage.llm", "p50"),
        ("stage.llm", "p95"),
    }
    assert {each.measure for each in found.figures} == {
        *("response", "stage.llm", "completion", "interruption_rate", "error_rate", "cost")
    }


def test_two_periods_of_the_same_do_not_differ() -> None:
    db = empty_index()
    put_many(db, "1", calls=200, median_ms=800, seed=3)
    found = compare(db, CallQuery(until_ms=DAY + 100_000), CallQuery(since_ms=DAY + 100_000))
    assert (found.a.calls, found.b.calls) == (100, 100)
    assert not [each for each in found.figures if each.clear]
    assert all(each.low is not None and each.note is None for each in found.figures)


def test_turned_round_a_comparison_says_the_same() -> None:
    db = empty_index()
    put_many(db, "1", calls=120, median_ms=800, seed=1)
    put_many(db, "2", calls=110, median_ms=1_000, seed=2)
    there, back = compare(db, OLD, NEW), compare(db, NEW, OLD)
    for one, other in zip(there.figures, back.figures, strict=True):
        assert (one.a, one.n_a, one.clear) == (other.b, other.n_b, other.clear)
        assert (one.low, one.high) == pytest.approx((-(other.high or 0), -(other.low or 0)))


def test_shares_are_of_what_they_are_shares_of() -> None:
    db = empty_index()
    for at in range(40):
        put(db, version="1", status="failed" if at < 10 else "completed", errors=at % 2)
        put(
            db,
            version="2",
            waits=[
                Wait(9_000, kind="greeting", interrupted=True),
                Wait(800, interrupted=at < 10),
                Wait(answered=False, interrupted=True),
            ],
        )
    for _ in range(5):
        put(db, version="1", status="in_progress", cost_usd=None)
    found = compare(db, OLD, NEW)
    completion = figure(found, "completion", "share")
    assert (completion.a, completion.b, completion.n_a, completion.n_b) == (0.75, 1.0, 40, 40)
    assert completion.clear
    interruptions = figure(found, "interruption_rate", "share")
    assert (interruptions.a, interruptions.b, interruptions.n_b) == (None, 0.25, 40)
    assert interruptions.note == "not enough values"
    errors = figure(found, "error_rate", "share")
    assert (errors.a, errors.n_a, errors.b, errors.n_b) == (20 / 45, 45, 0, 40)


def test_cost_is_of_the_calls_whose_whole_cost_is_known() -> None:
    db = empty_index()
    for at in range(30):
        put(db, version="1", cost_usd=0.10 + at / 1_000)
        put(db, version="2", cost_usd=0.20 + at / 1_000)
        put(db, version="2", cost_usd=99.0, unpriced=1)
        put(db, version="2", cost_usd=None)
    found = compare(db, OLD, NEW)
    mean, median = figure(found, "cost", "mean"), figure(found, "cost", "p50")
    assert (mean.n_a, mean.n_b, mean.unit) == (30, 30, "usd")
    for each in (mean, median):
        assert (each.a, each.b) == pytest.approx((0.1145, 0.2145))
    assert mean.clear
    assert median.clear


def test_fewer_than_twenty_waits_are_not_enough() -> None:
    db = empty_index()
    for _ in range(30):
        put(db, version="1", waits=[Wait(800)])
    for _ in range(19):
        put(db, version="2", waits=[Wait(8_000)])
    response = figure(compare(db, OLD, NEW), "response", "p50")
    assert (response.a, response.b, response.n_b) == (800, None, 19)
    assert (response.difference, response.low, response.clear, response.note) == (
        None,
        None,
        False,
        "not enough values",
    )


def test_many_exchanges_of_few_calls_have_no_interval() -> None:
    db = empty_index()
    for _ in range(9):
        put(db, version="1", waits=[Wait(800)] * 50)
        put(db, version="2", waits=[Wait(8_000)] * 50)
    response = figure(compare(db, OLD, NEW), "response", "p50")
    assert (response.difference, response.low, response.clear) == (7_200, None, False)
    assert response.note == "no interval: fewer than 10 calls on a side"


def test_a_tail_of_too_few_values_has_no_interval() -> None:
    db = empty_index()
    for at in range(15):
        put(db, version="1", waits=[Wait(800 + at), Wait(900 - at)])
        put(db, version="2", waits=[Wait(4_000 + at), Wait(4_100 - at)])
    found = compare(db, OLD, NEW)
    assert figure(found, "response", "p50").clear
    tail = figure(found, "response", "p95")
    assert (tail.low, tail.clear, tail.note) == (None, False, "no interval: not enough values so far out")
    assert tail.difference is not None


def test_sets_that_share_calls_are_not_independent_and_it_says_so() -> None:
    db = empty_index()
    for hour in range(40):
        put(db, at_ms=DAY + hour * HOUR_MS, waits=[Wait(500 + 10 * hour)])
    found = compare(db, CallQuery(until_ms=DAY + DAY_MS), CallQuery())
    assert found.shared_calls == 24
    assert all(each.low is None and not each.clear for each in found.figures)
    assert figure(found, "response", "p50").note == "no interval: 24 calls are on both sides"


def test_nothing_against_nothing_is_no_error() -> None:
    found = compare(empty_index(), OLD, NEW)
    assert (found.a, found.b) == (Side(calls=0, exchanges=0, unanswered=0),) * 2
    assert {each.note for each in found.figures} == {"not enough values"}
