"""Trends: what a set of calls comes to, by group, and that rollups say what the calls themselves say."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import msgspec
import pytest
from direct_rows import DAY, DAY_MS, HOUR_MS, Wait, cells, empty_index, put
from hypothesis import given, settings
from hypothesis import strategies as st

import callscope.index.trends as module
from callscope.errors import SettingError
from callscope.index import matching
from callscope.index.figures import Figures, Percentiles
from callscope.index.matching import snapshot
from callscope.index.rollups import recompute
from callscope.index.trends import Key, trends
from callscope.query.query import STAGES, CallQuery, Term, Words
from callscope.timeline.percentiles import percentile

NOW = DAY + 4 * DAY_MS
ALL = CallQuery()
BEYOND = Term(field="errors", op="at_least", values=(0,))
"""True of every call, and nothing that rollups know."""


def is_(field: str, *values: str, negated: bool = False) -> Term:
    return Term(field=field, op="is", values=values, negated=negated)


def one(db: sqlite3.Connection, query: CallQuery = ALL, *, stages: bool = True, now_ms: int = NOW) -> Figures:
    ((key, figures),) = trends(db, query, by=(), now_ms=now_ms, stages=stages)
    assert key == ()
    return figures


def keys(db: sqlite3.Connection, *by: str, query: CallQuery = ALL) -> dict[Key, int]:
    return {key: figures.calls for key, figures in trends(db, query, by=by, now_ms=NOW)}


@pytest.fixture(params=["rollups", "calls"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Answer from rollups however few calls there are, or from the calls."""
    monkeypatch.setattr(module, "_FEW", -1 if request.param == "rollups" else 10**9)
    return str(request.param)


def test_the_figures_of_a_few_calls(way: str) -> None:
    db = empty_index()
    put(db, waits=[Wait(700 + n, stages={"llm": 40 + n}) for n in range(20)], turns=40, duration_ms=120_000, errors=3)
    put(db, at_ms=DAY + HOUR_MS, waits=[Wait(9_000, interrupted=True), Wait(answered=False)], status="failed", turns=4)
    put(db, at_ms=DAY + HOUR_MS, status="in_progress", cost_usd=None, duration_ms=None, turns=None)
    put(db, at_ms=DAY + HOUR_MS, status="unreadable", cost_usd=None, duration_ms=None, turns=None)
    recompute(db, cells(db))
    found = one(db, now_ms=DAY + 2 * HOUR_MS)
    assert msgspec.structs.replace(found, response=Percentiles(n=0), stages={}) == Figures(
        calls=4,
        ended=2,
        minutes=3.0,
        turns=44,
        exchanges=22,
        unanswered=1,
        completion=0.5,
        interruption_rate=1 / 21,
        error_rate=1 / 4,
        response=Percentiles(n=0),
        stages={},
        cost_usd=0.5,
        unpriced_calls=2,
        calls_per_minute=4 / 120,
        turns_per_minute=44 / 120,
    )
    assert (found.response.n, found.response.min_ms, found.response.max_ms) == (21, 700, 9_000)
    assert found.response.p50_ms == pytest.approx(710, rel=0.01)
    assert found.stages == {"llm": Percentiles(n=20, min_ms=40, max_ms=59, p50_ms=49.5, p95_ms=58.0, p99_ms=58.8)}, way


def test_without_stages_only_the_response_is_told(way: str) -> None:
    db = empty_index()
    put(db, waits=[Wait(700, stages={"llm": 40})] * 20)
    recompute(db, cells(db))
    assert one(db, stages=False).stages == {}
    assert one(db, stages=False).response == one(db).response
    assert one(db).stages["llm"].n == 20, way


def test_fewer_than_twenty_values_have_no_percentiles(way: str) -> None:
    db = empty_index()
    put(db, waits=[Wait(700)] * 19)
    recompute(db, cells(db))
    assert one(db).response == Percentiles(n=19, min_ms=700, max_ms=700), way
    put(db, waits=[Wait(900)])
    recompute(db, cells(db))
    assert (one(db).response.n, one(db).response.p50_ms) == (20, 700), way


