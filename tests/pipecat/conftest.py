"""A place for calls, and a way to record one in it."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from loguru import logger as pipecat_log

with warnings.catch_warnings():  # pipecat's modules warn of their own deprecated classes when they are imported
    warnings.simplefilter("ignore", DeprecationWarning)
    from scripted_bot import Bot, Recorded, read, running

from callscope.adapters.pipecat import attach
from callscope.recorder.logger import CallLogger

Script = Callable[[Bot], Coroutine[Any, Any, None]]
Record = Callable[..., Recorded]

pipecat_log.remove()


@pytest.fixture
def calls(tmp_path: Path) -> CallLogger:
    """A logger on an empty archive."""
    return CallLogger(tmp_path)


@pytest.fixture
def record(calls: CallLogger, tmp_path: Path) -> Record:
    """Runs a bot through a script and reads the one call that it left."""

    def run(make: Callable[[], Bot], script: Script, **options: Any) -> Recorded:
        async def call() -> None:
            bot = make()
            attach(bot.worker, calls, **options)
            async with running(bot):
                await script(bot)

        asyncio.run(call())
        assert calls.close()
        (recorded,) = read(tmp_path)
        return recorded

    return run
