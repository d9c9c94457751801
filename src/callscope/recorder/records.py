"""Rows of the buffer as records for the disk: what is put together of what a handle passed on. No I/O."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from callscope.recorder.snapshot import restore
from callscope.timeline.error_category import UNKNOWN, category_of, may_pass

if TYPE_CHECKING:
    from callscope.recorder.buffer import Row
    from callscope.recorder.call_file import CallFile


def said(row: Row, role: str, file: CallFile) -> dict[str, Any]:
    """A turn's fields as they were given; its latency and cost from the call where nobody gave them."""
    text, (_, latency, cost, interrupted, heard, duration_ms) = row[6], row[7]
    agent = role == "assistant"
    found: dict[str, Any] = {
        "role": role,
        "text": text,
        "latency": restore(latency) if latency is not None else file.current_latency() if agent else None,
        "cost": restore(cost) if cost is not None else file.turn_cost() if agent else None,
    }
    if duration_ms is not None:
        found["duration_ms"] = duration_ms
    if interrupted:
        found["interrupted"] = True
    if interrupted or heard is not None:
        found["heard"] = heard
    return found


def error_data(row: Row) -> dict[str, Any]:
    """An exception's facts; source lines are read here, on the writer's thread."""
    caught: traceback.TracebackException = row[5]
    return {
        "message": "".join(caught.format_exception_only()).strip(),
        "exception_type": row[6],
        **restore(row[7]),
        "stack": "".join(caught.format()),
    }


def categorised(data: dict[str, Any]) -> dict[str, Any]:
    """An error's facts with its category, and whether trying again may help, where nobody said."""
    category = data.get("category")
    if not isinstance(category, str) or not category or category == UNKNOWN:
        category = category_of(
            exception_type=data.get("exception_type"),
            http_status=data.get("http_status"),
            message=data.get("message"),
        )
    elif category == "authorization":  # Pipecat's word for it
        category = "permission"
    data = {**data, "category": category}
    passing = may_pass(category)
    if passing is not None:
        data.setdefault("recoverable", passing)
    return data


def told_turn(index: int, said: dict[str, Any]) -> dict[str, Any]:
    """What is told of a turn: never its words."""
    text = said.get("text")
    return {
        "role": said["role"],
        "turn_index": index,
        "characters": len(text) if isinstance(text, str) else 0,
        "latency": said.get("latency"),
        "cost": said.get("cost"),
        "interrupted": said.get("interrupted", False),
    }


def told_end(document: dict[str, Any]) -> dict[str, Any]:
    """What is told of a call that is over, from its metadata."""
    added = document["callscope"]
    names = ("status", "error", "duration_ms", "turns", "cost", "latency")
    return {
        **{name: document.get(name) for name in names},
        "reason": added.get("end_reason"),
        **{name: added.get(name) for name in ("cost_status", "worst_wait_ms", "lost")},
    }
