"""What is measured: callscope's recorder, Patter's logger, and no logging at all, behind one small interface."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Protocol

TEXT = "I would like to check my order status please, it should have been here yesterday. " * 3
LATENCY = {"stt_ms": 120.5, "llm_ms": 310.0, "tts_ms": 95.0, "total_ms": 812.0}


class Recorder(Protocol):
    """One way of recording calls."""

    tasks: int
    """Rows handed over and not yet done, where that is known."""

    def start(self, number: int) -> None:
        """Begin a call."""

    def row(self, number: int) -> None:
        """Record one turn of it, on the event loop."""

    async def done(self) -> None:
        """Wait until everything is on disk."""

    def written(self) -> int:
        """Rows on disk."""


class Nothing:
    """The load generator alone."""

    tasks = 0

    def __init__(self, root: Path) -> None:
        self.root = root

    def start(self, number: int) -> None:
        """Begin nothing."""

    def row(self, number: int) -> None:
        """Record nothing."""

    async def done(self) -> None:
        """Wait for nothing."""

    def written(self) -> int:
        """Nothing was written."""
        return 0


class Callscope:
    """This project."""

    def __init__(self, root: Path) -> None:
        from callscope import CallLogger

        self.logger = CallLogger(root)
        self.calls: list[Any] = []

    @property
    def tasks(self) -> int:
        """Rows that wait for the writer."""
        return int(self.logger.health().pending)

    def start(self, number: int) -> None:
        """Begin a call."""
        self.calls.append(self.logger.start_call(f"call-{number}"))

    def row(self, number: int) -> None:
        """Hand one turn over."""
        self.calls[number].turn("assistant", TEXT, latency=LATENCY)

    async def done(self) -> None:
        """Wait for the writer."""
        await self.logger.aflush(300)

    def written(self) -> int:
        """Rows on disk."""
        return self.logger.health().written


class Patter:
    """Patter's logger, used as its own call handlers use it: an awaited thread hop a row, in the call's own task."""

    def __init__(self, root: Path) -> None:
        from getpatter.services import call_log

        self.module = call_log
        self.logger = call_log.CallLogger(root)
        self.root = root
        self.pending: set[asyncio.Task[None]] = set()
        self.finished = 0

    @property
    def tasks(self) -> int:
        """Rows whose await has not come back."""
        return len(self.pending)

    def start(self, number: int) -> None:
        """Begin a call, synchronously as in its own handlers."""
        self.logger.log_call_start(f"call-{number}")

    def row(self, number: int) -> None:
        """Start the task of one row."""
        turn = {"role": "assistant", "text": TEXT, "latency": LATENCY}
        task = asyncio.create_task(self.module.alog_turn(self.logger, f"call-{number}", turn))
        self.pending.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self.pending.discard(task)
        self.finished += 1

    async def done(self) -> None:
        """Wait for every task."""
        while self.pending:
            await asyncio.wait(self.pending)

    def written(self) -> int:
        """Rows whose await came back."""
        return self.finished


RECORDERS: dict[str, type[Any]] = {"nothing": Nothing, "callscope": Callscope, "patter": Patter}
