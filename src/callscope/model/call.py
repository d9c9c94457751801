"""The envelope of a call: metadata.json, schema 1.0."""

from __future__ import annotations

from typing import Any, Final

import msgspec

SCHEMA_VERSION: Final = "1.0"

TEXT_MODE: Final = "text"
"""The ``provider_mode`` of a call without sound: typed."""

IN_PROGRESS: Final = "in_progress"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
NO_ANSWER: Final = "no_answer"
BUSY: Final = "busy"
CANCELED: Final = "canceled"
ABANDONED: Final = "abandoned"

STATUSES: Final = (IN_PROGRESS, COMPLETED, FAILED, NO_ANSWER, BUSY, CANCELED, ABANDONED)


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call's envelope as it is read back, whatever writer left it; unknown is None."""

    call_id: str
    """As given by the caller of `CallLogger.start_call`; the directory's name when there is no metadata."""
    path: str
    """The call's directory."""
    schema_version: str | None = None
    trace_id: str | None = None
    started_at_ms: int | None = None
    """Unix milliseconds."""
    ended_at_ms: int | None = None
    """Unix milliseconds; None while in progress."""
    duration_ms: float | None = None
    status: str = ABANDONED
    """One of `STATUSES`. An in-progress call whose writer is gone is given as ``abandoned``."""
    caller: str | None = None
    """Redacted as the phone policy said when it was written."""
    callee: str | None = None
    direction: str | None = None
    telephony_provider: str | None = None
    provider_mode: str | None = None
    agent: dict[str, Any] = {}
    turns: int | None = None
    cost: dict[str, Any] | None = None
    """US dollars by part; None when nothing was priced."""
    latency: dict[str, Any] | None = None
    """Response latency percentiles in milliseconds: p50_ms, p95_ms, p99_ms."""
    error: str | None = None
    recording_path: str | None = None
    callscope: dict[str, Any] = {}
    """What callscope adds: writer, framework, end reason, usage, lost, labels."""

    @property
    def labels(self) -> dict[str, Any]:
        """Labels that the user set (agent version, environment, ...)."""
        labels = self.callscope.get("labels")
        return labels if isinstance(labels, dict) else {}

    @property
    def end_reason(self) -> str | None:
        """Why the call ended, in words; None when nobody said."""
        reason = self.callscope.get("end_reason")
        return reason if isinstance(reason, str) else None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Something in a call's files that could not be read as it should be."""

    file: str
    """Name of the file inside the call's directory."""
    line: int | None
    """1-based line, where there is one."""
    message: str
    """What is wrong and what was done about it."""
