"""A speech-to-speech model in OpenAI's form, on loopback: its own ear for when the caller speaks, a script for what.

Like `model_server` it keeps a ledger: what its answers used, and what it was told that the caller had not heard.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import numpy as np
from aiohttp import WSMsgType, web
from model_server import voiced

MODEL: Final = "gpt-realtime"
RATE: Final = 24_000
_AUDIBLE: Final = 400
_SILENCE_MS: Final = 350
"""After so much silence the caller's turn is over."""
_PIECE_MS: Final = 200
_FIRST_SOUND_SECONDS: Final = 0.15
_FASTER: Final = 5
"""Than it is spoken, sound is sent."""


class Line(msgspec.Struct, frozen=True):
    """What the caller says, and what is answered."""

    caller: str
    agent: str
    usage: dict[str, Any]


class RealtimeVoice:
    """One session.

    Args:
        lines: what is said, in order.
    """

    def __init__(self, lines: list[Line]) -> None:
        self.used: list[dict[str, Any]] = []
        """The usage of each answer that was made."""
        self.truncated_ms: list[int] = []
        """How much was played of each answer that was cut off, as the client told."""
        self.busy = 0
        self._lines = deque(lines)
        self._numbers = itertools.count(1)
        self._heard_ms = 0.0
        self._speaks_since_ms: float | None = None
        self._loud_ms = 0.0
        self._answering: asyncio.Task[None] | None = None
        self._socket = web.WebSocketResponse()
        self._port = 0
        self._last_item: str | None = None
        self._spoken_item = ""
        self._events = itertools.count(1)

    @property
    def base_url(self) -> str:
        """What a client takes as its ``base_url``."""
        return f"http://127.0.0.1:{self._port}/v1"

    def expect(self, _line: str) -> None:
        """The caller is about to say something: the script knows what."""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[RealtimeVoice]:
        """Listen on a free port for as long as the context lasts."""
        app = web.Application()
        app.router.add_get("/v1/realtime", self._session)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = runner.addresses[0][1]
        try:
            yield self
        finally:
            if self._answering is not None:
                self._answering.cancel()
            await runner.cleanup()

    async def _session(self, request: web.Request) -> web.WebSocketResponse:
        await self._socket.prepare(request)
        await self._tell("session.created", session={"type": "realtime", "model": MODEL})
        async for message in self._socket:
            if message.type is WSMsgType.TEXT:
                await self._on_event(message.json())
        return self._socket

    async def _on_event(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "session.update":
            await self._tell("session.updated", session=event["session"])
        elif kind == "input_audio_buffer.append":
            await self._hear(np.frombuffer(base64.b64decode(event["audio"]), dtype=np.int16))
        elif kind == "conversation.item.truncate":
            self.truncated_ms.append(event["audio_end_ms"])
            told = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
            await self._tell("conversation.item.truncated", **told)

    async def _hear(self, samples: np.ndarray[Any, np.dtype[np.int16]]) -> None:
        self._heard_ms += len(samples) * 1000 / RATE
        if np.abs(samples.astype(np.int32)).max(initial=0) > _AUDIBLE:
            self._loud_ms = self._heard_ms
            if self._speaks_since_ms is None:
                self._speaks_since_ms = self._heard_ms
                self._spoken_item = self._item("user")
                told = {"audio_start_ms": int(self._heard_ms), "item_id": self._spoken_item}
                await self._tell("input_audio_buffer.speech_started", **told)
        elif self._speaks_since_ms is not None and self._heard_ms - self._loud_ms > _SILENCE_MS:
            self._speaks_since_ms = None
            before, item = self._last_item, self._spoken_item
            line = self._lines.popleft()
            await self._tell("input_audio_buffer.speech_stopped", audio_end_ms=int(self._loud_ms), item_id=item)
            await self._tell("input_audio_buffer.committed", item_id=item, previous_item_id=before)
            await self._add({"id": item, "type": "message", "role": "user", "status": "completed", "content": []})
            spoken = {"type": "tokens", "input_tokens": 20, "output_tokens": 6, "total_tokens": 26}
            kind = "conversation.item.input_audio_transcription.completed"
            await self._tell(kind, item_id=item, content_index=0, transcript=line.caller, usage=spoken)
            self._answering = asyncio.create_task(self._answer(line))

    async def _answer(self, line: Line) -> None:
        self.busy += 1
        response = f"response-{next(self._numbers)}"
        about = {"response_id": response, "output_index": 0}
        item = {"id": self._item("agent"), "type": "message", "role": "assistant", "content": []}
        sound = await asyncio.to_thread(voiced, line.agent, sample_rate=RATE)
        told: dict[str, Any] = {"id": response, "object": "realtime.response", "output": []}
        await self._tell("response.created", response={**told, "status": "in_progress"})
        await self._tell("response.output_item.added", **about, item={**item, "status": "in_progress"})
        await self._add({**item, "status": "in_progress"})
        part = {**about, "item_id": item["id"], "content_index": 0}
        await self._tell("response.content_part.added", **part, part={"type": "audio", "transcript": ""})
        await asyncio.sleep(_FIRST_SOUND_SECONDS)
        for number, word in enumerate(line.agent.split(" ")):
            await self._tell("response.output_audio_transcript.delta", **part, delta=f" {word}" if number else word)
        step = RATE * _PIECE_MS // 1000 * 2
        for at in range(0, len(sound), step):
            delta = base64.b64encode(sound[at : at + step]).decode()
            await self._tell("response.output_audio.delta", **part, delta=delta)
            await asyncio.sleep(_PIECE_MS / 1000 / _FASTER)
        await self._tell("response.output_audio.done", **part)
        await self._tell("response.output_item.done", **about, item={**item, "status": "completed"})
        self.used.append(line.usage)
        await self._tell("response.done", response={**told, "status": "completed", "usage": line.usage})
        self.busy -= 1

    def _item(self, role: str) -> str:
        return f"{role}-{next(self._numbers)}"

    async def _add(self, item: dict[str, Any]) -> None:
        before, self._last_item = self._last_item, item["id"]
        await self._tell("conversation.item.added", previous_item_id=before, item=item)

    async def _tell(self, kind: str, **fields: Any) -> None:
        if not self._socket.closed:
            await self._socket.send_json({"type": kind, "event_id": f"event-{next(self._events)}", **fields})


def usage(
    *, text: int, audio: int, cached_text: int, cached_audio: int, spoken_text: int, spoken: int
) -> dict[str, Any]:
    """What an answer used, as the API tells it."""
    cached = {"text_tokens": cached_text, "audio_tokens": cached_audio, "image_tokens": 0}
    came = {"text_tokens": text, "audio_tokens": audio, "cached_tokens": cached_text + cached_audio}
    return {
        "total_tokens": text + audio + spoken_text + spoken,
        "input_tokens": text + audio,
        "output_tokens": spoken_text + spoken,
        "input_token_details": {**came, "image_tokens": 0, "cached_tokens_details": cached},
        "output_token_details": {"text_tokens": spoken_text, "audio_tokens": spoken},
    }
