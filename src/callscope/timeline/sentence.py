"""What happened in a call, as one line for a person: facts only, never words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from callscope.model import event as types

CALL_STARTED: Final = "call_started"
CALL_OVER: Final = "call_over"
TURN: Final = "turn"
SILENCE: Final = "silence"
WITH_SERVICE: Final = frozenset({types.ERROR, types.WARNING, types.ERROR_RECOVERED})
"""Types whose stage and provider are shown beside the sentence."""

Facts = Mapping[str, Any]


def of(event_type: str, data: Facts) -> str:
    """The sentence."""
    make = _SENTENCES.get(event_type)
    if make is None:
        facts = ", ".join(f"{key} {value}" for key, value in data.items() if _is_short(value))
        return f"{event_type.replace('_', ' ')}{': ' if facts else ''}{facts}"
    return make(data)


def _started(data: Facts) -> str:
    raw = data.get("agent")
    agent = raw if isinstance(raw, Mapping) else {}
    about = [data.get("direction"), data.get("telephony_provider"), agent.get("name") or agent.get("model")]
    return _joined("call started", about)


def _over(data: Facts) -> str:
    raw = data.get("cost")
    cost = raw.get("total") if isinstance(raw, Mapping) else None
    about = [
        _seconds(data.get("duration_ms"), "{}"),
        _count(data.get("turns"), "turn"),
        *_cost(cost, data.get("cost_status")),
        _seconds(data.get("worst_wait_ms"), "longest wait {}"),
        f"lost {sum(data['lost'].values()):,} rows" if isinstance(data.get("lost"), Mapping) and data["lost"] else None,
        data.get("reason"),
    ]
    return _joined(f"call over: {data.get('status') or 'unknown'}", about)


def _cost(usd: object, status: object) -> tuple[str | None, ...]:
    """What is known of the cost: a sum, how far to trust it; of one that nothing is known of no sum."""
    if status not in (None, "priced", "estimated", "not_billed") and not usd:
        return ("cost unpriced" if status == "partial" else f"cost {_plain(status)}",)
    complete = status in (None, "priced", "estimated", "not_billed")
    return _dollars(usd, complete=complete), None if status in (None, "priced") else f"cost {_plain(status)}"


def _plain(word: object) -> str:
    return str(word).replace("_", " ")


def _ended(data: Facts) -> str:
    by = f" by the {data['initiator']}" if data.get("initiator") else ""
    return f"call ended{by}{': ' + str(data['reason']) if data.get('reason') else ''}"


def _turn(data: Facts) -> str:
    index = data.get("turn_index")
    name = f"turn {index}" if index is not None else "turn"
    raw = data.get("latency")
    latency = raw if isinstance(raw, Mapping) else {}
    said = f"{name} {data.get('role') or ''} {_count(data.get('characters'), 'character') or ''}".rstrip()
    about = [
        _seconds(latency.get("response_ms"), "waited {}"),
        "interrupted" if data.get("interrupted") else None,
    ]
    return ", ".join([said, *[each for each in about if each]])


def _tool_call(data: Facts) -> str:
    return f"tool {data.get('name') or '?'} called"


def _tool_result(data: Facts) -> str:
    took = _seconds(data.get("duration_ms"), "after {}")
    parts = (f"tool {data.get('name') or '?'}", data.get("outcome") or "returned", took)
    return " ".join(part for part in parts if part)


def _barge_in(data: Facts) -> str:
    heard, made = data.get("heard_characters"), data.get("generated_characters")
    of_all = f": {heard} of {made} characters were heard" if _is_number(heard) and _is_number(made) else ""
    return f"the caller interrupted{of_all}"


def _usage(data: Facts) -> str:
    service = " ".join(str(data[key]) for key in ("service", "provider", "model") if data.get(key))
    units = [f"{key} {value:,}" for key, value in data.items() if _is_number(value) and value]
    return _joined(f"usage {service}", units)


def _error(data: Facts) -> str:
    message = str(data.get("message") or data.get("category") or "unknown").splitlines()
    kind = data.get("type")
    said = message[-1] if message else ""
    return f"error: {said}" if not kind or said.startswith(str(kind)) or str(kind) in said else f"error: {kind}: {said}"


def _warning(data: Facts) -> str:
    return f"warning: {data.get('message') or data.get('code') or 'unknown'}"


def _silence(data: Facts) -> str:
    lasted = next((data[key] for key in ("waited_ms", "duration_ms") if _is_number(data.get(key))), None)
    return _joined(f"silence: {str(data.get('kind') or 'unknown').replace('_', ' ')}", [_seconds(lasted, "{}")])


def _budget(data: Facts) -> str:
    spent, limit = data.get("spent_usd"), data.get("limit_usd")
    sums = f": {_dollars(spent, complete=True)} of {_dollars(limit, complete=True)}" if _is_number(limit) else ""
    return f"budget {data.get('budget')} at {data.get('threshold_percent')} %{sums}"


def _recovered(data: Facts) -> str:
    return f"{data.get('stage') or data.get('processor') or 'a stage'} works again"


_SENTENCES: Final[dict[str, Callable[[Facts], str]]] = {
    CALL_STARTED: _started,
    CALL_OVER: _over,
    TURN: _turn,
    SILENCE: _silence,
    types.CALL_ENDED: _ended,
    types.TOOL_CALL: _tool_call,
    types.TOOL_RESULT: _tool_result,
    types.BARGE_IN: _barge_in,
    types.USAGE: _usage,
    types.ERROR: _error,
    types.WARNING: _warning,
    types.BUDGET: _budget,
    types.ERROR_RECOVERED: _recovered,
}


def _joined(begin: str, parts: list[Any]) -> str:
    said = [str(part) for part in parts if part]
    return f"{begin}, {', '.join(said)}" if said else begin


def _dollars(usd: object, *, complete: bool) -> str | None:
    """Three digits that count, however small."""
    if not _is_number(usd):
        return None
    return f"{'' if complete else '≥ '}${Decimal(f'{usd:.3g}'):f}"


def _seconds(milliseconds: object, form: str) -> str | None:
    return form.format(f"{milliseconds / 1000:.2f} s") if _is_number(milliseconds) else None  # type: ignore[operator]  # it is one


def _count(number: object, noun: str) -> str | None:
    return f"{number:,} {noun}{'' if number == 1 else 's'}" if _is_number(number) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_short(value: object) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and 0 < len(value) <= 64)  # noqa: PLR2004 -- a word
