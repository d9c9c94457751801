"""How waits are spread."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from archives import NOW_MS
from asked_index import QUERIES, index_of_many, matching

from callscope.errors import SettingError
from callscope.index.distribution import EDGES_MS, distribution
from callscope.query.language import parse


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    with index_of_many(tmp_path_factory.mktemp("archive")) as connection:
        yield connection


def waits(db: sqlite3.Connection, text: str, column: str = "response_ms") -> list[int]:
    query = f"SELECT call, {column} FROM exchange WHERE kind = 'exchange' AND {column} IS NOT NULL"  # noqa: S608 -- our names
    found = db.execute(query).fetchall()
    among = matching(db, text)
    return sorted(row[1] for row in found if row[0] in among)


@pytest.mark.parametrize("text", QUERIES)
def test_every_wait_is_in_a_bar_near_it(db: sqlite3.Connection, text: str) -> None:
    wanted = waits(db, text)
    found = distribution(db, parse(text, now_ms=NOW_MS))
    if not wanted:
        assert found == []
        return
    ((key, each),) = found
    assert (key, each.n, each.min_ms, each.max_ms) == ("", len(wanted), wanted[0], wanted[-1])
    assert sum(each.counts) == each.n
    assert len(each.edges_ms) == len(each.counts)
    assert each.edges_ms[0] <= each.min_ms < each.edges_ms[1]
    assert set(each.edges_ms) <= set(EDGES_MS)
    below = 0
    for edge, count in zip(each.edges_ms[1:], each.counts[:-1], strict=True):
        below += count
        assert sum(wait < edge * 0.98 for wait in wanted) <= below <= sum(wait < edge * 1.02 for wait in wanted)
    assert each.p95_ms == pytest.approx(wanted[round(0.95 * (len(wanted) - 1))], rel=0.05)


def test_groups_share_their_edges_and_add_up(db: sqlite3.Connection) -> None:
    everything = parse("", now_ms=NOW_MS)
    ((_, whole),) = distribution(db, everything)
    agents = distribution(db, everything, by="agent")
    assert [key for key, _ in agents] == ["billing", "front-desk", "sales"]
    assert {each.edges_ms for _, each in agents} == {whole.edges_ms}
    assert [sum(counts) for counts in zip(*(each.counts for _, each in agents), strict=True)] == list(whole.counts)


def test_a_stage_has_its_own_waits(db: sqlite3.Connection) -> None:
    wanted = waits(db, "", "unexplained_ms")
    found = distribution(db, parse("", now_ms=NOW_MS), stage="unexplained")
    assert sum(each.n for _, each in found) == len(wanted)
    assert distribution(db, parse("", now_ms=NOW_MS), stage="tool") == []


def test_what_is_no_stage_or_group_is_an_error(db: sqlite3.Connection) -> None:
    with pytest.raises(SettingError, match="no stage 'coffee': write response, endpointing"):
        distribution(db, parse("", now_ms=NOW_MS), stage="coffee")
    with pytest.raises(SettingError, match="no groups by 'caller'"):
        distribution(db, parse("", now_ms=NOW_MS), by="caller")
