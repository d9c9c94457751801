"""Rollups: what they add up, and that they say the same however the index came to be."""

from __future__ import annotations

import random
import sqlite3
from typing import Any

from direct_rows import DAY, DAY_MS, HOUR_MS, Dimensions, Wait, cells, dimension, drop, empty_index, put
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.index.grains import DIMENSIONS, WHOLE, grain_of
from callscope.index.histogram import histogram_of, unpack
from callscope.index.rollups import hour_of, recompute
from callscope.index.sums import SUMS


def rows(db: sqlite3.Connection, table: str) -> dict[tuple[int, str, str], dict[str, Any]]:
    """Rows by start, agent and status: numbers of dimensions may differ between two builds."""
    names = [*SUMS, "response", "stages"]
    found = db.execute(
        f"SELECT t.start_ms, d.agent, d.status, {', '.join(f't.{name}' for name in names)} "  # noqa: S608 -- our names
        f"FROM {table} AS t JOIN dimensions AS d ON d.id = t.dimensions WHERE t.grain = {WHOLE}"
    )
    return {row[:3]: dict(zip(names, row[3:], strict=True)) for row in found}


def all_rows(db: sqlite3.Connection, table: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Rows of all grains by grain, start and dimensions."""
    names = ", ".join(f"d.{name}" for name in DIMENSIONS)
    found = db.execute(f"SELECT t.*, {names} FROM {table} AS t JOIN dimensions AS d ON d.id = t.dimensions")  # noqa: S608 -- our names
    return {(*row[:2], *row[-len(DIMENSIONS) :]): row[3 : -len(DIMENSIONS)] for row in found}


def test_an_hour_adds_up_its_calls_for_each_combination_of_dimensions() -> None:
    db = empty_index()
    put(db, at_ms=DAY + 1, waits=[Wait(800, interrupted=True), Wait(900)], turns=4, errors=2, duration_ms=1_500.5)
    put(db, at_ms=DAY + HOUR_MS - 1, waits=[Wait(answered=False)], turns=None, duration_ms=None, cost_usd=None)
    put(db, at_ms=DAY + 5, cost_usd=0.5, unpriced=1, agent="sales")
    put(db, at_ms=DAY + HOUR_MS, waits=[Wait(100)])
    recompute(db, cells(db))
    found = rows(db, "hour")
    assert set(found) == {
        (DAY, "desk", "completed"),
        (DAY, "sales", "completed"),
        (DAY + HOUR_MS, "desk", "completed"),
    }
    desk = found[DAY, "desk", "completed"]
    assert unpack([desk.pop("response"), desk.pop("stages")]) == {"response": histogram_of([800, 900])}
    assert desk == {
        "calls": 2,
        "completed": 2,
        "unfinished": 0,
        "duration_us": 1_500_500,
        "turns": 4,
        "exchanges": 3,
        "unanswered": 1,
        "interruptions": 1,
        "errors": 2,
        "calls_with_errors": 1,
        "nano_usd": 250_000_000,
        "unpriced_calls": 1,
    }
    sales = found[DAY, "sales", "completed"]
    assert (sales["nano_usd"], sales["unpriced_calls"]) == (500_000_000, 1)


def test_greetings_are_in_no_sum() -> None:
    db = empty_index()
    put(db, waits=[Wait(5_000, kind="greeting", interrupted=True, stages={"llm": 4_000}), Wait(300, stages={"llm": 9})])
    recompute(db, cells(db))
    (row,) = rows(db, "hour").values()
    assert (row["exchanges"], row["interruptions"]) == (1, 0)
    assert unpack([row["response"], row["stages"]]) == {"response": histogram_of([300]), "llm": histogram_of([9])}


def test_an_answer_that_never_came_was_not_cut_off() -> None:
    db = empty_index()
    put(db, waits=[Wait(answered=False, interrupted=True)])
    recompute(db, cells(db))
    (row,) = rows(db, "hour").values()
    assert (row["unanswered"], row["interruptions"]) == (1, 0)


def test_a_day_is_what_its_hours_come_to() -> None:
    db = empty_index()
    for hour in (0, 7, 23, 24):
        put(db, at_ms=DAY + hour * HOUR_MS, waits=[Wait(700 + hour, stages={"tool": hour})] * 3, cost_usd=0.1)
    recompute(db, cells(db))
    found = rows(db, "day_sum")
    assert set(found) == {(DAY, "desk", "completed"), (DAY + DAY_MS, "desk", "completed")}
    day = found[DAY, "desk", "completed"]
    assert (day["calls"], day["exchanges"], day["nano_usd"]) == (3, 9, 300_000_000)
    assert unpack([day["response"], day["stages"]]) == {
        "response": histogram_of([700, 707, 723] * 3),
        "tool": histogram_of([0, 7, 23] * 3),
    }


def weeks(db: sqlite3.Connection) -> dict[tuple[int, int], int]:
    """How many calls each week has, by grain and start."""
    rows = db.execute("SELECT grain, start_ms, sum(calls) FROM week_sum GROUP BY 1, 2")
    return {(grain, start): calls for grain, start, calls in rows}


def test_a_week_has_sums_once_a_call_of_a_later_one_came_and_as_long_as_it_is_there() -> None:
    db = empty_index()  # DAY is a Saturday
    for at_ms in (DAY - 5 * DAY_MS, DAY, DAY + 2 * DAY_MS - 1):
        put(db, at_ms=at_ms, agent=f"at {at_ms}", waits=[Wait(700)])
    recompute(db, cells(db))
    assert weeks(db) == {}
    later = put(db, at_ms=DAY + 2 * DAY_MS)
    recompute(db, {(DAY + 2 * DAY_MS, dimension(db, Dimensions()))})
    assert weeks(db) == {(grain, DAY - 5 * DAY_MS): 3 for grain in range(WHOLE + 1)}
    drop(db, later)
    recompute(db, {(DAY + 2 * DAY_MS, dimension(db, Dimensions()))})
    assert weeks(db) == {}


def test_a_call_that_is_gone_or_another_now_leaves_nothing_behind() -> None:
    db = empty_index()
    gone = put(db, at_ms=DAY, waits=[Wait(800)])
    going_on = put(db, at_ms=DAY + HOUR_MS, status="in_progress")
    recompute(db, cells(db))
    before = cells(db)
    drop(db, gone)
    drop(db, going_on)
    put(db, at_ms=DAY + HOUR_MS, status="completed")
    recompute(db, before | cells(db))
    assert set(rows(db, "hour")) == {(DAY + HOUR_MS, "desk", "completed")}
    assert set(rows(db, "day_sum")) == {(DAY, "desk", "completed")}
    assert rows(db, "day_sum")[DAY, "desk", "completed"]["calls"] == 1


def test_what_did_not_change_is_not_written_again() -> None:
    db = empty_index()
    for agent in ("desk", "sales"):
        put(db, agent=agent, waits=[Wait(800)], duration_ms=0.1)
    recompute(db, cells(db))
    before = db.total_changes
    recompute(db, cells(db))
    assert db.total_changes == before
    put(db, agent="sales", waits=[Wait(800)])
    before = db.total_changes
    recompute(db, cells(db))
    # Of hour and day: the row of the cell, of its agent, of all calls; of the day also that of its model.
    assert db.total_changes == before + 7


def test_every_call_is_in_one_row_of_each_grain() -> None:
    db = empty_index()
    models = [("desk", "gpt"), ("desk", "claude"), ("sales", "gpt")]
    for at, (agent, model) in enumerate(models * 3):
        put(db, at_ms=DAY + at * HOUR_MS, agent=agent, model=model, provider="", waits=[Wait(100 + at)])
    recompute(db, cells(db))

    def calls(table: str, grain: int) -> dict[tuple[str, str], int]:
        query = (
            f"SELECT d.agent, d.model, total(t.calls) FROM {table} AS t JOIN dimensions AS d ON d.id = t.dimensions "  # noqa: S608 -- our names
            "WHERE t.grain = ? AND d.grain = t.grain GROUP BY 1, 2"
        )
        return {row[:2]: row[2] for row in db.execute(query, (grain,))}

    assert calls("day_sum", 0) == calls("hour", 0) == {("", ""): 9}
    assert calls("day_sum", 1) == calls("hour", 1) == {("desk", ""): 6, ("sales", ""): 3}
    assert calls("day_sum", 2) == {("", "gpt"): 6, ("", "claude"): 3}
    assert calls("day_sum", WHOLE) == calls("hour", WHOLE) == dict.fromkeys(models, 3)
    (everything,) = db.execute("SELECT response FROM day_sum WHERE grain = 0").fetchone()
    assert unpack([everything])["response"] == histogram_of(range(100, 109))


def test_the_coarsest_grain_that_tells_enough_apart_is_asked() -> None:
    assert [grain_of(names, hourly=False) for names in ((), ("day",), ("agent", "week"), ("model",))] == [0, 0, 1, 2]
    assert [grain_of(names, hourly=False) for names in (("agent", "model"), ("status",))] == [WHOLE, WHOLE]
    assert [grain_of(names, hourly=True) for names in ((), ("agent",), ("model",))] == [0, 1, WHOLE]


def test_a_combination_without_any_name_is_not_taken_for_all_calls() -> None:
    db = empty_index()
    put(
        db, waits=[Wait(100)], agent="", version="", provider="", model="", mode="", status="", environment=""
    )  # as the row of all calls
    put(db, waits=[Wait(200)])
    recompute(db, cells(db))
    found = {row[:2]: row[2] for row in db.execute("SELECT grain, dimensions, calls FROM day_sum")}
    assert sorted((grain, calls) for (grain, _), calls in found.items()) == [
        *((0, 2), (1, 1), (1, 1), (2, 1), (2, 1), (WHOLE, 1), (WHOLE, 1))
    ]


def test_the_hour_of_a_call_is_that_in_which_it_began() -> None:
    assert [hour_of(DAY), hour_of(DAY + HOUR_MS - 1), hour_of(DAY + HOUR_MS)] == [DAY, DAY, DAY + HOUR_MS]


def test_sums_of_fractions_do_not_depend_on_the_order_of_the_calls() -> None:
    costs = [0.1, 0.2, 0.3]
    assert sum(costs) != sum(costs[::-1])
    sums = []
    for order in (costs, costs[::-1]):
        db = empty_index()
        for at, cost in enumerate(order):
            put(db, at_ms=DAY + at, cost_usd=cost)
        recompute(db, cells(db))
        sums.append(rows(db, "day_sum"))
    assert sums[0] == sums[1]


CALLS = st.lists(
    st.tuples(
        st.integers(0, 24 * 24),
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
        changed = {(DAY + hour * HOUR_MS, dimension(grown, Dimensions(agent=agent, status=status)))}
        recompute(grown, changed)
        if dice.random() < 0.3:
            drop(grown, number)
            recompute(grown, changed)
        else:
            kept.append((hour, agent, status, waits, cost))
    dice.shuffle(kept)
    for hour, agent, status, waits, cost in kept:
        put(fresh, at_ms=DAY + hour * HOUR_MS, agent=agent, status=status, waits=waits, cost_usd=cost)
    recompute(fresh, cells(fresh))
    for table in ("hour", "day_sum", "week_sum"):
        assert all_rows(grown, table) == all_rows(fresh, table)
