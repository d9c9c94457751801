"""Sessions of five and of thirty minutes, told with their moments and not waited for: figures, rotation, no line lost.

Two bots write into one directory at the same time; each has one call, which is told as fast as the machine can.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from callscope.archive.reader import read_call
from callscope.clock import now_ms

pytestmark = pytest.mark.e2e

FIVE_MINUTES, THIRTY_MINUTES = 30, 180
"""Exchanges, of ten seconds each."""
LINES_AN_EXCHANGE = 40
"""Of Pipecat's and of the program's own, as a bot has at DEBUG."""
MAX_MB = 0.4
BOT = """
import callscope, sys
logs = callscope.logs.configure(console=False)
import logging
from loguru import logger as guru
name, exchanges, lines = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
shop = logging.getLogger("shop")
calls = callscope.CallLogger.from_env()
begin = callscope.clock.now_ms() - exchanges * 10_000 - 1000
with calls.start_call(name, at_ms=begin, agent={"model": "gpt-4.1-mini"}) as call:
    for number in range(exchanges):
        at = begin + number * 10_000
        call.event("user_started_speaking", at_ms=at)
        call.event("user_stopped_speaking", {"delay_ms": 200}, at_ms=at + 3000)
        call.turn("user", f"Question {number}?", at_ms=at)
        answered = at + 3800 + 10 * (number % 30)
        call.event("agent_started_speaking", at_ms=answered)
        call.usage("llm", provider="openai", model="gpt-4.1-mini", at_ms=answered, input_tokens=800, output_tokens=40)
        call.usage("stt", provider="deepgram", model="nova-3", at_ms=at + 3200, audio_seconds=3.0)
        call.turn("assistant", f"Answer {number}.", at_ms=answered)
        call.event("agent_stopped_speaking", at_ms=at + 8000)
        for line in range(lines):
            if line % 2:
                guru.debug(f"{name} {number * lines + line}: a frame went by, and after it came another one")
            else:
                shop.info(f"{name} {number * lines + line}: what the program itself has to say about it")
    call.end(status="completed", reason="the caller hung up", at_ms=begin + exchanges * 10_000)
calls.close()
logs.close(None)
health = logs.health()
assert (health.lost, health.pending, health.removed) == ({}, 0, 0), health
assert health.accepted == health.written, health
print(health.written)
"""


def talk(root: Path, exchanges: int, *names: str, **environment: str) -> list[int]:
    """Have a bot for each name, all at the same time; the number of lines that each says it has written."""
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path), "PATTER_LOG_DIR": str(root)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", BOT, name, str(exchanges), str(LINES_AN_EXCHANGE)],
            env=env | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for name in names
    ]  # fmt: skip
    told = [process.communicate(timeout=80) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(names), told
    return [int(out) for out, _ in told]


def lines_of(root: Path) -> list[dict[str, Any]]:
    """All lines, of plain and of compressed files."""
    found: list[dict[str, Any]] = []
    for path in sorted((root / "logs").glob("*.jsonl*")):
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        # Who opens a file in which another one is just writing begins with a line break, in case that line stays torn.
        found += [json.loads(line) for line in data.splitlines() if line]
    return found


def told_of(lines: list[dict[str, Any]], event: str) -> list[dict[str, Any]]:
    return [line.get("data", {}) for line in lines if line["logger"] == "callscope.call" and line["event"] == event]


def test_a_session_of_five_minutes_has_its_turns_waits_usage_and_cost_in_the_log(tmp_path: Path) -> None:
    talk(tmp_path, FIVE_MINUTES, "a")

    lines = lines_of(tmp_path)
    (directory,) = tmp_path.glob("calls/*/*/*/a")
    call = read_call(directory, now_ms=now_ms()).call
    (over,) = told_of(lines, "call_over")
    assert (over["status"], over["duration_ms"], over["turns"]) == ("completed", 300_000, 2 * FIVE_MINUTES)
    assert (over["cost"], over["cost_status"]) == (call.cost, "priced")
    assert over["cost"]["llm"] == pytest.approx(FIVE_MINUTES * (800 * 0.4 + 40 * 1.6) / 1e6, rel=0.01)
    assert over["cost"]["stt"] > 0
    assert over["latency"] == call.latency
    waits = [turn["latency"]["response_ms"] for turn in told_of(lines, "turn") if turn["role"] == "assistant"]
    assert waits == [800 + 10 * (number % 30) for number in range(FIVE_MINUTES)]
    usage = Counter((each["service"], each["model"]) for each in told_of(lines, "usage"))
    assert usage == {("llm", "gpt-4.1-mini"): FIVE_MINUTES, ("stt", "nova-3"): FIVE_MINUTES}
    assert not [line for line in lines if "Question" in json.dumps(line) or "Answer" in json.dumps(line)]


def test_two_sessions_of_thirty_minutes_rotate_their_files_and_lose_no_line(tmp_path: Path) -> None:
    counts = talk(
        tmp_path, THIRTY_MINUTES, "a", "b",
        CALLSCOPE_LOG_LEVEL="DEBUG", CALLSCOPE_LOG_MAX_MB=str(MAX_MB), CALLSCOPE_LOG_FILES_A_DAY="1000",
    )  # fmt: skip

    lines = lines_of(tmp_path)
    assert len(lines) == sum(counts)
    numbered = Counter(line["event"].partition(":")[0] for line in lines if line["logger"] != "callscope.call")
    assert numbered == {f"{name} {n}": 1 for name in "ab" for n in range(THIRTY_MINUTES * LINES_AN_EXCHANGE)}
    assert {(line["event"].partition(" ")[0], line["call_id"]) for line in lines if ": a frame" in line["event"]} == {
        ("a", "a"), ("b", "b"),
    }  # fmt: skip
    for event, each in {"turn": 2, "usage": 2, "agent_started_speaking": 1}.items():
        assert len(told_of(lines, event)) == 2 * THIRTY_MINUTES * each
    assert [each["duration_ms"] for each in told_of(lines, "call_over")] == [1_800_000] * 2
    closed = list((tmp_path / "logs").glob("*.jsonl.gz"))
    assert len(closed) >= 5
    assert all(len(gzip.decompress(path.read_bytes())) <= 1.2 * MAX_MB * 1e6 for path in closed)
