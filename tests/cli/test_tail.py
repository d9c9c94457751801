from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import forked_commands
from sample_calls import START_MS, _environ, append, run, ts, write, write_order_call

from callscope.archive.liveness import WriterFile
from callscope.report.follow import ArchiveFollower, CallFollower, News

NOW_MS = START_MS + 60_000
ALIVE: dict[str, Any] = {
    "callscope": {"writer": {"id": "alive"}},
    "status": "in_progress",
    "ended_at": None,
    "day": "2026/11/21",
}


def end(directory: Path) -> None:
    metadata = json.loads((directory / "metadata.json").read_text())
    (directory / "metadata.json").write_text(
        json.dumps({**metadata, "status": "completed", "error": None, "x": "longer"})
    )


def told(news: list[News]) -> list[Any]:
    return [
        (item.kind, getattr(item.value, "text", None) or getattr(item.value, "type", None) or item.call.call_id)
        for item in news
    ]


def test_a_call_is_told_from_its_first_row_to_its_end(tmp_path: Path) -> None:
    writer = WriterFile(tmp_path, "alive")
    directory = write(tmp_path, "one", **ALIVE)
    append(directory / "transcript.jsonl", {"ts": ts(2000), "role": "user", "text": "hi"})
    follower = CallFollower(directory, now_ms=NOW_MS, from_now=False)

    append(directory / "events.jsonl", {"ts": ts(1000), "type": "client_connected", "data": {}})
    assert told(list(follower.look(now_ms=NOW_MS))) == [("event", "client_connected"), ("turn", "hi")]
    assert list(follower.look(now_ms=NOW_MS)) == []
    append(directory / "transcript.jsonl", {"role": "assistant", "text": "bye"})
    end(directory)
    assert told(list(follower.look(now_ms=NOW_MS))) == [("turn", "bye"), ("ended", "one")]
    assert list(follower.look(now_ms=NOW_MS)) == []
    writer.close(keep=False)


def test_half_a_row_is_told_when_it_is_whole(tmp_path: Path) -> None:
    writer = WriterFile(tmp_path, "alive")
    directory = write(tmp_path, "one", **ALIVE)
    follower = CallFollower(directory, now_ms=NOW_MS, from_now=False)
    transcript = directory / "transcript.jsonl"

    transcript.write_text('{"role": "user", ')
    assert list(follower.look(now_ms=NOW_MS)) == []
    with transcript.open("a") as file:
        file.write('"text": "whole"}\n')
    assert told(list(follower.look(now_ms=NOW_MS))) == [("turn", "whole")]
    writer.close(keep=False)


def test_a_call_whose_writer_dies_ends(tmp_path: Path) -> None:
    writer = WriterFile(tmp_path, "alive")
    directory = write(tmp_path, "one", **ALIVE)
    follower = CallFollower(directory, now_ms=NOW_MS, from_now=False)
    assert list(follower.look(now_ms=NOW_MS)) == []
    writer.close(keep=False)

    news = [item for _ in range(30) for item in follower.look(now_ms=NOW_MS)]

    assert [(item.kind, item.call.status) for item in news] == [("ended", "abandoned")]


def test_an_archive_tells_of_what_goes_on_from_now_on_and_of_what_starts(tmp_path: Path) -> None:
    writer = WriterFile(tmp_path, "alive")
    write(tmp_path, "over", day="2026/11/21")
    going = write(tmp_path, "going", **ALIVE)
    append(going / "transcript.jsonl", {"role": "user", "text": "before"})
    follower = ArchiveFollower(tmp_path, now_ms=NOW_MS)
    assert [call.call_id for call in follower.calls] == ["going"]

    append(going / "transcript.jsonl", {"role": "user", "text": "now"})
    assert told(list(follower.look(now_ms=NOW_MS))) == [("turn", "now")]
    new = write(tmp_path, "new", **ALIVE)
    append(new / "transcript.jsonl", {"role": "user", "text": "first"})
    assert told(list(follower.look(now_ms=NOW_MS))) == [("started", "new"), ("turn", "first")]
    end(going)
    assert told(list(follower.look(now_ms=NOW_MS))) == [("ended", "going")]
    assert [call.call_id for call in follower.calls] == ["new"]
    writer.close(keep=False)


