"""The index brought up to date: what is read and what is not, and that it always comes to what a fresh build has."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from archives import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    NOW_MS,
    Error,
    Said,
    keep_alive,
    many,
    settle,
    small_archive,
    write,
    write_files,
    write_patter,
)
from dumps import check_words, dump
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callscope.archive import liveness
from callscope.archive.replace import touch_day
from callscope.errors import NotFoundError
from callscope.index import database, extract, readers
from callscope.index.database import readable, writable
from callscope.index.refresh import LOCKED, Report, refresh
from callscope.testing import call_dirs

LATER_MS = NOW_MS + 400 * DAY_MS
"""Whatever these tests write, it was long ago by then."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "index.sqlite"


def again(place: Path, root: Path, **options: Any) -> Report:
    return refresh(place, root, now_ms=LATER_MS, **options)


def fresh(root: Path, *, now_ms: int = LATER_MS) -> dict[str, Any]:
    """What an index has that is made now."""
    place = root.parent / "fresh.sqlite"
    refresh(place, root, now_ms=now_ms, rebuild=True, processes=0)
    return dump(place, root)


def test_a_first_refresh_reads_all_and_the_next_one_nothing(place: Path, root: Path) -> None:
    calls = small_archive(root)

    first, second = again(place, root), again(place, root)

    assert (first.read, first.complete, first.skipped, first.problems) == (len(calls), True, None, ())
    assert (second.read, second.removed, second.unchanged, second.complete) == (0, 0, len(calls), True)
    assert (first.open_calls, second.open_calls) == (1, 1)


def test_only_what_is_new_is_read(place: Path, root: Path) -> None:
    small_archive(root)
    again(place, root)
    write(root, "new", started_at_ms=NOW_MS)
    write(root, "of-a-new-day", started_at_ms=NOW_MS + 40 * DAY_MS)

    report = again(place, root)

    assert (report.read, report.removed) == (2, 0)
    assert dump(place, root) == fresh(root)


def test_what_is_deleted_goes(place: Path, root: Path) -> None:
    calls = small_archive(root)
    again(place, root)
    shutil.rmtree(calls["refund"])
    shutil.rmtree(calls["other-model"].parent)  # with no-answer, all of that day

    report = again(place, root)

    assert (report.read, report.removed) == (0, 3)
    assert dump(place, root) == fresh(root)
    db = readable(place, root=root)
    assert {name for (name,) in db.execute("SELECT name FROM day")} == {"2026-11-20", "2026-11-21"}
    db.close()
    assert again(place, root).removed == 0


def test_a_call_in_progress_grows_and_ends(place: Path, root: Path) -> None:
    small_archive(root)
    again(place, root)
    write(
        root, "live", started_at_ms=NOW_MS - MINUTE_MS, status="in_progress", writer={"id": "w"}, said=[Said("a")] * 3
    )
    grown = again(place, root)
    turns = len([row for row in dump(place, root)["turn"] if row[0].endswith("/live")])
    write(root, "live", started_at_ms=NOW_MS - MINUTE_MS, said=[Said("a")] * 4)
    ended = again(place, root)

    assert (grown.read, turns, grown.open_calls) == (1, 6, 1)
    assert (ended.read, ended.open_calls) == (1, 0)
    assert dump(place, root) == fresh(root)


def test_a_call_whose_writer_died_is_abandoned_although_no_file_changed(place: Path, root: Path) -> None:
    lock = keep_alive(root, "mortal")
    writer = {"id": "mortal", "host": liveness.identity("mortal")["host"]}
    write(root, "call", status="in_progress", writer=writer)
    settle(root)
    before = again(place, root)
    os.close(lock)
    after = again(place, root)

    assert (before.open_calls, after.open_calls, after.read) == (1, 0, 1)
    assert dump(place, root)["call"]["2026/11/21/call"]["status"] == "abandoned"
    assert again(place, root).read == 0


def test_a_call_without_a_writers_name_is_abandoned_when_it_has_been_quiet(place: Path, root: Path) -> None:
    write_files(root, "call", NOW_MS, transcript=[{"role": "user", "text": "hi"}])
    settle(root, NOW_MS - MINUTE_MS)

    before = refresh(place, root, now_ms=NOW_MS)
    after = refresh(place, root, now_ms=NOW_MS + HOUR_MS)
    with (root / "calls/2026/11/21/call/transcript.jsonl").open("a") as transcript:
        transcript.write('{"role": "user", "text": "I was only thinking"}\n')
    settle(root, NOW_MS + HOUR_MS)
    back = refresh(place, root, now_ms=NOW_MS + HOUR_MS + MINUTE_MS)

    assert [report.open_calls for report in (before, after, back)] == [1, 0, 1]