def test_percentiles_of_few_calls_are_exact() -> None:
    db = empty_index()
    dice = random.Random(3)
    waits = [round(dice.lognormvariate(7, 1)) for _ in range(400)]
    for at in range(0, 400, 4):
        put(db, at_ms=DAY + at * 60_000, waits=[Wait(wait) for wait in waits[at : at + 4]])
    recompute(db, cells(db))
    found = one(db).response
    exact = [round(percentile(sorted(waits), share), 1) for share in (0.5, 0.95, 0.99)]
    assert [found.p50_ms, found.p95_ms, found.p99_ms] == exact


def test_nothing_matches_is_one_row_of_nothing_or_no_group(way: str) -> None:
    db = empty_index()
    nothing = one(db)
    assert (nothing.calls, nothing.completion, nothing.error_rate, nothing.cost_usd) == (0, None, None, None)
    assert (nothing.response, nothing.calls_per_minute) == (Percentiles(n=0), None)
    assert trends(db, ALL, by=("day",), now_ms=NOW) == [], way


def test_cost_is_unknown_only_when_nothing_is_known(way: str) -> None:
    db = empty_index()
    put(db, cost_usd=None)
    put(db, cost_usd=0.0, agent="local")
    put(db, cost_usd=0.125, unpriced=2, agent="mixed")
    recompute(db, cells(db))
    costs = {key: (each.cost_usd, each.unpriced_calls) for key, each in trends(db, ALL, by=("agent",), now_ms=NOW)}
    assert costs == {("desk",): (None, 1), ("local",): (0.0, 0), ("mixed",): (0.125, 1)}, way


def test_calls_are_told_apart_by_any_dimension_and_period(way: str) -> None:
    db = empty_index()
    put(db, agent="desk", model="gpt", environment="prod")
    put(db, at_ms=DAY + HOUR_MS, agent="sales", provider="", version="2")
    put(db, at_ms=DAY + 10 * DAY_MS, agent="sales", mode="realtime", status="failed")
    recompute(db, cells(db))
    assert keys(db, "agent") == {("desk",): 1, ("sales",): 2}
    assert keys(db, "provider", "model") == {("", "gpt-4.1"): 1, ("openai", "gpt"): 1, ("openai", "gpt-4.1"): 1}
    assert keys(db, "version") == {("1",): 2, ("2",): 1}
    assert keys(db, "mode", "status") == {("pipeline", "completed"): 2, ("realtime", "failed"): 1}
    assert keys(db, "environment") == {("",): 2, ("prod",): 1}
    assert keys(db, "hour") == {(DAY,): 1, (DAY + HOUR_MS,): 1, (DAY + 10 * DAY_MS,): 1}
    assert keys(db, "day", "agent") == {(DAY, "desk"): 1, (DAY, "sales"): 1, (DAY + 10 * DAY_MS, "sales"): 1}
    assert keys(db, "week") == {(DAY - 5 * DAY_MS,): 2, (DAY + 9 * DAY_MS,): 1}
    assert keys(db, "month") == {(DAY - 20 * DAY_MS,): 2, (DAY + 10 * DAY_MS,): 1}, way
    assert list(keys(db, "day", "agent")) == sorted(keys(db, "day", "agent"))


def test_groups_by_a_label_have_an_empty_one_for_calls_without_it(way: str) -> None:
    db = empty_index()
    put(db, labels={"team": "red", "tier": "1"})
    put(db, labels={"team": "blue"}, agent="sales")
    put(db)
    recompute(db, cells(db))
    assert keys(db, "label.team") == {("",): 1, ("blue",): 1, ("red",): 1}
    assert keys(db, "agent", "label.tier", "label.team") == {
        ("desk", "", ""): 1,
        ("desk", "1", "red"): 1,
        ("sales", "", "blue"): 1,
    }, way


def test_groups_by_anything_else_are_an_error_that_says_what_there_is() -> None:
    for name in ("caller", "label.", "minute"):
        with pytest.raises(
            SettingError, match=rf"no groups by '{name}': write hour, day, week, month, year, agent, .* label"
        ):
            trends(empty_index(), ALL, by=(name,), now_ms=NOW)


