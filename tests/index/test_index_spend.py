"""What calls cost, by group: from sums by day, and line by line, the same."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from archives import NOW_MS, many

from callscope.errors import SettingError
from callscope.index.calls import calls
from callscope.index.database import readable
from callscope.index.periods import DAY_MS
from callscope.index.refresh import refresh
from callscope.index.spend import Spend, spend
from callscope.query.language import parse


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    root: Path = tmp_path_factory.mktemp("archive")
    many(root, 300, days=10, turns=6)
    refresh(root / "index.sqlite", root, now_ms=NOW_MS, processes=0)
    with closing(readable(root / "index.sqlite", root=root)) as connection:
        yield connection


QUERIES = [
    "",
    "agent:sales",
    "since:2026-11-13 until:2026-11-19",
    "since:2026-11-13T05:30 until:2026-11-19T08:12 agent:billing,sales",
    "cost>0.05",
    "agent:nobody",
]


def matching(db: sqlite3.Connection, text: str) -> set[int]:
    """The numbers of the calls of a query, found otherwise."""
    page = calls(db, parse(f"{text} limit:1000", now_ms=NOW_MS))
    return {each.id for each in page.calls}


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


def test_all_together_is_one_row_and_nothing_is_none(db: sqlite3.Connection) -> None:
    ((key, every),) = spend(db, parse("", now_ms=NOW_MS), by=())
    assert (key, every.lines) == ((), 600)
    assert spend(db, parse("agent:nobody", now_ms=NOW_MS), by=()) == []
    weeks = spend(db, parse("", now_ms=NOW_MS), by=("week",))
    assert sum(each.lines for _, each in weeks) == 600
    assert isinstance(weeks[0][1], Spend)


def test_spend_by_anything_else_is_an_error_that_says_what_there_is(db: sqlite3.Connection) -> None:
    with pytest.raises(SettingError, match="no spend by 'hour': write day, week, month, service, provider, model, ag"):
        spend(db, parse("", now_ms=NOW_MS), by=("hour",))
