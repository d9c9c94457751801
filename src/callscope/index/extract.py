"""A call as the rows of the index. Pure: the same record gives the same rows, whatever is in it.

Everything that leaves this module can be stored: texts without NUL and lone surrogates, whole numbers of at most 53
bits, finite fractions. What is beyond is unknown (None), as are lengths and amounts below zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from callscope.archive.envelope import day_of
from callscope.archive.reader import CallRecord
from callscope.archive.spend import CallSpend, call_spend
from callscope.index.fingerprint import fingerprint, pattern_of
from callscope.model import event as events
from callscope.model import wire
from callscope.model.call import IN_PROGRESS, Call, Problem
from callscope.model.event import Event
from callscope.model.exchange import Exchange
from callscope.model.turn import Turn
from callscope.model.usage import sum_usage
from callscope.query.query import STAGES
from callscope.timeline.outcome import describe_error
from callscope.timeline.summary import recoveries, summarise

Value = str | int | float | None
Row = tuple[Value, ...]
Rows = tuple[Row, ...]
Dimensions = tuple[str, str, str, str, str, str, str]
"""agent, version, provider, model, mode, status, environment; ``""`` when unknown."""

OF_THE_CALL: Final = -1
"""``seq`` of an error that no event tells of: the one at the top of the envelope of another writer's call."""
MAX_DOCUMENTS: Final = 1 << 20
_MOST: Final = 1 << 53
_MAX_NAME: Final = 200
"""Characters of a name: of a tool, a provider, a label's name, an agent."""
_LATENCIES: Final = ("p50_ms", "p95_ms", "p99_ms")
_FAILED: Final = frozenset({"failed", "timed_out"})


class CallRows(NamedTuple):
    """One call's rows, in the order of the tables' columns.

    All without the call's number, which leads every row but those of ``call`` (where it is ``id``). The number of a
    document is its place here.
    """

    call: Row
    """Of ``call``, without ``dimensions``."""
    dimensions: Dimensions
    labels: Rows
    turns: Rows
    exchanges: Rows
    events: Rows
    tools: Rows
    usage: Rows
    cost_lines: Rows
    errors: Rows
    problems: Rows
    documents: Rows
    """kind, seq, text."""


def rows_of(record: CallRecord, *, path: str, stamp: str) -> CallRows:
    """The rows of one call. Never raises on what is in the record.

    Args:
        record: the call as it was read.
        path: its place below ``<root>/calls``, as ``2026/11/21/name``.
        stamp: what its files looked like when they were read.
    """
    call = record.call
    started_at_ms = call.started_at_ms if call.started_at_ms is not None else day_of(call.path) or 0
    timeline = summarise(call.started_at_ms, call.ended_at_ms, record.turns, record.events)
    exchanges = timeline.exchanges
    if call.status == IN_PROGRESS and exchanges and exchanges[-1].answered_at_ms is None:
        exchanges = exchanges[:-1]  # it is being answered
    errors = tuple(_errors(record, started_at_ms))
    spend = call_spend(call, started_at_ms=started_at_ms)
    latency: Mapping[str, Any] = timeline.latency or call.latency or {}
    cost = spend.cost
    row: Row = (
        storable(path),
        storable(call.call_id),
        started_at_ms,
        call.ended_at_ms,
        _real(call.duration_ms),
        _name(call.status),
        _maybe(call.end_reason),
        _maybe(call.error),
        _maybe(call.direction),
        _maybe(call.caller),
        _maybe(call.callee),
        _maybe(call.trace_id),
        _maybe(call.telephony_provider),
        _count(call.turns),
        sum(each.kind == "exchange" for each in exchanges),
        sum(each.kind == "exchange" and each.answered_at_ms is None for each in exchanges),
        timeline.interruptions,
        len(errors),
        *(_real(latency.get(name)) for name in _LATENCIES),
        _real(timeline.worst_wait_ms),
        _real(cost.usd),
        cost.status if spend.lines else None,
        cost.unpriced,
        _lost(call),
        int(call.recording_path is not None),
        len(record.problems),
        storable(stamp),
    )
    return CallRows(
        call=row,
        dimensions=_dimensions(call, spend),
        labels=tuple({_name(name): _words(value) for name, value in call.labels.items()}.items()),
        turns=tuple(_turn(seq, turn) for seq, turn in enumerate(record.turns)),
        exchanges=tuple(_exchange(each) for each in exchanges),
        events=tuple(
            (seq, event.ts_ms, _name(event.type), _json(event.data)) for seq, event in enumerate(record.events)
        ),
        tools=tuple(_tools(record.events)),
        usage=tuple(_usage(record)),
        cost_lines=tuple(_cost_lines(spend)),
        errors=errors,
        problems=tuple(_problem(seq, problem) for seq, problem in enumerate(record.problems)),
        documents=tuple(_documents(record, errors)),
    )


