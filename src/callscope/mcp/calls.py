"""Calls: lists of them, what was said in them, and one of them whole."""

from __future__ import annotations

from typing import Any, Final

from callscope.archive.reader import CallRecord
from callscope.archive.spend import call_spend, cost_document
from callscope.index.calls import CallRow
from callscope.index.search import Hit
from callscope.mcp.answer import Answer
from callscope.mcp.archive import Archive
from callscope.model.event import WORD_KEYS, Event
from callscope.model.exchange import Exchange
from callscope.model.turn import Turn
from callscope.model.wire import format_ts
from callscope.redaction import phone
from callscope.timeline.summary import Timeline, summarise

_SEARCH_SECONDS: Final = 5.0
_MAX_EVENTS: Final = 200
_MAX_LABELS: Final = 30
_MAX_PROBLEMS: Final = 40
_SHORT: Final = 300


def list_calls(archive: Archive, query: str, limit: int, cursor: str | None) -> str:
    """A page of calls."""
    answer = Answer()
    asked = archive.query(query, limit=limit, cursor=cursor)
    page = archive.index(answer).calls(asked)
    rows = [_row(answer, row) for row in page.calls]
    return answer.json({"calls": rows, "next_cursor": page.next}, rows="calls")


def search_calls(archive: Archive, query: str, limit: int, cursor: str | None, *, best_first: bool) -> str:
    """A page of places where something was said."""
    answer = Answer()
    asked = archive.query(query, limit=limit, cursor=cursor)
    page = archive.index(answer).search(asked, ranked=best_first, seconds=_SEARCH_SECONDS)
    if not page.complete:
        answer.note(
            "the time was up before everything was searched: narrow it by time, as in since:7d, or use next_cursor"
        )
    hits = [_hit(answer, hit) for hit in page.hits]
    return answer.json({"hits": hits, "next_cursor": page.next}, rows="hits")


def show_call(archive: Archive, call: str, first_turn: int, turns: int, *, events: bool) -> str:
    """One call: facts, what went wrong, exchanges, transcript; with ``events``, these in place of the transcript."""
    answer = Answer()
    record = archive.record(call)
    timeline = timeline_of(record)
    document: dict[str, Any] = {
        "call": facts(answer, record),
        "latency_ms": record.call.latency or timeline.latency,
    }
    document["problems"] = [
        {"at": _moment(each.at_ms), "kind": each.kind, "text": answer.words(each.text, most=_SHORT)}
        for each in timeline.problems[:_MAX_PROBLEMS]
    ]
    if record.problems:
        answer.note(f"{len(record.problems)} rows or files of the call cannot be read: callscope verify says which")
    document["exchanges"] = len([each for each in timeline.exchanges if each.kind == "exchange"])
    if events:
        part = record.events[first_turn : first_turn + _MAX_EVENTS]
        document |= _page("events", first_turn, len(part), len(record.events))
        document["events"] = [_event(answer, event) for event in part]
        return answer.json(document, rows="events")
    said = record.turns[first_turn : first_turn + turns]
    document |= _page("turns", first_turn, len(said), len(record.turns))
    waits = {each.agent_turn_index: each for each in timeline.exchanges}
    document["turns"] = [_turn(answer, turn, waits.get(turn.turn_index)) for turn in said]
    return answer.json(document, rows="turns")


def timeline_of(record: CallRecord) -> Timeline:
    """What the call's rows add up to."""
    call = record.call
    return summarise(call.started_at_ms, call.ended_at_ms, record.turns, record.events, call=call)


