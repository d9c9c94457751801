"""Logs by hand, as docs/design/logs.md has them, and as other writers, full disks and kills leave them."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "cli"))

import forked_commands

from callscope.model.wire import format_ts

DAY = "2026-11-21"
START_MS = 1_795_253_412_000  # 2026-11-21T09:30:12Z


def ts(ms: int) -> str:
    """A moment after `START_MS`, on that day."""
    seconds, ms = divmod(START_MS + ms, 1000)
    second = seconds % 86_400
    return f"{DAY}T{second // 3600:02}:{second % 3600 // 60:02}:{second % 60:02}.{ms:03}Z"


def line(ms: int, event: str, *, level: str = "info", logger: str = "bot", **more: Any) -> bytes:
    """A line of callscope's own."""
    return json.dumps({"ts": ts(ms), "level": level, "logger": logger, "event": event, **more}).encode() + b"\n"


def put(root: Path, name: str, *lines: bytes) -> Path:
    """Make a file of logs, or write on in one; compressed where its name says so."""
    path = root / "logs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(b"".join(lines)))
    else:
        with path.open("ab") as file:
            file.write(b"".join(lines))
    return path


HOSTILE = (
    b"Traceback (most recent call last):\n",
    b"\n",
    b"\0\0\0\0\0\0\n",
    b'{"ts":"2026-11-21T09:30:13.000Z","level":"info","logger":"bot","event":"half of a li\n',
    b'{"ts":"2026-11-21T09:30:14Z","level":"err{"ts":"2026-11-21T09:30:15Z","level":"error","event":"glued","call_id":"CA1"}\n',
    b'\xef\xbb\xbf{"ts":"2026-11-21T09:30:16Z","level":"WARN","event":"a byte order mark"}\n',
    b'{"timestamp":"2026-11-21T09:30:17+00:00","levelname":"FATAL","name":"other","message":"foreign","x":NaN}\n',
    b'{"time":1795253418.5,"level":40,"logger":"pipecat.services","msg":"numbers"}\n',
    b'{"ts":"1999-01-01T00:00:00Z","level":"error","logger":"clock","event":"another century"}\n',
    b'{"ts":"2031-01-01T00:00:00Z","level":"error","logger":"clock","event":"the future"}\n',
    b'{"ts":null,"level":null,"logger":7,"event":{"a":[1,null]},"call_id":"CA1"}\n',
    b'{"level":"shout","event":"no moment","call_id":"CA2"}\n',
    b"[1,2,3]\n",
    b'"words"\n',
    b"{}\n",
    b'{"ts":"2026-11-21T09:30:19Z","level":"info","logger":"bot","event":"bytes \xff\xfe of nobody","call_id":"CA1"}\n',
    b'{"ts":"2026-11-21T09:30:19Z","level":"info","logger":"bot","event":"same moment","call_id":"CA1"}\n',
    b'{"ts":"2026-11-21T09:30:19Z","level":"info","event":"\\u0074imeout \\ud800","call_id":"\\u0043A1"}\n',
    b'{"ts":"2026-11-21T09:30:20Z","level":"error","logger":"Pipecat","event":"t","exception":{"stack":"T:\\n E"}}\r\n',
    b'{"ts":"2026-11-21T09:30:21Z","level":"info","logger":"bot","event":"' + b"x" * 1_200_000 + b'"}\n',
    b"[" * 50_000 + b"\n",
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"\n",
)


def hostile_archive(root: Path, *, seed: int = 1, lines: int = 3_000) -> None:
    """Many lines of several days in files of every kind, with hostile ones between, and half a line in the end."""
    dice = random.Random(seed)
    levels = ("debug", "info", "info", "info", "warning", "error", "critical")
    loggers = ("bot", "pipecat", "pipecat.services.llm", "pipecatter", "callscope.call")
    files = (
        "2026-11-19.1.jsonl.gz",
        "2026-11-20.1.jsonl.gz",
        "2026-11-20.2.jsonl",
        "2026-11-20.10.jsonl.gz",
        "2026-11-21.1.jsonl.gz",
        "2026-11-21.jsonl",
        "foreign.jsonl",
    )
    for number, name in enumerate(files):
        start_ms = (number - len(files)) * 20_000_000
        found = []
        for index in range(lines):
            more = {"call_id": f"CA{dice.randrange(9)}"} if dice.random() < 0.4 else {}
            said = f"{name[:10]} line {index} {'timeout' if index % 97 == 0 else 'fine'} {'y' * dice.randrange(120)}"
            moment = json.loads(line(0, ""))
            moment |= {"ts": stamp(START_MS + start_ms + index * 500 - dice.randrange(4_000))}
            moment |= {"level": dice.choice(levels), "logger": dice.choice(loggers), "event": said, **more}
            found.append(json.dumps(moment).encode() + b"\n")
            if dice.random() < 0.01:
                found.append(dice.choice(HOSTILE[:-3]))
        put(root, name, *found, b'{"ts":"2026-11-21T23:0')
    put(root, "2026-11-19.2.jsonl.gz", *HOSTILE)
    put(root, "2026-11-18.1.jsonl.gz", line(0, "damaged") * 500)
    damaged = root / "logs" / "2026-11-18.1.jsonl.gz"
    damaged.write_bytes(damaged.read_bytes()[:-40])
    put(root, "2026-13-45.jsonl", line(0, "no day of the calendar"))
    put(root, ".tmp.2026-11-21.9.jsonl.gz", b"not yet")
    put(root, "notes.txt", b"no log\n")


def stamp(ms: int) -> str:
    """Unix milliseconds as a line has them."""
    return format_ts(ms)


def write_call(root: Path, name: str = "CA1", **fields: Any) -> Path:
    """A call of 15 s that began at `START_MS`."""
    directory = root / "calls" / DAY.replace("-", "/") / name
    directory.mkdir(parents=True)
    metadata: dict[str, Any] = {"schema_version": "1.0", "call_id": name, "started_at": ts(0), "ended_at": ts(15_000)}
    metadata |= {"duration_ms": 15_000, "status": "completed", "error": None, **fields}
    (directory / "metadata.json").write_text(json.dumps(metadata))
    turns = [
        {"schema_version": "1.0", "ts": ts(1_000), "turn_index": 0, "role": "user", "text": "where is my order"},
        {"schema_version": "1.0", "ts": ts(6_000), "turn_index": 1, "role": "assistant", "text": "on its way"},
    ]
    (directory / "transcript.jsonl").write_text("".join(json.dumps(turn) + "\n" for turn in turns))
    return directory


def command(*args: str) -> list[str]:
    """``callscope`` as a process."""
    return [sys.executable, "-c", "from callscope.cli.main import main; main()", *args]


def environ() -> dict[str, str]:
    """Nothing of whoever runs the tests."""
    kept = {"PATH", "HOME", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR", "COVERAGE_PROCESS_START"}
    return {**{name: value for name, value in os.environ.items() if name in kept}, "PYTHONUTF8": "1"}


def run(*args: str) -> subprocess.CompletedProcess[str]:
    """``callscope`` with its output in pipes."""
    return forked_commands.run(args, environ(), seconds=60)