def _dimensions(call: Call, spend: CallSpend) -> Dimensions:
    labels, agent = call.labels, call.agent
    return (
        _name(spend.agent),
        _label(labels, "agent_version", "version"),
        _name(agent.get("provider")),
        _name(agent.get("model")),
        _name(call.provider_mode),
        _name(call.status),
        _label(labels, "environment", "env"),
    )


def _label(labels: Mapping[str, Any], *names: str) -> str:
    """The first of some labels that is set, as a name."""
    for name in names:
        value = labels.get(name)
        if value is not None and value != "":
            return _words(value)[:_MAX_NAME]
    return ""


def _turn(seq: int, turn: Turn) -> Row:
    return (
        seq,
        _whole(turn.turn_index),
        turn.ts_ms,
        _name(turn.role),
        _maybe(turn.text),
        _maybe(turn.heard),
        int(turn.interrupted),
        _real(turn.duration_ms),
        _dollars(turn.cost),
    )


def _exchange(exchange: Exchange) -> Row:
    sums: dict[str, int] = {}
    for part in exchange.parts:
        sums[part.stage] = sums.get(part.stage, 0) + part.duration_ms
    return (
        exchange.index,
        exchange.kind,
        exchange.started_at_ms,
        exchange.answered_at_ms,
        _whole(exchange.response_ms),
        _whole(exchange.silence_ms),
        int(exchange.interrupted),
        *(_whole(sums.get(stage)) for stage in STAGES),
        _whole(exchange.user_turn_index),
        _whole(exchange.agent_turn_index),
        _json(exchange.tools) if exchange.tools else None,
        _json(exchange.parts) if exchange.parts else None,
    )


def _tools(rows: Sequence[Event]) -> Iterator[Row]:
    called: dict[str, int] = {}
    failed: dict[str, int] = {}
    by_id: dict[str, str] = {}
    for event in rows:
        if event.type == events.TOOL_CALL:
            name = _name(event.data.get("name"))
            called[name] = called.get(name, 0) + 1
            by_id[_name(event.data.get("tool_call_id"))] = name
        elif event.type == events.TOOL_RESULT:
            name = _name(event.data.get("name")) or by_id.get(_name(event.data.get("tool_call_id")), "")
            failed[name] = failed.get(name, 0) + (_name(event.data.get("outcome")) in _FAILED)
    for name in called | failed:
        failures = failed.get(name, 0)
        yield name, max(called.get(name, 0), failures), failures


def _usage(record: CallRecord) -> Iterator[Row]:
    """As the envelope sums it up; of a call that goes on, and of one that never did, from its events."""
    told = record.call.callscope.get("usage")
    lines: dict[tuple[str, str, str], Row] = {}
    for line in told if isinstance(told, list) else ():
        if isinstance(line, dict):
            key = (_name(line.get("service")) or "other", _name(line.get("provider")), _name(line.get("model")))
            units = line.get("units")
            reports, unreported = _count(line.get("reports")) or 0, _count(line.get("unreported_requests")) or 0
            lines[key] = (*key, reports, unreported, _json(units if isinstance(units, dict) else {}))
    if not lines:
        for summed in sum_usage(event.data for event in record.events if event.type == events.USAGE):
            key = (_name(summed.service), _name(summed.provider), _name(summed.model))
            lines[key] = (*key, summed.reports, _count(summed.unreported_requests) or 0, _json(summed.units))
    yield from lines.values()


