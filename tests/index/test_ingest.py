"""Calls put into the index and taken out: numbers, replacement, transactions, the full-text tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from archives import NOW_MS, Said, small_archive, write
from dumps import check_words, dump_of

from callscope.archive.reader import read_call
from callscope.index.database import readable, writable
from callscope.index.extract import CallRows, rows_of
from callscope.index.ingest import Ingest
from callscope.index.numbers import DOCUMENT_BITS, NUMBERS_A_SECOND


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = writable(tmp_path / "index.sqlite", root=tmp_path)
    yield connection
    connection.close()


def rows(path: Path) -> CallRows:
    return rows_of(read_call(path, now_ms=NOW_MS), path="/".join(path.parts[-4:]), stamp="")


def named(found: CallRows, path: str) -> CallRows:
    return found._replace(call=(path, *found.call[1:]))


def found_words(db: sqlite3.Connection, words: str) -> list[int]:
    query = "SELECT rowid >> ? FROM document_trigram WHERE document_trigram MATCH ?"
    return [row[0] for row in db.execute(query, (DOCUMENT_BITS, f'"{words}"'))]


def test_numbers_are_in_the_order_of_time(db: sqlite3.Connection, tmp_path: Path) -> None:
    ingest = Ingest(db)
    starts = [NOW_MS - 7_000, NOW_MS, NOW_MS - 86_400_000, 0, NOW_MS + 1_000, 253_402_300_799_000]
    numbers = [ingest.put(rows(write(tmp_path, f"c{start}", started_at_ms=start))) for start in starts]
    ingest.commit()

    assert sorted(range(6), key=numbers.__getitem__) == sorted(range(6), key=starts.__getitem__)
    assert numbers[1] // NUMBERS_A_SECOND == NOW_MS // 1000 - 1_577_836_800


def test_a_second_that_is_full_goes_on_in_the_next(db: sqlite3.Connection, tmp_path: Path) -> None:
    ingest = Ingest(db)
    call = rows(write(tmp_path, "x"))
    numbers = [ingest.put(named(call, f"2026/11/21/{number}")) for number in range(NUMBERS_A_SECOND + 3)]
    ingest.commit()
    after = ingest.put(named(call, "2026/11/21/one-more"))
    ingest.commit()

    assert numbers == list(range(numbers[0], numbers[0] + NUMBERS_A_SECOND + 3))
    assert after == numbers[-1] + 1


def test_a_call_that_is_put_again_takes_its_own_place(db: sqlite3.Connection, tmp_path: Path) -> None:
    ingest = Ingest(db)
    first = ingest.put(rows(write(tmp_path, "call", said=[Said("violins"), Said("and cellos")])))
    ingest.commit()
    again = ingest.put(rows(write(tmp_path, "call", said=[Said("trumpets")])))
    ingest.commit()

    assert again == first
    assert (found_words(db, "violins"), found_words(db, "trumpets")) == ([], [first])
    assert db.execute("SELECT count(*) FROM turn").fetchone() == (2,)
    check_words(db)


def test_a_call_put_twice_in_one_batch_is_there_once(db: sqlite3.Connection, tmp_path: Path) -> None:
    ingest = Ingest(db)
    for words in ("violins", "trumpets", "trumpets"):
        number = ingest.put(rows(write(tmp_path, "call", said=[Said(words)])))
    ingest.commit()

    assert (found_words(db, "violins"), found_words(db, "trumpets")) == ([], [number])
    check_words(db)


def test_a_call_whose_start_is_another_gets_another_number(db: sqlite3.Connection, tmp_path: Path) -> None:
    ingest = Ingest(db)
    call = rows(write(tmp_path, "call"))
    first = ingest.put(call)
    ingest.commit()
    second = ingest.put(call._replace(call=(*call.call[:2], NOW_MS, *call.call[3:])))
    ingest.commit()

    assert second > first
    assert db.execute("SELECT DISTINCT call FROM turn").fetchall() == [(second,)]
    assert {row[0] for row in db.execute("SELECT start_ms FROM hour")} == {NOW_MS}


def test_nothing_is_left_of_calls_that_are_taken_out(db: sqlite3.Connection, tmp_path: Path) -> None:
    ingest = Ingest(db)
    calls = [rows(path) for path in small_archive(tmp_path).values()]
    for call in calls[:-1]:
        ingest.put(call)
    ingest.commit()
    ingest.put(calls[-1])
    removed = [ingest.remove(str(call.call[0])) for call in calls]
    again = ingest.remove(str(calls[0].call[0]))
    ingest.commit()

    assert all(removed)
    assert not again
    assert not any(dump_of(db).values())
    check_words(db)


def test_nothing_is_seen_before_the_end_of_the_batch(db: sqlite3.Connection, tmp_path: Path) -> None:
    reader = readable(tmp_path / "index.sqlite", root=tmp_path)
    ingest = Ingest(db)
    ingest.put(rows(write(tmp_path, "call")))
    during = dump_of(reader)
    ingest.commit()

    assert not any(during.values())
    assert len(dump_of(reader)["call"]) == 1
    reader.close()


def test_what_is_rolled_back_never_was(db: sqlite3.Connection, tmp_path: Path) -> None:
    ingest = Ingest(db)
    paths = small_archive(tmp_path)
    ingest.put(rows(paths["refund"]))
    ingest.commit()
    before = dump_of(db)
    ingest.put(rows(paths["billing" if "billing" in paths else "tool-failed"]))
    ingest.remove("/".join(paths["refund"].parts[-4:]))
    ingest.rollback()

    assert dump_of(db) == before
    ingest.put(rows(paths["tool-failed"]))  # its dimensions were forgotten, too
    ingest.commit()
    assert len(dump_of(db)["call"]) == 2


def test_sums_can_wait_and_are_not_forgotten(db: sqlite3.Connection, tmp_path: Path) -> None:
    ingest = Ingest(db)
    ingest.put(rows(write(tmp_path, "one")))
    ingest.commit(sums=False)
    waiting = (
        db.execute("SELECT count(*) FROM dirty_hour").fetchone(),
        db.execute("SELECT count(*) FROM hour").fetchone(),
    )
    another = Ingest(db)
    another.put(rows(write(tmp_path, "two", started_at_ms=NOW_MS)))
    another.commit()

    assert waiting == ((1,), (0,))
    assert db.execute("SELECT sum(calls) FROM hour WHERE grain = 3").fetchone() == (2,)
    assert db.execute("SELECT count(*) FROM dirty_hour").fetchone() == (0,)


def test_a_call_that_keeps_its_number_shares_it_with_none_of_the_same_second(
    db: sqlite3.Connection, tmp_path: Path
) -> None:
    known, new = rows(write(tmp_path, "known")), rows(write(tmp_path, "new"))
    ingest = Ingest(db)
    first = ingest.put(known)
    ingest.commit()

    assert ingest.put(known) == first
    assert ingest.put(new) == first + 1
    ingest.commit()

    assert db.execute("SELECT count(*) FROM call").fetchone() == (2,)
