"""What is made of one line, whoever wrote it and whatever is left of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from log_samples import START_MS, line, ts

from callscope.archive.log_line import LEVELS, UNKNOWN, Bounds, LineReader, LogLine, exception_of, row_of, words_of
from callscope.report.log_lines import row_to_print, shown

BOUNDS = Bounds(START_MS - 1000, START_MS + 60_000)


def read(*raw: bytes) -> list[LogLine]:
    reader = LineReader(("2026-11-21", 1, "x"), BOUNDS, before_ms=START_MS)
    return [found for number, each in enumerate(raw) for found in reader.read(number * 100, each.rstrip(b"\n"))]


def test_a_line_of_ours_is_read_as_it_was_written() -> None:
    [found] = read(line(250, "hello", level="warning", logger="a.b", call_id="CA1"))

    assert (found.at_ms, found.ts_ms, found.level) == (START_MS + 250, START_MS + 250, "warning")
    assert (found.logger, found.event, found.call_id, LEVELS[found.rank]) == ("a.b", "hello", "CA1", "warning")


@pytest.mark.parametrize(
    ("raw", "level", "logger", "event"),
    [
        (b'{"timestamp":"2026-11-21T09:30:13Z","levelname":"WARN","name":"n","message":"m"}', "warning", "n", "m"),
        (b'{"time":1795253413,"severity":"Fatal","logger_name":"n","msg":"m"}', "critical", "n", "m"),
        (b'{"@timestamp":"2026-11-21T09:30:13Z","level":25,"logger":"n","text":"m"}', "info", "n", "m"),
        (b'\xef\xbb\xbf{"ts":1795253413,"level":"SUCCESS","logger":"n","event":"m","x":NaN}', "info", "n", "m"),
    ],
)
def test_a_line_of_another_writer_is_read_by_its_names(raw: bytes, level: str, logger: str, event: str) -> None:
    [found] = read(raw)

    assert (LEVELS[found.rank], found.logger, found.event, found.at_ms) == (level, logger, event, START_MS + 1000)


def test_words_that_are_no_object_are_kept_where_they_were_written() -> None:
    before, words, number = read(line(500, "x"), b"Segmentation fault (core dumped)", b"[1, 2]")

    assert (words.event, words.at_ms, words.ts_ms) == ("Segmentation fault (core dumped)", before.at_ms, None)
    assert (words.rank, words.is_row, words.is_torn) == (UNKNOWN, False, False)
    assert (number.is_row, number.is_torn) == (False, False)


def test_a_torn_line_is_kept_as_what_is_left_of_it_and_a_whole_one_that_is_glued_to_it_is_read() -> None:
    torn, glued = read(b'{"ts":"2026-11-21T09:30:13.000Z","level":"in' + line(700, "whole"))

    assert (torn.is_torn, torn.event) == (True, '{"ts":"2026-11-21T09:30:13.000Z","level":"in')
    assert (glued.is_torn, glued.event, glued.offset) == (False, "whole", 44)


def test_null_bytes_of_a_power_cut_are_a_torn_line() -> None:
    [found] = read(b"\0" * 300)

    assert (found.is_torn, found.event) == (True, "")


@pytest.mark.parametrize("moment", ["1999-01-01T00:00:00Z", "2031-01-01T00:00:00Z", "yesterday", None, -5])
def test_a_moment_that_cannot_be_true_does_not_move_a_line(moment: object) -> None:
    row = line(0, "odd").replace(f'"{ts(0)}"'.encode(), json.dumps(moment).encode())
    before, odd, after = read(line(800, "before"), row, line(900, "after"))

    assert (before.at_ms, odd.at_ms, after.at_ms) == (START_MS + 800, START_MS + 800, START_MS + 900)


def test_a_pattern_finds_all_of_a_lines_words() -> None:
    stack = "Traceback:\n  File bot.py\nTimeoutError: too late"
    told: dict[str, Any] = {"exception": {"type": "TimeoutError", "message": "too late", "stack": stack}}
    [found] = read(line(0, "gone", stage="llm", data={"tries": 3, "deep": {"a": [True, None]}}, process=4711, **told))

    words = words_of(found)

    for part in ("gone", "stage=llm", "tries=3", "deep={a: [true, ]}", "process=4711", "File bot.py"):
        assert part in words
    assert exception_of(row_of(found)) == ("TimeoutError: too late", stack)


def test_what_is_shown_obeys_nobody_and_keeps_one_line() -> None:
    [found] = read(line(0, "a\x1b[2Jb\nc\u202e", logger="l\n", call_id="C\r\n", data={"k\n": "v\x07 \u2028w"}))

    told = shown(found)

    assert (told.text, told.logger, told.call_id) == ("ab c", "l ", "C  ")
    assert told.facts == (("k ", '"v\N{REPLACEMENT CHARACTER}  w"'),)


def test_json_is_printed_as_it_is_unless_strict_readers_would_choke() -> None:
    plain, odd = read(b'{"ts": "2026-11-21T09:30:13Z",  "event":"x","n":1.50}', b'{"event":"y","n":NaN}')

    assert row_to_print(plain) == b'{"ts": "2026-11-21T09:30:13Z",  "event":"x","n":1.50}'
    assert row_to_print(odd) == b'{"event":"y","n":null}'
