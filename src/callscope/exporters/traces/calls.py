"""Calls of the archive as traces."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from callscope.archive.paths import CALLS
from callscope.archive.reader import UNREADABLE, read_call
from callscope.interop.spans import Span
from callscope.interop.trace import TraceOptions, trace_of
from callscope.model.call import IN_PROGRESS


class Traced(NamedTuple):
    """A call as a trace, or why it is none."""

    call_id: str
    spans: tuple[Span, ...]
    why_not: Literal["in progress", "unreadable", "of no known moment"] | None = None


def traced(root: Path, path: str, options: TraceOptions, *, now_ms: int) -> Traced:
    """A call's trace.

    A call that goes on has none yet: its spans would be sent again, with another end, when it is over.

    Args:
        root: the archive.
        path: the call's place in it, as ``2026/11/21/name``.
        options: what is told.
        now_ms: Unix milliseconds.
    """
    record = read_call(root / CALLS / path, now_ms=now_ms)
    call = record.call
    if call.status == IN_PROGRESS:
        return Traced(call.call_id, (), "in progress")
    if call.status == UNREADABLE or record.unreadable:
        return Traced(call.call_id, (), "unreadable")
    spans = trace_of(call, record.turns, record.events, options)
    return Traced(call.call_id, spans, None if spans else "of no known moment")
