"""What calls cost, by group: from sums by day, and line by line, the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from archives import NOW_MS
from asked_index import QUERIES, index_of_many, matching

from callscope.errors import SettingError
from callscope.index.periods import DAY_MS, HOUR_MS
from callscope.index.spend import Spend, spend
from callscope.query.language import parse


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    with index_of_many(tmp_path_factory.mktemp("archive")) as connection:
        yield connection


def lines(db: sqlite3.Connection, text: str) -> list[tuple[int, str, str, str, float | None]]:
    """Day, agent, provider, model and dollars of each cost line, from the view that shows them."""
    found = db.execute(
        "SELECT c.id, c.started_at_ms, c.agent, l.provider, l.model, l.usd FROM calls AS c "
        "JOIN cost_line AS l ON l.call = c.id"
    ).fetchall()
    among = matching(db, text)
    return [(row[1] - row[1] % DAY_MS, *row[2:]) for row in found if row[0] in among]


@pytest.mark.parametrize("text", QUERIES)
def test_spend_by_day_and_provider_is_the_sum_of_the_cost_lines(db: sqlite3.Connection, text: str) -> None:
    wanted: dict[tuple[str | int, ...], list[float | None]] = {}
    for day, _, provider, _, usd in lines(db, text):
        wanted.setdefault((day, provider), []).append(usd)
    found = spend(db, parse(text, now_ms=NOW_MS))
    assert [key for key, _ in found] == sorted(wanted)
    for key, each in found:
        known = [usd for usd in wanted[key] if usd is not None]
        assert each.usd == pytest.approx(sum(known), abs=1e-9)
        assert (each.lines, each.unpriced) == (len(wanted[key]), len(wanted[key]) - len(known))


@pytest.mark.parametrize("text", QUERIES)
def test_spend_by_agent_and_model(db: sqlite3.Connection, text: str) -> None:
    wanted: dict[tuple[str, str], float] = {}
    for _, agent, _, model, usd in lines(db, text):
        wanted[model, agent] = wanted.get((model, agent), 0) + (usd or 0)
    found = spend(db, parse(text, now_ms=NOW_MS), by=("model", "agent"))
    assert {key: each.usd for key, each in found} == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("text", QUERIES)
def test_hours_add_up_to_their_day(db: sqlite3.Connection, text: str) -> None:
    days: dict[tuple[str | int, ...], list[float]] = {}
    for (hour, provider), each in spend(db, parse(text, now_ms=NOW_MS), by=("hour", "provider")):
        assert isinstance(hour, int)
        assert hour % HOUR_MS == 0
        of_day = days.setdefault((hour - hour % DAY_MS, provider), [0, 0, 0])
        for place, figure in enumerate((each.usd, each.lines, each.unpriced)):
            of_day[place] += figure
    wanted = {key: [each.usd, each.lines, each.unpriced] for key, each in spend(db, parse(text, now_ms=NOW_MS))}
    assert sorted(days) == sorted(wanted)
    for key, figures in days.items():
        assert figures == pytest.approx(wanted[key], abs=1e-9)


def test_all_together_is_one_row_and_nothing_is_none(db: sqlite3.Connection) -> None:
    ((key, every),) = spend(db, parse("", now_ms=NOW_MS), by=())
    assert (key, every.lines) == ((), 600)
    assert spend(db, parse("agent:nobody", now_ms=NOW_MS), by=()) == []
    weeks = spend(db, parse("", now_ms=NOW_MS), by=("week",))
    assert sum(each.lines for _, each in weeks) == 600
    assert isinstance(weeks[0][1], Spend)


def test_spend_by_anything_else_is_an_error_that_says_what_there_is(db: sqlite3.Connection) -> None:
    with pytest.raises(SettingError, match="no spend by 'colour': write hour, day, week, month, year, service"):
        spend(db, parse("", now_ms=NOW_MS), by=("colour",))