def test_terms_and_time_choose_the_calls(way: str) -> None:
    db = empty_index()
    put(db, agent="desk")
    put(db, at_ms=DAY + HOUR_MS + 5, agent="sales", status="failed", errors=1)
    put(db, at_ms=DAY + 2 * DAY_MS, agent="Sales")
    recompute(db, cells(db))
    assert one(db, CallQuery(terms=(is_("agent", "SALES"),))).calls == 2
    assert one(db, CallQuery(terms=(is_("agent", "sales", negated=True),))).calls == 1
    assert one(db, CallQuery(terms=(is_("agent", "sales"), is_("status", "completed")))).calls == 1
    assert one(db, CallQuery(terms=(Term(field="errors", op="above", values=(0,)),))).calls == 1
    assert one(db, CallQuery(since_ms=DAY + HOUR_MS + 5, until_ms=DAY + 2 * DAY_MS)).calls == 1
    assert one(db, CallQuery(since_ms=DAY + HOUR_MS + 6)).calls == 1
    assert one(db, CallQuery(until_ms=DAY + HOUR_MS + 6)).calls == 2, way


def test_words_choose_the_calls(way: str) -> None:
    db = empty_index()
    number = put(db, waits=[Wait(640)] * 20)
    put(db, waits=[Wait(90_000)] * 20)
    db.execute("INSERT INTO document VALUES (?, 'user', 0, 'cancel my order')", (number << 20,))
    db.execute("INSERT INTO document_trigram (document_trigram) VALUES ('rebuild')")
    recompute(db, cells(db))
    found = one(db, CallQuery(words=(Words(text="cancel my"),)))
    assert (found.calls, found.response.p99_ms) == (1, 640), way


def test_provider_as_a_term_is_any_service_and_as_a_group_the_agents() -> None:
    db = empty_index()
    number = put(db, provider="openai")
    put(db, provider="openai")
    db.execute("INSERT INTO services VALUES (1, ?)", ('[["stt", "deepgram", "nova-3"]]',))
    db.execute("UPDATE call SET services = 1 WHERE id = ?", (number,))
    recompute(db, cells(db))
    query = CallQuery(terms=(is_("provider", "deepgram"),))
    assert keys(db, "provider", query=query) == {("openai",): 1}


def test_throughput_is_over_the_time_that_was_asked_for(way: str) -> None:
    db = empty_index()
    for minute in range(10):
        put(db, at_ms=DAY + HOUR_MS + minute * 60_000, turns=6)
    recompute(db, cells(db))

    def rates(query: CallQuery, *by: str, now_ms: int = NOW) -> list[tuple[float | None, float | None]]:
        return [(each.calls_per_minute, each.turns_per_minute) for _, each in trends(db, query, by=by, now_ms=now_ms)]

    ended = CallQuery(since_ms=DAY, until_ms=DAY + 2 * HOUR_MS)
    assert rates(ended) == [(10 / 120, 60 / 120)]
    assert rates(ended, now_ms=DAY + HOUR_MS + 600_000) == [(10 / 70, 60 / 70)]  # nobody knows the future
    assert rates(ended, "hour") == [(10 / 60, 1.0)]
    assert rates(ended, "day") == [(10 / 120, 60 / 120)]
    assert rates(ALL, now_ms=DAY + 2 * HOUR_MS) == [(10 / 60, 1.0)]  # from the first call's hour to now
    assert rates(ALL, "hour") == [(10 / 60, 1.0)]
    assert rates(ALL, now_ms=DAY) == [(None, None)], way


def test_all_that_is_read_is_of_one_moment(tmp_path: Path) -> None:
    place = tmp_path / "index.sqlite"
    with_schema = empty_index()
    put(with_schema)
    with_schema.execute("VACUUM INTO ?", (str(place),))
    reader, writer = (sqlite3.connect(place, isolation_level=None) for _ in range(2))
    writer.execute("PRAGMA journal_mode = WAL")
    count = "SELECT count(*) FROM call"
    with snapshot(reader):
        before = reader.execute(count).fetchone()
        put(writer, at_ms=DAY + HOUR_MS)
        with snapshot(reader):
            assert reader.execute(count).fetchone() == before
    assert reader.execute(count).fetchone() == (2,)
    for db in (reader, writer):
        db.close()


