"""Going from call to call in the order of a list, and counting a list no longer than a page can wait."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from archives import NOW_MS, many, small_archive

from callscope.index.calls import calls
from callscope.index.database import readable
from callscope.index.how_many import how_many
from callscope.index.index import Index
from callscope.index.neighbours import Neighbours, neighbours
from callscope.query.language import parse
from callscope.query.query import SORTS, CallQuery

FILTERS = ("", "agent:front-desk", "-status:failed", "since:20h", "is", 'tool:lookup_order,get_balance -"brass"')


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    place = tmp_path_factory.mktemp("neighbours")
    small_archive(place / "archive")
    many(place / "archive", 30, days=3, turns=2)
    with Index.open(place / "archive", place=place / "index.sqlite", now_ms=lambda: NOW_MS) as index:
        index.refresh(processes=1)
    found = readable(place / "index.sqlite", root=place / "archive")
    yield found
    found.close()


def query(text: str) -> CallQuery:
    return parse(f"{text} limit:1000", now_ms=NOW_MS)


def paths(db: sqlite3.Connection, text: str) -> list[str]:
    return [call.path for call in calls(db, query(text)).calls]


@pytest.mark.parametrize(
    ("words", "sort"),
    [
        *(("", f"{sign}{sort}") for sort in SORTS for sign in ("", "-")),
        *((words, sort) for words in FILTERS for sort in ("-started", "worst", "-interruptions", "status", "agent")),
    ],
)
def test_each_call_stands_between_those_that_its_list_shows_beside_it(
    db: sqlite3.Connection, words: str, sort: str
) -> None:
    asked = f"{words} sort:{sort}"
    listed = paths(db, asked)

    assert len(listed) >= 1
    for before, path, after in zip([None, *listed], listed, [*listed[1:], None], strict=False):
        assert neighbours(db, query(asked), path) == Neighbours(previous=before, next=after), path


def test_a_call_that_no_longer_fits_still_has_its_place(db: sqlite3.Connection) -> None:
    everything = paths(db, "")
    failed = paths(db, "status:failed")
    outside = everything.index(failed[1]) - 1

    found = neighbours(db, query("status:failed"), everything[outside])

    assert everything[outside] not in failed
    assert found == Neighbours(previous=failed[0], next=failed[1])


def test_a_call_that_the_index_does_not_know_has_none(db: sqlite3.Connection) -> None:
    assert neighbours(db, query(""), "2026/11/21/nowhere") == Neighbours(previous=None, next=None)


def test_the_page_that_is_shown_makes_no_difference(db: sqlite3.Connection) -> None:
    listed = paths(db, "")
    second = parse("limit:2", now_ms=NOW_MS)

    assert neighbours(db, second, listed[20]).next == listed[21]


@pytest.mark.parametrize("words", [*FILTERS, "nothing-says-this"])
def test_all_calls_of_a_query_are_counted(db: sqlite3.Connection, words: str) -> None:
    assert how_many(db, query(words), seconds=10) == len(paths(db, words))


def test_counting_ends_when_the_time_is_over(db: sqlite3.Connection) -> None:
    long = " ".join(f"-reason:~{number}" for number in range(90))

    assert how_many(db, query(long), seconds=0) is None
    assert how_many(db, query(""), seconds=10) == len(paths(db, ""))
