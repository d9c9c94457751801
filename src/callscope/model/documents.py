"""What is on disk, exactly as callscope writes it: schema 1.0 as types.

The writer builds plain dicts, because that is cheapest; these types say what it builds. The tests decode what
was written into them, strictly, and ``scripts/schema`` makes the JSON Schema of the documentation from them.
Readers take far more than this: see ``archive/reader.py``.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from callscope.model.cost import Actual, CostLine, CostStatus

Status = Literal["in_progress", "completed", "failed", "no_answer", "busy", "canceled", "abandoned"]


class Latency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Response latency of a call: the caller stops speaking until the caller hears the agent."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


class Writer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who wrote the call."""

    id: str
    host: str
    pid: int
    boot: str | None


class Framework(msgspec.Struct, frozen=True):
    """What ran the agent."""

    name: str
    version: str | None = None


class Usage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What was used of one service, provider and model."""

    service: str
    provider: str | None
    model: str | None
    reports: int
    unreported_requests: int
    units: dict[str, float]


class Recording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sound: where on the call's clock it begins, and its form."""

    lost_chunks: int
    offset_ms: int | msgspec.UnsetType = msgspec.UNSET
    sample_rate: int | msgspec.UnsetType = msgspec.UNSET
    channels: int | msgspec.UnsetType = msgspec.UNSET
    duration_ms: int | msgspec.UnsetType = msgspec.UNSET


class Privacy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The policies in force when the call was written."""

    phone: Literal["mask", "full", "hash_only"]
    transcript: Literal["full", "redact", "off"]


class FormerCost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a call cost before it was priced anew."""

    replaced_at: str
    cost: dict[str, Any] | None
    cost_status: str | None
    cost_lines: list[dict[str, Any]]
    cost_catalogue: str | None


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person wrote about the call after its end."""

    at: str
    text: str


class Callscope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What callscope adds to the envelope."""

    version: str
    writer: Writer
    framework: Framework | None
    end_reason: str | None
    labels: dict[str, Any]
    usage: list[Usage]
    exchanges: int
    unanswered: int
    interruptions: int
    errors: int
    worst_wait_ms: int | None
    accepted: int
    written: int
    lost: dict[str, int]
    cost_status: CostStatus
    unpriced: int
    cost_lines: list[CostLine]
    privacy: Privacy
    cost_catalogue: str | msgspec.UnsetType = msgspec.UNSET
    cost_problem: str | msgspec.UnsetType = msgspec.UNSET
    actual: list[Actual] | msgspec.UnsetType = msgspec.UNSET
    former_costs: list[FormerCost] | msgspec.UnsetType = msgspec.UNSET
    recording: Recording | msgspec.UnsetType = msgspec.UNSET
    notes: list[Note] | msgspec.UnsetType = msgspec.UNSET
    silence_seconds: int | msgspec.UnsetType = msgspec.UNSET
    source: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET
    also_told: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class Metadata(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """metadata.json: the envelope of a call. Times are RFC 3339, UTC, with milliseconds and ``Z``."""

    schema_version: Literal["1.0"]
    call_id: str
    trace_id: str | None
    started_at: str
    ended_at: str | None
    duration_ms: float | None
    status: Status
    caller: str
    callee: str
    direction: str
    telephony_provider: str
    provider_mode: str
    agent: dict[str, Any]
    turns: int
    cost: dict[str, Any] | None
    latency: Latency | None
    error: str | None
    callscope: Callscope
    recording_path: str | msgspec.UnsetType = msgspec.UNSET


class TurnRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of transcript.jsonl."""

    schema_version: Literal["1.0"]
    ts: str
    turn_index: int
    role: str
    text: str | None
    latency: dict[str, Any] | None
    cost: dict[str, Any] | None
    interrupted: bool | msgspec.UnsetType = msgspec.UNSET
    heard: str | msgspec.UnsetType | None = msgspec.UNSET
    duration_ms: float | msgspec.UnsetType = msgspec.UNSET
    text_length: int | msgspec.UnsetType = msgspec.UNSET
    heard_length: int | msgspec.UnsetType = msgspec.UNSET


class EventRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of events.jsonl. The types and their keys are in ``callscope.model.event``."""

    schema_version: Literal["1.0"]
    ts: str
    type: str
    data: dict[str, Any]
