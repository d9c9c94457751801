"""Why a caller waited: the parts of a wait, whose each is, and what else happened meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from callscope.errors import NotFoundError
from callscope.mcp.answer import Answer
from callscope.mcp.archive import Archive
from callscope.mcp.calls import facts, timeline_of
from callscope.model import event as kinds
from callscope.model.event import Event
from callscope.model.exchange import Exchange, Part
from callscope.model.turn import Turn
from callscope.model.wire import format_ts
from callscope.report.safe_text import clean
from callscope.timeline.summary import worst_of

OWNERS: Final = {
    "service": "a provider: another model, region or plan; a shorter prompt",
    "setting": "a setting of yours, as the silence that ends a turn",
    "code": "your own code, as a tool",
    "pipeline": "the framework, or your code inside it",
    "unknown": "nobody told what happened here",
}
_MEANWHILE: Final = frozenset({kinds.ERROR, kinds.WARNING, kinds.SILENCE, kinds.SERVICE_SWITCHED, kinds.TOOL_RESULT})
_MAX_MEANWHILE: Final = 20
_MAX_OTHERS: Final = 60


def explain_wait(archive: Archive, call: str, exchange: int | None) -> str:
    """One wait of a call in its parts; the longest one when none is named."""
    answer = Answer()
    record = archive.record(call)
    timeline = timeline_of(record)
    chosen = _chosen(timeline.exchanges, exchange, call)
    document: dict[str, Any] = {"call": {k: v for k, v in facts(answer, record).items() if k in _OF_CALL}}
    if chosen is None:
        answer.note(
            "no wait of this call is known: it has no exchange with an answer, or nobody told when the sides spoke"
        )
        return answer.json(document)
    document |= {
        "summary": clean(_sentence(chosen)),
        "exchange": _exchange(chosen),
        "parts": [_part(answer, part, chosen.response_ms) for part in chosen.parts],
        "owner_kinds": {kind: OWNERS[kind] for kind in {part.owner_kind for part in chosen.parts}},
        "said": [_said(answer, turn) for turn in record.turns if turn.turn_index in _turns(chosen)],
        "meanwhile": _meanwhile(answer, record.events, chosen),
        "all_waits": [
            {"exchange": each.index, "waited_ms": each.waited_ms, "answered": each.answered_at_ms is not None}
            for each in timeline.exchanges[:_MAX_OTHERS]
            if each.kind == "exchange"
        ],
    }
    if len(timeline.exchanges) > _MAX_OTHERS:
        answer.note(f"all_waits has the first {_MAX_OTHERS} of {len(timeline.exchanges)} exchanges")
    return answer.json(document, rows="all_waits")


_OF_CALL: Final = frozenset({"call_id", "directory", "status", "started_at", "duration_ms", "agent", "labels", "error"})


def _chosen(exchanges: Sequence[Exchange], index: int | None, call: str) -> Exchange | None:
    if index is None:
        return worst_of(exchanges)
    found = next((each for each in exchanges if each.index == index), None)
    if found is None:
        has = f"0 to {exchanges[-1].index}" if exchanges else "none"
        raise NotFoundError(f"call {call} has no exchange {index}: it has {has}")
    return found


def _sentence(exchange: Exchange) -> str:
    if exchange.response_ms is None:
        waited = "an unknown time" if exchange.silence_ms is None else f"{exchange.silence_ms:,} ms"
        return f"The caller was not answered: {waited} of silence, until the caller spoke again or the call ended."
    said = f"The caller waited {exchange.response_ms:,} ms for the answer."
    longest = max(exchange.parts, key=lambda part: part.duration_ms, default=None)
    if longest is None or not exchange.response_ms:
        return said
    share = round(100 * longest.duration_ms / exchange.response_ms)
    owner = f" of {longest.owner}" if longest.owner else ""
    return (
        f"{said} Most of it, {longest.duration_ms:,} ms ({share} %), is {longest.label}{owner} ({longest.owner_kind})."
    )


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "index": exchange.index,
        "kind": exchange.kind,
        "waited_ms": exchange.waited_ms,
        "answered": exchange.answered_at_ms is not None,
        "wait_from": exchange.wait_from,
        "wait_from_at": None if exchange.wait_from_ms is None else format_ts(exchange.wait_from_ms),
        "interrupted": exchange.interrupted,
    }


def _part(answer: Answer, part: Part, response_ms: int | None) -> dict[str, Any]:
    return {
        "stage": part.stage,
        "label": answer.name(part.label),
        "owner": answer.name(part.owner),
        "owner_kind": part.owner_kind,
        "start_ms": part.start_ms,
        "duration_ms": part.duration_ms,
        "share_percent": round(100 * part.duration_ms / response_ms, 1) if response_ms else None,
    }


def _turns(exchange: Exchange) -> set[int]:
    found = (exchange.user_turn_index, exchange.agent_turn_index)
    return {index for index in found if index is not None}


def _said(answer: Answer, turn: Turn) -> dict[str, Any]:
    return {"role": turn.role, "text": answer.words(turn.text)}


def _meanwhile(answer: Answer, events: Sequence[Event], exchange: Exchange) -> list[dict[str, Any]]:
    """Errors, warnings and results of tools between the caller's last sound and the answer."""
    since_ms = exchange.wait_from_ms
    if since_ms is None:
        return []
    until_ms = exchange.answered_at_ms or since_ms + (exchange.silence_ms or 0)
    found = [each for each in events if each.type in _MEANWHILE and each.ts_ms is not None]
    within = [(each.ts_ms, each) for each in found if each.ts_ms is not None and since_ms <= each.ts_ms <= until_ms]
    return [
        {
            "after_ms": at_ms - since_ms,
            "type": each.type,
            "name": answer.name(each.data.get("name") or each.data.get("code") or each.data.get("kind")),
            "message": answer.words(each.data.get("message")),
            "outcome": answer.name(each.data.get("outcome")),
        }
        for at_ms, each in within[:_MAX_MEANWHILE]
    ]
