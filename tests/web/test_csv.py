"""Calls as a CSV file: whole, in the page's order, harmless for who opens it in a spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from dashboards import NOW_MS, dashboard
from starlette.testclient import TestClient
from written_calls import MINUTE_MS, write_call

from callscope.archive.listing import find_call
from callscope.model.wire import format_ts
from callscope.web.csv_rows import number_cell, text_cell
from callscope.web.pages import calls as calls_page

FORMULAS = (
    "=1+1",
    "+436641234567",
    "-2+3",
    "@SUM(A1)",
    "|cmd",
    "  |cmd",
    "\t=1",
    "\r=1",
    "\n=1",
    "  =1",
    "\uff1d1",
    "\x1b[31m=1",
    "\u202e=1",
)


@pytest.fixture(autouse=True)
def no_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSCOPE_VIEWS", str(tmp_path / "views.toml"))


def rows_of(client: TestClient, address: str) -> list[dict[str, str]]:
    answer = client.get(address)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8"), newline="")))


def test_a_call_is_a_row_with_units_in_the_names_of_its_columns(tmp_path: Path) -> None:
    write_call(tmp_path / "archive", "a-call", minutes_ago=60, cost=("0.0312", None), errors=("timeout", "again"))

    answer = dashboard(tmp_path / "archive").get("/calls.csv")
    [row] = csv.DictReader(io.StringIO(answer.text, newline=""))

    assert answer.headers["content-type"].startswith("text/csv; charset=utf-8")
    assert answer.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    assert answer.text.count("\r\n") == answer.text.count("\n") == 2
    assert row["started_at_utc"] == format_ts(NOW_MS - 60 * MINUTE_MS)
    assert (row["call_id"], row["status"], row["agent"], row["version"]) == (
        "a-call", "completed", "front-desk", "2.4"
    )  # fmt: skip
    assert (row["duration_ms"], row["worst_wait_ms"], row["errors"]) == ("34000", "900", "2")
    assert (row["cost_usd"], row["unpriced"], row["end_reason"]) == ("0.0312", "1", "the caller hung up")


def test_what_is_unknown_is_empty_and_never_0(tmp_path: Path) -> None:
    write_call(tmp_path / "archive", "live", status="in_progress", answered=None, cost=(), caller="")

    [row] = rows_of(dashboard(tmp_path / "archive"), "/calls.csv")

    assert (row["duration_ms"], row["ended_at_utc"], row["worst_wait_ms"], row["cost_usd"]) == ("", "", "", "")


def test_the_order_and_the_filter_are_those_of_the_page(tmp_path: Path) -> None:
    for number, wait_ms in enumerate((900, 4200, 1800)):
        write_call(tmp_path / "archive", f"call-{number}", wait_ms=wait_ms, minutes_ago=60 + number * 24 * 60)
    client = dashboard(tmp_path / "archive")

    assert [row["call_id"] for row in rows_of(client, "/calls.csv")] == ["call-0", "call-1", "call-2"]
    assert [row["call_id"] for row in rows_of(client, "/calls.csv?q=sort:-worst limit:1")] == [
        "call-1", "call-2", "call-0"
    ]  # fmt: skip
    assert [row["call_id"] for row in rows_of(client, "/calls.csv?q=wait>1s&range=7d&after=x")] == ["call-1", "call-2"]
    assert rows_of(client, "/calls.csv?q=zzz") == []


def test_it_goes_on_over_pages_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(7):
        write_call(tmp_path / "archive", f"call-{number}", minutes_ago=60 + number)
    client = dashboard(tmp_path / "archive")
    monkeypatch.setattr(calls_page, "_CSV_PAGE", 2)

    assert [row["call_id"] for row in rows_of(client, "/calls.csv")] == [f"call-{number}" for number in range(7)]

    monkeypatch.setattr(calls_page, "MAX_CSV_ROWS", 4)
    assert len(rows_of(client, "/calls.csv")) == 4


def test_a_filter_with_a_mistake_gives_no_file(tmp_path: Path) -> None:
    write_call(tmp_path / "archive", "a-call")

    answer = dashboard(tmp_path / "archive").get("/calls.csv?q=agnet:x")

    assert answer.status_code == 400
    assert "text/csv" not in answer.headers["content-type"]


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_that_could_be_a_formula_gets_an_apostrophe(tmp_path: Path, text: str) -> None:
    write_call(tmp_path / "archive", "a-call", reason=text, agent=text, caller=text, error=f'{text}",=2\n=3')

    [row] = rows_of(dashboard(tmp_path / "archive"), "/calls.csv")

    for column in ("end_reason", "caller", "error"):
        assert row[column].startswith("'"), column
        assert not {"\x1b", "\u202e", "\r", "\n", "\t"} & set(row[column]), column


def test_a_call_is_found_by_its_path_whatever_its_directory_is_called(tmp_path: Path) -> None:
    path = write_call(tmp_path / "archive", "a-call")
    name = "100% \u200e\u202eb\n\x1b[31mé"
    path.rename(path.with_name(name))
    client = dashboard(tmp_path / "archive")

    [row] = rows_of(client, "/calls.csv")

    assert row["path"].endswith("/100%25 %E2%80%8E%E2%80%AEb%0A%1B[31mé")
    assert client.get(f"/calls/{row['path']}").status_code == 200
    assert find_call(tmp_path / "archive", row["path"], now_ms=NOW_MS).name == name


@pytest.mark.parametrize("text", ["plain", "a=b", "***4567", "2.4", "ünï 中文 🙂", 'say "hi", twice', ""])
def test_other_texts_are_as_they_are(text: str) -> None:
    assert text_cell(text) == text


def test_numbers_are_plain_digits() -> None:
    assert number_cell(0.000_056, places=9) == "0.000056"
    assert number_cell(0.1 + 0.2, places=9) == "0.3"
    assert number_cell(1e15) == "1000000000000000"
    assert number_cell(-3) == "-3"
    assert number_cell(0) == "0"
    assert number_cell(100) == "100"
    assert number_cell(None) == ""
