"""The index's file: made, opened, brought up to date, and what is done about one that is broken or not ours."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from archives import DAY_MS, NOW_MS, settle, small_archive, write
from dumps import dump

from callscope.archive.replace import make_dir
from callscope.errors import CallscopeError, NotFoundError, SettingError, UnreadableError
from callscope.index import database
from callscope.index.index import Index
from callscope.index.place import place_of
from callscope.index.refresh import refresh


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "root"
    path.mkdir()
    return path


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "place" / "index.sqlite"


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of two megabytes."""
    path = tmp_path / "mounted"
    path.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(path)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("mounting a small file system needs root")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def make_read_only(mount: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)


def test_an_index_is_made_for_its_owner_alone_and_says_what_it_is(place: Path, root: Path) -> None:
    db = database.writable(place, root=root)

    assert db.execute("PRAGMA user_version").fetchone() == (database.SCHEMA,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("SELECT value FROM about WHERE name = 'root'").fetchone() == (str(root),)
    assert place.stat().st_mode & 0o777 == 0o600
    assert place.parent.stat().st_mode & 0o777 == 0o700
    db.close()


def test_an_index_that_is_opened_again_is_the_same(place: Path, root: Path) -> None:
    db = database.writable(place, root=root)
    db.execute("INSERT INTO about VALUES ('kept', 'yes')")
    db.close()

    db = database.writable(place, root=root)

    assert db.execute("SELECT value FROM about WHERE name = 'kept'").fetchone() == ("yes",)
    db.close()


def test_who_reads_cannot_write(place: Path, root: Path) -> None:
    database.writable(place, root=root).close()
    db = database.readable(place, root=root)

    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM about")
    db.close()


def test_there_is_nothing_to_read_before_the_first_refresh(place: Path, root: Path) -> None:
    with pytest.raises(NotFoundError, match="no index"):
        database.readable(place, root=root)


def test_an_index_of_another_archive_is_not_read_and_is_made_anew(place: Path, root: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    small_archive(other)
    refresh(place, other, now_ms=NOW_MS)

    with pytest.raises(NotFoundError, match="another archive"):
        database.readable(place, root=root)
    refresh(place, root, now_ms=NOW_MS)
    assert dump(place, root)["call"] == {}


def test_an_archive_that_was_moved_keeps_the_index_that_is_inside_it(root: Path, tmp_path: Path) -> None:
    small_archive(root)
    refresh(place_of(root, None), root, now_ms=NOW_MS)
    before = dump(place_of(root, None), root)
    moved = root.rename(tmp_path / "moved")

    database.writable(place_of(moved, None), root=moved).close()

    assert dump(place_of(moved, None), moved) == before


def test_an_index_of_a_newer_callscope_is_left_alone(place: Path, root: Path) -> None:
    db = database.writable(place, root=root)
    db.execute(f"PRAGMA user_version = {database.SCHEMA + 1}")
    db.close()
    before = place.read_bytes()

    for use in (database.writable, database.readable):
        with pytest.raises(UnreadableError, match=r"newer callscope.*upgrade"):
            use(place, root=root)
    with pytest.raises(UnreadableError, match="newer callscope"):
        refresh(place, root, now_ms=NOW_MS)
    assert place.read_bytes() == before


def test_another_programs_database_is_left_alone(place: Path, root: Path) -> None:
    make_dir(place.parent)
    db = sqlite3.connect(place)
    db.execute("CREATE TABLE dear (memory)")
    db.commit()
    db.close()
    before = place.read_bytes()

    for use in (database.writable, database.readable):
        with pytest.raises(SettingError, match="another program's database"):
            use(place, root=root)
    assert place.read_bytes()[100:] == before[100:]  # the header's counters aside
    db = sqlite3.connect(place)
    assert db.execute("SELECT count(*) FROM dear").fetchone() == (0,)
    db.close()


@pytest.mark.parametrize(
    "content", [b"this is no database, and was never one. " * 200, b"SQLite format 3\0" + b"\xff" * 8000]
)
def test_a_file_that_is_damaged_is_set_aside_and_made_anew(place: Path, root: Path, content: bytes) -> None:
    make_dir(place.parent)
    place.write_bytes(content)
    small_archive(root)

    with pytest.raises(UnreadableError, match=r"damaged.*reindex"):
        database.readable(place, root=root)
    report = refresh(place, root, now_ms=NOW_MS)

    assert report.complete
    assert len(dump(place, root)["call"]) == report.read > 0
    assert Path(f"{place}.broken").read_bytes() == content


def test_a_file_that_forgot_its_version_is_made_anew(place: Path, root: Path) -> None:
    small_archive(root)
    refresh(place, root, now_ms=NOW_MS)
    whole = dump(place, root)
    with contextlib.closing(sqlite3.connect(place)) as db:
        db.execute("PRAGMA user_version = 0")

    assert refresh(place, root, now_ms=NOW_MS).complete
    assert dump(place, root) == whole


def test_damage_that_shows_only_later_is_repaired_all_the_same(place: Path, root: Path) -> None:
    small_archive(root)
    refresh(place, root, now_ms=NOW_MS)
    whole = dump(place, root)
    content = bytearray(place.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    place.write_bytes(content)

    report = refresh(place, root, now_ms=NOW_MS, verify=True)

    assert report.complete
    assert dump(place, root) == whole


def test_an_empty_file_is_filled(place: Path, root: Path) -> None:
    make_dir(place.parent)
    place.touch()

    database.writable(place, root=root).close()

    database.readable(place, root=root).close()


def test_an_index_of_an_older_schema_is_made_anew_and_comes_to_what_a_fresh_build_has(place: Path, root: Path) -> None:
    small_archive(root)
    write(root, "long-ago", started_at_ms=NOW_MS - 9 * DAY_MS)
    settle(root)
    refresh(place, root, now_ms=NOW_MS)
    whole = dump(place, root)
    assert whole["week_sum"]
    with contextlib.closing(sqlite3.connect(place)) as db:
        db.executescript("DROP TABLE week_sum; PRAGMA user_version = 3")

    assert refresh(place, root, now_ms=NOW_MS).read > 0
    assert dump(place, root) == whole


def test_a_migration_that_fails_leaves_nothing_of_it(place: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_MIGRATIONS", {database.SCHEMA: "database.py"})  # no SQL
    with pytest.raises(CallscopeError):
        database.writable(place, root=root)
    monkeypatch.undo()

    db = database.writable(place, root=root)

    assert db.execute("PRAGMA user_version").fetchone() == (database.SCHEMA,)
    db.close()


def test_one_at_a_time_may_write(place: Path) -> None:
    with database.lock(place) as first, database.lock(place) as second:
        assert (first, second) == (True, False)
    with database.lock(place) as again:
        assert again


def test_a_place_that_cannot_be_written_is_told(mount: Path, root: Path) -> None:
    make_read_only(mount)

    with pytest.raises(SettingError, match="CALLSCOPE_INDEX"):
        refresh(mount / "index.sqlite", root, now_ms=NOW_MS)
    with pytest.raises(SettingError, match="CALLSCOPE_INDEX"):
        database.writable(mount / "index.sqlite", root=root)


def test_the_index_of_an_archive_that_cannot_be_written_is_kept_elsewhere(
    mount: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(mount, "one")
    write(mount, "two", started_at_ms=NOW_MS)
    make_read_only(mount)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    place = place_of(mount, None)
    report = refresh(place, mount, now_ms=NOW_MS)

    assert place.is_relative_to(tmp_path / "cache")
    assert report.complete
    assert report.read == len(dump(place, mount)["call"]) > 0


def test_an_index_on_a_disk_that_cannot_be_written_is_read(mount: Path) -> None:
    write(mount, "one")
    write(mount, "two", started_at_ms=NOW_MS)
    place = place_of(mount, None)
    refresh(place, mount, now_ms=NOW_MS)
    whole = dump(place, mount)
    make_read_only(mount)

    assert dump(place, mount) == whole


def test_a_full_disk_is_told_and_what_was_there_stays(mount: Path, root: Path) -> None:
    place = mount / "index.sqlite"
    refresh(place, root, now_ms=NOW_MS)
    small_archive(root)
    with (mount / "ballast").open("wb") as ballast:
        free = os.statvfs(mount)
        ballast.write(b"x" * (free.f_bavail * free.f_bsize - 64 * 1024))

    with pytest.raises(CallscopeError, match=r"disk of the index.*full"):
        refresh(place, root, now_ms=NOW_MS)

    (mount / "ballast").unlink()
    assert dump(place, root)["call"] == {}
    assert refresh(place, root, now_ms=NOW_MS).complete
    assert len(dump(place, root)["call"]) > 0


def test_an_answer_is_given_though_the_disk_of_the_index_is_full(mount: Path, root: Path) -> None:
    small_archive(root)
    place = mount / "index.sqlite"
    with (mount / "ballast").open("wb") as ballast:
        free = os.statvfs(mount)
        ballast.write(b"x" * (free.f_bavail * free.f_bsize - 64 * 1024))

    with Index.open(root, place=place, now_ms=lambda: NOW_MS) as index:
        assert index.refresh(processes=0).complete
        assert "is full" in (index.elsewhere or "")
        assert index.calls("refund").calls


def test_a_file_that_is_not_ours_or_newer_is_not_made_anew(tmp_path: Path, root: Path) -> None:
    other, newer, notes = tmp_path / "other.sqlite", tmp_path / "newer.sqlite", tmp_path / "notes.txt"
    with contextlib.closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE precious (x)")
    refresh(newer, root, now_ms=NOW_MS)
    with contextlib.closing(sqlite3.connect(newer)) as db:
        db.execute(f"PRAGMA user_version = {database.SCHEMA + 1}")
    notes.write_text("precious")

    with pytest.raises(SettingError, match="another program's"):
        database.writable(other, root=root)
    with contextlib.closing(sqlite3.connect(other)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    for place, told in ((other, "another program's"), (newer, "a newer callscope"), (notes, "of another kind")):
        content = place.read_bytes()
        with pytest.raises(CallscopeError, match=told):
            refresh(place, root, now_ms=NOW_MS, rebuild=True)
        assert place.read_bytes() == content


@pytest.mark.parametrize("setting", ["calls", "calls/2026/11/21/i.sqlite", "calls/", "../root/calls/x"])
def test_the_index_is_not_kept_among_the_calls(root: Path, setting: str) -> None:
    write(root, "one")

    with pytest.raises(SettingError, match="among the calls"):
        place_of(root, f"{root}/{setting}")

    assert place_of(root, f"{root}/called.sqlite") == root / "called.sqlite"


def test_a_place_may_be_given_as_a_file_or_as_a_directory(tmp_path: Path) -> None:
    one, two = tmp_path / "a" / "root", tmp_path / "b" / "root"

    assert place_of(one, str(tmp_path / "here.sqlite")) == tmp_path / "here.sqlite"
    assert place_of(one, str(tmp_path)).parent == tmp_path
    assert place_of(one, str(tmp_path)) != place_of(two, str(tmp_path))
    assert place_of(one, None) == one / ".callscope" / "index.sqlite"


def test_a_file_of_another_kind_is_refused_and_stays(tmp_path: Path) -> None:
    place = tmp_path / "notes.txt"
    place.write_text("precious")

    with pytest.raises(SettingError, match="a file of another kind"):
        database.writable(place, root=tmp_path)

    assert place.read_text() == "precious"


def test_a_damaged_index_says_that_it_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = tmp_path / "index.sqlite"
    place.write_bytes(b"no database at all" * 100)

    database.writable(place, root=tmp_path).close()

    assert "is damaged" in caplog.text
    assert (tmp_path / "index.sqlite.broken").exists()
