"""A program: calls of Patter's own SDK, offline, through its real pipeline, server callbacks and logger.

``python patter_agent.py ROOT`` leaves a tree as that SDK leaves it: a call with a tool, one that the caller cut off,
one that failed, and one that never ended. ``python patter_agent.py ROOT PROGRAM`` runs a program before: the guide's.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from getpatter import Agent
from getpatter.evals.session import EvalSession, ScriptedLLMProvider, text_turn, tool_call_turn
from getpatter.local_config import LocalConfig
from getpatter.server import EmbeddedServer


async def look_up(arguments: dict[str, Any], _context: dict[str, Any]) -> str:
    """The tool of the agent."""
    return f"order {arguments['order']} was sent"


def agent() -> Agent:
    """An agent with one tool."""
    parameters = {"type": "object", "properties": {"order": {"type": "string"}}}
    tool = {"name": "look_up", "description": "Looks up an order.", "parameters": parameters, "handler": look_up}
    return Agent(
        system_prompt="You help.",
        provider="pipeline",
        model="gpt-4.1",
        voice="alloy",
        first_message="Hello, this is the shop.",
        tools=(tool,),
    )


class Session(EvalSession):  # type: ignore[misc]
    """The SDK's session, whose events also go where those of a phone call go."""

    def __init__(self, call_id: str, replies: list[Any]) -> None:
        made = agent()
        super().__init__(agent=made, llm_provider=ScriptedLLMProvider(replies), call_id=call_id, caller="+15551234567")
        server = EmbeddedServer(LocalConfig(telephony_provider="twilio"), made, dashboard=False)
        self.on_start, self.on_end, self.on_turn, _, self.on_tool = server._wrap_callbacks()

    async def _on_metrics(self, data: dict[str, Any]) -> None:
        await super()._on_metrics(data)
        await self.on_turn(data)

    async def _on_transcript(self, data: dict[str, Any]) -> None:
        await super()._on_transcript(data)
        await self.on_tool({**data, "call_id": self.call_id})

    def about(self) -> dict[str, Any]:
        """What a media stream tells of a call."""
        return {
            "call_id": self.call_id,
            "caller": self.caller,
            "callee": "+15559876543",
            "direction": "inbound",
            "telephony_provider": "twilio",
        }


async def call(call_id: str, replies: list[Any], said: list[str], how: str = "ends") -> None:
    """One call from its start to its end."""
    session = Session(call_id, replies)
    await session.on_start(session.about())
    async with session:
        for text in said:
            await session.user_says(text)
        metrics = session._handler.metrics
        if how == "is cut off":
            metrics.start_turn()
            metrics.record_stt_complete("wait, stop", 1.0)
            interrupted = metrics.record_turn_interrupted()
            await session.on_turn({"call_id": call_id, "turn": interrupted})
        if how == "fails":
            metrics.record_error(TimeoutError("the provider did not answer"))
        if how != "never ends":
            await session.on_end({**session.about(), "metrics": metrics.end_call()})


async def main() -> None:
    """All calls, one after the other."""
    await call(
        "CA-tool",
        [tool_call_turn("look_up", {"order": "4412"}), text_turn("It was sent on Tuesday."), text_turn("Goodbye.")],
        ["where is my order", "thank you very much"],
    )
    await call("CA-cut", [text_turn("A long story.")], ["tell me a story"], how="is cut off")
    await call("CA-failed", [text_turn("One moment.")], ["are you there"], how="fails")
    await call("CA-open", [text_turn("Of course.")], ["can you help me"], how="never ends")


if __name__ == "__main__":
    os.environ["PATTER_LOG_DIR"] = sys.argv[1]
    for program in sys.argv[2:]:
        exec(Path(program).read_text(encoding="utf-8"))  # noqa: S102 -- an example of our own documentation
    asyncio.run(main())
