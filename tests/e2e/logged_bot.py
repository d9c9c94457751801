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
import threading
from typing import Any

from openai import AsyncOpenAI
from pipecat.frames.frames import TranscriptionFrame
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.workers.runner import WorkerRunner

from callscope.adapters.pipecat import CallObserver
from callscope.demo import bot
from callscope.demo.recogniser import SphinxSTTService
from callscope.demo.scenarios import SCENARIOS

shop = logging.getLogger("shop.orders")


class HastyLLMService(OpenAILLMService):  # type: ignore[misc]  # pipecat has no types that mypy reads
    """Gives a stream up that says nothing for ``LLM_READ_SECONDS``; OpenAI's client would wait ten minutes."""

    def create_client(self, *, api_key: Any = None, base_url: Any = None, **_: Any) -> AsyncOpenAI:
        """A client without retries, so that what happens happens once."""
        seconds = float(os.environ.get("LLM_READ_SECONDS", "600"))
        return AsyncOpenAI(api_key=api_key, base_url=base_url, timeout=seconds, max_retries=0)


class NotingSTTService(SphinxSTTService):
    """What a bot's own code does: a line of the standard library beside each sentence, words in a field."""

    async def push_frame(self, frame: Any, direction: FrameDirection = FrameDirection.DOWNSTREAM) -> None:
        """Say that something was understood."""
        if isinstance(frame, TranscriptionFrame):
            shop.info("understood a sentence", extra={"transcript": frame.text, "letters": len(frame.text)})
            thread = threading.Thread(target=shop.warning, args=("looked up in a thread",))
            thread.start()
            await asyncio.to_thread(thread.join)
        await super().push_frame(frame, direction)


async def serve(calls: list[str], llm_url: str) -> None:
    """Take each call, given as ``CALL_ID:SCENARIO:PORT``, until all have ended."""
    runner = WorkerRunner()
    call_logger = callscope.CallLogger.from_env()
    for call in calls:
        call_id, name, port = call.split(":")
        worker = bot.build_worker(SCENARIOS[name], call_id=call_id, port=int(port), llm_url=llm_url)
        worker.add_observer(CallObserver(call_logger, call_id=call_id, labels={"scenario": name}))
        await runner.add_workers(worker)
    await runner.run()
    await call_logger.aclose()


def main() -> None:
    """Serve the calls."""
    parser = argparse.ArgumentParser()
    parser.add_argument("calls", nargs="+")
    parser.add_argument("--llm", required=True)
    options = parser.parse_args()
    shop.info("the shop is open")
    vars(bot).update(OpenAILLMService=HastyLLMService, SphinxSTTService=NotingSTTService)
    asyncio.run(serve(options.calls, options.llm))
    shop.info("the shop is closed")


if __name__ == "__main__":
    main()
