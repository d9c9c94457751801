"""The demo's bot with one line more: its logs. Run as a program; every setting comes from the environment.

``python logged_bot.py --llm URL CALL_ID:SCENARIO:PORT ...`` records into ``PATTER_LOG_DIR``.
"""
# The logs are configured first, as docs/logs.md says.
# ruff: noqa: E402

import callscope

LOGS = callscope.logs.configure()

import argparse
import asyncio
import logging
import os
from pathlib import Path
from typing import Any

import httpx
from openai import AsyncOpenAI
from pipecat.frames.frames import TranscriptionFrame
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.openai.llm import OpenAILLMService

from callscope.demo import bot
from callscope.demo.recogniser import SphinxSTTService

shop = logging.getLogger("shop.orders")


class HastyLLMService(OpenAILLMService):  # type: ignore[misc]  # pipecat has no types that mypy reads
    """Gives a stream up that says nothing for ``LLM_READ_SECONDS``; OpenAI's client would wait ten minutes."""

    def create_client(self, *, api_key: Any = None, base_url: Any = None, **_: Any) -> AsyncOpenAI:
        """A client without retries, so that what happens happens once."""
        timeout = httpx.Timeout(float(os.environ.get("LLM_READ_SECONDS", "600")), connect=5)
        return AsyncOpenAI(api_key=api_key, base_url=base_url, timeout=timeout, max_retries=0)


class NotingSTTService(SphinxSTTService):  # type: ignore[misc]
    """What a bot's own code does: a line of the standard library beside each sentence, words in a field."""

    async def push_frame(self, frame: Any, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Say that something was understood."""
        if isinstance(frame, TranscriptionFrame):
            shop.info("understood a sentence", extra={"transcript": frame.text, "letters": len(frame.text)})
            await asyncio.to_thread(shop.warning, "looked up in a thread")
        await super().push_frame(frame, direction)


def main() -> None:
    """Serve the calls."""
    parser = argparse.ArgumentParser()
    parser.add_argument("calls", nargs="+")
    parser.add_argument("--llm", required=True)
    options = parser.parse_args()
    shop.info("the shop is open")
    vars(bot).update(OpenAILLMService=HastyLLMService, SphinxSTTService=NotingSTTService)
    asyncio.run(bot.serve(options.calls, llm_url=options.llm, root=Path(os.environ["PATTER_LOG_DIR"])))
    shop.info("the shop is closed")


if __name__ == "__main__":
    main()
