"""Rollups: what they add up, and that they say the same however the index came to be."""

from __future__ import annotations

import random
import sqlite3
from typing import Any

import pytest
from direct_rows import DAY, DAY_MS, HOUR_MS, Wait, empty_index, hours, put
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.index.histogram import histogram_of, unpack
from callscope.index.rollups import hour_of, recompute
from callscope.index.sums import SUMS


def rows(db: sqlite3.Connection, table: str) -> dict[tuple[int, str, str], dict[str, Any]]:
    """Rows by start, agent and status: numbers of dimensions may differ between two builds."""
    names = [*SUMS, "histograms"]
    found = db.execute(
        f"SELECT t.start_ms, d.agent, d.status, {', '.join(f't.{name}' for name in names)} "  # noqa: S608 -- our names
        f"FROM {table} AS t JOIN dimensions AS d ON d.id = t.dimensions"
    )
    return {row[:3]: dict(zip(names, row[3:], strict=True)) for row in found}


def test_an_hour_adds_up_its_calls_for_each_combination_of_dimensions() -> None:
    db = empty_index()
    put(db, at_ms=DAY + 1, waits=[Wait(800, interrupted=True), Wait(900)], turns=4, errors=2, duration_ms=1_500.5)
    put(db, at_ms=DAY + HOUR_MS - 1, waits=[Wait(answered=False)], turns=None, duration_ms=None, cost_usd=None)
    put(db, at_ms=DAY + 5, cost_usd=0.5, unpriced=1, agent="sales")
    put(db, at_ms=DAY + HOUR_MS, waits=[Wait(100)])
    recompute(db, hours(db))
    found = rows(db, "hour")
    assert set(found) == {
        (DAY, "desk", "completed"),
        (DAY, "sales", "completed"),
        (DAY + HOUR_MS, "desk", "completed"),
    }
    desk = found[DAY, "desk", "completed"]
    assert unpack(desk.pop("histograms")) == {"response": histogram_of([800, 900])}
    assert desk == {
        "calls": 2,
        "duration_ms": 1_500.5,
        "turns": 4,
        "exchanges": 3,
        "unanswered": 1,
        "interruptions": 1,
        "errors": 2,
        "calls_with_errors": 1,
        "cost_usd": 0.25,
        "unpriced_calls": 1,
    }
    sales = found[DAY, "sales", "completed"]
    assert (sales["cost_usd"], sales["unpriced_calls"]) == (0.5, 1)


def test_greetings_are_in_no_sum() -> None:
    db = empty_index()
    put(db, waits=[Wait(5_000, kind="greeting", interrupted=True, stages={"llm": 4_000}), Wait(300, stages={"llm": 9})])
    recompute(db, hours(db))
    (row,) = rows(db, "hour").values()
    assert (row["exchanges"], row["interruptions"]) == (1, 0)
    assert unpack(row["histograms"]) == {"response": histogram_of([300]), "llm": histogram_of([9])}


def test_an_answer_that_never_came_was_not_cut_off() -> None:
    db = empty_index()
    put(db, waits=[Wait(answered=False, interrupted=True)])
    recompute(db, hours(db))
    (row,) = rows(db, "hour").values()
    assert (row["unanswered"], row["interruptions"]) == (1, 0)


def test_a_day_is_what_its_hours_come_to() -> None:
    db = empty_index()
    for hour in (0, 7, 23, 24):
        put(db, at_ms=DAY + hour * HOUR_MS, waits=[Wait(700 + hour, stages={"tool": hour})] * 3, cost_usd=0.1)
    recompute(db, hours(db))
    found = rows(db, "day_sum")
    assert set(found) == {(DAY, "desk", "completed"), (DAY + DAY_MS, "desk", "completed")}
    day = found[DAY, "desk", "completed"]
    assert (day["calls"], day["exchanges"], day["cost_usd"]) == (3, 9, pytest.approx(0.3))
    assert unpack(day["histograms"]) == {
        "response": histogram_of([700, 707, 723] * 3),
        "tool": histogram_of([0, 7, 23] * 3),
    }


