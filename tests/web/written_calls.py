"""Calls for tests of lists: files of callscope's own shape, each with what a test wants to say of it."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

from dashboards import NOW_MS

from callscope.archive.paths import CALLS
from callscope.model.wire import format_ts

MINUTE_MS = 60_000
LENGTH_MS = 34_000


def write_call(  # noqa: PLR0913 -- what a test wants to say of a call
    root: Path,
    name: str,
    *,
    minutes_ago: int = 60,
    said: str = "Where is my order?",
    answered: str | None = "It is on its way.",
    wait_ms: int = 900,
    interrupted: bool = False,
    status: str = "completed",
    reason: str = "the caller hung up",
    agent: str = "front-desk",
    caller: str = "***4567",
    cost: tuple[str | None, ...] = ("0.0312",),
    errors: tuple[str, ...] = (),
    **metadata: Any,
) -> Path:
    """One call with one exchange; a None in ``cost`` is something without a price."""
    start = NOW_MS - minutes_ago * MINUTE_MS
    events: list[dict[str, Any]] = []
    turns = [{"ts": format_ts(start + 1_000), "turn_index": 0, "role": "user", "text": said}]

    def event(at_ms: int, kind: str, **data: Any) -> None:
        events.append({"schema_version": "1.0", "ts": format_ts(start + at_ms), "type": kind, "data": data})

    event(0, "client_connected", transport="websocket")
    event(1_000, "user_started_speaking")
    event(3_000, "user_stopped_speaking")
    for number, message in enumerate(errors):
        event(3_100, "error", error_id=f"e{number}", message=message, stage="llm")
    if answered is not None:
        event(3_000 + wait_ms, "agent_started_speaking")
        turn = {"ts": format_ts(start + 3_000 + wait_ms), "turn_index": 1, "role": "assistant", "text": answered}
        turns.append({**turn, "interrupted": True, "heard": answered[:5]} if interrupted else turn)
        if interrupted:
            event(3_500 + wait_ms, "user_started_speaking")
            event(3_510 + wait_ms, "barge_in")
        event(4_000 + wait_ms, "agent_stopped_speaking", interrupted=interrupted)
        if interrupted:
            event(4_500 + wait_ms, "user_stopped_speaking")
    goes_on = status == "in_progress"
    lines = [{"service": "llm", "provider": "openai", "model": "gpt-4.1", "status": "priced" if usd else "unpriced",
              **({"amount": usd, "usd": usd} if usd else {})} for usd in cost]  # fmt: skip
    document = {
        "schema_version": "1.0",
        "call_id": name,
        "started_at": format_ts(start),
        "ended_at": None if goes_on else format_ts(start + LENGTH_MS),
        "duration_ms": None if goes_on else LENGTH_MS,
        "status": status,
        "caller": caller,
        "callee": "***1111",
        "direction": "inbound",
        "agent": {"name": agent, "provider": "openai", "model": "gpt-4.1"},
        "turns": len(turns),
        "cost": {"total": sum(float(usd) for usd in cost if usd)} if cost else None,
        "callscope": {
            "version": "0.1.0",
            "writer": {"id": "w", "host": "elsewhere", "pid": 1, "boot": None},
            "end_reason": None if goes_on else reason,
            "labels": {"agent_version": "2.4"},
            "usage": [],
            "lost": {},
            "cost_lines": lines,
        },
        **metadata,
    }
    day = dt.datetime.fromtimestamp(start / 1000, tz=dt.UTC).strftime("%Y/%m/%d")
    directory = root / CALLS / day / name
    directory.mkdir(parents=True)
    (directory / "metadata.json").write_text(json.dumps(document))
    for file, rows in (("transcript.jsonl", turns), ("events.jsonl", events)):
        (directory / file).write_text("".join(json.dumps({"schema_version": "1.0", **row}) + "\n" for row in rows))
    for path in (*directory.iterdir(), directory, directory.parent):
        os.utime(path, ((start + LENGTH_MS) / 1000,) * 2)
    return directory
