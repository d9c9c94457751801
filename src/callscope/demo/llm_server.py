"""A language model that follows a script, served on loopback in the OpenAI chat completions form.

It keeps its own ledger of what it was asked and what it told, so that a test can compare what was recorded
with what was sent. Tokens are words: no real tokenizer is needed to check that figures arrive unchanged.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from callscope.demo.scenarios import MODEL, NOT_UNDERSTOOD, REPLIES, Reply, ToolRequest

_CACHE_FROM_TOKENS: Final = 20
"""Prompts shorter than this are not cached."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger: a request and what was answered."""

    call_id: str
    status: int
    prompt_tokens: int
    cached_tokens: int
    """Part of ``prompt_tokens``."""
    completion_tokens: int
    """Words that were made, whether or not they were read."""
    usage_told: bool
    """False when the client left before the last chunk, which carries the usage."""
    tool: str | None


class LlmServer:
    """Answers ``POST /<call id>/v1/chat/completions`` as `REPLIES` says."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.port = 0
        self._prompts: dict[str, int] = {}

    def base_url(self, call_id: str) -> str:
        """What an OpenAI client of that call takes as its ``base_url``."""
        return f"http://127.0.0.1:{self.port}/{call_id}/v1"

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[LlmServer]:
        """Listen on a free port for as long as the context lasts."""
        server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            path, headers = _parse(head)
            if not head.startswith("POST "):  # a client that looks which models there are
                _write_json(writer, 404, {"error": {"message": "there is no such page", "code": "not_found"}})
                await writer.drain()
                return
            body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))))
            call_id = path.strip("/").split("/")[0]
            key = headers.get("authorization", "").removeprefix("Bearer ")
            await self._answer(call_id, key, body["messages"], reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client went away: the ledger has it
        finally:
            writer.close()

    async def _answer(
        self,
        call_id: str,
        key: str,
        messages: list[dict[str, Any]],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        prompt_tokens = sum(len(str(message.get("content") or "").split()) for message in messages)
        reply, text, tool = _choose(messages)
        if reply.error is not None:
            error = {"message": reply.error.format(key=key), "type": "invalid_request_error"}
            _write_json(writer, 401, {"error": {**error, "code": "invalid_api_key"}})
            await writer.drain()
            self._note(call_id, 401, prompt_tokens, 0, 0, usage_told=False, tool=None)
            return
        cached_tokens = self._cached(call_id, prompt_tokens)
        told, made = False, 0
        _write_head(writer, 200, "text/event-stream")
        try:
            await asyncio.sleep(reply.first_token_ms / 1000)
            for delta in _deltas(text, tool):
                _raise_if_gone(reader)
                _write_chunk(writer, [{"index": 0, "delta": delta, "finish_reason": None}])
                await writer.drain()
                made += 1
                await asyncio.sleep(reply.token_ms / 1000)
            _raise_if_gone(reader)
            finish = "tool_calls" if tool else "stop"
            _write_chunk(writer, [{"index": 0, "delta": {}, "finish_reason": finish}])
            _write_chunk(writer, [], _usage(prompt_tokens, cached_tokens, made))
            writer.write(b"data: [DONE]\n\n")
            await writer.drain()
            told = True
        finally:
            name = tool.name if tool else None
            self._note(call_id, 200, prompt_tokens, cached_tokens, made, usage_told=told, tool=name)

    def _cached(self, call_id: str, prompt_tokens: int) -> int:
        """The prompt of the call's request before this one, as providers cache a common beginning."""
        before = self._prompts.get(call_id, 0)
        self._prompts[call_id] = prompt_tokens
        return min(before, prompt_tokens) if before >= _CACHE_FROM_TOKENS else 0

    def _note(
        self,
        call_id: str,
        status: int,
        prompt_tokens: int,
        cached_tokens: int,
        completion_tokens: int,
        *,
        usage_told: bool,
        tool: str | None,
    ) -> None:
        self.requests.append(
            Request(
                call_id=call_id,
                status=status,
                prompt_tokens=prompt_tokens,
                cached_tokens=cached_tokens,
                completion_tokens=completion_tokens,
                usage_told=usage_told,
                tool=tool,
            )
        )


def _choose(messages: list[dict[str, Any]]) -> tuple[Reply, str, ToolRequest | None]:
    """The script's reply to the last thing the caller said, and which half of it is due."""
    said = [str(message["content"]) for message in messages if message["role"] == "user"]
    reply = REPLIES.get(said[-1] if said else "", Reply(text=NOT_UNDERSTOOD))
    if messages[-1]["role"] == "tool":
        return reply, reply.after_tool, None
    return reply, reply.text, reply.tool


def _deltas(text: str, tool: ToolRequest | None) -> list[dict[str, Any]]:
    if tool is not None:
        function = {"name": tool.name, "arguments": json.dumps(tool.arguments)}
        call = {"index": 0, "id": f"call_{tool.name}", "type": "function", "function": function}
        return [{"role": "assistant", "tool_calls": [call]}]
    words = text.split(" ")
    return [{"content": word if place == 0 else f" {word}"} for place, word in enumerate(words)]


def _usage(prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "total_tokens": prompt_tokens + completion_tokens,
        "prompt_tokens_details": {"cached_tokens": cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }


def _raise_if_gone(reader: asyncio.StreamReader) -> None:
    if reader.at_eof():
        raise ConnectionResetError("the client closed the stream")


def _parse(head: str) -> tuple[str, Mapping[str, str]]:
    request, *lines = head.split("\r\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return request.split(" ")[1], {name.strip().lower(): value.strip() for name, _, value in pairs}


def _write_head(writer: asyncio.StreamWriter, status: int, content_type: str) -> None:
    reason = {200: "OK", 401: "Unauthorized"}.get(status, "Not Found")
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode("latin-1"))


def _write_json(writer: asyncio.StreamWriter, status: int, value: Mapping[str, Any]) -> None:
    _write_head(writer, status, "application/json")
    writer.write(json.dumps(value).encode())


def _write_chunk(
    writer: asyncio.StreamWriter, choices: list[dict[str, Any]], usage: dict[str, Any] | None = None
) -> None:
    chunk = {"id": "chatcmpl-demo", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
    data = json.dumps({**chunk, "choices": choices, "usage": usage})
    writer.write(f"data: {data}\n\n".encode())
