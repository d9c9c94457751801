"""The files of logs: read in order, in parts, while they are closed, and whatever is wrong with them."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from log_samples import START_MS, line, put

from callscope.archive import paths
from callscope.archive.log_files import LogFiles, Span, list_files, split


def events(logs: LogFiles) -> list[str]:
    return [found.event for file in logs.files for found in logs.lines(file)]


def test_files_are_in_the_order_of_their_days_and_numbers(tmp_path: Path) -> None:
    closed, others = ["2026-11-20.2.jsonl.gz", "2026-11-20.10.jsonl.gz"], ["2026-11-21.1.jsonl", "2026-11-21.jsonl"]
    names = [*closed, "2026-11-20.jsonl", *others]
    for name in reversed(names):
        put(tmp_path, name, line(0, name))
    (tmp_path / "logs" / ".tmp.2026-11-21.2.jsonl.gz").write_bytes(b"half")
    (tmp_path / "logs" / "2026-11-21.3.jsonl").symlink_to(tmp_path / "logs" / "2026-11-20.jsonl")
    os.mkfifo(tmp_path / "logs" / "2026-11-21.4.jsonl")
    (tmp_path / "logs" / "2026-11-21.5.jsonl").mkdir()

    with LogFiles(tmp_path) as logs:
        assert events(logs) == names
        assert logs.problems == ()


def test_an_archive_without_logs_has_no_files(tmp_path: Path) -> None:
    with LogFiles(tmp_path) as logs:
        assert logs.files == ()


def test_what_comes_after_the_look_is_left_out_and_half_a_line_too(tmp_path: Path) -> None:
    put(tmp_path, "2026-11-21.jsonl", line(0, "a"), line(1, "b"), b'{"ts":"20')
    with LogFiles(tmp_path) as logs:
        put(tmp_path, "2026-11-21.jsonl", b'26"}\n', line(2, "c"))
        assert events(logs) == ["a", "b"]


def test_the_end_of_a_closed_file_is_a_line_also_without_its_end(tmp_path: Path) -> None:
    put(tmp_path, "2026-11-21.1.jsonl", line(0, "a"), line(1, "b").rstrip(b"\n"))
    put(tmp_path, "2026-11-21.2.jsonl.gz", line(2, "c"), b'{"ts":"20')
    with LogFiles(tmp_path) as logs:
        found = [each for file in logs.files for each in logs.lines(file)]
    assert [each.event for each in found] == ["a", "b", "c", '{"ts":"20']
    assert [each.is_torn for each in found] == [False, False, False, True]


def test_a_file_that_is_closed_and_compressed_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    put(tmp_path, "2026-11-21.1.jsonl.gz", line(0, "first"))
    path = put(tmp_path, "2026-11-21.jsonl", *(line(number, str(number)) for number in range(5_000)))
    with LogFiles(tmp_path) as logs:
        reading = logs.lines(logs.files[1])
        found = [next(reading).event]
        packed = path.with_name("2026-11-21.2.jsonl.gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        (tmp_path / "logs" / "2026-11-21.1.jsonl.gz").rename(tmp_path / "logs" / "2026-11-21.7.jsonl.gz")
        found += [each.event for each in reading]
        assert found == [str(number) for number in range(5_000)]
        assert [each.event for each in logs.lines(logs.files[0])] == ["first"]
        assert logs.problems == ()


def test_a_closed_file_that_is_there_twice_is_read_once(tmp_path: Path) -> None:
    put(tmp_path, "2026-11-21.1.jsonl", line(0, "a"))
    put(tmp_path, "2026-11-21.1.jsonl.gz", line(0, "a"))
    with LogFiles(tmp_path) as logs:
        assert events(logs) == ["a"]


def test_a_compressed_file_that_was_removed_meanwhile_holds_nothing(tmp_path: Path) -> None:
    path = put(tmp_path, "2026-11-21.1.jsonl.gz", line(0, "a"))
    put(tmp_path, "2026-11-21.jsonl", line(1, "b"))
    with LogFiles(tmp_path) as logs:
        path.unlink()
        assert events(logs) == ["b"]
        assert logs.problems == ()


def test_of_a_damaged_file_what_comes_before_the_damage_is_read_and_it_is_named(tmp_path: Path) -> None:
    cut = put(tmp_path, "2026-11-20.1.jsonl.gz", *(line(number, os.urandom(40).hex()) for number in range(9_000)))
    cut.write_bytes(cut.read_bytes()[:-1000])
    put(tmp_path, "2026-11-20.2.jsonl.gz").write_bytes(b"no gzip at all")
    put(tmp_path, "2026-11-20.3.jsonl.gz").write_bytes(b"")
    two = put(tmp_path, "2026-11-20.4.jsonl.gz", line(1, "one"))
    two.write_bytes(two.read_bytes() + gzip.compress(line(2, "two")) + b"\0" * 512)
    with LogFiles(tmp_path) as logs:
        found = events(logs)
        assert 7_000 < len(found) < 9_002
        assert found[-2:] == ["one", "two"]
        assert [problem.split(" is damaged")[0] for problem in logs.problems] == [
            str(tmp_path / "logs" / name) for name in ("2026-11-20.1.jsonl.gz", "2026-11-20.2.jsonl.gz")
        ]


def test_parts_of_a_compressed_file_are_read_as_parts_of_a_plain_one(tmp_path: Path) -> None:
    lines = [line(number, f"{number} {'x' * (number % 50)}") for number in range(4_000)]
    starts = [sum(map(len, lines[:number])) for number in (0, 100, 110, 3_990)]
    spans = [Span(starts[1], starts[2], START_MS), Span(starts[3], None, START_MS)]
    put(tmp_path, "2026-11-21.1.jsonl", *lines)
    put(tmp_path, "2026-11-21.2.jsonl.gz", *lines)
    with LogFiles(tmp_path) as logs:
        plain, packed = ([(each.offset, each.event) for each in logs.lines(file, spans)] for file in logs.files)
    assert plain == packed
    assert [int(event.split()[0]) for _, event in plain] == [*range(100, 110), *range(3_990, 4_000)]


def test_a_line_without_an_end_takes_bounded_memory() -> None:
    endless = (b"x" * 100_000 for _ in range(1_000))
    found = list(split(endless, 0, is_open=False))
    assert [(each.start, each.end, len(each.data), each.is_cut) for each in found] == [(0, 10**8, 10**6, True)]


def test_lines_after_one_that_is_too_long_are_where_they_are(tmp_path: Path) -> None:
    long = b'{"ts":"' + b"y" * 3_000_000 + b'"}\n'
    put(tmp_path, "2026-11-21.jsonl", line(0, "a"), long, line(1, "b"))
    with LogFiles(tmp_path) as logs:
        a, cut, b = logs.lines(logs.files[0])
    assert (a.event, cut.is_torn, len(cut.raw), b.event) == ("a", True, 10**6, "b")
    assert b.offset == len(line(0, "a")) + len(long)


def test_a_day_that_no_calendar_has_is_a_file_without_a_day(tmp_path: Path) -> None:
    put(tmp_path, "2026-02-30.1.jsonl", line(0, "a"))
    [file] = list_files(tmp_path / paths.LOGS)
    assert (file.start_ms, file.number, file.is_growing) == (None, None, True)
