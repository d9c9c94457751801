"""Calls for tests of the cost, errors and health pages: files with nothing in them but what such a page counts."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dashboards import NOW_MS

from callscope.archive.paths import CALLS
from callscope.model.wire import format_ts

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LENGTH_MS = 60_000


def line(provider: str, usd: str | None, *, service: str = "llm", model: str | None = None, **more: Any) -> Any:
    """A cost line; without dollars it has no price."""
    about = {"service": service, "provider": provider, "model": model, "status": "priced" if usd else "unpriced"}
    return {**about, **({"amount": usd, "usd": usd} if usd else {}), **more}


def error(message: str, **data: Any) -> dict[str, Any]:
    """What an event of an error says."""
    return {"message": message, "stage": "llm", "provider": "openai", "exception_type": "APITimeoutError", **data}


def put(
    root: Path,
    name: str,
    *,
    ago_ms: int = HOUR_MS,
    lines: Iterable[Any] = (),
    errors: Iterable[dict[str, Any]] = (),
    agent: str = "front-desk",
    version: str = "2.4",
    lost: dict[str, int] | None = None,
    status: str = "completed",
) -> Path:
    """One call of a minute that began so long ago; its errors happened one second after each other."""
    start = NOW_MS - ago_ms
    events = [
        {"ts": format_ts(start + (seq + 1) * 1000), "type": "error", "data": data} for seq, data in enumerate(errors)
    ]
    document = {
        "schema_version": "1.0",
        "call_id": name,
        "started_at": format_ts(start),
        "ended_at": format_ts(start + LENGTH_MS),
        "duration_ms": LENGTH_MS,
        "status": status,
        "agent": {"name": agent, "provider": "openai", "model": "gpt-4.1"},
        "callscope": {
            "writer": {"id": f"of-{name}", "host": "here", "pid": 1, "boot": None},
            "end_reason": "the caller hung up",
            "labels": {"agent_version": version},
            "lost": lost or {},
            "cost_lines": list(lines),
        },
    }
    day = dt.datetime.fromtimestamp(start / 1000, tz=dt.UTC).strftime("%Y/%m/%d")
    directory = root / CALLS / day / name
    directory.mkdir(parents=True)
    (directory / "metadata.json").write_text(json.dumps(document))
    (directory / "transcript.jsonl").write_text("")
    (directory / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return directory
