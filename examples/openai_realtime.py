"""A speech-to-speech agent on OpenAI's Realtime API, recorded by callscope: one import and one line.

    pip install callscope 'openai[realtime]'
    PATTER_LOG_DIR=./calls python examples/openai_realtime.py
    callscope ls --root ./calls

It runs without a key and network: a program on this machine plays the server, and the caller's sound is silence.
In an agent of your own there is ``openai.AsyncOpenAI()``, a microphone or a phone line; the line stays the same.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import openai
from websockets.asyncio.server import ServerConnection, serve

from callscope.adapters.openai_realtime import process_logger, recorded

PIECE = base64.b64encode(bytes(2_400)).decode()  # 50 ms of silence, 24 kHz
SESSION: dict[str, Any] = {
    "id": "sess_example",
    "type": "realtime",
    "model": "gpt-realtime",
    "audio": {
        "input": {
            "transcription": {"model": "gpt-4o-mini-transcribe"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 200, "prefix_padding_ms": 100},
        },
        "output": {"voice": "marin"},
    },
}
TOKENS: dict[str, Any] = {
    "total_tokens": 250,
    "input_tokens": 190,
    "output_tokens": 60,
    "input_token_details": {"text_tokens": 120, "audio_tokens": 70, "cached_tokens": 0},
    "output_token_details": {"text_tokens": 15, "audio_tokens": 45},
}


async def agent() -> None:
    """One call: the caller asks, the agent answers."""
    async with serve(play, "127.0.0.1", 0) as listening:
        port = next(iter(listening.sockets)).getsockname()[1]
        client = openai.AsyncOpenAI(api_key="none", websocket_base_url=f"ws://127.0.0.1:{port}/v1")
        async with client, client.realtime.connect(model="gpt-realtime") as connection:
            with recorded(connection, labels={"agent_version": "2.4"}):
                caller = asyncio.create_task(speak(connection))
                async for event in connection:
                    if event.type == "conversation.item.input_audio_transcription.completed":
                        print(f"caller: {event.transcript}")
                    elif event.type == "response.output_audio_transcript.done":
                        print(f"agent:  {event.transcript}")
                await caller
    await process_logger().aclose()


async def speak(connection: Any) -> None:
    """The caller's sound, as it would come from a microphone."""
    for _ in range(20):
        await connection.input_audio_buffer.append(audio=PIECE)
        await asyncio.sleep(0.05)


async def play(socket: ServerConnection) -> None:
    """Stands in for the Realtime API."""

    async def send(kind: str, **fields: Any) -> None:
        await socket.send(json.dumps({"type": kind, "event_id": kind, **fields}))

    await send("session.created", session=SESSION)
    for piece in range(20):
        await socket.recv()
        if piece == 4:  # noqa: PLR2004 -- a quarter of a second
            await send("input_audio_buffer.speech_started", audio_start_ms=100, item_id="u1")
    await send("input_audio_buffer.speech_stopped", audio_end_ms=1000, item_id="u1")
    await send("input_audio_buffer.committed", item_id="u1")
    await send("response.created", response={"id": "r1", "status": "in_progress"})
    asked = {"item_id": "u1", "content_index": 0, "transcript": "Where is my order?"}
    await send("conversation.item.input_audio_transcription.completed", **asked)
    await asyncio.sleep(0.4)
    part = {"response_id": "r1", "item_id": "a1", "output_index": 0, "content_index": 0}
    await send("response.output_audio.delta", delta=PIECE * 12, **part)
    await send("response.output_audio_transcript.done", transcript="It arrives on Friday.", **part)
    await send("response.done", response={"id": "r1", "status": "completed", "output": [], "usage": TOKENS})
    await asyncio.sleep(0.7)


if __name__ == "__main__":
    asyncio.run(agent())
