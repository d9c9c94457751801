"""A directory by day: what changed is written again, what did not is left alone, what was pruned stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from exported import DAY_MS, NOW_MS, index_of, settle, write, written

from callscope.errors import SettingError, UnreadableError
from callscope.exporters.tables.all_tables import TABLES
from callscope.index.index import Index


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    for number in range(6):
        write(tmp_path / "archive", f"call-{number}", started_at_ms=NOW_MS - (number // 2) * DAY_MS - 60_000)
    settle(tmp_path / "archive")
    with index_of(tmp_path / "archive") as opened:
        yield opened


def state(directory: Path) -> dict[str, int]:
    return {str(path.relative_to(directory)): path.stat().st_ino for path in directory.rglob("*.jsonl")}


def test_each_day_has_a_file_of_each_table(index: Index, tmp_path: Path) -> None:
    done, stdout = written("jsonl", index, tmp_path / "out")

    assert stdout == b""
    assert (done.calls, len(done.written), done.unchanged) == (6, 3 * len(TABLES), 0)
    assert sorted(state(tmp_path / "out")) == sorted(
        f"{table}/day=2026-11-{day}/{table}.jsonl" for table in TABLES for day in (19, 20, 21)
    )
    assert (tmp_path / "out" / "calls" / "day=2026-11-20" / "calls.jsonl").read_bytes().count(b"\n") == 2
    assert not [path for path in (tmp_path / "out").rglob("*") if path.name.startswith(".")]


def test_a_day_that_did_not_change_is_left_alone(index: Index, tmp_path: Path) -> None:
    written("jsonl", index, tmp_path / "out")
    before = state(tmp_path / "out")

    again, _ = written("jsonl", index, tmp_path / "out")
    write(index.root, "new", started_at_ms=NOW_MS - DAY_MS)
    index.refresh(processes=0)
    more, _ = written("jsonl", index, tmp_path / "out")
    after = state(tmp_path / "out")

    assert (again.written, again.unchanged) == ((), 3 * len(TABLES))
    assert (len(more.written), more.unchanged) == (len(TABLES), 2 * len(TABLES))
    assert {path for path in before if before[path] != after[path]} == {
        f"{table}/day=2026-11-20/{table}.jsonl" for table in TABLES
    }


def test_a_call_that_goes_on_is_written_again_when_it_ended(index: Index, tmp_path: Path) -> None:
    write(index.root, "live", started_at_ms=NOW_MS - 30_000, status="in_progress")
    index.refresh(processes=0)
    written("jsonl", index, tmp_path / "out")
    write(index.root, "live", started_at_ms=NOW_MS - 30_000, status="completed", turns=77)
    index.refresh(processes=0, verify=True)

    done, _ = written("jsonl", index, tmp_path / "out")

    assert {path.parent.name for path in done.written} == {"day=2026-11-21"}
    assert '"turns":77' in (tmp_path / "out/calls/day=2026-11-21/calls.jsonl").read_text()


def test_an_index_that_was_made_anew_changes_no_day(index: Index, tmp_path: Path) -> None:
    written("jsonl", index, tmp_path / "out")
    index.refresh(rebuild=True, processes=0)

    assert written("jsonl", index, tmp_path / "out")[0].written == ()


def test_a_day_that_is_gone_from_the_archive_stays(index: Index, tmp_path: Path) -> None:
    written("jsonl", index, tmp_path / "out")
    before = state(tmp_path / "out")
    shutil.rmtree(index.root / "calls/2026/11/19")
    index.refresh(processes=0)

    done, _ = written("jsonl", index, tmp_path / "out")

    assert (done.calls, done.written) == (4, ())
    assert state(tmp_path / "out") == before


def test_a_file_that_was_lost_or_cut_is_written_again(index: Index, tmp_path: Path) -> None:
    written("jsonl", index, tmp_path / "out")
    (tmp_path / "out/turns/day=2026-11-21/turns.jsonl").unlink()
    (tmp_path / "out/calls/day=2026-11-19/calls.jsonl").write_text("{}")

    done, _ = written("jsonl", index, tmp_path / "out")

    assert {path.parent.name for path in done.written} == {"day=2026-11-19", "day=2026-11-21"}


def test_a_part_of_a_day_does_not_take_the_place_of_the_day(index: Index, tmp_path: Path) -> None:
    written("jsonl", index, tmp_path / "out")

    done, _ = written("jsonl", index, tmp_path / "out", "since:2026-11-20T23:00")

    assert (done.calls, done.written) == (4, ())
    assert "whole days" in done.notes[0]


def test_a_killed_export_goes_on(index: Index, tmp_path: Path) -> None:
    written("jsonl", index, tmp_path / "out")
    manifest = tmp_path / "out" / "_callscope.json"
    content = json.loads(manifest.read_text())
    del content["days"]["2026-11-21"]
    manifest.write_text(json.dumps(content))

    done, _ = written("jsonl", index, tmp_path / "out")

    assert {path.parent.name for path in done.written} == {"day=2026-11-21"}


def test_a_directory_of_another_export_is_refused(index: Index, tmp_path: Path) -> None:
    written("jsonl", index, tmp_path / "out")
    before = state(tmp_path / "out")

    for form, query, options in (
        ("csv", "", {}),
        ("jsonl", "agent:x", {}),
        ("jsonl", "", {"no_text": True}),
        ("jsonl", "", {"table": ("calls",)}),
    ):
        with pytest.raises(SettingError, match="holds another export"):
            written(form, index, tmp_path / "out", query, **options)
    assert state(tmp_path / "out") == before


def test_a_directory_that_is_not_ours_is_refused(index: Index, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("")

    with pytest.raises(SettingError, match="not empty"):
        written("jsonl", index, tmp_path / "mine")
    (tmp_path / "mine" / "_callscope.json").write_text("{")
    with pytest.raises(UnreadableError, match="cannot be read"):
        written("jsonl", index, tmp_path / "mine")
    with pytest.raises(SettingError):
        written("jsonl", index, tmp_path / "mine" / "file")


def test_force_writes_every_day_again(index: Index, tmp_path: Path) -> None:
    written("jsonl", index, tmp_path / "out")

    assert len(written("jsonl", index, tmp_path / "out", force=True)[0].written) == 3 * len(TABLES)
