"""What the span of an exchange says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from callscope.interop import gen_ai
from callscope.interop.trace_call import cost, figure, known, seconds
from callscope.model import wire
from callscope.model.exchange import Exchange
from callscope.model.turn import Turn
from callscope.redaction import policy as redaction
from callscope.redaction.policy import Policy

_USER: Final = "user"
_AGENT: Final = "assistant"


def attributes(exchange: Exchange, turns: Sequence[Turn], *, is_last: bool, policy: Policy) -> dict[str, Any]:
    """Of an exchange, in their order.

    Args:
        exchange: the exchange.
        turns: those that are of it.
        is_last: the call ended after it.
        policy: what may be told of the words.
    """
    told = {
        gen_ai.END_REASON: _end_reason(exchange, is_last=is_last),
        gen_ai.INDEX: exchange.index,
        gen_ai.KIND: exchange.kind,
        gen_ai.RESPONSE: seconds(exchange.response_ms),
        gen_ai.SILENCE: seconds(exchange.silence_ms) or None,
        gen_ai.WAIT_FROM: exchange.wait_from,
        gen_ai.INTERRUPTED: exchange.interrupted,
        gen_ai.USER_TURN: exchange.user_turn_index,
        gen_ai.AGENT_TURN: exchange.agent_turn_index,
        **_wait(exchange),
        **cost(costs(turns)),
        gen_ai.UNPRICED: sum(_count((turn.cost or {}).get("unpriced")) for turn in turns) or None,
    }
    if policy.transcript != "off":
        told[gen_ai.INPUT_MESSAGES] = _messages(turns, _USER, policy)
        told[gen_ai.OUTPUT_MESSAGES] = _messages(turns, _AGENT, policy)
    return known(told)


def openinference(turns: Sequence[Turn], policy: Policy) -> dict[str, Any]:
    """The same for OpenInference's readers."""
    told: dict[str, Any] = {gen_ai.SPAN_KIND: "AGENT"}
    if policy.transcript != "off":
        told[gen_ai.OI_INPUT] = " ".join(_texts(turns, _USER, policy))
        told[gen_ai.OI_OUTPUT] = " ".join(_texts(turns, _AGENT, policy))
    return known(told)


def costs(turns: Iterable[Turn]) -> dict[str, float]:
    """US dollars by part, of some turns together; a part that nobody knows is absent."""
    sums: dict[str, list[float]] = {}
    for turn in turns:
        for part, told in (turn.cost or {}).items():
            amount = figure(told)
            if amount is not None:
                sums.setdefault(part, []).append(amount)
    return {part: round(math.fsum(amounts), 12) for part, amounts in sums.items()}


def spoken_until(exchange: Exchange, turns: Iterable[Turn]) -> int | None:
    """The end of the agent's turn by its own row, in Unix milliseconds; None when it does not say."""
    ends = [
        turn.ts_ms + round(lasted)
        for turn in turns
        if turn.role == _AGENT and turn.ts_ms is not None and (lasted := figure(turn.duration_ms)) is not None
    ]
    return max(ends, default=exchange.answered_at_ms)


def _end_reason(exchange: Exchange, *, is_last: bool) -> str | None:
    if exchange.interrupted:
        return "interrupted"
    if exchange.answered_at_ms is not None:
        return "completed"
    return "session_closed" if is_last else None


def _wait(exchange: Exchange) -> dict[str, Any]:
    sums: dict[str, int] = {}
    for part in exchange.parts:
        sums[part.stage] = sums.get(part.stage, 0) + part.duration_ms
    return {f"{gen_ai.WAIT}{stage}_seconds": seconds(ms) for stage, ms in sums.items()}


def _messages(turns: Iterable[Turn], role: str, policy: Policy) -> str | None:
    """Turns of one side as the conventions' messages, in JSON."""
    found: list[dict[str, Any]] = []
    for turn in turns:
        text = redaction.words(turn.text, policy) if turn.role == role else None
        if text:
            message: dict[str, Any] = {"role": role, "parts": [{"type": "text", "content": text}]}
            if role == _AGENT:
                message["finish_reason"] = "interrupted" if turn.interrupted else "stop"
            found.append(message)
    return wire.encode(found).decode() if found else None


def _texts(turns: Iterable[Turn], role: str, policy: Policy) -> list[str]:
    return [text for turn in turns if turn.role == role and (text := redaction.words(turn.text, policy))]


def _count(value: object) -> int:
    return value if type(value) is int and value > 0 else 0
