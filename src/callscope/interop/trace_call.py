"""What the span of a call says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from callscope.interop import gen_ai, trace_rows
from callscope.interop.spans import ERROR
from callscope.model import call as states
from callscope.model import wire
from callscope.model.call import Call
from callscope.redaction import policy as redaction
from callscope.redaction.policy import Policy
from callscope.timeline.summary import Timeline

INTERNAL: Final = 1
CLIENT: Final = 3
_MS_PER_SECOND: Final = 1000
_MOST: Final = 1e15
_ROUNDING_USD: Final = 1e-9
_LATENCIES: Final = ("p50_ms", "p95_ms", "p99_ms")
_COSTS: Final = ("total", "stt", "tts", "llm", "realtime", "telephony")


def seconds(ms: object) -> float | None:
    """Milliseconds as the conventions count; None for what is no duration."""
    number = figure(ms)
    return None if number is None or number < 0 else number / _MS_PER_SECOND


def figure(value: object) -> float | None:
    """A number that is one: neither a flag nor infinite, and no whole number beyond what a float holds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MOST <= value <= _MOST:
        return None
    return value


def known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not known: None, and texts with nothing in them."""
    return {name: value for name, value in attributes.items() if value is not None and value != ""}


def agent_name(call: Call) -> str | None:
    """What the agent is called; None when nobody said."""
    for name in (call.agent.get("name"), call.labels.get("agent")):
        if isinstance(name, str) and name.strip():
            return name.strip()
    return None


def cost(amounts: Mapping[str, Any] | None) -> dict[str, Any]:
    """US dollars by part, of a call or an exchange."""
    found = {}
    for part in _COSTS:
        amount = figure((amounts or {}).get(part))
        if amount is not None:
            found[f"{gen_ai.COST}{part}_usd"] = float(amount)
    return found


def attributes(call: Call, timeline: Timeline, failure: str | None, policy: Policy) -> dict[str, Any]:
    """Of a call, in their order; ``failure`` is what kind of error ended it, if one did."""
    name = agent_name(call)
    labels = trace_rows.fields(call.labels, policy)
    latency = call.latency if call.latency is not None else timeline.latency
    ours = call.callscope
    version = labels.get("agent_version")
    told = {
        gen_ai.OPERATION: gen_ai.INVOKE_WORKFLOW,
        gen_ai.WORKFLOW: name,
        gen_ai.CONVERSATION: trace_rows.conversation(call.call_id),
        gen_ai.AGENT_NAME: name,
        gen_ai.AGENT_VERSION: version if isinstance(version, str) else None,
        gen_ai.ERROR_TYPE: (failure or gen_ai.OTHER_ERROR) if call.status == states.FAILED else None,
        gen_ai.EXPORT: gen_ai.VERSION,
        gen_ai.STATUS: call.status,
        gen_ai.DIRECTION: call.direction,
        gen_ai.TELEPHONY: call.telephony_provider,
        gen_ai.MODE: call.provider_mode,
        gen_ai.CALLER: trace_rows.party(call.caller),
        gen_ai.CALLEE: trace_rows.party(call.callee),
        gen_ai.DURATION: seconds(call.duration_ms),
        gen_ai.END_UNKNOWN: True if call.ended_at_ms is None else None,
        gen_ai.TRACE_ID: call.trace_id,
        gen_ai.TURNS: call.turns,
        gen_ai.INTERRUPTIONS: timeline.interruptions,
        gen_ai.UNANSWERED: timeline.unanswered,
        gen_ai.WORST_WAIT: seconds(timeline.worst_wait_ms),
        **{f"{gen_ai.LATENCY}{each[:-3]}_seconds": seconds((latency or {}).get(each)) for each in _LATENCIES},
        **cost(call.cost),
        gen_ai.COST_STATUS: ours.get("cost_status"),
        gen_ai.UNPRICED: ours.get("unpriced"),
        gen_ai.AGENT: _json(trace_rows.fields(call.agent, policy)),
        gen_ai.USAGE: _json(ours.get("usage")),
        **_framework(ours.get("framework")),
        **{f"{gen_ai.LABEL}{label}": _flat(value) for label, value in labels.items()},
        gen_ai.CALL_ERROR: redaction.words(call.error, policy),
        gen_ai.CALL_END_REASON: redaction.words(call.end_reason, policy),
    }
    return known(told)


def openinference(call: Call) -> dict[str, Any]:
    """The same for OpenInference's readers."""
    told = {
        gen_ai.SPAN_KIND: "AGENT",
        gen_ai.SESSION: trace_rows.conversation(call.call_id),
        gen_ai.OI_AGENT: agent_name(call),
    }
    return known(told)


def unplaced_cost(call: Call, placed: Iterable[float]) -> dict[str, float]:
    """What language models cost that no exchange tells, in US dollars, for OpenInference's readers, who add up."""
    total = figure((call.cost or {}).get("llm"))
    placed = list(placed)
    if total is None:
        return {}
    rest = round(total - math.fsum(placed), 12)
    return {gen_ai.OI_COST: rest} if rest > _ROUNDING_USD or not placed else {}


def status(call: Call, policy: Policy) -> tuple[int, str]:
    """The span's status, and its message where words are told."""
    return (ERROR, redaction.words(call.error, policy) or "") if call.status == states.FAILED else (0, "")


def _framework(framework: object) -> dict[str, Any]:
    if not isinstance(framework, dict):
        return {}
    told = {gen_ai.FRAMEWORK: framework.get("name"), gen_ai.FRAMEWORK_VERSION: framework.get("version")}
    return {name: value for name, value in told.items() if isinstance(value, str)}


def _flat(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) else _json(value)


def _json(value: object) -> str | None:
    return wire.encode(value).decode() if value else None
