"""Which call the code of a pipeline runs for, with several calls in one process."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.frames import frames as pf
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from scripted_bot import Answer, Bot, read, running

from callscope.adapters.pipecat import CallObserver, attach
from callscope.recorder import current
from callscope.recorder.logger import CallLogger


class Asking(FrameProcessor):  # type: ignore[misc]
    """Asks at each frame, and in a task of its own, which call it is."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str | None] = []

    def ask(self) -> None:
        call = current.call()
        self.calls.append(None if call is None else call.call_id)

    async def process_frame(self, frame: pf.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, pf.UserStoppedSpeakingFrame | pf.LLMTextFrame):
            self.ask()
            await self.create_task(self.ask_in_a_task())
        await self.push_frame(frame, direction)

    async def ask_in_a_task(self) -> None:
        self.ask()


def by_line(bot: Bot, logger: CallLogger, call_id: str) -> None:
    attach(bot.worker, logger, call_id=call_id)


def by_observer(bot: Bot, logger: CallLogger, call_id: str) -> None:
    bot.worker.add_observer(CallObserver(logger, call_id=call_id))


@pytest.mark.parametrize("record_by", [by_line, by_observer])
def test_processors_and_their_tasks_run_for_the_call_of_their_pipeline(
    record_by: Callable[..., None], tmp_path: Path
) -> None:
    asked: dict[str, Asking] = {"a": Asking(), "b": Asking()}

    async def calls() -> None:
        logger = CallLogger(tmp_path)
        bots = []
        for name, asking in asked.items():
            bots.append(Bot([Answer(("I am fine.",))], after=[asking]))
            record_by(bots[-1], logger, name)
        async with running(*bots):
            await asyncio.gather(*(bot.ask("How are you?") for bot in bots))
        assert current.call() is None
        assert await logger.aclose()

    asyncio.run(calls())

    assert {name: set(asking.calls) for name, asking in asked.items()} == {"a": {"a"}, "b": {"b"}}
    assert [call.metadata["call_id"] for call in read(tmp_path)] == ["a", "b"]


def test_where_logs_are_configured_pipecats_own_lines_are_asked_for(
    calls: CallLogger, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    logs: Any = SimpleNamespace(ensure_loguru=lambda: asked.append(True))
    monkeypatch.setitem(sys.modules, "callscope.logs", logs)

    async def call() -> None:
        bot = Bot([])
        attach(bot.worker, calls)
        async with running(bot):
            pass

    asyncio.run(call())
    assert calls.close()
    assert len(asked) == 2