def _cost_lines(spend: CallSpend) -> Iterator[Row]:
    for seq, line in enumerate(spend.lines):
        yield (
            seq,
            _name(line.service),
            _name(line.provider),
            _name(line.model),
            line.status,
            _maybe(line.unit),
            _real(line.quantity),
            _real(line.amount),
            _name(line.currency),
            _real(line.usd),
        )


def _errors(record: CallRecord, started_at_ms: int) -> Iterator[Row]:
    """One row an error, the duplicates of one cause left out."""
    found = [
        (seq, event)
        for seq, event in enumerate(record.events)
        if event.type == events.ERROR and event.data.get("duplicate_of") is None
    ]
    if found:
        recovered = recoveries(record.events)
        for seq, event in found:
            over = event.data.get("recovered") is True or _name(event.data.get("error_id")) in recovered
            yield _error(seq, event.ts_ms, event.data, recovered=over)
    elif record.call.error and not record.call.callscope:
        moment = record.call.ended_at_ms if record.call.ended_at_ms is not None else started_at_ms
        yield _error(OF_THE_CALL, moment, {"message": record.call.error}, recovered=False)


def _error(seq: int, ts_ms: int | None, data: Mapping[str, Any], *, recovered: bool) -> Row:
    message = storable(describe_error(data))
    stage, provider = _name(data.get("stage")), _name(data.get("provider"))
    exception_type, pattern = _name(data.get("exception_type")), pattern_of(message)
    return (
        seq,
        ts_ms,
        fingerprint(provider=provider, stage=stage, exception_type=exception_type, pattern=pattern),
        pattern,
        message,
        stage,
        provider,
        exception_type,
        _name(data.get("category")),
        int(recovered),
    )


def _problem(seq: int, problem: Problem) -> Row:
    return seq, storable(problem.file), problem.line, storable(problem.message)


def _documents(record: CallRecord, errors: Rows) -> Iterator[Row]:
    """What can be searched, in the order of the tables: turns, tools, errors."""
    found: list[tuple[str, int, str]] = [
        (_name(turn.role), seq, turn.text) for seq, turn in enumerate(record.turns) if turn.text
    ]
    for seq, event in enumerate(record.events):
        if event.type == events.TOOL_CALL:
            found.append(("arguments", seq, _words(event.data.get("arguments"))))
        elif event.type == events.TOOL_RESULT:
            found.append(("result", seq, _words(event.data.get("result"))))
            found.append(("error", seq, _words(event.data.get("message"))))
    found += [("error", int(str(row[0])), str(row[4])) for row in errors]
    for kind, seq, text in found[:MAX_DOCUMENTS]:
        if text:
            yield kind, seq, storable(text)


def _lost(call: Call) -> int:
    lost = call.callscope.get("lost")
    return sum(_count(value) or 0 for value in lost.values()) if isinstance(lost, dict) else 0


def _dollars(cost: Mapping[str, Any] | None) -> float | None:
    """What a turn cost: its total, else the sum of its parts."""
    if not cost:
        return None
    total = _real(cost.get("total"))
    if total is not None:
        return total
    parts = [part for part in map(_real, cost.values()) if part is not None]
    return sum(parts) if parts else None


def _whole(value: int | None) -> int | None:
    return value if value is not None and -_MOST < value < _MOST else None


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value < 1_000_000_000 else None  # noqa: PLR2004 -- sums of it stay whole


def _real(value: object) -> float | None:
    """A length, a quantity or an amount as a float; None for what is none, and for what is below zero."""
    if value is None or isinstance(value, bool | str | dict | list):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and 0 <= number < _MOST else None


def _name(value: object) -> str:
    """A name as text of bounded length; ``""`` for anything else."""
    return storable(value[:_MAX_NAME]) if isinstance(value, str) and value else ""


def _maybe(value: str | None) -> str | None:
    return None if value is None else storable(value)


def _words(value: object) -> str:
    """Text as it is, nothing for nothing, any other value as JSON."""
    return "" if value is None else storable(value) if isinstance(value, str) else _json(value)


def _json(value: object) -> str:
    return wire.encode(value).decode()


def storable(value: str) -> str:
    """A text that can be stored and searched: U+FFFD in place of NUL and of lone surrogates."""
    if "\0" in value:
        value = value.replace("\0", "\ufffd")
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return value
