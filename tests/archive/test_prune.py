from __future__ import annotations

import os
from pathlib import Path

import pytest
from call_tree import DAY_MS, NOW_MS, envelope, open_envelope, snapshot, touch_all, write_call
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.archive.liveness import WriterFile
from callscope.archive.prune import prune, prune_logs, size_of
from callscope.model.wire import format_ts


def call_on(root: Path, name: str, *, days_ago: int, size: int = 0, **fields: object) -> Path:
    moment = format_ts(NOW_MS - days_ago * DAY_MS)
    path = write_call(
        root,
        name,
        day=moment[:10].replace("-", "/"),
        metadata=envelope(name, started_at=moment, **fields),
        events=b"x" * size,
    )
    touch_all(path, NOW_MS - days_ago * DAY_MS)
    return path


def names(root: Path) -> set[str]:
    return {path.name for path in root.glob("calls/*/*/*/*")}


def test_days_older_than_the_retention_go_with_their_months_and_years(tmp_path: Path) -> None:
    call_on(tmp_path, "old", days_ago=400)
    call_on(tmp_path, "young", days_ago=29)

    report = prune(tmp_path, days=30, now_ms=NOW_MS)

    assert names(tmp_path) == {"young"}
    assert [Path(path).name for path in report.paths] == ["old"]
    assert report.days == ("2025-10-17",)
    assert [path.name for path in (tmp_path / "calls").iterdir()] == ["2026"]
    assert report.freed_bytes > 0


def test_a_day_goes_only_when_its_last_moment_is_old_enough(tmp_path: Path) -> None:
    midnight = NOW_MS - NOW_MS % DAY_MS
    call_on(tmp_path, "yesterday", days_ago=1)

    assert prune(tmp_path, days=1, now_ms=midnight + DAY_MS - 1).paths == ()
    assert len(prune(tmp_path, days=1, now_ms=midnight + DAY_MS).paths) == 1


@pytest.mark.parametrize("days", [0, -1])
def test_nothing_is_old_when_calls_are_kept_for_ever(tmp_path: Path, days: int) -> None:
    call_on(tmp_path, "old", days_ago=4000)

    assert prune(tmp_path, days=days, now_ms=NOW_MS).paths == ()
    assert names(tmp_path) == {"old"}


def test_a_call_in_progress_stays_and_the_others_of_its_day_go(tmp_path: Path) -> None:
    writer = WriterFile(tmp_path, "alive")
    call_on(tmp_path, "ended", days_ago=50)
    going = call_on(tmp_path, "going", days_ago=50, status="in_progress", callscope={"writer": {"id": "alive"}})

    report = prune(tmp_path, days=30, now_ms=NOW_MS, max_bytes=0)

    assert names(tmp_path) == {"going"}
    assert (report.in_progress, report.days) == ((str(going),), ())
    writer.close(keep=False)
    assert prune(tmp_path, days=30, now_ms=NOW_MS).paths == (str(going),)


def test_a_call_of_another_writer_that_was_written_to_lately_stays(tmp_path: Path) -> None:
    path = write_call(tmp_path, "long", day="2026/09/01", metadata=open_envelope("long"))
    touch_all(path, NOW_MS - 60_000)

    assert prune(tmp_path, days=30, now_ms=NOW_MS).in_progress == (str(path),)
    assert names(tmp_path) == {"long"}


def test_no_link_is_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("kept")
    archive = tmp_path / "archive"
    old = call_on(archive, "old", days_ago=50)
    (old / "inside").symlink_to(outside)
    (old.parent / "beside").symlink_to(outside)
    (old.parent / "file").touch()
    (old.parents[1] / "31").symlink_to(outside)
    (archive / "calls" / "2020").symlink_to(outside)

    report = prune(archive, days=30, now_ms=NOW_MS, max_bytes=0)

    assert (outside / "precious").read_text() == "kept"
    assert [Path(path).name for path in report.paths] == ["old"]
    assert not old.parent.exists()


def test_a_root_that_is_itself_a_link_is_pruned(tmp_path: Path) -> None:
    call_on(tmp_path / "real", "old", days_ago=50)
    (tmp_path / "link").symlink_to(tmp_path / "real")

    assert len(prune(tmp_path / "link", days=30, now_ms=NOW_MS).paths) == 1


def test_what_is_no_day_stays(tmp_path: Path) -> None:
    strange = write_call(tmp_path, "x", day="2020/13/99", metadata=envelope())

    prune(tmp_path, days=1, now_ms=NOW_MS)

    assert strange.exists()


def test_beyond_the_size_the_oldest_ended_calls_go_until_the_rest_fits(tmp_path: Path) -> None:
    for days_ago in range(5):
        call_on(tmp_path, f"ago-{days_ago}", days_ago=days_ago, size=10_000)

    report = prune(tmp_path, days=30, now_ms=NOW_MS, max_bytes=25_000)

    assert names(tmp_path) == {"ago-0", "ago-1"}
    assert [Path(path).name for path in report.paths] == ["ago-4", "ago-3", "ago-2"]
    assert report.kept_bytes == size_of(tmp_path / "calls")


def test_within_one_day_the_oldest_goes_first_whatever_its_name(tmp_path: Path) -> None:
    write_call(tmp_path, "b", metadata=envelope("b", started_at="2026-11-21T01:00:00Z"), events=b"x" * 1000)
    write_call(tmp_path, "a", metadata=envelope("a", started_at="2026-11-21T02:00:00Z"), events=b"x" * 1000)

    prune(tmp_path, days=30, now_ms=NOW_MS, max_bytes=2000)

    assert names(tmp_path) == {"a"}


