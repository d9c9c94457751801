from __future__ import annotations

from pathlib import Path

import pytest
from asked_calls import Error, Said, ask, cost_line, many, small_archive, write
from rich.cells import cell_len
from rich.text import Text
from sample_calls import run, run_on_terminal

from callscope.query.query import SORTS


def names(document: dict[str, list[dict[str, str]]]) -> list[str]:
    return [call["call_id"] for call in document["calls"]]


def test_a_query_finds_calls_that_look_as_they_do_in_the_whole_list(tmp_path: Path) -> None:
    small_archive(tmp_path)
    whole = {call["call_id"]: call for call in ask("ls", root=tmp_path)["calls"]}

    found = ask("ls", "agent:billing", root=tmp_path)

    assert len(found["calls"]) == 2
    for call in found["calls"]:
        known = whole[call["call_id"]]
        assert {**call, "latency": None, "callscope": None} == {**known, "latency": None, "callscope": None}


def test_waits_that_another_writer_did_not_sum_up_are_shown(tmp_path: Path) -> None:
    small_archive(tmp_path)

    line = run("ls", "id:CA-patter", "--root", str(tmp_path)).stdout.splitlines()[1]

    assert line.split()[-4:-2] == ["702", "ms"]


def test_it_is_sorted_and_paged_as_the_query_says(tmp_path: Path) -> None:
    many(tmp_path, 12, turns=4)
    whole = names(ask("ls", "sort:-worst", root=tmp_path))
    seen: list[str] = []
    cursor: list[str] = []
    for _ in range(4):
        page = ask("ls", "sort:-worst limit:3", *cursor, root=tmp_path)
        seen += names(page)
        cursor = ["--cursor", str(page["next"])]

    assert seen == whole
    assert len(whole) == 12
    assert page["next"] is None


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
@pytest.mark.parametrize("sort", SORTS)
def test_what_calls_are_sorted_by_is_shown_at_any_width(tmp_path: Path, sort: str, columns: int) -> None:
    lines = [cost_line("stt", "deepgram", "0.5")]
    write(tmp_path, "a-call-with-a-long-name", said=[Said("a", wait_ms=900)] * 2, lines=lines)
    write(tmp_path, "b", said=[Said("a", wait_ms=2345)], lines=lines, errors=[Error("refused")], agent="other-desk")

    names, *rows = run_on_terminal("ls", f"sort:-{sort}", "--root", str(tmp_path), columns=columns).splitlines()[-3:]

    heading = {"started": "STARTED UTC", "ended": "ENDED UTC", "duration": "LENGTH"}.get(sort, sort.upper())
    assert heading in names
    assert all(cell_len(Text.from_ansi(line).plain) <= columns for line in (names, *rows))
    if sort in {"p50", "p95", "p99", "worst"}:
        assert "2.35 s" in rows[0] or "2.34 s" in rows[0]
    if sort == "agent":
        assert ["other-desk" in row for row in rows] == [True, False]


def test_options_narrow_a_query(tmp_path: Path) -> None:
    small_archive(tmp_path)

    failed = names(ask("ls", "sort:started", "--status", "failed", "--status", "no_answer", root=tmp_path))
    late = names(ask("ls", "-agent:nobody", "--since", "2026-11-21", "--limit", "2", root=tmp_path))

    assert failed == ["no-answer", "CA-failed", "silent"]
    assert len(late) == 2


def test_without_a_query_no_index_is_made(tmp_path: Path) -> None:
    small_archive(tmp_path)

    assert run("ls", "--root", str(tmp_path)).returncode == 0
    assert not (tmp_path / ".callscope" / "index.sqlite").exists()


def test_the_cursor_of_the_whole_list_is_none_of_a_query(tmp_path: Path) -> None:
    many(tmp_path, 3, turns=2)
    cursor = ask("ls", "--limit", "1", root=tmp_path)["next"]

    done = run("ls", "-agent:nobody", "--cursor", cursor, "--root", str(tmp_path))

    assert (done.returncode, done.stdout) == (2, "")
    assert "cursor" in done.stderr


@pytest.mark.parametrize(
    "args", [["-agent:nobody"], ["--limit", "5", "-live"], ["--", "-agent:nobody"], ["not", "agent:nobody"]]
)
def test_what_begins_with_a_dash_is_a_condition(tmp_path: Path, args: list[str]) -> None:
    many(tmp_path, 2, turns=2, seed=3)

    done = run("ls", "--root", str(tmp_path), *args)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("call-") == 2
