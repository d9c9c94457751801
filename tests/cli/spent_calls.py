"""Calls that cost something, as their envelopes tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sample_calls import write


def line(provider: str | None, usd: str | None, **fields: Any) -> dict[str, Any]:
    """A cost line; without dollars one that has no price."""
    known = {} if usd is None else {"amount": usd, "usd": usd}
    about = {"service": "stt", "provider": provider, "model": "m", "status": "unpriced" if usd is None else "priced"}
    return {**about, **known, **fields}


def cost_call(
    root: Path, name: str, *lines: dict[str, Any], at: datetime | None = None, minutes: float = 2, **fields: Any
) -> Path:
    """A call of so many minutes with these cost lines; it started ``at``, else just now."""
    start = datetime.now(UTC) if at is None else at
    times = {"started_at": start.isoformat(), "ended_at": (start + timedelta(minutes=minutes)).isoformat()}
    added = {**fields.pop("callscope", {}), "cost_lines": list(lines)}
    return write(
        root,
        name,
        day=start.strftime("%Y/%m/%d"),
        **{**times, "duration_ms": minutes * 60_000, "callscope": added, **fields},
    )