def test_a_call_that_changes_after_its_end_touches_its_day_and_is_read_again(place: Path, root: Path) -> None:
    path = small_archive(root)["refund"]
    again(place, root)
    document = json.loads((path / "metadata.json").read_text())
    document["callscope"]["cost_lines"] = []
    replace(path, document)

    assert again(place, root).read == 1
    assert dump(place, root) == fresh(root)


def test_what_other_programs_change_behind_our_back_is_found_by_verifying(place: Path, root: Path) -> None:
    path = small_archive(root)["refund"]
    again(place, root)
    with (path / "transcript.jsonl").open("a") as transcript:
        transcript.write('{"role": "user", "text": "one thing more"}\n')

    assert again(place, root).read == 0
    assert again(place, root, verify=True).read == 1
    assert dump(place, root) == fresh(root)
    assert again(place, root, verify=True).read == 0


def test_what_was_written_just_now_is_looked_at_again(place: Path, root: Path) -> None:
    path = write(root, "call")
    settle(root, NOW_MS)
    first = refresh(place, root, now_ms=NOW_MS + 1_000)
    document = json.loads((path / "metadata.json").read_text())
    replace(path, document | {"error": "something"})
    settle(root, NOW_MS)  # the file system's clock has not gone on
    second = refresh(place, root, now_ms=NOW_MS + 5_000)
    third = refresh(place, root, now_ms=NOW_MS + 6_000)

    assert [report.read for report in (first, second, third)] == [1, 1, 0]
    assert dump(place, root)["call"]["2026/11/21/call"]["status"] == "failed"


