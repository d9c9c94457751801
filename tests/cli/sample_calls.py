"""An archive as the terminal's commands find it, and a way to run them as a user does."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import termios
from pathlib import Path
from typing import Any

import forked_commands
import pytest

from callscope.clock import now_ms
from callscope.report import figures

START_MS = 1_795_253_412_000  # 2026-11-21T09:30:12Z
ORDER = "CA0123456789abcdef0123456789abcdef"
HOSTILE = "\x1b[2J\x1b]0;owned\x07[bold]\u202egnp.exe\x9b31m\r\nfake row"

_EVENTS: list[tuple[int, str, dict[str, Any]]] = [
    (0, "client_connected", {}),
    (300, "agent_started_speaking", {}),
    (2000, "agent_stopped_speaking", {}),
    (3000, "user_started_speaking", {}),
    (4500, "user_stopped_speaking", {"delay_ms": 200}),
    (4800, "transcript", {"text": "where is my order", "provider": "deepgram", "model": "nova-3"}),
    (4850, "user_turn_stopped", {}),
    (4860, "llm_started", {"request_id": "1", "provider": "openai", "model": "gpt-4.1"}),
    (5200, "llm_first_token", {"request_id": "1"}),
    (5300, "llm_stopped", {"request_id": "1", "outcome": "tool_call", "usage_reported": True}),
    (5310, "tool_call", {"tool_call_id": "t", "name": "lookup_order", "arguments": {"order": "4711"}}),
    (5630, "tool_result", {"tool_call_id": "t", "name": "lookup_order", "outcome": "completed", "duration_ms": 320}),
    (5650, "llm_started", {"request_id": "2", "provider": "openai", "model": "gpt-4.1"}),
    (6000, "llm_first_token", {"request_id": "2"}),
    (6100, "tts_started", {"request_id": "3", "provider": "cartesia", "model": "sonic-2"}),
    (6250, "tts_first_audio", {"request_id": "3"}),
    (6400, "agent_started_speaking", {}),
    (8000, "user_started_speaking", {}),
    (8100, "barge_in", {"heard_characters": 22, "generated_characters": 62}),
    (8120, "agent_stopped_speaking", {"interrupted": True}),
    (9000, "user_stopped_speaking", {"delay_ms": 200}),
    (9250, "user_turn_stopped", {}),
    (9260, "llm_started", {"request_id": "4", "provider": "openai", "model": "gpt-4.1"}),
    (9800, "error", {"message": f"429 {HOSTILE}", "stage": "llm", "provider": "openai", "recovered": True}),
    (12700, "llm_first_token", {"request_id": "4"}),
    (12800, "tts_started", {"request_id": "5", "provider": "cartesia"}),
    (12950, "tts_first_audio", {"request_id": "5"}),
    (13100, "agent_started_speaking", {}),
    (14000, "agent_stopped_speaking", {}),
    (15000, "client_disconnected", {"reason": "hung up"}),
]
_TURNS: list[tuple[int, str, str, dict[str, Any]]] = [
    (300, "assistant", "Hello, this is the shop. Ask me about orders, deliveries, returns and much more.", {}),
    (3000, "user", "where is my order", {}),
    (
        6400,
        "assistant",
        "Your order was shipped yesterday and it will arrive on Monday.",
        {"interrupted": True, "heard": "Your order was shipped", "latency": {"response_ms": 1900}},
    ),
    (8000, "user", f"no, {HOSTILE}", {}),
    (
        13100,
        "assistant",
        "That one is late. 注文はまだ届いていません、申し訳ございません。もう少しお待ちください。",
        {},
    ),
]


def ts(ms: int) -> str:
    seconds, ms = divmod(START_MS + ms, 1000)
    minute, second = divmod(seconds % 3600, 60)
    return f"2026-11-21T09:{minute:02}:{second:02}.{ms:03}Z"


def write(root: Path, name: str, *, day: str = "2026/11/20", **fields: Any) -> Path:
    """A call of which there is only metadata."""
    directory = root / "calls" / day / name
    directory.mkdir(parents=True)
    metadata = {
        "schema_version": "1.0",
        "call_id": name,
        "started_at": f"{day.replace('/', '-')}T09:00:00.000Z",
        "ended_at": f"{day.replace('/', '-')}T09:01:24.000Z",
        "duration_ms": 84_000,
        "status": "completed",
        "turns": 6,
        "cost": None,
        "latency": {"p50_ms": 812, "p95_ms": 1900, "p99_ms": 2000},
        "error": None,
        **fields,
    }
    (directory / "metadata.json").write_text(json.dumps(metadata))
    return directory


def append(path: Path, *rows: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps({"schema_version": "1.0", **row}) + "\n" for row in rows)


def write_order_call(root: Path) -> Path:
    """A call with a greeting, a tool, a barge-in, a slow answer and hostile words."""
    directory = write(
        root,
        ORDER,
        day="2026/11/21",
        started_at=ts(0),
        ended_at=ts(15000),
        duration_ms=15000,
        turns=5,
        caller="***4567",
        callee="***1111",
        direction="inbound",
        telephony_provider="twilio",
        agent={"provider": "openai", "model": "gpt-4.1"},
        callscope={
            "end_reason": "the caller hung up",
            "framework": {"name": "pipecat", "version": "1.14.0"},
            "labels": {"env": "prod"},
            "worst_wait_ms": 4100,
        },
    )
    turns = enumerate(_TURNS)
    append(
        directory / "transcript.jsonl",
        *({"ts": ts(ms), "turn_index": i, "role": role, "text": text, **more} for i, (ms, role, text, more) in turns),
    )
    append(directory / "events.jsonl", *({"ts": ts(ms), "type": kind, "data": data} for ms, kind, data in _EVENTS))
    return directory


def moment(at_ms: int) -> str:
    """A moment as lists show it: from another year without its time, so it depends on when the test runs."""
    return figures.short_moment(at_ms, now_ms=now_ms())


def run(*args: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, its output in pipes."""
    if any(name.startswith("PYTHON") for name in environ or {}):  # what only a start from nothing looks at
        return run_from_nothing(*args, environ=environ)
    return forked_commands.run(args, _environ(environ), seconds=60)


