"""A server of the Realtime API that plays one session by a script, and notes what it did when."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from realtime_events import created, done, server, session, sound, transcribed, usage, words
from websockets.asyncio.server import ServerConnection, serve

USED = usage(text=200, audio=70, cached_text=64, cached_audio=16, out_text=10, out_audio=40)
ANSWER = "It is four degrees in Oslo and the wind comes from the sea"
PLAYED_MS = 1_500
CALL = {"id": "f1", "type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Oslo"}'}
_SPOKEN_MS = 2_000


class Script:
    """One session: a question, a function, an answer that is cut off, the session's expiry."""

    def __init__(self) -> None:
        self.port = 0
        self.did_ms: dict[str, float] = {}
        """Unix milliseconds of each thing it did or took."""
        self.took: list[str] = []
        """Types of the events that came."""

    async def play(self, socket: ServerConnection) -> None:
        await self._send(socket, server("session.created", session=session()))
        await self._until(socket, "session.update")
        await self._send(socket, server("session.updated", session=session(instructions="Tell the weather.")))
        heard_ms = 0
        while heard_ms < _SPOKEN_MS:
            await self._until(socket, "input_audio_buffer.append")
            heard_ms += 50
            if heard_ms == _SPOKEN_MS // 2:
                begins = server("input_audio_buffer.speech_started", audio_start_ms=200, item_id="u1")
                await self._send(socket, begins)
        await self._send(
            socket,
            server("input_audio_buffer.speech_stopped", audio_end_ms=1_900, item_id="u1"),
            server("input_audio_buffer.committed", item_id="u1", previous_item_id=None),
            created("r1"),
            transcribed("u1", "What is the weather in Oslo?"),
            server("response.output_item.done", response_id="r1", output_index=0, item=CALL),
            server("response.done", response={"id": "r1", "status": "completed", "output": [CALL], "usage": USED}),
        )
        await self._until(socket, "conversation.item.create")
        await self._until(socket, "response.create")
        self._note("asked")
        await self._send(socket, created("r2"))
        self._note("sound")
        await self._send(socket, sound("r2", "a1", 1_000), *words("r2", "a1", ANSWER), sound("r2", "a1", 2_000))
        again = server("input_audio_buffer.speech_started", audio_start_ms=2_000, item_id="u2")
        await self._send(socket, again)
        await self._until(socket, "conversation.item.truncate")
        self._note("truncated")
        cut = server("conversation.item.truncated", item_id="a1", content_index=0, audio_end_ms=PLAYED_MS)
        await self._send(socket, done("r2", "cancelled", reason="turn_detected", used=USED), cut)
        error = {"type": "invalid_request_error", "code": "session_expired", "message": "Your session is over."}
        await self._send(socket, server("error", error=error))

    async def _send(self, socket: ServerConnection, *events: dict[str, Any]) -> None:
        for event in events:
            await socket.send(json.dumps(event))

    async def _until(self, socket: ServerConnection, kind: str) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(await socket.recv())
        self.took.append(event["type"])
        assert event["type"] == kind, f"{event['type']} came, {kind} was due"
        return event

    def _note(self, what: str) -> None:
        self.did_ms[what] = int(time.time() * 1000)


@asynccontextmanager
async def playing() -> AsyncIterator[Script]:
    """The server, on a port of loopback."""
    script = Script()
    async with serve(script.play, "127.0.0.1", 0) as listening:
        (socket,) = listening.sockets
        script.port = socket.getsockname()[1]
        yield script
    await asyncio.sleep(0)