def test_a_dry_run_tells_the_same_and_deletes_nothing(tmp_path: Path) -> None:
    for days_ago in (0, 10, 40, 41):
        call_on(tmp_path, f"ago-{days_ago}", days_ago=days_ago, size=5000)
    before = snapshot(tmp_path)

    told = prune(tmp_path, days=30, now_ms=NOW_MS, max_bytes=6000, dry_run=True)

    assert snapshot(tmp_path) == before
    done = prune(tmp_path, days=30, now_ms=NOW_MS, max_bytes=6000)
    assert (told.paths, told.days, told.freed_bytes, told.kept_bytes) == (
        done.paths,
        done.days,
        done.freed_bytes,
        done.kept_bytes,
    )


def test_an_archive_that_is_not_there_has_nothing_to_delete(tmp_path: Path) -> None:
    assert prune(tmp_path / "none", days=30, now_ms=NOW_MS, max_bytes=0).paths == ()


@settings(max_examples=40, deadline=None)
@given(ages=st.lists(st.integers(0, 12), max_size=6), days=st.integers(0, 10))
def test_retention_deletes_nothing_younger_and_leaves_nothing_much_older(
    tmp_path_factory: pytest.TempPathFactory, ages: list[int], days: int
) -> None:
    root = tmp_path_factory.mktemp("archive")
    for number, age in enumerate(ages):
        call_on(root, f"{number}-{age}", days_ago=age)

    prune(root, days=days, now_ms=NOW_MS)

    left = {int(name.split("-")[1]) for name in names(root)}
    assert {age for age in ages if days == 0 or age <= days} <= left
    assert days == 0 or all(age <= days + 1 for age in left)


def test_what_dead_writers_lost_is_forgotten_when_it_is_older_than_the_retention(tmp_path: Path) -> None:
    alive = WriterFile(tmp_path, "alive")
    for name in ("old", "young", "torn"):
        WriterFile(tmp_path, name).close(keep=True)
    signs = tmp_path / ".callscope" / "writers"
    (signs / "torn.json").write_text("{")
    for name in ("alive", "old", "torn"):
        touch(signs / f"{name}.json", NOW_MS - 30 * DAY_MS)
    touch(signs / "young.json", NOW_MS - 30 * DAY_MS + 1000)

    assert prune(tmp_path, days=0, now_ms=NOW_MS).ledgers == ()
    told = prune(tmp_path, days=30, now_ms=NOW_MS, dry_run=True)
    assert len(list(signs.iterdir())) == 4
    done = prune(tmp_path, days=30, now_ms=NOW_MS)

    assert told.ledgers == done.ledgers == (str(signs / "old.json"), str(signs / "torn.json"))
    assert sorted(path.name for path in signs.iterdir()) == ["alive.json", "young.json"]
    alive.close(keep=False)


def a_log(root: Path, name: str, *, size: int = 100) -> Path:
    path = root / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def test_application_logs_of_old_days_go_with_the_calls_and_younger_ones_stay(tmp_path: Path) -> None:
    today = format_ts(NOW_MS)[:10]
    old = [a_log(tmp_path, name) for name in ("2020-01-05.1.jsonl.gz", "2020-01-05.jsonl")]
    for name in (f"{today}.jsonl", f"{today}.12.jsonl.gz", "2020-13-99.jsonl", "2020-01-05.txt", "notes"):
        a_log(tmp_path, name)

    told = prune(tmp_path, days=30, now_ms=NOW_MS, dry_run=True)
    assert all(path.exists() for path in old)
    done = prune(tmp_path, days=30, now_ms=NOW_MS)

    assert told.logs == done.logs == tuple(map(str, old))
    assert told.freed_bytes == done.freed_bytes == 200
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == sorted(
        [f"{today}.jsonl", f"{today}.12.jsonl.gz", "2020-13-99.jsonl", "2020-01-05.txt", "notes"]
    )
    assert prune(tmp_path, days=0, now_ms=NOW_MS + 4000 * DAY_MS).logs == ()


def test_a_day_of_logs_goes_only_when_its_last_moment_is_old_enough(tmp_path: Path) -> None:
    midnight = NOW_MS - NOW_MS % DAY_MS
    a_log(tmp_path, f"{format_ts(midnight - DAY_MS)[:10]}.jsonl")

    assert prune_logs(tmp_path / "logs", days=1, now_ms=midnight + DAY_MS - 1) == ()
    assert len(prune_logs(tmp_path / "logs", days=1, now_ms=midnight + DAY_MS)) == 1


def test_no_link_among_logs_is_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    precious = outside / "2020-01-05.jsonl"
    precious.write_text("kept")
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "logs").symlink_to(outside)
    (tmp_path / "other" / "logs").mkdir(parents=True)
    link = tmp_path / "other" / "logs" / "2020-01-05.jsonl"
    link.symlink_to(precious)

    assert prune(tmp_path / "archive", days=30, now_ms=NOW_MS).logs == ()
    assert prune(tmp_path / "other", days=30, now_ms=NOW_MS).logs == (str(link),)
    assert precious.read_text() == "kept"
    assert not link.is_symlink()


def test_what_dead_writers_of_logs_lost_is_forgotten_too(tmp_path: Path) -> None:
    WriterFile(tmp_path / "logs", "old").close(keep=True)
    sign = tmp_path / "logs" / ".callscope" / "writers" / "old.json"
    touch(sign, NOW_MS - 30 * DAY_MS)

    assert prune(tmp_path, days=30, now_ms=NOW_MS).ledgers == (str(sign),)


def touch(path: Path, at_ms: int) -> None:
    os.utime(path, (at_ms / 1000, at_ms / 1000))
