"""The models of one offline call, in OpenAI's form on loopback: chat completions, transcriptions and speech.

It follows a script, and keeps a ledger of what it was asked and what it told, which is what a record is held against.
Tokens are words, so that nothing has to be tokenized. Nothing is recognised: the harness says beforehand what its
caller is about to say (`ModelServer.expect`).
"""

from __future__ import annotations

import asyncio
import io
import json
import wave
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec
import numpy as np
import soxr  # type: ignore[import-untyped]  # it ships none
from aiohttp import web
from aiohttp.typedefs import Handler

from callscope.demo.espeak import SAMPLE_RATE, speak
from callscope.demo.scenarios import Voice

CHAT_MODEL: Final = "gpt-4.1-mini"
SPEECH_MODEL: Final = "tts-1"
EAR_MODEL: Final = "gpt-4o-mini-transcribe"
KEY: Final = "sk-proj-MadeUpForTheTests0123456789abcdefghijklmno"
"""No key of anybody. The server quotes it in what it refuses, as providers do, and no record may hold it."""
_SOUND_RATE: Final = 24_000
_AGENT: Final = Voice("en-us", words_per_minute=170, pitch=40)
_AUDIBLE: Final = 400
"""Of 32767: quieter samples are silence."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the language model does when it is asked."""

    text: str = ""
    tool: str | None = None
    """The name of a function to call."""
    arguments: dict[str, Any] = {}
    status: int = 200
    """Another one refuses the request."""
    first_token_ms: int = 120
    token_ms: int = 15


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger."""

    status: int
    prompt_tokens: int
    completion_tokens: int
    usage_told: bool
    """False when the client left before the last chunk, which carries the usage."""


class ModelServer:
    """All models of one call.

    Args:
        answers: what the language model does, one for each request; after the last one it says nothing new.
        mute: refuse to speak, always.
    """

    def __init__(self, answers: list[Answer], *, mute: bool = False) -> None:
        self.chats: list[ChatRequest] = []
        self.characters_spoken = 0
        self.seconds_heard = 0.0
        self.speeches_refused = 0
        self.busy = 0
        """Requests that are being answered."""
        self._answers = deque(answers)
        self._mute = mute
        self._expected: deque[str] = deque()
        self._port = 0

    @property
    def base_url(self) -> str:
        """What an OpenAI client takes as its ``base_url``."""
        return f"http://127.0.0.1:{self._port}/v1"

    def expect(self, line: str) -> None:
        """The caller is about to say this: the next sound that is to be transcribed is it."""
        self._expected.append(line)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[ModelServer]:
        """Listen on a free port for as long as the context lasts."""
        app = web.Application(client_max_size=64_000_000, middlewares=[self._count])
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/audio/speech", self._speech)
        app.router.add_post("/v1/audio/transcriptions", self._transcription)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self._port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.busy += 1
        try:
            return await handler(request)
        finally:
            self.busy -= 1

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        messages = (await request.json())["messages"]
        prompt_tokens = sum(len(str(message.get("content") or "").split()) for message in messages)
        answer = self._answers.popleft() if self._answers else Answer(text="I have nothing to add.")
        if answer.status != web.HTTPOk.status_code:
            self._note(answer.status, prompt_tokens, 0, told=False)
            return _refusal(answer.status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        deltas, made, told = _deltas(answer), 0, False
        try:
            await response.prepare(request)
            await asyncio.sleep(answer.first_token_ms / 1000)
            for delta in deltas:
                await response.write(_chunk([{"index": 0, "delta": delta, "finish_reason": None}]))
                made += 1
                await asyncio.sleep(answer.token_ms / 1000)
            finish = "tool_calls" if answer.tool else "stop"
            await response.write(_chunk([{"index": 0, "delta": {}, "finish_reason": finish}]))
            await response.write(_chunk([], _usage(prompt_tokens, made)) + b"data: [DONE]\n\n")
            told = True
        except ConnectionError:
            pass  # the client went away: the ledger has it
        finally:
            self._note(200, prompt_tokens, made, told=told)
        return response

    async def _speech(self, request: web.Request) -> web.Response:
        text = str((await request.json())["input"])
        if self._mute:
            self.speeches_refused += 1
            return _refusal(500)
        sound = await asyncio.to_thread(voiced, text)
        self.characters_spoken += len(text)
        return web.Response(body=sound, content_type="audio/pcm")

    async def _transcription(self, request: web.Request) -> web.Response:
        sound = (await request.post())["file"]
        assert isinstance(sound, web.FileField)
        with wave.open(io.BytesIO(sound.file.read())) as heard:
            self.seconds_heard += heard.getnframes() / heard.getframerate()
        text = self._expected.popleft() if self._expected else ""
        return web.json_response({"text": text})

    def _note(self, status: int, prompt_tokens: int, made: int, *, told: bool) -> None:
        self.chats.append(
            ChatRequest(status=status, prompt_tokens=prompt_tokens, completion_tokens=made, usage_told=told)
        )


def voiced(text: str, *, sample_rate: int = _SOUND_RATE, voice: Voice = _AGENT) -> bytes:
    """16-bit mono speech without the silence before and after it."""
    samples = np.frombuffer(speak(text, voice), dtype=np.int16)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _AUDIBLE)
    kept = samples[loud[0] : loud[-1] + 1] if loud.size else samples
    return bytes(soxr.resample(kept, SAMPLE_RATE, sample_rate).astype(np.int16).tobytes())


def _deltas(answer: Answer) -> list[dict[str, Any]]:
    if answer.tool is not None:
        function = {"name": answer.tool, "arguments": json.dumps(answer.arguments)}
        call = {"index": 0, "id": f"call_{answer.tool}", "type": "function", "function": function}
        return [{"role": "assistant", "tool_calls": [call]}]
    words = answer.text.split(" ")
    return [{"content": word if place == 0 else f" {word}"} for place, word in enumerate(words)]


def _chunk(choices: list[dict[str, Any]], usage: dict[str, Any] | None = None) -> bytes:
    chunk = {"id": "chatcmpl-offline", "object": "chat.completion.chunk", "created": 0, "model": CHAT_MODEL}
    return f"data: {json.dumps({**chunk, 'choices': choices, 'usage': usage})}\n\n".encode()


def _usage(prompt_tokens: int, completion_tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
    }


def _refusal(status: int) -> web.Response:
    error = {"message": f"this is refused, also with the key {KEY}", "type": "server_error", "code": None}
    return web.json_response({"error": error}, status=status)
