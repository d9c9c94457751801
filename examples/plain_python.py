"""Record calls of a voice agent that is no framework's: a loop of your own, and a few lines of callscope.

    PATTER_LOG_DIR=./calls python examples/plain_python.py
    callscope ls --root ./calls

Without ``PATTER_LOG_DIR`` nothing is recorded and every line below costs next to nothing.
"""

from __future__ import annotations

import time

from callscope import CallLogger


def listen() -> str:
    """Your recogniser."""
    time.sleep(0.3)
    return "Where is my order seven four two?"


def think(_question: str) -> tuple[str, int, int]:
    """Your language model: the answer, and its input and output tokens."""
    time.sleep(0.2)
    return "It arrives on Friday.", 412, 6


def speak(_answer: str) -> None:
    """Your synthesizer."""
    time.sleep(0.1)


def main() -> None:
    """Take one call of one exchange."""
    logger = CallLogger.from_env()
    agent = {"provider": "openai", "model": "gpt-4.1-mini", "voice": "alloy"}
    # An exception inside the context ends the call as failed, with its stack, and goes on to you.
    with logger.start_call(
        "order-desk-0001",
        caller="+15550100123",
        callee="+15550100199",
        direction="inbound",
        agent=agent,
        labels={"agent_version": "2.4"},
    ) as call:
        call.event("client_connected", {"transport": "plain"})

        call.event("user_started_speaking")
        question = listen()
        call.event("user_stopped_speaking", {"delay_ms": 0})
        call.turn("user", question)
        call.usage("stt", provider="deepgram", model="nova-3", audio_seconds=1.9)

        answer, input_tokens, output_tokens = think(question)
        call.usage(
            "llm",
            provider="openai",
            model="gpt-4.1-mini",
            input_tokens=input_tokens,
            output_tokens=output_tokens,
        )

        call.event("agent_started_speaking")
        speak(answer)
        call.event("agent_stopped_speaking")
        call.turn("assistant", answer)
        call.usage("tts", provider="cartesia", model="sonic-3", characters=len(answer))

        call.end(status="completed", reason="the caller hung up")
    logger.close()
    print(f"recorded: {call.path}" if call.path else "nothing recorded: PATTER_LOG_DIR is not set")


if __name__ == "__main__":
    main()