def test_a_call_that_is_gone_or_another_now_leaves_nothing_behind() -> None:
    db = empty_index()
    gone = put(db, at_ms=DAY, waits=[Wait(800)])
    put(db, at_ms=DAY + HOUR_MS, status="in_progress")
    recompute(db, hours(db))
    db.execute("DELETE FROM exchange WHERE call = ?", (gone,))
    db.execute("DELETE FROM call")
    put(db, at_ms=DAY + HOUR_MS, status="completed")
    recompute(db, {DAY, DAY + HOUR_MS})
    assert set(rows(db, "hour")) == {(DAY + HOUR_MS, "desk", "completed")}
    assert set(rows(db, "day_sum")) == {(DAY, "desk", "completed")}
    assert rows(db, "day_sum")[DAY, "desk", "completed"]["calls"] == 1


def test_what_did_not_change_is_not_written_again() -> None:
    db = empty_index()
    for agent in ("desk", "sales"):
        put(db, agent=agent, waits=[Wait(800)], duration_ms=0.1)
    recompute(db, hours(db))
    before = db.total_changes
    recompute(db, hours(db))
    assert db.total_changes == before
    put(db, agent="sales", waits=[Wait(800)])
    before = db.total_changes
    recompute(db, hours(db))
    assert db.total_changes == before + 4  # one row of the hour and one of the day: out and in


def test_the_hour_of_a_call_is_that_in_which_it_began() -> None:
    assert [hour_of(DAY), hour_of(DAY + HOUR_MS - 1), hour_of(DAY + HOUR_MS)] == [DAY, DAY, DAY + HOUR_MS]


def test_an_hour_with_more_exchanges_than_are_read_at_once_is_whole() -> None:
    db = empty_index()
    waits = [Wait(500 + n % 7, interrupted=n % 5 == 0) for n in range(500)]
    db.execute("BEGIN")
    for _ in range(45):
        put(db, waits=waits)
    db.execute("COMMIT")
    recompute(db, hours(db))
    (row,) = rows(db, "hour").values()
    assert unpack(row["histograms"])["response"] == histogram_of([wait.response_ms or 0 for wait in waits] * 45)
    assert row["interruptions"] == 100 * 45


def test_sums_of_fractions_do_not_depend_on_the_order_of_the_calls() -> None:
    costs = [0.1, 0.2, 0.3]
    assert sum(costs) != sum(costs[::-1])
    sums = []
    for order in (costs, costs[::-1]):
        db = empty_index()
        for at, cost in enumerate(order):
            put(db, at_ms=DAY + at, cost_usd=cost)
        recompute(db, hours(db))
        sums.append(rows(db, "day_sum"))
    assert sums[0] == sums[1]


CALLS = st.lists(
    st.tuples(
        st.integers(0, 3 * 24),
        st.sampled_from(["desk", "sales"]),
        st.sampled_from(["completed", "failed"]),
        st.lists(st.builds(Wait, st.integers(0, 90_000), st.booleans(), st.booleans()), max_size=5),
        st.floats(0, 9.99),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(CALLS, st.randoms(use_true_random=False))
def test_rollups_are_those_of_a_fresh_build_whatever_happened_before(
    calls: list[tuple[int, str, str, list[Wait], float]], dice: random.Random
) -> None:
    grown, fresh = empty_index(), empty_index()
    kept = []
    for hour, agent, status, waits, cost in calls:
        number = put(grown, at_ms=DAY + hour * HOUR_MS, agent=agent, status=status, waits=waits, cost_usd=cost)
        recompute(grown, {DAY + hour * HOUR_MS})
        if dice.random() < 0.3:
            grown.execute("DELETE FROM exchange WHERE call = ?", (number,))
            grown.execute("DELETE FROM call WHERE id = ?", (number,))
            recompute(grown, {DAY + hour * HOUR_MS})
        else:
            kept.append((hour, agent, status, waits, cost))
    dice.shuffle(kept)
    for hour, agent, status, waits, cost in kept:
        put(fresh, at_ms=DAY + hour * HOUR_MS, agent=agent, status=status, waits=waits, cost_usd=cost)
    recompute(fresh, hours(fresh))
    assert rows(grown, "hour") == rows(fresh, "hour")
    assert rows(grown, "day_sum") == rows(fresh, "day_sum")
