"""Errors that are the same but for their details are one group."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from archives import NOW_MS, many
from recorded import START_MS, Failure, Recorded, index_of

from callscope.index.database import readable
from callscope.index.error_groups import error_groups
from callscope.index.refresh import refresh
from callscope.query.language import parse
from callscope.query.query import CallQuery, Term

TIMEOUT = Failure("timed out", "APITimeoutError", "timeout", "aa11")
REFUSED = Failure("refused", "ConnectionError", "network", "bb22", provider="deepgram")


def archive() -> list[Recorded]:
    return [
        Recorded(name="old", started_at_ms=START_MS, agent="desk", failures=(TIMEOUT, TIMEOUT)),
        Recorded(
            name="new", started_at_ms=START_MS + 60_000, agent="shop",
            failures=(REFUSED, Failure("timed out again", "APITimeoutError", "timeout", "aa11", recovered=True)),
        ),
        Recorded(name="well", started_at_ms=START_MS + 90_000),
    ]  # fmt: skip


def test_a_group_counts_its_errors_and_calls_and_shows_the_newest() -> None:
    (first, second) = error_groups(index_of(archive()), CallQuery())

    assert (first.fingerprint, first.count, first.calls, first.recovered) == ("aa11", 3, 2, 1)
    assert (first.first_ms, first.last_ms) == (START_MS + 700, START_MS + 60_701)
    assert (first.example, first.example_call, first.example_call_id) == ("timed out again", "2026/11/21/new", "new")
    assert (second.fingerprint, second.count, second.provider, second.exception_type) == (
        "bb22",
        1,
        "deepgram",
        "ConnectionError",
    )


def test_a_query_chooses_the_calls() -> None:
    (group,) = error_groups(index_of(archive()), CallQuery(terms=(Term(field="agent", op="is", values=("desk",)),)))

    assert (group.fingerprint, group.count) == ("aa11", 2)


def test_a_query_for_errors_chooses_the_errors_not_all_of_the_same_calls() -> None:
    db = index_of(archive())

    for term in (
        Term(field="error", op="contains", values=("REFUSED",)),
        Term(field="error", op="contains", values=("network",)),
        Term(field="fingerprint", op="is", values=("bb*",)),
    ):
        assert [group.fingerprint for group in error_groups(db, CallQuery(terms=(term,)))] == ["bb22"]


def test_without_those_of_a_kind_only_calls_that_have_none_of_it_are_left() -> None:
    term = Term(field="error", op="contains", values=("refused",), negated=True)
    (group,) = error_groups(index_of(archive()), CallQuery(terms=(term,)))

    assert (group.fingerprint, group.calls) == ("aa11", 1)


def test_time_and_limit_hold() -> None:
    db = index_of(archive())

    assert [group.count for group in error_groups(db, CallQuery(since_ms=START_MS + 1))] == [1, 1]
    assert len(error_groups(db, CallQuery(), limit=1)) == 1
    assert error_groups(index_of([]), CallQuery()) == []


def test_an_error_without_a_moment_counts_at_the_start_of_its_call() -> None:
    db = index_of(archive())
    db.execute("UPDATE error SET ts_ms = NULL")

    one_by_one = CallQuery(terms=(Term(field="errors", op="at_least", values=(0,)),))
    assert error_groups(db, one_by_one)[0].first_ms == START_MS


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("archive")
    many(root, 400, days=10, turns=2)
    refresh(root / "index.sqlite", root, now_ms=NOW_MS, processes=0)
    return root / "index.sqlite"


@pytest.mark.parametrize(
    "text", ["", "agent:sales", "since:2026-11-14T05:30", "since:2026-11-13 until:2026-11-19T22:11 agent:billing,sales"]
)
def test_sums_by_day_say_what_the_errors_say(place: Path, text: str) -> None:
    query = parse(text, now_ms=NOW_MS)
    beyond = Term(field="errors", op="at_least", values=(0,))  # true of every call, and nothing that sums know
    with closing(readable(place, root=place.parent)) as db:
        assert error_groups(db, query) == error_groups(db, msgspec.structs.replace(query, terms=(*query.terms, beyond)))
        assert error_groups(db, query)
