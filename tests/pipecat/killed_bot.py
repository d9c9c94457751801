"""A bot that talks, says that it has, and then waits to be killed.

Its arguments are the archive's root, and when it waits: after an exchange (``spoken``), in the middle of an answer
(``speaking``) or in the middle of the caller's turn (``listening``).
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from loguru import logger
from scripted_bot import PATIENCE_SECONDS, STORY, Answer, Bot, Heard, hear_one_sentence, read, running

from callscope.adapters.pipecat import attach
from callscope.recorder.logger import CallLogger


async def main(root: Path, when: str) -> None:
    """Talk, then wait."""
    logger.remove()
    bot = Bot([Answer(("I am fine.",)), STORY])
    calls = CallLogger(root)
    attach(bot.worker, calls)
    async with running(bot):
        await bot.greet("Welcome.")
        await bot.ask("How are you?")
        await bot.until("LLMContextAssistantTurnFrame", 2)
        await bot.worker.flush_pipeline()
        if when == "speaking":
            await hear_one_sentence(bot)
            await _on_disk(calls, root, "agent_text", 4)
        elif when == "listening":
            await bot.line.start_speaking()
            await bot.line.push_frame(Heard(text="I would like"))
            await _on_disk(calls, root, "transcript", 2)
        calls.flush()
        print(when, flush=True)  # noqa: T201 -- tells the test
        await asyncio.Event().wait()


async def _on_disk(calls: CallLogger, root: Path, kind: str, count: int) -> None:
    """Until so many events of a type are on disk: an observer works through its frames on its own."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        await calls.aflush()
        while len(read(root)[0].of(kind)) < count:
            await asyncio.sleep(0)
            await calls.aflush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
