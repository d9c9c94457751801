"""`Index`: what commands, pages and Python programs use, over archives as they are on disk."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from archives import DAY_MS, NOW_MS, Error, small_archive, write

from callscope.errors import NotFoundError, SettingError, UnreadableError
from callscope.index.index import Index
from callscope.query.query import CallQuery


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    small_archive(root)
    return root


def opened(root: Path) -> Index:
    index = Index.open(root, place=root.parent / "index.sqlite", now_ms=lambda: NOW_MS)
    index.refresh(processes=0)
    return index


def test_questions_in_words_and_as_values_have_the_same_answers(root: Path) -> None:
    with opened(root) as index:
        everything = index.calls()

        assert len(everything.calls) > 3
        assert everything == index.calls(CallQuery()) == index.calls("")
        assert [row.call_id for row in index.calls('"for order 1234"').calls] == ["refund"]
        assert index.calls("status:failed", count=True).total == len(index.calls("status:failed").calls)


def test_everything_can_be_asked(root: Path) -> None:
    with opened(root) as index:
        (hit,) = index.search("caller_said:subscription").hits

        assert index.call("refund").path == hit.path
        assert "subscription" in hit.snippet
        assert index.search("refund", ranked=True).hits
        ((_, figures),) = index.stats()
        assert figures.calls == index.calls(count=True).total
        assert len(index.stats(by=("agent",))) >= 1
        assert index.errors()[0].count >= 2
        assert index.compare("agent:front-desk", "agent:none").a.calls > 0
        assert index.sql("SELECT count(*) FROM calls")[1] == [(figures.calls,)]


def test_waits_and_money_can_be_asked(root: Path) -> None:
    with opened(root) as index:
        ((key, spread),) = index.distribution()
        by_agent = index.distribution("agent:front-desk", stage="llm", by="agent")
        slow = index.slowest(limit=2)
        ((_, total),) = index.spend("", by=())
        stats = index.stats()[0][1]

        assert (key, sum(spread.counts), spread.n) == ("", stats.response.n, stats.response.n)
        assert {group for group, _ in by_agent} <= {"front-desk"}
        assert slow[0].response_ms == spread.max_ms >= slow[1].response_ms
        assert total.usd == pytest.approx(stats.cost_usd)
        assert sum(each.lines for _, each in index.spend("on:2026-11-21 -agent:none")) <= total.lines


def test_a_regular_expression_can_be_asked_of_everything(root: Path) -> None:
    query = "agent:/^front/ /refund|cancel/i"
    with opened(root) as index:
        assert index.calls(query).calls
        assert index.search(query).hits
        assert index.stats(query)[0][1].calls == len(index.calls(query).calls)
        assert index.compare(query, query).a.calls == len(index.calls(query).calls)
        assert isinstance(index.errors(query), list)


def test_days_can_be_left_out_of_every_question(tmp_path: Path) -> None:
    for days in range(5):
        write(tmp_path / "root", f"c{days}", started_at_ms=NOW_MS - days * DAY_MS, errors=[Error("refused")])
    with opened(tmp_path / "root") as index:
        for query, expected in [
            ("-on:yesterday", {"c0", "c2", "c3", "c4"}),
            ("-2026-11-18..2026-11-20 until:2026-11-21", {"c4"}),
            ("-since:2026-11-20", {"c2", "c3", "c4"}),
            ("-until:2026-11-20 -on:today", {"c1"}),
            ("since:2d -on:yesterday agent:front-desk", {"c0", "c2"}),
            ("-on:2026-11", set()),
        ]:
            assert {row.call_id for row in index.calls(query).calls} == expected
            assert {row.call_id for row in index.calls(f"{query} sort:cost").calls} == expected
            assert index.stats(query)[0][1].calls == len(expected)
            assert sum(group.count for group in index.errors(query)) == len(expected)
            assert {hit.call_id for hit in index.search(f"hello {query}").hits} == expected


def test_a_label_that_is_empty_is_not_one_that_is_missing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name, labels in (("empty", {"my team": ""}), ("night", {"my team": "night"}), ("none", {})):
        write(root, name, labels=labels)
    with opened(root) as index:
        for query, expected in [
            ('label."my team":""', {"empty"}),
            ('-has:label."my team"', {"none"}),
            ('has:label."my team"', {"empty", "night"}),
            ('-label."my team":""', {"night", "none"}),
        ]:
            assert {row.call_id for row in index.calls(query).calls} == expected


def unwritable(place: Path) -> None:
    place.parent.write_text("a file, not a directory")


def newer(place: Path) -> None:
    place.parent.mkdir()
    with contextlib.closing(sqlite3.connect(place)) as db:
        db.executescript(f"PRAGMA application_id = {0x63616C6C}; PRAGMA user_version = 99; CREATE TABLE about (x)")


@pytest.mark.parametrize(("make", "told"), [(unwritable, "cannot be kept at"), (newer, "a newer callscope")])
def test_where_the_index_cannot_be_kept_a_temporary_one_answers(
    root: Path, tmp_path: Path, make: Callable[[Path], None], told: str
) -> None:
    place = tmp_path / "place" / "index.sqlite"
    make(place)
    before = place.read_bytes() if place.exists() else None

    with Index.open(root, place=place, now_ms=lambda: NOW_MS) as index:
        report = index.refresh(processes=0)
        temporary = index.place

        assert told in (index.elsewhere or "")
        assert report.complete
        assert index.calls("status:failed").calls
        assert index.refresh(processes=0).read == 0
        assert temporary.exists()

    assert (temporary.parent.exists(), index.place, index.elsewhere) == (False, place, None)
    assert (place.read_bytes() if place.exists() else None) == before
    assert not list(root.rglob("*.sqlite*"))


def test_an_index_that_is_built_is_asked_though_it_cannot_be_written_any_more(root: Path) -> None:
    with opened(root) as index:
        total = index.calls(count=True).total
        (index.place.with_name(index.place.name + ".lock")).unlink()
        (index.place.with_name(index.place.name + ".lock")).mkdir()

        with pytest.raises(SettingError, match="cannot be kept"):
            index.refresh()

        assert index.elsewhere is None
        assert index.calls(count=True).total == total


def test_a_query_that_is_wrong_says_where(root: Path) -> None:
    with opened(root) as index, pytest.raises(SettingError, match=r"did you mean agent\?"):
        index.calls("agnet:front-desk")


def test_before_the_first_refresh_there_is_nothing_to_ask(root: Path) -> None:
    with Index.open(root, place=root.parent / "index.sqlite") as index:
        assert (index.freshness.is_built, index.freshness.calls) == (False, 0)
        with pytest.raises(NotFoundError, match="no index"):
            index.calls()


def test_freshness_tells_when_it_was_whole(root: Path) -> None:
    with opened(root) as index:
        assert index.freshness.is_built
        assert index.freshness.complete_ms == NOW_MS
        assert index.freshness.calls == index.calls(count=True).total


def test_a_build_that_was_not_finished_is_told(root: Path) -> None:
    for number in range(300):
        write(root, f"more{number}", started_at_ms=NOW_MS - number * 86_400_000)
    with Index.open(root, place=root.parent / "index.sqlite", now_ms=lambda: NOW_MS) as index:
        report = index.refresh(budget_seconds=0.0, processes=0)

        assert not report.complete
        assert not index.freshness.is_built


def test_what_is_new_is_there_after_a_refresh(root: Path) -> None:
    with opened(root) as index:
        before = index.calls(count=True).total
        write(root, "another", started_at_ms=NOW_MS - 1000)
        index.refresh(verify=True, processes=0)

        assert before is not None
        assert index.calls(count=True).total == before + 1


def test_an_index_that_was_made_anew_is_read_anew(root: Path) -> None:
    with opened(root) as index:
        before = index.calls()
        write(root, "another", started_at_ms=NOW_MS - 1000)
        index.refresh(rebuild=True, processes=0)

        assert len(index.calls().calls) == len(before.calls) + 1


def test_an_index_that_was_deleted_is_missed(root: Path) -> None:
    with opened(root) as index:
        index.calls()
        for file in root.parent.glob("index.sqlite*"):
            file.unlink()

        with pytest.raises(NotFoundError):
            index.calls()
        index.refresh(processes=0)
        assert index.calls().calls


def test_a_damaged_index_is_told_and_made_anew(root: Path) -> None:
    with opened(root) as index:
        whole = index.calls()
        index.close()
        place = root.parent / "index.sqlite"
        place.write_bytes(b"x" * 8192)

        with pytest.raises(UnreadableError, match="reindex"):
            index.calls()
        index.refresh(processes=0)
        assert [row.path for row in index.calls().calls] == [row.path for row in whole.calls]


def test_an_index_that_a_question_finds_damaged_is_made_anew_by_the_next_refresh(root: Path) -> None:
    with opened(root) as index:
        whole = index.search('"refund"')
        index.close()
        place = root.parent / "index.sqlite"
        with contextlib.closing(sqlite3.connect(place)) as db:
            db.execute("PRAGMA wal_checkpoint (TRUNCATE)")
            page = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'document'").fetchone()[0]
            size = db.execute("PRAGMA page_size").fetchone()[0]
        with place.open("r+b") as file:
            file.seek((page - 1) * size)
            file.write(bytes(size))

        with pytest.raises(UnreadableError, match="damaged"):
            index.search('"refund"')
        index.refresh(processes=0)
        assert index.search('"refund"') == whole
        assert whole.hits
        assert not index.refresh(processes=0).read


def test_threads_ask_at_the_same_time(root: Path) -> None:
    with opened(root) as index:
        expected = index.calls("refund")
        answers: list[bool] = []

        def ask() -> None:
            answers.extend(index.calls("refund") == expected for _ in range(20))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [True] * 80

        index._close_ended()
        assert len(index._connections) == 1, "connections of threads that ended are closed"


def test_by_default_it_is_beside_the_calls(root: Path) -> None:
    with Index.open(str(root)) as index:
        assert index.place == root / ".callscope" / "index.sqlite"