def run_from_nothing(*args: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """As `run`, with all that is imported."""
    return subprocess.run(
        forked_commands.from_nothing(args),
        capture_output=True,
        text=True,
        env=_environ(environ),
        check=False,
        timeout=60,
        encoding="utf-8",
    )


def run_unprivileged(*args: str) -> subprocess.CompletedProcess[str]:
    """As `run`, by a user that modes hold for: root reads everything unless it is told not to."""
    prefix: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root without setpriv cannot give up reading everything")
        prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
    return subprocess.run(
        [*prefix, *forked_commands.from_nothing(args)],
        capture_output=True,
        text=True,
        env=_environ(None),
        check=False,
        timeout=60,
    )


def run_on_terminal(*args: str, columns: int = 80, environ: dict[str, str] | None = None, typed: bytes = b"") -> str:
    """What the command writes to a terminal of that width, on which somebody types."""
    reading, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    pid = forked_commands.start(args, _environ({"TERM": "xterm", **(environ or {})}), [terminal] * 3)
    os.close(terminal)
    os.write(reading, typed)
    output = b""
    while True:
        try:
            chunk = os.read(reading, 65536)
        except OSError:  # Linux's way to say that the other side is closed
            break
        if not chunk:
            break
        output += chunk
    assert forked_commands.end(pid, seconds=60) is not None
    os.close(reading)
    return output.decode().replace("\r\n", "\n")


def _environ(more: dict[str, str] | None) -> dict[str, str]:
    kept = {"PATH", "HOME", "LANG", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR", "COVERAGE_PROCESS_START"}
    return {**{name: value for name, value in os.environ.items() if name in kept}, "PYTHONUTF8": "1", **(more or {})}
