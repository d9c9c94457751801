"""A LiveKit agent, recorded by callscope: one import and one line. Needs ``pip install 'callscope[livekit]'``.

    PATTER_LOG_DIR=./calls python examples/livekit_agent.py
    callscope ls --root ./calls

It runs without keys and network: the language model follows a script on this machine, and the caller types. In an agent
of your own there are your models, a room and a voice; the line stays the same. In a job it is ``record(session, ctx)``.
"""
# No postponed annotations here: LiveKit reads those of the tools.

import asyncio

from livekit.agents import Agent, AgentSession, function_tool
from livekit.plugins import openai

from callscope.adapters.livekit import process_logger, record
from callscope.demo.llm_server import LlmServer
from callscope.demo.scenarios import INSTRUCTION, SCENARIOS


class ParcelDesk(Agent):  # type: ignore[misc]  # LiveKit has no types that mypy reads
    """Answers what a caller asks about an order."""

    def __init__(self) -> None:
        super().__init__(instructions=INSTRUCTION)

    @function_tool  # type: ignore[untyped-decorator]
    async def lookup_order(self, order_number: str) -> dict[str, str]:
        """Look an order up in the shop's system."""
        await asyncio.sleep(0.5)
        return {"order": order_number, "state": "in transit", "arrives": "Friday"}


async def main() -> None:
    """One call, from the first to the last word."""
    async with LlmServer().serving() as models:
        mind = openai.LLM(model="gpt-4.1-mini", base_url=models.base_url("example"), api_key="none")
        session = AgentSession(llm=mind, vad=None, turn_detection=None)
        record(session, labels={"agent_version": "2.4"})
        await session.start(ParcelDesk())
        for line in SCENARIOS["order"].lines:
            answer = await session.run(user_input=line.text)
            print(f"caller: {line.text}\nagent:  {answer.events[-1].item.text_content}")
        await session.aclose()
        await mind.aclose()
    await process_logger().aclose()


if __name__ == "__main__":
    asyncio.run(main())
