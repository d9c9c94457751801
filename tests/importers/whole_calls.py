"""Whole calls that tests put on disk."""

from __future__ import annotations

import struct
import wave
from pathlib import Path
from typing import Any

from callscope.config import Settings
from callscope.model.event import Event
from callscope.model.whole import WholeCall, WholeTurn
from callscope.recorder.logger import CallLogger

START_MS = 1_795_000_000_000
SETTINGS = Settings(retention_days=0)


def events() -> list[tuple[int, str, dict[str, Any]]]:
    """A greeting, a question, an answer that is cut off: each with its moment after the start."""
    return [
        (0, "client_connected", {"transport": "twilio"}),
        (200, "agent_started_speaking", {}),
        (1_400, "agent_stopped_speaking", {}),
        (2_000, "user_started_speaking", {}),
        (3_000, "user_stopped_speaking", {"delay_ms": 300}),
        (3_300, "llm_started", {"request_id": "r1", "provider": "openai", "model": "gpt-4.1"}),
        (3_700, "llm_first_token", {"request_id": "r1", "ttft_ms": 400}),
        (3_900, "llm_stopped", {"request_id": "r1", "outcome": "completed"}),
        (
            3_950,
            "usage",
            {
                "service": "llm",
                "provider": "openai",
                "model": "gpt-4.1",
                "input_tokens": 900,
                "output_tokens": 40,
                "provider_reported": {"amount": "0.01", "currency": "USD"},
            },
        ),
        (4_000, "agent_started_speaking", {}),
        (4_800, "barge_in", {"heard_characters": 12}),
        (4_850, "agent_stopped_speaking", {"interrupted": True}),
        (5_000, "error", {"message": "the calendar did not answer", "stage": "tool"}),
    ]


FIELDS: dict[str, Any] = {
    "caller": "+15550001234",
    "callee": "+15550009876",
    "direction": "inbound",
    "telephony_provider": "twilio",
    "provider_mode": "pipeline",
    "agent": {"provider": "openai", "model": "gpt-4.1"},
    "trace_id": None,
    "labels": {"version": "7"},
    "framework": {"name": "pipecat", "version": "1.14.0"},
}
TURNS: list[tuple[int, str, str, dict[str, Any]]] = [
    (200, "assistant", "Hello, how can I help?", {"duration_ms": 1_200}),
    (2_000, "user", "When are you open?", {"duration_ms": 1_000}),
    (4_000, "assistant", "We are open until nine, and", {"interrupted": True, "heard": "We are open"}),
]


def record(root: Path, call_id: str = "CA1", *, settings: Settings = SETTINGS) -> Path:
    """The call as the recorder writes it when it happens."""
    logger = CallLogger(root, settings=settings)
    call = logger.start_call(call_id, at_ms=START_MS, **FIELDS)
    for row in _in_order():
        if isinstance(row, Event):
            call.event(row.type, row.data, at_ms=row.ts_ms)
        else:
            more: dict[str, Any] = {"duration_ms": row.duration_ms}
            if row.interrupted:
                more |= {"interrupted": True, "heard": row.heard}
            call.turn(row.role, row.text, at_ms=row.at_ms, **more)
    call.end(reason="the caller hung up", at_ms=START_MS + 6_000)
    assert logger.close()
    assert call.path is not None
    return call.path


def whole(call_id: str = "CA1", **changes: Any) -> WholeCall:
    """The same call told as a whole."""
    values: dict[str, Any] = {
        "call_id": call_id,
        "started_at_ms": START_MS,
        "ended_at_ms": START_MS + 6_000,
        "fields": FIELDS,
        "rows": tuple(_in_order()),
        "end": {"reason": "the caller hung up"},
        "source": {"format": "test", "id": call_id, "computed": ["latency"], "not_understood": {"mood": 2}},
    }
    return WholeCall(**(values | changes))


def write_wav(path: Path, *, channels: int = 2, sample_bytes: int = 2) -> Path:
    """A tenth of a second of a ramp."""
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(sample_bytes)
        sound.setframerate(8_000)
        sound.writeframes(struct.pack("<h", 7) * 800 * channels * (sample_bytes // 2 or 1))
    return path


def _in_order() -> list[WholeTurn | Event]:
    rows: list[WholeTurn | Event] = [Event(ts_ms=START_MS + at, type=kind, data=data) for at, kind, data in events()]
    turns = [WholeTurn(role=role, text=text, at_ms=START_MS + at, **more) for at, role, text, more in TURNS]
    # A turn is recorded when it is over: the greeting's before the caller speaks, the cut off one's at the barge-in.
    rows[3:3] = turns[:1]
    rows[6:6] = turns[1:2]
    rows[14:14] = turns[2:]
    return rows
