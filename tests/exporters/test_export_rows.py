"""Rows of calls: every call once, what is unknown unknown, what is dangerous harmless, words only where they may be."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exported import NOW_MS, Said, cost_line, exported, index_of, settle, small_archive, write, written

from callscope.errors import SettingError
from callscope.exporters.cells import number_cell, path_cell, text_cell
from callscope.exporters.registry import formats
from callscope.exporters.tables.all_tables import TABLES
from callscope.exporters.tables.selection import paths_of
from callscope.index.index import Index
from callscope.query.language import parse
from callscope.web import csv_rows

FORMULAS = ("=1+1", "+436641234567", "-2+3", "@SUM(A1)", "|cmd", "  |cmd", "\t=1", "\r=1", "\n=1", "  =1", "\uff1d1",
            "\x1b[31m=1", "\u202e=1")  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    root = tmp_path_factory.mktemp("rows") / "archive"
    small_archive(root)
    with index_of(root) as opened:
        yield opened


def lines(index: Index, table: str, query: str = "", **options: Any) -> list[dict[str, Any]]:
    text = exported("jsonl", index, query, table=(table,), **options)
    return [json.loads(line) for line in text.splitlines()]


def cells(index: Index, table: str, query: str = "") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported("csv", index, query, table=(table,)).decode(), newline="")))


def test_every_call_is_a_row(index: Index) -> None:
    rows = lines(index, "calls")
    told = {call.path: call for call in index.calls("limit:1000").calls}

    assert {row["path"] for row in rows} == set(told)
    assert len(rows) == len(told) == 13
    for row in rows:
        call = told[row["path"]]
        assert (row["call_id"], row["status"], row["turns"]) == (call.call_id, call.status, call.turns)
        assert (row["p95_ms"], row["worst_wait_ms"], row["unanswered"]) == (call.p95_ms, call.worst_ms, call.unanswered)
        assert row["cost_usd"] == pytest.approx(call.cost_usd) if call.cost_usd is not None else row["cost_usd"] is None


def test_formats_of_calls_are_told_where_these_are(index: Index) -> None:
    told = sorted(index.calls("agent:billing limit:1000").calls, key=lambda call: call.started_at_ms)

    assert list(paths_of(index, parse("agent:billing", now_ms=NOW_MS))) == [call.path for call in told]


def test_a_query_says_which_calls(index: Index) -> None:
    assert {row["agent"] for row in lines(index, "calls", "agent:billing")} == {"billing"}
    assert lines(index, "turns", "agent:nobody") == []


def test_what_is_unknown_is_null_and_never_0(index: Index) -> None:
    [live] = lines(index, "calls", "live")
    [unpriced] = lines(index, "cost_lines", "id:got-over")
    [same] = cells(index, "calls", "live")

    assert (live["ended_at"], live["duration_ms"], live["cost_usd"]) == (None, None, None)
    assert (unpriced["status"], unpriced["amount"], unpriced["cost_usd"]) == ("unpriced", None, None)
    assert (same["ended_at"], same["duration_ms"], same["cost_usd"]) == ("", "", "")


def test_turns_are_in_the_order_of_speaking_with_their_words(index: Index) -> None:
    rows = lines(index, "turns", "id:refund")

    assert [(row["seq"], row["role"], row["text"]) for row in rows] == [
        (0, "assistant", "Welcome to the shop."),
        (1, "user", "I want a refund for order 1234"),
        (2, "assistant", "Let me look that up."),
        (3, "user", "please cancel my subscription"),
        (4, "assistant", "It is cancelled."),
    ]
    assert rows[0]["text_length"] == len("Welcome to the shop.")


def test_the_parts_of_a_wait_add_up_to_it(index: Index) -> None:
    rows = [row for row in lines(index, "exchanges") if row["response_ms"] is not None and row["kind"] == "exchange"]
    stages = [column.name for column in TABLES["exchanges"].columns if column.text.startswith("part of the wait")]

    assert len(rows) >= 8
    assert len(stages) == 10
    for row in rows:
        known = [row[stage] for stage in stages if row[stage] is not None]
        assert not known or sum(known) == row["response_ms"]


def test_long_calls_are_whole(tmp_path: Path) -> None:
    said = [Said(f"question {number}", f"answer {number}") for number in range(300)]
    write(tmp_path / "archive", "long", said=said)
    settle(tmp_path / "archive")
    with index_of(tmp_path / "archive") as opened:
        rows = lines(opened, "turns")

    assert [row["seq"] for row in rows] == list(range(600))
    assert [row["text"] for row in rows[::2]] == [each.caller for each in said]


def test_without_text_no_word_is_left(index: Index) -> None:
    everything = b"".join(exported("jsonl", index, table=(table,), no_text=True) for table in TABLES)

    words = (b"refund for", b"Welcome", b"Too Many", b"timed out", b"heard nothing", b"hung up", b"refused", b"shipped")
    for word in words:
        assert word not in everything, word
        assert word in b"".join(exported("jsonl", index, table=(table,)) for table in TABLES), word
    assert {row["text"] for row in lines(index, "turns", no_text=True)} == {None}
    assert [row["text_length"] for row in lines(index, "turns", no_text=True)] == [
        row["text_length"] for row in lines(index, "turns")
    ]


def test_an_event_of_a_type_that_nobody_knows_keeps_no_facts_without_text(tmp_path: Path) -> None:
    directory = write(tmp_path / "archive", "a-call")
    with (directory / "events.jsonl").open("a") as file:
        file.write('{"ts": "2026-11-21T09:00:01Z", "type": "my.own", "data": {"note": "secret words"}}\n')
    settle(tmp_path / "archive")
    with index_of(tmp_path / "archive") as opened:
        with_words = {row["type"]: row["data"] for row in lines(opened, "events")}
        without = {row["type"]: row["data"] for row in lines(opened, "events", no_text=True)}

    assert with_words["my.own"] == {"note": "secret words"}
    assert without["my.own"] is None
    assert without["user_stopped_speaking"] == {"delay_ms": 200}


def test_csv_and_json_lines_say_the_same(index: Index) -> None:
    for table in TABLES:
        as_csv, as_json = cells(index, table), lines(index, table)
        assert len(as_csv) == len(as_json)
        for one, other in zip(as_csv, as_json, strict=True):
            assert list(one) == list(other) == [column.name for column in TABLES[table].columns]
            for column in TABLES[table].columns:
                cell, value = one[column.name], other[column.name]
                if value is None:
                    assert cell == ""
                elif column.kind in {"whole", "number", "usd"}:
                    assert float(cell) == pytest.approx(value, abs=1e-6)
                elif column.kind == "json":
                    assert json.loads(cell) == value
                elif column.kind == "flag":
                    assert cell == str(value).lower()


def test_no_cell_is_calculated(tmp_path: Path) -> None:
    for number, formula in enumerate(FORMULAS):
        write(tmp_path / "archive", f"call-{number}", agent=formula, said=[Said(formula, formula)], error=formula)
    settle(tmp_path / "archive")
    with index_of(tmp_path / "archive") as opened:
        text = [cell for table in ("calls", "turns") for row in cells(opened, table) for cell in row.values()]

    assert sum(cell.startswith("'") for cell in text) >= 3 * len(FORMULAS)
    for cell in text:
        assert not cell.lstrip().startswith(("=", "+", "-", "@", "|", "\t", "\r", "\uff1d"))
        assert cell.isprintable()


@pytest.mark.parametrize("text", [*FORMULAS, "plain", "", "a\nb", "2026/11/21/a%b", "\u202egnp.exe"])
def test_cells_are_those_of_the_dashboard(text: str) -> None:
    assert text_cell(text) == csv_rows.text_cell(text)
    assert path_cell(text) == csv_rows.path_cell(text)


@pytest.mark.parametrize("value", [None, 0, 12, 1.5, 1234567.1239, 1e-7, 0.1 + 0.2])
def test_numbers_are_written_as_on_the_dashboard(value: float | None) -> None:
    assert number_cell(value) == csv_rows.number_cell(value)


def test_json_lines_hold_nothing_that_a_terminal_obeys(index: Index) -> None:
    text = b"".join(exported("jsonl", index, table=(table,)) for table in TABLES).decode()

    assert "\u202e" not in text
    assert "\\u202e" in text
    assert all(line.isprintable() for line in text.split("\n"))


def test_a_file_is_there_as_a_whole_or_not_at_all(index: Index, tmp_path: Path) -> None:
    place = tmp_path / "calls.csv"

    done, _ = written("csv", index, place)

    assert (done.calls, done.written) == (13, (place,))
    assert place.read_bytes() == exported("csv", index)
    assert place.stat().st_mode & 0o777 == 0o600
    with pytest.raises(SettingError, match="there already"):
        written("csv", index, place)
    with pytest.raises(SettingError, match="are not one file"):
        written("csv", index, tmp_path / "two.csv", table=("calls", "turns"))
    assert [path.name for path in tmp_path.iterdir()] == ["calls.csv"]


def test_an_export_that_fails_leaves_nothing(index: Index, tmp_path: Path) -> None:
    class FullDiskError(OSError):
        pass

    def fail(_done: int, _total: int) -> None:
        raise FullDiskError(28, "No space left on device")

    form = formats()["csv"]
    from callscope.exporters.format import Request
    from callscope.query.query import CallQuery

    request = Request(
        root=index.root, index=index, query=CallQuery(), now_ms=NOW_MS, output=tmp_path / "calls.csv", force=False,
        options={"table": (), "no-text": False}, progress=fail, stdout=io.BytesIO(),
    )  # fmt: skip
    with pytest.raises(SettingError, match="No space left"):
        form.run(request)

    assert list(tmp_path.iterdir()) == []


def test_amounts_are_exact_to_a_billionth(tmp_path: Path) -> None:
    amounts = [cost_line("llm", "openai", "0.000000123"), cost_line("stt", "x", "1.1")]
    write(tmp_path / "archive", "a-call", lines=amounts)
    settle(tmp_path / "archive")
    with index_of(tmp_path / "archive") as opened:
        assert [row["cost_usd"] for row in cells(opened, "cost_lines")] == ["0.000000123", "1.1"]
        assert [row["cost_usd"] for row in lines(opened, "cost_lines")] == [1.23e-07, 1.1]
