"""New lines as they come, over rotation and midnight, from several processes, until Ctrl-C."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from log_samples import command, environ, line, put

from callscope.archive.log_files import LogFiles
from callscope.archive.log_follow import LogFollower

HALF = line(1, "half")


@pytest.fixture
def follower(tmp_path: Path) -> Iterator[LogFollower]:
    """Follows after a first line, and half a one."""
    put(tmp_path, "2026-11-20.1.jsonl.gz", line(0, "long ago"))
    put(tmp_path, "2026-11-21.jsonl", line(0, "before"), HALF[:30])
    with LogFiles(tmp_path) as logs:
        found = LogFollower(logs)
    with found:
        yield found


def told(follower: LogFollower) -> list[str]:
    return [found.event for found in follower.look()]


def pack(path: Path, number: int) -> None:
    """Compress a file as the one of a day that is closed."""
    packed = path.with_name(f"{path.name[:10]}.{number}.jsonl.gz")
    temporary = path.with_name(f".tmp.{packed.name}")
    temporary.write_bytes(gzip.compress(path.read_bytes()))
    temporary.rename(packed)
    path.unlink()


def test_only_what_is_new_is_told_and_half_a_line_when_it_is_whole(tmp_path: Path, follower: LogFollower) -> None:
    assert told(follower) == []
    put(tmp_path, "2026-11-21.jsonl", HALF[30:], line(2, "b"), b"{")
    assert told(follower) == ["half", "b"]
    assert told(follower) == []


def test_a_file_is_followed_over_its_closing_and_compressing(tmp_path: Path, follower: LogFollower) -> None:
    path = put(tmp_path, "2026-11-21.jsonl", HALF[30:], line(1, "a"))
    closed = path.rename(path.with_name("2026-11-21.1.jsonl"))
    put(tmp_path, "2026-11-21.jsonl", line(2, "b"))
    assert told(follower) == ["half", "a", "b"]
    pack(closed, 1)
    assert told(follower) == []
    put(tmp_path, "2026-11-21.jsonl", line(3, "c"))
    pack(path, 2)
    put(tmp_path, "2026-11-21.jsonl", line(4, "d"))
    assert told(follower) == ["c", "d"]
    assert told(follower) == []


def test_a_file_that_came_and_was_closed_between_two_looks_is_told_whole(tmp_path: Path, follower: LogFollower) -> None:
    path = put(tmp_path, "2026-11-21.jsonl", HALF[30:], line(1, "a"))
    pack(path, 1)
    pack(put(tmp_path, "2026-11-21.jsonl", line(2, "b")), 2)
    put(tmp_path, "2026-11-21.3.jsonl", line(3, "c"))
    assert told(follower) == ["half", "a", "b", "c"]
    pack(tmp_path / "logs" / "2026-11-21.3.jsonl", 3)
    assert told(follower) == []


def test_it_goes_on_over_midnight(tmp_path: Path, follower: LogFollower) -> None:
    put(tmp_path, "2026-11-22.jsonl", line(50_000_000, "tomorrow"))
    put(tmp_path, "2026-11-21.jsonl", HALF[30:], line(1, "late"))
    assert told(follower) == ["half", "late", "tomorrow"]


def test_old_files_that_go_or_get_another_number_are_not_new(tmp_path: Path, follower: LogFollower) -> None:
    old = tmp_path / "logs" / "2026-11-20.1.jsonl.gz"
    old.rename(old.with_name("2026-11-20.4.jsonl.gz"))
    assert told(follower) == []
    old.with_name("2026-11-20.4.jsonl.gz").unlink()
    assert told(follower) == []


def test_a_directory_that_comes_later_is_followed(tmp_path: Path) -> None:
    with LogFiles(tmp_path) as logs, LogFollower(logs) as follower:
        assert told(follower) == []
        put(tmp_path, "2026-11-21.jsonl", line(1, "first"))
        assert told(follower) == ["first"]


def test_the_command_follows_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "calls").mkdir()
    path = put(tmp_path, "2026-11-21.jsonl", *(line(number, f"old {number}") for number in range(20)))
    process = subprocess.Popen(
        command("logs", "--root", str(tmp_path), "-f", "-n", "1", "--json", "--level", "info"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environ(),
    )
    assert process.stdout is not None

    def next_event() -> str:
        assert process.stdout is not None
        return str(json.loads(process.stdout.readline())["event"])

    try:
        assert next_event() == "old 19"
        put(tmp_path, "2026-11-21.jsonl", line(30, "quiet", level="debug"), line(31, "new"))
        assert next_event() == "new"
        path.rename(path.with_name("2026-11-21.1.jsonl"))
        put(tmp_path, "2026-11-21.jsonl", line(32, "newer"))
        assert next_event() == "newer"
    finally:
        process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate(timeout=60)
    assert (rest, complaints, process.returncode) == (b"", b"", 130)


def test_lines_of_several_processes_all_come_once_while_files_are_closed(tmp_path: Path) -> None:
    """Three writers append whole lines to the file under the name, which a fourth closes again and again."""
    program = """
import fcntl, os, sys
path, name = sys.argv[1], sys.argv[2]
for number in range(1500):
    while True:
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        fcntl.flock(fd, fcntl.LOCK_SH)
        try:
            if os.stat(path).st_ino == os.fstat(fd).st_ino:
                break
        except FileNotFoundError:
            pass
        os.close(fd)
    os.write(fd, b'{"ts":"2026-11-21T09:30:12.000Z","event":"%s %d"}\\n' % (name.encode(), number))
    os.close(fd)
"""
    path = put(tmp_path, "2026-11-21.jsonl")
    with LogFiles(tmp_path) as logs:
        follower = LogFollower(logs)
    found: list[str] = []
    with follower:
        writers = [subprocess.Popen([sys.executable, "-c", program, str(path), f"w{n}"]) for n in range(3)]
        number = 0
        while any(writer.poll() is None for writer in writers):
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
            number += 1
            closed = path.rename(path.with_name(f"2026-11-21.{number}.jsonl"))
            os.close(fd)
            found += told(follower) if number % 3 else []
            if closed.stat().st_size:
                pack(closed, number)
        found += told(follower)
    assert sorted(found) == sorted(f"w{n} {each}" for n in range(3) for each in range(1500))
    assert all(writer.returncode == 0 for writer in writers)
