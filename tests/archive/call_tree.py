"""Calls written by hand, as plain files, the way that any writer may have left them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

NOW_MS = 1_795_255_200_000  # 2026-11-21T10:00:00Z
MINUTE_MS = 60_000
DAY_MS = 86_400_000


def ts(offset_ms: int = 0) -> str:
    """A time so many milliseconds after 2026-11-21T09:30:00Z."""
    seconds, ms = divmod(offset_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"2026-11-21T09:{30 + minutes:02}:{seconds:02}.{ms:03}Z"


def row(**fields: Any) -> dict[str, Any]:
    return {"schema_version": "1.0", "ts": ts(), **fields}


def envelope(call_id: str = "call-1", **fields: Any) -> dict[str, Any]:
    return {
        "schema_version": "1.0",
        "call_id": call_id,
        "trace_id": None,
        "started_at": ts(),
        "ended_at": ts(60_000),
        "duration_ms": 60_000,
        "status": "completed",
        "caller": "***4567",
        "callee": "***1111",
        "direction": "inbound",
        "telephony_provider": "twilio",
        "provider_mode": "pipeline",
        "agent": {"provider": "openai", "model": "gpt-4.1"},
        "turns": 0,
        "cost": None,
        "latency": None,
        "error": None,
        **fields,
    }


def open_envelope(call_id: str = "call-1", **fields: Any) -> dict[str, Any]:
    return envelope(call_id, status="in_progress", ended_at=None, duration_ms=None, **fields)


def dead_writer() -> dict[str, Any]:
    return {"writer": {"id": "gone", "host": "here", "pid": 1, "boot": None}}


def write_call(
    root: Path,
    name: str = "call-1",
    *,
    day: str = "2026/11/21",
    metadata: dict[str, Any] | bytes | None = None,
    transcript: list[Any] | bytes | None = None,
    events: list[Any] | bytes | None = None,
) -> Path:
    """One call's directory; a file that is given as bytes is written as it is, one that is None is not there."""
    directory = root / "calls" / day / name
    directory.mkdir(parents=True)
    files = {"metadata.json": metadata, "transcript.jsonl": transcript, "events.jsonl": events}
    for file, content in files.items():
        if isinstance(content, bytes):
            (directory / file).write_bytes(content)
        elif isinstance(content, list):
            (directory / file).write_text("".join(json.dumps(item) + "\n" for item in content))
        elif content is not None:
            (directory / file).write_text(json.dumps(content, indent=2))
    return directory


def touch_all(directory: Path, at_ms: int) -> None:
    """Give a directory and its files the time of a last writing."""
    for path in (*directory.iterdir(), directory):
        os.utime(path, (at_ms / 1000, at_ms / 1000), follow_symlinks=False)


def snapshot(root: Path) -> dict[str, bytes]:
    """Every file's content, to see that nothing changed."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