CALLS = st.lists(
    st.tuples(
        st.one_of(st.integers(-3 * HOUR_MS, 2 * DAY_MS), st.integers(-20 * DAY_MS, 12 * DAY_MS)),
        st.sampled_from(["desk", "sales"]),
        st.sampled_from(["completed", "failed", "in_progress", "unreadable"]),
        st.lists(
            st.builds(
                Wait,
                st.integers(0, 70_000),
                st.booleans(),
                st.booleans(),
                st.sampled_from(["exchange", "greeting"]),
                st.dictionaries(st.sampled_from(STAGES), st.integers(0, 5_000), max_size=3),
            ),
            max_size=30,
        ),
        st.one_of(st.none(), st.floats(0, 5)),
    ),
    max_size=12,
)
EDGE = st.one_of(
    st.none(),
    st.integers(-4 * HOUR_MS, 3 * DAY_MS),
    st.integers(-3, 60).map(lambda hour: hour * HOUR_MS),
    st.integers(-20, 12).map(lambda day: day * DAY_MS),
)


@settings(max_examples=100, deadline=None)
@given(
    CALLS,
    st.tuples(EDGE, EDGE),
    st.sampled_from(
        [(), ("hour",), ("day",), ("agent",), ("week", "status"), ("month", "agent", "status"), ("day", "hour")]
    ),
    st.sampled_from([(), (is_("agent", "desk"),), (is_("status", "completed", negated=True),)]),
)
def test_rollups_say_what_the_calls_say(
    calls: list[tuple[int, str, str, list[Wait], float | None]],
    edges: tuple[int | None, int | None],
    by: tuple[str, ...],
    terms: tuple[Term, ...],
) -> None:
    db = empty_index()
    for at_ms, agent, status, waits, cost in calls:
        put(db, at_ms=DAY + at_ms, agent=agent, status=status, waits=waits, cost_usd=cost, errors=len(waits) % 2)
    recompute(db, cells(db))
    since_ms, until_ms = (None if edge is None else DAY + edge for edge in edges)
    query = CallQuery(terms=terms, since_ms=since_ms, until_ms=until_ms)
    beyond = msgspec.structs.replace(query, terms=(*terms, BEYOND))
    exactly = trends(db, beyond, by=by, now_ms=NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matching, "_FEW", 0)
        assert trends(db, beyond, by=by, now_ms=NOW) == exactly, "looked up by their numbers, or gone through"
        patch.setattr(module, "_FEW", -1)
        rolled_up = trends(db, query, by=by, now_ms=NOW)
    assert [key for key, _ in rolled_up] == [key for key, _ in exactly]
    for (_, rough), (_, exact) in zip(rolled_up, exactly, strict=True):
        assert_same(rough, exact)


def test_percentiles_of_many_calls_are_within_two_percent_of_exact() -> None:
    db = empty_index()
    dice = random.Random(6)
    db.execute("BEGIN")
    for _ in range(800):
        llm = [round(dice.lognormvariate(6, 0.8)) for _ in range(4)]
        waits = [Wait(each + dice.randrange(300), stages={"llm": each}) for each in llm]
        put(db, at_ms=DAY + dice.randrange(3 * DAY_MS), agent=dice.choice(["desk", "sales"]), waits=waits, cost_usd=0.1)
    recompute(db, cells(db))
    db.execute("COMMIT")
    for by in ((), ("day",), ("agent",), ("day", "agent")):
        rolled_up = trends(db, CallQuery(since_ms=DAY + 1), by=by, now_ms=NOW)
        exactly = trends(db, CallQuery(since_ms=DAY + 1, terms=(BEYOND,)), by=by, now_ms=NOW)
        assert [key for key, _ in rolled_up] == [key for key, _ in exactly]
        assert rolled_up != exactly  # two ways indeed
        for (_, rough), (_, exact) in zip(rolled_up, exactly, strict=True):
            assert_same(rough, exact)


def assert_same(rough: Figures, exact: Figures) -> None:
    assert rough.stages.keys() == exact.stages.keys()
    for one_way, other in [
        (rough.response, exact.response),
        *((rough.stages[name], exact.stages[name]) for name in exact.stages),
    ]:
        assert (one_way.n, one_way.min_ms, one_way.max_ms) == (other.n, other.min_ms, other.max_ms)
        shares = [(each.p50_ms or -1, each.p95_ms or -1, each.p99_ms or -1) for each in (one_way, other)]
        assert shares[0] == pytest.approx(shares[1], rel=0.011, abs=0.06)
    for name in Figures.__struct_fields__:
        if name not in {"response", "stages"}:
            assert getattr(rough, name) == pytest.approx(getattr(exact, name)), name
