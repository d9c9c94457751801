from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from callscope.archive.append import Appender


class HalfDisk:
    """A disk that takes a part of a write when told so, as a full one does."""

    def __init__(self) -> None:
        self.take: int | None = None

    def __call__(self, fd: int, data: bytes) -> int:
        if self.take is None:
            return os.write(fd, data)
        if self.take == 0:
            raise OSError(28, "No space left on device")
        taken, self.take = self.take, 0
        return os.write(fd, data[:taken])


def rows(path: Path) -> list[object]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_each_row_is_one_write_of_one_line(tmp_path: Path) -> None:
    writes: list[bytes] = []

    def write(fd: int, data: bytes) -> int:
        writes.append(data)
        return os.write(fd, data)

    appender = Appender(max_open=4, write=write)
    for number in range(3):
        appender.append(str(tmp_path / "rows"), b"%d\n" % number)
    appender.close_all()

    assert writes == [b"0\n", b"1\n", b"2\n"]


def test_a_row_that_the_disk_took_in_part_leaves_no_trace(tmp_path: Path) -> None:
    disk = HalfDisk()
    appender = Appender(max_open=4, write=disk)
    path = tmp_path / "rows"
    appender.append(str(path), b'{"n":1}\n')
    disk.take = 3

    with pytest.raises(OSError, match="No space left"):
        appender.append(str(path), b'{"n":2}\n')
    disk.take = None
    appender.append(str(path), b'{"n":3}\n')

    assert rows(path) == [{"n": 1}, {"n": 3}]


def test_a_row_after_a_torn_line_of_somebody_else_is_readable(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b'{"n":1}\n{"n":2,"te')

    appender = Appender(max_open=4)
    appender.append(str(path), b'{"n":3}\n')
    appender.append(str(path), b'{"n":4}\n')
    appender.close_all()

    assert path.read_bytes() == b'{"n":1}\n{"n":2,"te\n{"n":3}\n{"n":4}\n'


def test_what_another_process_wrote_behind_a_torn_row_is_not_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "rows"

    def write(fd: int, data: bytes) -> int:
        if data.startswith(b"torn"):
            written = os.write(fd, data[:2])
            with path.open("ab") as other:
                other.write(b"theirs\n")
            return written
        if data.startswith(b"rn row"):
            raise OSError(28, "No space left on device")
        return os.write(fd, data)

    appender = Appender(max_open=4, write=write)
    with pytest.raises(OSError, match="No space left"):
        appender.append(str(path), b"torn row\n")
    appender.append(str(path), b"ours\n")

    assert path.read_bytes() == b"totheirs\n\nours\n"


def test_many_files_share_few_descriptors(tmp_path: Path) -> None:
    appender = Appender(max_open=3)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        for number in range(20):
            appender.append(str(tmp_path / f"{number}"), b"x\n")

    assert len(os.listdir("/proc/self/fd")) <= before + 3
    assert all((tmp_path / f"{number}").read_bytes() == b"x\nx\n" for number in range(20))
    appender.close_all()


def test_a_link_put_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"")
    (tmp_path / "rows").symlink_to(outside)

    with pytest.raises(OSError, match="symbolic"):
        Appender(max_open=1).append(str(tmp_path / "rows"), b"x\n")

    assert outside.read_bytes() == b""


def test_files_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        Appender(max_open=1).append(str(tmp_path / "rows"), b"x\n")
    finally:
        os.umask(before)

    assert (tmp_path / "rows").stat().st_mode & 0o777 == 0o600
