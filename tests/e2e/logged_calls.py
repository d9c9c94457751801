"""Calls with a bot that keeps logs, in a process of its own; its line to the language model can be cut."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from callscope.demo import scenarios
from callscope.demo.caller import CallHeard, call
from callscope.demo.llm_server import LlmServer
from callscope.demo.scenarios import Scenario

BOT = Path(__file__).with_name("logged_bot.py")
PRICES = {"CALLSCOPE_PRICES": str(Path(scenarios.__file__).with_name("prices.toml"))}
"""Whoever answers under the name localhost is priced as if OpenAI had."""
CHOPPY_MS = 1000
"""A machine that is too busy to carry sound makes other calls of it: gaps in words, callers that give up."""
TRIES = 3
"""The first time all calls at once; those that the machine disturbed again, at most twice, and one after the other."""
READY_SECONDS = 180
LEAVE_SECONDS = 60
PORTS = range(20_000, 30_000)
"""Below those of any system's own choice."""
PATIENCE_MS = 30_000
"""A caller who says the next line before the last one is answered, as the machine is busy, tells another story."""


def patient(scenario: Scenario) -> Scenario:
    """The same caller, who waits until it is answered however busy the machine is."""
    return msgspec.structs.replace(scenario, patience_ms=PATIENCE_MS)


async def together(*makings: Coroutine[Any, Any, Any], at_once: int) -> list[Any]:
    """Do all of them, so many at a time; what they give, in their order. Raises an `ExceptionGroup`."""
    free = asyncio.Semaphore(at_once)

    async def in_turn(making: Coroutine[Any, Any, Any]) -> Any:
        async with free:
            return await making

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(in_turn(each)) for each in makings]
    return [task.result() for task in tasks]


class Line:
    """A TCP proxy on loopback. What happens to an answer after so many bytes is told by `after`."""

    def __init__(self, port: int) -> None:
        self.to = port
        self.port = 0
        self.reset_after: int | None = None
        """Break the connection (RST) when an answer has so many bytes; then nobody listens any more."""
        self.hang_after: int | None = None
        """Carry no more of any answer from there on; connections stay open."""
        self.cut = asyncio.Event()
        self._over = asyncio.Event()
        self._server: asyncio.Server | None = None

    @asynccontextmanager
    async def carrying(self) -> AsyncIterator[Line]:
        """Listen for as long as the context lasts."""
        self._server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._server.close()
            self._over.set()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
            back = asyncio.create_task(self._answers(far_reader, writer))
            try:
                while data := await reader.read(65536):
                    far_writer.write(data)
            finally:
                far_writer.close()
                await back
        except OSError:
            pass  # either side left
        finally:
            writer.close()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carried = 0
        while data := await reader.read(512):
            carried += len(data)
            if self.hang_after is not None and carried > self.hang_after:
                self.cut.set()
                await self._over.wait()
                return
            if self.reset_after is not None and carried > self.reset_after:
                self._break(writer)
                return
            writer.write(data)
            await writer.drain()
        writer.close()

    def _break(self, writer: asyncio.StreamWriter) -> None:
        assert self._server is not None
        self._server.close()  # the network is away: no new connection either
        sock: socket.socket = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        self.cut.set()


class Run(msgspec.Struct, frozen=True):
    """A bot process that has ended."""

    root: Path
    stdout: str
    stderr: str
    heard: dict[str, CallHeard]
    """By call id."""

    @property
    def is_smooth(self) -> bool:
        """Whether the machine carried the sound in time."""
        return all(each.choppy_ms + each.late_ms < CHOPPY_MS for each in self.heard.values())


async def run_calls(
    root: Path,
    calls: Mapping[str, Scenario],
    *,
    damage: Callable[[Line], None] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Run:
    """Let a bot take all calls at the same time, and wait until it has ended by itself."""
    ports = free_ports(len(calls))
    served = [f"{call_id}:{each.name}:{port}" for (call_id, each), port in zip(calls.items(), ports, strict=True)]
    async with LlmServer().serving() as server, Line(server.port).carrying() as line:
        if damage is not None:
            damage(line)
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(BOT), *served, "--llm", f"http://127.0.0.1:{line.port}",
            env={**os.environ, "PATTER_LOG_DIR": str(root), **(environment or {})},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        said = asyncio.create_task(process.stderr.read())
        try:
            first = [await asyncio.wait_for(process.stdout.readline(), READY_SECONDS) for _ in calls]
            heard = await asyncio.gather(
                *(call(each, url=f"ws://127.0.0.1:{port}") for each, port in zip(calls.values(), ports, strict=True))
            )
            rest = await asyncio.wait_for(process.stdout.read(), LEAVE_SECONDS)
            code = await asyncio.wait_for(process.wait(), LEAVE_SECONDS)
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            stderr = (await said).decode()
    assert code == 0, stderr
    return Run(root, b"".join([*first, rest]).decode(), stderr, dict(zip(calls, heard, strict=True)))


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, held together, so that they differ.

    Not of those that the system hands out by itself: a bot binds its port seconds later, and by then any connection
    of any process might have got it. Pipecat would log that and go on without callers.
    """
    holders: list[socket.socket] = []
    for port in random.sample(PORTS, len(PORTS)):
        if len(holders) == count:
            break
        with contextlib.suppress(OSError):
            holders.append(socket.create_server(("127.0.0.1", port)))
    ports = [holder.getsockname()[1] for holder in holders]
    for holder in holders:
        holder.close()
    return ports