def facts(answer: Answer, record: CallRecord) -> dict[str, Any]:
    """What is known of a call beside its rows. Numbers are masked, whoever wrote them."""
    call = record.call
    ours = call.callscope or {}
    return {
        "call_id": answer.name(call.call_id),
        "directory": call.path,
        "status": call.status,
        "started_at": _moment(call.started_at_ms),
        "duration_ms": call.duration_ms,
        "end_reason": answer.words(ours.get("end_reason"), most=_SHORT),
        "error": answer.words(call.error),
        "direction": call.direction,
        "caller": _party(call.caller),
        "callee": _party(call.callee),
        "telephony_provider": answer.name(call.telephony_provider),
        "provider_mode": answer.name(call.provider_mode),
        "agent": {
            str(answer.name(key)): answer.name(value)
            for key, value in (call.agent or {}).items()
            if isinstance(value, str | int | float)
        },
        "labels": {
            str(answer.name(key)): answer.name(value) for key, value in list((call.labels or {}).items())[:_MAX_LABELS]
        },
        **_cost(record),
        "lost_rows": ours.get("lost") or None,
    }


def _cost(record: CallRecord) -> dict[str, Any]:
    """What the call cost, by the keys of a list's rows, and what that is made of."""
    call = record.call
    spend = call_spend(call, started_at_ms=call.started_at_ms or 0, record=record)
    known = cost_document(call, spend)
    return {
        "cost_usd": None if known["cost"] is None else float(spend.cost.usd or 0),
        "cost_is_at_least": spend.cost.unpriced > 0,
        "cost_by_service": {name: usd for name, usd in (known["cost"] or {}).items() if name != "total"} or None,
        "cost_status": known["cost_status"],
    }


def _row(answer: Answer, row: CallRow) -> dict[str, Any]:
    return {
        "call_id": answer.name(row.call_id),
        "path": row.path,
        "started_at": _moment(row.started_at_ms),
        "duration_ms": row.duration_ms,
        "status": row.status,
        "agent": answer.name(row.agent),
        "version": answer.name(row.version),
        "model": answer.name(row.model),
        "environment": answer.name(row.environment),
        "turns": row.turns,
        "exchanges": row.exchanges,
        "unanswered": row.unanswered,
        "interruptions": row.interruptions,
        "errors": row.errors,
        "response_p95_ms": row.p95_ms,
        "worst_wait_ms": row.worst_ms,
        "cost_usd": row.cost_usd,
        "cost_is_at_least": row.unpriced > 0,
        "reason": answer.words(row.reason, most=_SHORT),
        "error": answer.words(row.error, most=_SHORT),
    }


def _hit(answer: Answer, hit: Hit) -> dict[str, Any]:
    return {
        "call_id": answer.name(hit.call_id),
        "path": hit.path,
        "started_at": _moment(hit.started_at_ms),
        "who": hit.kind,
        "turn_index": hit.turn_index,
        "text": answer.words(hit.snippet),
    }


def _turn(answer: Answer, turn: Turn, exchange: Exchange | None) -> dict[str, Any]:
    told: dict[str, Any] = {
        "index": turn.turn_index,
        "at": _moment(turn.ts_ms),
        "role": turn.role,
        "text": answer.words(turn.text),
    }
    if turn.interrupted:
        told |= {"interrupted": True, "heard": answer.words(turn.heard)}
    if exchange is not None:
        told |= {"exchange": exchange.index, "caller_waited_ms": exchange.response_ms}
    return told


def _event(answer: Answer, event: Event) -> dict[str, Any]:
    told = {
        str(answer.name(key)): answer.words(value, most=_SHORT)
        if key in WORD_KEYS or not isinstance(value, int | float | bool | None)
        else value
        for key, value in event.data.items()
    }
    return {"at": _moment(event.ts_ms), "type": answer.name(event.type), "data": told}


def _page(what: str, first: int, shown: int, total: int) -> dict[str, Any]:
    return {"page": {"of": what, "first": first, "shown": shown, "total": total}}


def _party(number: str | None) -> str | None:
    if not number:
        return None
    return number if phone.is_masked(number) else phone.mask(number)


def _moment(ts_ms: int | None) -> str | None:
    return None if ts_ms is None else format_ts(ts_ms)
