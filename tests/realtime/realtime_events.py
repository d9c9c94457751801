"""Events of the Realtime API as the server and the client write them, held against the types of the openai package."""

from __future__ import annotations

import base64
import itertools
from functools import cache
from typing import Any, get_args

from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent
from openai.types.realtime.realtime_session_create_request import RealtimeSessionCreateRequest
from pydantic import BaseModel, TypeAdapter

_numbers = itertools.count(1)

SESSION: dict[str, Any] = {
    "type": "realtime",
    "id": "sess_1",
    "object": "realtime.session",
    "model": "gpt-realtime",
    "output_modalities": ["audio"],
    "instructions": "Be brief.",
    "expires_at": 1795260000,
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "gpt-4o-mini-transcribe"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 500, "prefix_padding_ms": 300},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
    },
}


@cache
def _accepts(union: Any, kind: str) -> Any:
    return TypeAdapter(_types(union)[kind]).validate_python


@cache
def _types(union: Any) -> dict[str, type[BaseModel]]:
    members = get_args(get_args(union)[0]) if hasattr(union, "__metadata__") else get_args(union)
    found: dict[str, type[BaseModel]] = {}
    for member in members:
        model = get_args(member)[0] if hasattr(member, "__metadata__") else member
        for name in get_args(model.model_fields["type"].annotation):
            found[name] = model
    return found


def server(kind: str, **fields: Any) -> dict[str, Any]:
    """An event of the server, which its type in the openai package accepts."""
    event = {"type": kind, "event_id": f"event_{next(_numbers)}", **fields}
    _accepts(RealtimeServerEvent, kind)(event)
    return event


def client(kind: str, **fields: Any) -> dict[str, Any]:
    """An event of the client, likewise."""
    event = {"type": kind, **fields}
    _accepts(RealtimeClientEvent, kind)(event)
    return event


@cache
def _session_type() -> TypeAdapter[RealtimeSessionCreateRequest]:
    return TypeAdapter(RealtimeSessionCreateRequest)


def session(**changes: Any) -> dict[str, Any]:
    """A session as the server tells it."""
    found = {**SESSION, **changes}
    _session_type().validate_python({name: found[name] for name in found if name not in {"id", "object", "expires_at"}})
    return found


def pcm(milliseconds: int) -> str:
    """So much silence of 24 kHz, as an event holds it."""
    return base64.b64encode(bytes(48 * milliseconds)).decode()


def usage(
    *, text: int, audio: int, cached_text: int, cached_audio: int, out_text: int, out_audio: int
) -> dict[str, Any]:
    """What a response used."""
    return {
        "total_tokens": text + audio + out_text + out_audio,
        "input_tokens": text + audio,
        "output_tokens": out_text + out_audio,
        "input_token_details": {
            "text_tokens": text,
            "audio_tokens": audio,
            "image_tokens": 0,
            "cached_tokens": cached_text + cached_audio,
            "cached_tokens_details": {"text_tokens": cached_text, "audio_tokens": cached_audio, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": out_text, "audio_tokens": out_audio},
    }


def part(kind: str, response: str, item: str, **fields: Any) -> dict[str, Any]:
    """An event about a part of an answer."""
    return server(kind, response_id=response, item_id=item, output_index=0, content_index=0, **fields)


def created(response: str) -> dict[str, Any]:
    return server("response.created", response={"id": response, "status": "in_progress", "output": []})


def sound(response: str, item: str, milliseconds: int) -> dict[str, Any]:
    return part("response.output_audio.delta", response, item, delta=pcm(milliseconds))


def words(response: str, item: str, said: str) -> list[dict[str, Any]]:
    """What an answer says, in two pieces and as a whole."""
    half = len(said) // 2
    kind = "response.output_audio_transcript"
    return [
        part(f"{kind}.delta", response, item, delta=said[:half]),
        part(f"{kind}.delta", response, item, delta=said[half:]),
        part(f"{kind}.done", response, item, transcript=said),
    ]


def done(response: str, status: str = "completed", *, used: Any = None, reason: str | None = None) -> dict[str, Any]:
    details = {} if reason is None else {"status_details": {"type": status, "reason": reason}}
    return server("response.done", response={"id": response, "status": status, "output": [], "usage": used, **details})


def transcribed(item: str, said: str) -> dict[str, Any]:
    used = {"type": "tokens", "input_tokens": 30, "output_tokens": 9, "total_tokens": 39}
    used["input_token_details"] = {"audio_tokens": 30, "text_tokens": 0}
    kind = "conversation.item.input_audio_transcription.completed"
    return server(kind, item_id=item, content_index=0, transcript=said, usage=used)