def test_a_call_that_began_and_ended_between_two_looks_is_told(tmp_path: Path) -> None:
    follower = ArchiveFollower(tmp_path, now_ms=NOW_MS)
    directory = write(tmp_path, "quick", day="2026/11/21")
    append(directory / "transcript.jsonl", {"role": "user", "text": "hi"})

    assert told(list(follower.look(now_ms=NOW_MS))) == [("started", "quick"), ("turn", "hi"), ("ended", "quick")]


def test_a_call_whose_directory_goes_away_ends(tmp_path: Path) -> None:
    writer = WriterFile(tmp_path, "alive")
    directory = write(tmp_path, "one", **ALIVE)
    follower = ArchiveFollower(tmp_path, now_ms=NOW_MS)

    shutil.rmtree(directory)

    assert told(list(follower.look(now_ms=NOW_MS))) == [("ended", "one")]
    writer.close(keep=False)


def test_the_command_prints_an_ended_call_and_ends(tmp_path: Path) -> None:
    write_order_call(tmp_path)

    done = run("tail", "CA0", "--root", str(tmp_path))

    assert done.returncode == 0
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    assert "   0:03          caller  where is my order" in lines
    assert "completed: the caller hung up" in lines[-1]


def test_an_error_that_was_got_over_is_told_when_it_happens_and_a_repeated_cause_is_not(tmp_path: Path) -> None:
    directory = write(tmp_path, "one")
    rows: list[dict[str, Any]] = [
        {"type": "error", "data": {"error_id": "e1", "stage": "llm", "message": "timeout"}},
        {"type": "error", "data": {"error_id": "e2", "stage": "llm", "message": "again", "duplicate_of": "e1"}},
        {"type": "error_recovered", "data": {"error_id": "e1", "stage": "llm", "after_ms": 2200}},
        {"type": "error_recovered", "data": {"error_id": "e1", "stage": "stt", "after_ms": "soon"}},
    ]
    append(directory / "events.jsonl", *rows)

    lines = run("tail", "one", "--root", str(tmp_path)).stdout.splitlines()

    assert [" ".join(line.split()) for line in lines[:-1]] == [
        "error llm: timeout",
        "llm works again, 2.20 s after it failed",
        "stt works again",
    ]


def test_the_command_prints_a_json_object_a_line(tmp_path: Path) -> None:
    write_order_call(tmp_path)

    lines = [json.loads(line) for line in run("tail", "CA0", "--json", "--root", str(tmp_path)).stdout.splitlines()]

    assert [line["kind"] for line in lines].count("turn") == 5
    assert lines[-1]["kind"] == "ended"
    assert lines[-1]["call"]["status"] == "completed"
    assert all(line["call_id"] == lines[-1]["call"]["call_id"] for line in lines)


def test_the_command_follows_a_call_live_and_ends_with_it(tmp_path: Path) -> None:
    writer = WriterFile(tmp_path, "alive")
    directory = write(tmp_path, "live", **ALIVE)
    command = forked_commands.from_nothing(("tail", "live", "--json", "--root", str(tmp_path)))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=_environ(None)) as process:
        assert process.stdout is not None
        for text in ("one", "two"):
            append(directory / "transcript.jsonl", {"role": "user", "text": text})
            assert json.loads(process.stdout.readline())["text"] == text
        end(directory)
        assert json.loads(process.stdout.readline())["kind"] == "ended"
        assert process.wait(60) == 0
    writer.close(keep=False)


def test_ctrl_c_ends_it_without_a_word(tmp_path: Path) -> None:
    command = forked_commands.from_nothing(("tail", "--root", str(tmp_path)))
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environ(None)
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == f"0 calls in progress in {tmp_path}; Ctrl-C ends\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("", "")

    assert process.returncode == 130
