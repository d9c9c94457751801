"""Pages of calls: whole, in order, stable; one call by what people have of it."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import START_MS, Failure, Recorded, Wait, index_of, put

from callscope.errors import NotFoundError, SettingError
from callscope.index import plan
from callscope.index.calls import CallRow, call, calls
from callscope.query.query import SORTS, CallQuery, Term, Words

VALUE: dict[str, Callable[[CallRow], Any]] = {
    "started": lambda row: row.started_at_ms,
    "ended": lambda row: row.ended_at_ms,
    "duration": lambda row: row.duration_ms,
    "turns": lambda row: row.turns,
    "exchanges": lambda row: row.exchanges,
    "unanswered": lambda row: row.unanswered,
    "interruptions": lambda row: row.interruptions,
    "errors": lambda row: row.errors,
    "p50": lambda row: row.p50_ms,
    "p95": lambda row: row.p95_ms,
    "p99": lambda row: row.p99_ms,
    "worst": lambda row: row.worst_ms,
    "cost": lambda row: row.cost_usd,
    "status": lambda row: row.status or None,
    "agent": lambda row: row.agent or None,
}


def some_calls(count: int, *, seed: int = 1, prefix: str = "c") -> list[Recorded]:
    chance = random.Random(seed)

    def maybe(*values: Any) -> Any:
        return chance.choice([None, *values])

    return [
        Recorded(
            name=f"{prefix}{number}",
            started_at_ms=START_MS + chance.randrange(6) * 700,
            ended_at_ms=maybe(START_MS + 5_000, START_MS + 9_000),
            duration_ms=maybe(0.5, 1.5, 1e6),
            status=chance.choice(["completed", "failed", "in_progress"]),
            agent=chance.choice(["", "Desk", "desk", "zoo", "Ünal"]),
            turns=maybe(0, 3),
            unanswered=chance.choice([0, 0, 2]),
            interruptions=chance.choice([0, 0, 1, 3]),
            failures=(Failure("x"),) * chance.choice([0, 0, 2]),
            waits=(Wait(maybe(0, 900)),) * chance.choice([0, 1, 2]),
            p50_ms=maybe(1.0, 2.0),
            p95_ms=maybe(0.0, 0.1, 0.30000000000000004),
            p99_ms=maybe(1.0),
            cost_usd=maybe(0.0, 0.1, 0.2),
            documents=(("user", chance.choice(["a refund", "hello"])),),
        )
        for number in range(count)
    ]


def pages(db: Any, query: CallQuery, *, between: Callable[[], None] = lambda: None) -> list[CallRow]:
    found: list[CallRow] = []
    cursor = None
    while True:
        page = calls(db, msgspec.structs.replace(query, cursor=cursor))
        assert len(page.calls) <= query.limit
        found += page.calls
        cursor = page.next
        if cursor is None:
            return found
        assert len(page.calls) == query.limit
        between()


@pytest.mark.parametrize("direction", ["descending", "ascending"])
@pytest.mark.parametrize("few", [0, 5, 2_000])
@pytest.mark.parametrize("sort", SORTS)
def test_pages_together_are_the_whole_list_in_order(
    sort: str, few: int, direction: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "FEW", few)
    descending = direction == "descending"
    db = index_of(some_calls(60))
    query = CallQuery(
        sort=sort, descending=descending, limit=7, terms=(Term(field="turns", op="is", values=(3.0,), negated=True),)
    )
    found = pages(db, query)

    expected = {row.path for row in calls(db, msgspec.structs.replace(query, limit=1000)).calls}
    assert [row.path for row in found] == [
        row.path for row in calls(db, msgspec.structs.replace(query, limit=1000)).calls
    ]
    assert len({row.path for row in found}) == len(found) == len(expected)
    values = [VALUE[sort](row) for row in found]
    known = [value for value in values if value is not None]
    assert values == [*known, *[None] * (len(values) - len(known))], "what is unknown comes last"
    folded = [value.casefold() if isinstance(value, str) else value for value in known]
    assert folded == sorted(folded, reverse=descending)


@pytest.mark.parametrize("sort", SORTS)
def test_a_list_holds_every_call_that_was_there_when_it_began_however_many_arrive(sort: str) -> None:
    db = index_of(some_calls(40))
    before = {path for (path,) in db.execute("SELECT path FROM call")}
    arrived = iter(range(1000))

    def arrive() -> None:
        put(db, some_calls(3, seed=next(arrived), prefix=f"new{next(arrived)}-"))

    found = [row.path for row in pages(db, CallQuery(sort=sort, limit=5), between=arrive)]

    assert len(found) == len(set(found))
    assert before <= set(found)


def test_an_agent_that_is_gone_meanwhile_does_not_end_the_list() -> None:
    db = index_of([Recorded(name=f"{agent}{number}", agent=agent) for agent in "abc" for number in range(3)])
    query = CallQuery(sort="agent", descending=False, limit=4)
    first = calls(db, query)
    db.execute("DELETE FROM call WHERE dimensions = (SELECT id FROM dimensions WHERE agent = 'b')")
    db.execute("DELETE FROM dimensions WHERE agent = 'b'")

    rest = calls(db, msgspec.structs.replace(query, cursor=first.next))

    assert [row.agent for row in rest.calls] == ["c", "c", "c"]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 100),
    st.sampled_from(SORTS),
    st.sampled_from([True, False]),
    st.integers(1, 9),
    st.sampled_from([0, 3, 2_000]),
)
def test_a_way_of_looking_changes_no_answer(seed: int, sort: str, descending: Any, limit: int, few: int) -> None:
    db = index_of(some_calls(25, seed=seed))
    query = CallQuery(
        sort=sort,
        descending=descending,
        limit=limit,
        words=(Words(text="refund"),),
        terms=(
            Term(field="cost", op="at_least", values=(0.0,)),
            Term(field="status", op="is", values=("completed", "failed")),
        ),
    )
    expected = [row.path for row in pages(db, query)]
    kept = plan.FEW
    plan.FEW = few  # type: ignore[misc]
    try:
        assert [row.path for row in pages(db, query)] == expected
    finally:
        plan.FEW = kept  # type: ignore[misc]


def test_the_number_of_all_calls_is_told_when_it_is_asked_for() -> None:
    db = index_of(some_calls(30))
    query = CallQuery(limit=2, words=(Words(text="refund"),))

    assert calls(db, query).total is None
    assert calls(db, query, count=True).total == len(pages(db, query))
    assert calls(db, CallQuery(limit=2), count=True).total == 30


def test_a_row_says_what_is_known() -> None:
    db = index_of([Recorded(name="one", agent="desk", cost_usd=0.25, unpriced=1, recorded=True, end_reason="hung up")])
    (row,) = calls(db, CallQuery()).calls

    assert (row.call_id, row.agent, row.cost_usd, row.unpriced, row.recorded, row.reason) == (
        "one", "desk", 0.25, 1, True, "hung up",
    )  # fmt: skip
    assert row.p95_ms is None


def test_a_page_that_is_just_full_is_the_last_one() -> None:
    db = index_of(some_calls(10))

    assert calls(db, CallQuery(limit=10)).next is None
    assert calls(db, CallQuery(limit=9)).next is not None


@pytest.mark.parametrize("cursor", ["", "x", "!!", "W10", "\ud800", "AAAA", "eyJhIjoxfQ", "WzEsMiwzLDQsNV0"])
def test_a_cursor_that_no_page_gave_is_an_error(cursor: str) -> None:
    with pytest.raises(SettingError, match="cursor"):
        calls(index_of([]), CallQuery(cursor=cursor))


def test_a_cursor_of_another_order_is_an_error() -> None:
    db = index_of(some_calls(10))
    cursor = calls(db, CallQuery(limit=2, sort="cost")).next

    with pytest.raises(SettingError, match="another order"):
        calls(db, CallQuery(limit=2, sort="p95", cursor=cursor))
    with pytest.raises(SettingError, match="another order"):
        calls(db, CallQuery(limit=2, sort="cost", descending=False, cursor=cursor))


def test_an_order_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(SettingError, match="sorted by started"):
        calls(index_of([]), CallQuery(sort="colour"))


@pytest.mark.parametrize(
    "name", ["CA12", "ca12", "2026/11/21/CA12", "/data/calls/2026/11/21/CA12/", "CA1", "2026/11/21/CA12/"]
)
def test_a_call_is_found_by_id_by_place_and_by_its_beginning(name: str) -> None:
    db = index_of([Recorded(name="CA12"), Recorded(name="CB1"), Recorded(name="other")])

    if name == "ca12":
        assert call(db, name).call_id == "CA12"
    assert call(db, name).path == "2026/11/21/CA12"


def test_a_call_is_found_by_the_name_of_its_directory() -> None:
    db = index_of([Recorded(name="a"), Recorded(name="b")])
    db.execute("UPDATE call SET call_id = 'call:' || call_id, path = path || '-x'")

    assert call(db, "a-x").call_id == "call:a"
    assert call(db, "b-").call_id == "call:b"


def test_a_beginning_of_several_names_them() -> None:
    db = index_of([Recorded(name=f"CA{number}") for number in range(8)])

    with pytest.raises(NotFoundError, match=r"2026/11/21/CA0, .*\.\.\."):
        call(db, "CA")


@pytest.mark.parametrize("name", ["", "/", "nothing", "%", "*", "\ud800", "2026/11/21/none", "'"])
def test_a_call_that_is_not_there_is_an_error(name: str) -> None:
    with pytest.raises(NotFoundError):
        call(index_of([Recorded(name="CA1")]), name)


def test_a_pattern_that_takes_for_ever_is_an_error_and_no_hang() -> None:
    db = index_of([Recorded(name="one", end_reason="a" * 40 + "!")])
    query = CallQuery(terms=(Term(field="reason", op="matches", values=("(a|a)*$",)),))

    with pytest.raises(SettingError, match="regular expression"):
        calls(db, query)