def test_a_day_that_may_not_be_listed_is_told_and_kept(
    place: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_archive(root)
    again(place, root)
    before = dump(place, root)
    scandir = os.scandir

    def guarded(path: str) -> Any:
        if str(path).endswith(("2026/11/20", "2026/11")):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    report = again(place, root, verify=True)

    assert [problem.split(" ")[0] for problem in report.problems] == [str(root / "calls/2026/11")]
    assert (report.removed, report.complete) == (0, True)
    assert dump(place, root) == before


def test_what_is_no_call_is_passed_over(place: Path, root: Path) -> None:
    write(root, "call")
    day = root / "calls/2026/11/21"
    (day / "file").write_text("x")
    (day / ".hidden").mkdir()
    (day / "link").symlink_to(day / "call")
    (root / "calls/2026/02/30/call").mkdir(parents=True)
    (root / "calls/notes/11/21/call").mkdir(parents=True)

    assert again(place, root).read == 1


def test_a_directory_whose_name_is_no_text_is_told(place: Path, root: Path) -> None:
    write(root, "call")
    (root / "calls/2026/11/21" / os.fsdecode(b"caf\xe9")).mkdir()

    report = again(place, root)

    assert report.read == 1
    assert "no text" in report.problems[0]
    report.problems[0].encode()


def test_a_call_that_we_fail_at_is_listed_and_the_others_are_read(
    place: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, "bad")
    write(root, "good")

    def failing(record: Any, **more: Any) -> Any:
        if record.call.call_id == "bad" and record.call.status != "unreadable":
            raise ZeroDivisionError("one by none")
        return extract.rows_of(record, **more)

    monkeypatch.setattr(readers, "rows_of", failing)
    again(place, root)

    found = dump(place, root)
    assert {path[-4:]: call["status"] for path, call in found["call"].items()} == {
        "/bad": "unreadable",
        "good": "completed",
    }
    assert "ZeroDivisionError" in found["problem"][0][-1]


def test_there_is_no_index_of_no_archive(place: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        again(place, tmp_path / "nowhere")
    assert not place.exists()


def test_helpers_read_what_is_read_without_them(place: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_archive(root)
    many(root, 150, days=3)
    monkeypatch.setattr(readers, "_MANY", 100)
    monkeypatch.setattr(readers, "_CHUNK", 7)

    report = again(place, root, processes=2)

    assert report.read == 163
    assert dump(place, root) == fresh(root)


def test_the_work_of_a_helper_that_dies_is_done_all_the_same(
    place: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(root, 120, days=1)
    monkeypatch.setattr(readers, "_MANY", 100)
    monkeypatch.setattr(readers, "_CHUNK", 5)
    started: list[Any] = []
    popen = subprocess.Popen

    def noting(*arguments: Any, **more: Any) -> Any:
        started.append(popen(*arguments, **more))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", noting)
    again(place, root, processes=2, progress=lambda _done, _known: started[0].kill())

    assert len(started) == 2
    assert dump(place, root) == fresh(root)


def test_a_refresh_that_has_little_time_stops_at_a_whole_batch_and_goes_on_later(place: Path, root: Path) -> None:
    many(root, 250, days=2)
    settle(root)
    reports = [again(place, root, budget_seconds=0.0001)]
    while not reports[-1].complete:
        reports.append(again(place, root, budget_seconds=0.0001))
        assert len(reports) < 10

    assert [report.complete for report in reports[:2]] == [False, False]
    assert sum(report.read for report in reports) >= 250
    assert dump(place, root) == fresh(root)


def test_progress_is_told(place: Path, root: Path) -> None:
    many(root, 230, days=2)
    told: list[tuple[int, int]] = []

    again(place, root, progress=lambda done, known: told.append((done, known)), processes=0)

    assert told[0] == (100, 230)
    assert told[-1] == (230, 230)


def test_the_second_of_two_refreshes_is_skipped(place: Path, root: Path) -> None:
    small_archive(root)
    with database.lock(place) as held:
        report = again(place, root)

    assert held
    assert (report.skipped, report.read, report.complete) == (LOCKED, 0, False)
    assert again(place, root).complete


def test_refreshes_at_once_do_not_harm_each_other(place: Path, root: Path) -> None:
    many(root, 120, days=2)
    settle(root)
    reports: list[Report] = []

    def often() -> None:
        reports.extend(again(place, root, processes=0) for _ in range(5))

    threads = [threading.Thread(target=often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(report.read for report in reports) == 120
    assert {report.skipped for report in reports} <= {None, LOCKED}
    assert dump(place, root) == fresh(root)


def test_a_reader_sees_whole_calls_at_any_moment(place: Path, root: Path) -> None:
    writable(place, root=root).close()
    many(root, 700, days=7)
    over = threading.Event()

    def build() -> None:
        again(place, root, processes=0)
        over.set()

    builder = threading.Thread(target=build)
    builder.start()
    seen = set()
    reader = readable(place, root=root)
    while not over.is_set():
        reader.execute("BEGIN")
        calls = reader.execute("SELECT count(*) FROM call").fetchone()[0]
        assert reader.execute("SELECT count(*), count(DISTINCT call) FROM turn").fetchone() == (calls * 10, calls)
        assert reader.execute("SELECT count(*) FROM document_word_docsize").fetchone()[0] >= calls * 10
        reader.execute("COMMIT")
        seen.add(calls)
    builder.join()

    assert max(seen) <= 700
    assert reader.execute("SELECT count(*) FROM call").fetchone() == (700,)
    reader.close()


def test_an_index_that_is_made_anew_is_the_same(place: Path, root: Path) -> None:
    small_archive(root)
    again(place, root)
    before = dump(place, root)
    report = again(place, root, rebuild=True)

    assert report.read == len(before["call"])
    assert dump(place, root) == before


def test_nothing_in_the_archive_is_touched(root: Path) -> None:
    small_archive(root)
    before = {path: path.lstat().st_mtime_ns for path in (root / "calls").rglob("*")}
    again(root / ".callscope/index.sqlite", root)
    again(root / ".callscope/index.sqlite", root, verify=True)

    assert {path: path.lstat().st_mtime_ns for path in (root / "calls").rglob("*")} == before


def replace(path: Path, document: dict[str, Any]) -> None:
    """Metadata put in place as callscope does it after a call's end."""
    (path / ".tmp.x.json").write_text(json.dumps(document))
    (path / ".tmp.x.json").replace(path / "metadata.json")
    touch_day(path)


class World:
    """An archive that things happen to; each gets a moment of its own, so that nothing depends on the disk's clock."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.writer = keep_alive(root)
        self.now_ms = NOW_MS
        self.count = 0

    def close(self) -> None:
        os.close(self.writer)

    def start(self, number: int) -> None:
        self._put(f"live-{self._next()}", number, status="in_progress")

    def add(self, number: int) -> None:
        self._put(f"call-{self._next()}", number)

    def add_patter(self, number: int) -> None:
        start_ms = NOW_MS - number * 11 * HOUR_MS
        self._stamped(
            write_patter(self.root, f"CA{self._next()}", started_at_ms=start_ms, rows=[("hi", "hello")] * (number % 3))
        )

    def append(self, number: int) -> None:
        path = self._pick(number, live=True)
        if path is not None:
            with (path / "transcript.jsonl").open("a") as transcript:
                transcript.write(json.dumps({"role": "user", "text": f"more {number}"}) + "\n")
            self._time(path / "transcript.jsonl")

    def tear(self, number: int) -> None:
        path = self._pick(number, live=True)
        if path is not None:
            with (path / "events.jsonl").open("a") as events:
                events.write('{"type": "err')
            self._time(path / "events.jsonl")

    def finish(self, number: int) -> None:
        path = self._pick(number, live=True)
        if path is not None:
            document = json.loads((path / "metadata.json").read_text())
            document |= {"status": "failed" if number % 2 else "completed", "ended_at": document["started_at"]}
            replace(path, document)
            self._stamped(path)
            path.rename(path.with_name(path.name.replace("live", "done")))
            self._time(path.parent)

    def reprice(self, number: int) -> None:
        path = self._pick(number, live=False)
        if path is not None:
            document = json.loads((path / "metadata.json").read_text())
            document.setdefault("callscope", {})["cost_lines"] = [
                {"service": "llm", "provider": "x", "model": None, "status": "priced", "usd": str(number)}
            ]
            replace(path, document)
            self._stamped(path)

    def delete(self, number: int) -> None:
        path = self._pick(number, live=number % 2 == 0)
        if path is not None:
            shutil.rmtree(path)
            self._time(path.parent)

    def delete_day(self, number: int) -> None:
        days = sorted({path.parent for path in call_dirs(self.root)})
        if days and number % 3 == 0:
            shutil.rmtree(days[number % len(days)])

    def _next(self) -> int:
        self.count += 1
        return self.count

    def _put(self, name: str, number: int, status: str = "completed") -> None:
        said = [Said(f"word{number} {turn}", None if number % 5 == turn else "yes") for turn in range(number % 4)]
        path = write(
            self.root,
            name,
            started_at_ms=NOW_MS - number * 7 * HOUR_MS,
            said=said,
            status=status,
            writer={"id": "w"},
            agent=f"agent-{number % 2}",
            errors=[Error(f"error {number}")] if number % 3 == 0 else [],
        )
        self._stamped(path)

    def _pick(self, number: int, *, live: bool) -> Path | None:
        paths = [path for path in call_dirs(self.root) if path.name.startswith("live") == live]
        return paths[number % len(paths)] if paths else None

    def _stamped(self, path: Path) -> None:
        for file in path.iterdir():
            self._time(file)
        self._time(path)
        self._time(path.parent)

    def _time(self, path: Path) -> None:
        self.now_ms += 1
        os.utime(path, (self.now_ms / 1000, self.now_ms / 1000))


HAPPENINGS: list[Callable[[World, int], None]] = [
    World.start,
    World.add,
    World.add,
    World.add_patter,
    World.append,
    World.append,
    World.tear,
    World.finish,
    World.reprice,
    World.delete,
    World.delete_day,
]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    happenings=st.lists(
        st.tuples(st.sampled_from(range(len(HAPPENINGS))), st.integers(0, 12), st.integers(0, 3)), max_size=25
    )
)
def test_any_sequence_of_changes_and_refreshes_comes_to_what_a_fresh_build_has(
    tmp_path: Path, happenings: list[tuple[int, int, int]]
) -> None:
    """Refreshed after every fourth change or so, sometimes with too little time."""
    shutil.rmtree(tmp_path / "world", ignore_errors=True)
    (tmp_path / "world" / "root").mkdir(parents=True)
    world = World(tmp_path / "world" / "root")
    place = tmp_path / "world" / "index.sqlite"
    for happening, number, pace in happenings:
        HAPPENINGS[happening](world, number)
        if pace == 0:
            again(place, world.root, budget_seconds=0.0 if number % 4 == 0 else None)
    assert again(place, world.root).complete

    assert dump(place, world.root) == fresh(world.root)
    assert again(place, world.root).read == 0
    db = sqlite3.connect(place)
    check_words(db)
    db.close()
    world.close()
