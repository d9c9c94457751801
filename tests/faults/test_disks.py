"""Disks that fail: a real small file system, a real read-only directory, a real file size limit."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callscope import CallLogger, Settings
from callscope.archive.reader import read_call
from callscope.clock import now_ms
from callscope.testing import Disk, call_dirs, metadata, rows


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of half a megabyte."""
    mount = tmp_path / "small"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(mount)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("mounting a small file system needs root")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


def assert_exact(logger: CallLogger, accepted: int) -> None:
    health = logger.health()
    assert health.pending == 0
    assert health.accepted == accepted
    assert health.written + sum(health.lost.values()) == accepted


def test_a_full_disk_does_not_disturb_the_call_and_later_rows_are_readable(
    small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logger = CallLogger(small_disk / "root")
    call = logger.start_call("a")
    text = "x" * 1500
    for number in range(1000):
        call.turn("user", f"{number} {text}")
        call.event("n", {"number": number, "text": text})
    logger.flush()
    lost_while_full = sum(logger.health().lost.values())
    for path in (small_disk / "root").rglob("transcript.jsonl"):
        assert path.stat().st_size > 10_000
    ballast = next((small_disk / "root").rglob("events.jsonl"))
    ballast.unlink()
    logger._writer._appender.close(str(ballast))  # type: ignore[union-attr]  # the freed space is given back
    for number in range(20):
        call.turn("user", f"after {number}")
    call.end()
    logger.close()

    directory = call_dirs(small_disk / "root")[0]
    written = [row["text"] for row in rows(directory)]
    assert lost_while_full > 100
    assert written[-20:] == [f"after {number}" for number in range(20)]
    assert_exact(logger, 2020)
    assert set(logger.health().lost) == {"disk_full"}
    envelope = metadata(directory)
    assert envelope["status"] == "completed"
    assert envelope["callscope"]["lost"] == logger.health().lost
    warnings = [record for record in caplog.records if record.name == "callscope"]
    assert 1 <= len([record for record in warnings if "rows of calls cannot be written" in record.message]) <= 2


def test_a_disk_that_is_full_from_the_start_is_used_once_it_has_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    logger = CallLogger(small_disk / "root")
    fd = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(fd, b"x" * 4096)
    os.close(fd)
    call = logger.start_call("a")
    call.turn("user", "lost")
    logger.flush()
    assert logger.health().lost == {"disk_full": 1}
    ballast.unlink()

    assert call.file is not None
    call.file.retry_at_ns = 0  # a second has gone by
    call.turn("user", "kept")
    call.end()
    logger.close()

    (directory,) = call_dirs(small_disk / "root")
    assert [row["text"] for row in rows(directory)] == ["kept"]
    assert metadata(directory)["status"] == "completed"
    assert metadata(directory)["callscope"]["lost"] == {"disk_full": 1}
    assert_exact(logger, 2)


def in_a_child(program: str, root: Path, *, as_nobody: bool = False) -> dict[str, Any]:
    """Run a program that ends in ``report(logger)`` and return what it reported."""
    prelude = """
import sys, json, os
def report(logger):
    health = logger.health()
    print(json.dumps({name: getattr(health, name) for name in ("accepted", "written", "lost", "enabled")}))
from callscope import CallLogger
"""
    drop = """
import callscope.recorder.writer  # while this user may still read its own Python
from callscope import ids
ids.boot(), ids.host()
from callscope import config
from callscope.archive.price_file import read_book
config.load(), read_book(None)
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
"""
    result = subprocess.run(
        [sys.executable, "-c", prelude + (drop if as_nobody else "") + textwrap.dedent(program), str(root)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    report["stderr"] = result.stderr
    assert isinstance(report, dict)
    return report


@pytest.fixture
def open_to_all(tmp_path: Path) -> Iterator[Path]:
    """A directory that another user can reach."""
    changed = []
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.getuid() and not parent.stat().st_mode & 0o001:
            changed.append((parent, parent.stat().st_mode))
            parent.chmod(0o755)
    yield tmp_path
    for parent, mode in changed:
        parent.chmod(mode)


def test_a_read_only_root_gives_one_warning_and_no_recording(open_to_all: Path) -> None:
    root = open_to_all / "root"
    root.mkdir(mode=0o555)

    report = in_a_child(
        """
        logger = CallLogger(sys.argv[1])
        logger.start_call("a").turn("user", "the call goes on")
        report(logger)
        """,
        root,
        as_nobody=True,
    )

    assert report["enabled"] is False
    assert report["stderr"].count("not recorded") == 1
    assert list(root.iterdir()) == []


def test_a_call_directory_that_becomes_read_only_costs_rows_and_nothing_else(open_to_all: Path) -> None:
    root = open_to_all / "root"
    root.mkdir()
    root.chmod(0o777)

    report = in_a_child(
        """
        logger = CallLogger(sys.argv[1])
        call = logger.start_call("a")
        call.turn("user", "kept")
        logger.flush()
        os.chmod(call.path, 0o500)
        call.event("lost: its file cannot be made")
        call.turn("user", "kept, its file is open")
        logger.flush()
        os.chmod(call.path, 0o700)
        call.event("kept")
        call.end()
        logger.close()
        report(logger)
        """,
        root,
        as_nobody=True,
    )

    assert (report["accepted"], report["written"], report["lost"]) == (4, 3, {"permission": 1})
    assert report["stderr"].count("permission") >= 0
    assert "Traceback" not in report["stderr"]


def test_a_file_size_limit_costs_rows_and_nothing_else(tmp_path: Path) -> None:
    report = in_a_child(
        """
        import resource
        logger = CallLogger(sys.argv[1])
        call = logger.start_call("a")
        logger.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        for number in range(100):
            call.turn("user", f"{number} " + "x" * 500)
        logger.flush()
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        call.turn("user", "after")
        call.end()
        logger.close()
        report(logger)
        """,
        tmp_path,
    )

    directory = call_dirs(tmp_path)[0]
    written = rows(directory)
    assert report["accepted"] == 101
    assert report["written"] == len(written) < 50
    assert report["written"] + sum(report["lost"].values()) == 101
    assert set(report["lost"]) == {"file_too_large"}
    assert written[-1]["text"] == "after"
    assert metadata(directory)["callscope"]["lost"] == report["lost"]


def test_a_slow_disk_does_not_slow_the_call(tmp_path: Path) -> None:
    disk = Disk()
    logger = CallLogger(tmp_path, settings=Settings(buffer_rows=1000), write=disk)
    call = logger.start_call("a")
    logger.flush()
    disk.stall()
    call.turn("user", "0")
    assert disk.reached.wait(10)

    for number in range(1, 3000):  # would never come back if a method waited for the disk
        call.turn("user", str(number))
    assert not logger.flush(0.01)
    disk.mend()
    call.end()
    assert logger.close(30)

    assert_exact(logger, 3000)
    assert logger.health().lost == {"buffer_full": 1999}
    assert [row["text"] for row in rows(call_dirs(tmp_path)[0])] == [str(number) for number in range(1001)]


def test_a_disk_that_fails_at_random_leaves_whole_rows_and_an_exact_ledger(tmp_path: Path) -> None:
    disk, dice = Disk(), random.Random(7)
    logger = CallLogger(tmp_path, write=disk)
    call = logger.start_call("a")
    logger.flush()
    for number in range(300):
        disk.mend()
        if dice.random() < 0.4:
            disk.fill(room=dice.randrange(0, 150))
        call.turn("user", f"row {number}")
        call.event("n", {"number": number})
        logger.flush()
    disk.mend()
    call.end()
    logger.close()

    directory = call_dirs(tmp_path)[0]
    assert_exact(logger, 600)
    assert len(rows(directory)) + len(rows(directory, "events.jsonl")) == logger.health().written < 600
    numbers = [int(row["text"].split()[1]) for row in rows(directory)]
    assert numbers == sorted(set(numbers))
    assert read_call(directory, now_ms=now_ms()).problems == ()


def test_a_call_directory_that_somebody_removed_is_made_again(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    call.turn("user", "gone")
    logger.flush()
    shutil.rmtree(tmp_path / "calls")
    call.event("kept")
    call.end()
    logger.close()

    directory = call_dirs(tmp_path)[0]
    assert [row["type"] for row in rows(directory, "events.jsonl")] == ["kept"]
    assert metadata(directory)["status"] == "completed"


def test_no_descriptors_left_costs_rows_and_nothing_else(tmp_path: Path) -> None:
    report = in_a_child(
        """
        import resource
        logger = CallLogger(sys.argv[1])
        call = logger.start_call("a")
        logger.flush()
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        call.turn("user", "lost")
        logger.flush()
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
        call.turn("user", "kept")
        call.end()
        logger.close()
        report(logger)
        """,
        tmp_path,
    )

    assert (report["accepted"], report["written"]) == (2, 1)
    assert [row["text"] for row in rows(call_dirs(tmp_path)[0])] == ["kept"]


def test_a_call_that_ends_while_the_disk_is_full_has_its_end_on_disk_later(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    logger = CallLogger(small_disk / "root")
    call = logger.start_call("a")
    call.turn("user", "hello")
    logger.flush()
    fd = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(fd, b"x" * 4096)
    os.close(fd)
    call.end(reason="hung up while the disk was full")
    logger.flush()
    (directory,) = call_dirs(small_disk / "root")
    assert metadata(directory)["status"] == "in_progress"  # the old one, whole
    ballast.unlink()
    logger.close()

    assert metadata(directory)["status"] == "completed"
    assert not list(directory.glob(".tmp.*"))
