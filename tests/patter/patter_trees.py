"""Trees that Patter's SDKs leave: real ones of the Python SDK, and the TypeScript SDK's by its shapes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

AT = "2026-11-21T09:30:00.250Z"
DAY = Path("calls/2026/11/21")
NOW_MS = 1_795_300_000_000
"""2026-11-21, 22:26 UTC."""
LATENCY = {"stt_ms": 110.0, "llm_ms": 400.0, "tts_ms": 90.0, "total_ms": 4600.0, "agent_response_ms": 640.0}


def run_sdk(root: Path, program: str, *arguments: str | Path) -> None:
    """Run a program with Patter's SDK in a process of its own; it tells nobody of it."""
    result = subprocess.run(
        [sys.executable, program, root, *arguments],
        env={"PATH": os.environ["PATH"], "HOME": str(root), "PATTER_TELEMETRY_DISABLED": "1", "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def real_tree(root: Path) -> Path:
    """The calls of ``patter_agent.py``."""
    run_sdk(root, str(Path(__file__).with_name("patter_agent.py")))
    return root


def exchange(index: int, said: str, answer: str, **more: Any) -> dict[str, Any]:
    """A row as the TypeScript SDK writes it: unknown latencies are left out."""
    row = {"turn_index": index, "user_text": said, "agent_text": answer, "latency": LATENCY, "stt_audio_seconds": 1.5}
    row |= {"tts_characters": len(answer), "timestamp": 1_795_253_410.5 + index}
    return {"schema_version": "1.0", "ts": f"2026-11-21T09:30:{10 + index}.500Z", **row, **more}


def typescript_metadata(call_id: str = "CA-ts", **changes: Any) -> dict[str, Any]:
    """metadata.json of an ended call, as the TypeScript SDK writes it."""
    percentiles = dict.fromkeys(("avg", "p50", "p95", "p99"), LATENCY)
    return {
        "schema_version": "1.0",
        "call_id": call_id,
        "trace_id": None,
        "started_at": AT,
        "ended_at": "2026-11-21T09:31:00.250Z",
        "duration_ms": 60_000,
        "status": "completed",
        "caller": "+15551234567",
        "callee": "+15559876543",
        "direction": "inbound",
        "telephony_provider": "twilio",
        "provider_mode": "pipeline",
        "agent": {"provider": "pipeline", "model": "gpt-4.1", "voice": "alloy"},
        "turns": 2,
        "cost": {"stt": 0.005, "tts": 0.002, "llm": 0.01, "telephony": 0.0085, "total": 0.0255},
        "latency": {"p50_ms": 4600, "p95_ms": 4600, "p99_ms": 4600, **percentiles},
        "error": None,
        **changes,
    }


def write_call(root: Path, metadata: dict[str, Any] | None, rows: list[Any], *, name: str = "CA-ts") -> Path:
    """A call's directory; rows that are text are written as they are."""
    directory = root / DAY / name
    directory.mkdir(parents=True, exist_ok=True)
    if metadata is not None:
        text = json.dumps(metadata, indent=2, ensure_ascii=False) + "\n"
        (directory / "metadata.json").write_text(text, encoding="utf-8")
    lines = [row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows]
    (directory / "transcript.jsonl").write_text("".join(lines), encoding="utf-8")
    return directory


def age(directory: Path, *, ms: int) -> None:
    """Have everything in a directory, and itself, written at a moment."""
    for path in [*directory.iterdir(), directory]:
        os.utime(path, (ms / 1000, ms / 1000))


def told(root: Path, *arguments: str) -> Any:
    """What a command of ours says of a tree, as JSON."""
    result = subprocess.run(
        [sys.executable, "-m", "callscope", *arguments, "--root", root, "--json"],
        env={"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": os.devnull, "HOME": str(root)},
        capture_output=True,
        text=True,
        timeout=80,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)
