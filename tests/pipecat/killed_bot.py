"""A bot that talks, says that it has, and then waits to be killed. Its only argument is the archive's root."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from loguru import logger
from scripted_bot import Answer, Bot, running

from callscope.adapters.pipecat import attach
from callscope.recorder.logger import CallLogger


async def main(root: Path) -> None:
    """Talk, then wait."""
    logger.remove()
    bot = Bot([Answer(("I am fine.",))])
    calls = CallLogger(root)
    attach(bot.worker, calls)
    async with running(bot):
        await bot.greet("Welcome.")
        await bot.ask("How are you?")
        await bot.until("LLMContextAssistantTurnFrame", 2)
        await bot.worker.flush_pipeline()
        calls.flush()
        print("spoken", flush=True)  # noqa: T201 -- tells the test
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
