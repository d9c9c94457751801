"""A call as the rows of the index. Pure: the same record gives the same rows, whatever is in it.

Everything that leaves this module can be stored: texts without NUL and lone surrogates, whole numbers of at most 53
bits, finite fractions. What is beyond is unknown (None), as are lengths and amounts below zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from callscope.archive.envelope import day_of
from callscope.archive.reader import CallRecord
from callscope.archive.rows import usage_of as rows_usage
from callscope.archive.spend import CallSpend, call_spend
from callscope.index import call_waits
from callscope.index.fingerprint import fingerprint, pattern_of
from callscope.model import event as events
from callscope.model import wire
from callscope.model.call import IN_PROGRESS, Call, Problem
from callscope.model.cost import CostLine
from callscope.model.event import Event
from callscope.model.exchange import Exchange
from callscope.model.turn import Turn
from callscope.model.usage import sum_usage
from callscope.query.query import STAGES
from callscope.timeline.outcome import describe_error
from callscope.timeline.summary import Folded, fold_whole, recoveries, settled, worst_of

Value = str | int | float | None
Row = tuple[Value, ...]
Rows = tuple[Row, ...]
Details = tuple[tuple[str, ...], ...]
"""Turns, usage, cost lines, parts of waits and events as JSON: `A_BLOCK` of each in a row."""
_Used = tuple[str, str, str, int, int, Mapping[str, Any]]
Dimensions = tuple[str, str, str, str, str, str, str]
"""agent, version, provider, model, mode, status, environment; ``""`` when unknown."""

OF_THE_CALL: Final = -1
"""``seq`` of an error that no event tells of: the one at the top of the envelope of another writer's call."""
MAX_DOCUMENTS: Final = 1 << 20
A_BLOCK: Final = 256
"""Turns and others of a call in one row of ``detail``: a long call does not become one long text."""
_NESTED: Final = 500
"""Brackets from which on it is made sure that SQLite can read a block: it gives up on 1,000 that are open."""
_MOST: Final = 1 << 53
_NUMBERS: Final = frozenset({float, int, Decimal})
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
    event_types: str
    """The types of its events, each once, as a JSON array; of silences also ``silence/<kind>``, for those that only a
    reader finds, too."""
    services: str
    """Service, provider and model of what it used or was billed for, each once, as a JSON array."""
    billed: Rows
    """Service, provider, model and US dollars of each cost line."""
    waits: tuple[int | bytes, ...]
    """Of ``call_waits``."""
    labels: Rows
    exchanges: Rows
    tools: Rows
    errors: Rows
    problems: Rows
    details: Details
    documents: Rows
    """kind, seq, text."""


class _Events:
    """A call's events, and which of them are of a type."""

    def __init__(self, rows: Sequence[Event]) -> None:
        self._rows = rows
        self._kinds = [row.type for row in rows]
        self.names = {kind: _name(kind) for kind in set(self._kinds)}
        """Of each type that occurs, as it is stored."""

    def of(self, *kinds: str) -> list[tuple[int, Event]]:
        """Those of some types, each with its place."""
        if self.names.keys().isdisjoint(kinds):
            return []
        return [(place, self._rows[place]) for place, kind in enumerate(self._kinds) if kind in kinds]


def rows_of(record: CallRecord, *, path: str, stamp: str) -> CallRows:
    """The rows of one call. Never raises on what is in the record.

    Args:
        record: the call as it was read.
        path: its place below ``<root>/calls``, as ``2026/11/21/name``.
        stamp: what its files looked like when they were read.
    """
    call = record.call
    started_at_ms = call.started_at_ms if call.started_at_ms is not None else day_of(call.path) or 0
    timeline = fold_whole(call.started_at_ms, call.ended_at_ms, record.turns, record.events, call=call)
    exchanges = timeline.exchanges if call.status != IN_PROGRESS else settled(timeline.exchanges)
    events = _Events(record.events)
    names = events.names
    errors = tuple(_errors(record, events, started_at_ms))
    documents, said = _documents(record, events, errors)
    spend = call_spend(call, started_at_ms=started_at_ms, record=record)
    usage = tuple(_usage(record))
    cost_lines = tuple(map(_cost_line, spend.lines))
    waits = tuple(map(_exchange, exchanges))
    return CallRows(
        call=(
            storable(path),
            storable(call.call_id),
            started_at_ms,
            *_of_envelope(call),
            *_counts(exchanges),
            timeline.interruptions,
            len(errors),
            *_figures(timeline, exchanges, spend, call),
            len(record.problems),
            storable(stamp),
        ),
        dimensions=_dimensions(call, spend),
        event_types=_json(sorted({*names.values(), *_silences(timeline.silences)})),
        services=_json(sorted({each[:3] for each in (*usage, *cost_lines)})),
        billed=tuple([(*line[:3], line[-1]) for line in cost_lines]),
        waits=call_waits.row_of(waits),
        labels=tuple({_name(name): _words(value) for name, value in call.labels.items()}.items()),
        exchanges=waits,
        tools=tuple(_tools(events)),
        errors=errors,
        problems=tuple(_problem(seq, problem) for seq, problem in enumerate(record.problems)),
        details=_blocks(
            [_turn(turn, text) for turn, text in zip(record.turns, said, strict=True)],
            usage,
            cost_lines,
            [list(map(msgspec.structs.astuple, each.parts)) for each in exchanges],
            [(event.ts_ms, names[event.type], event.data) for event in record.events],
        ),
        documents=documents,
    )


def _of_envelope(call: Call) -> Row:
    return (
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
    )


def _figures(timeline: Folded, exchanges: Sequence[Exchange], spend: CallSpend, call: Call) -> Row:
    latency: Mapping[str, Any] = timeline.latency or call.latency or {}
    cost = spend.cost
    worst = worst_of(exchanges)
    return (
        *[_real(latency.get(name)) for name in _LATENCIES],
        None if worst is None else _real(worst.waited_ms),
        _real(cost.usd),
        cost.status if spend.lines else None,
        cost.unpriced,
        _lost(call),
        int(call.recording_path is not None),
    )


def _counts(exchanges: Sequence[Exchange]) -> tuple[int, int]:
    """How many there are, and how many of them nobody answered; greetings are none."""
    real = [each for each in exchanges if each.kind == "exchange"]
    return len(real), sum(each.answered_at_ms is None for each in real)


def _blocks(*columns: Sequence[object]) -> Details:
    longest = max(map(len, columns))
    return tuple(
        tuple(_shallow(column[first : first + A_BLOCK]) for column in columns) for first in range(0, longest, A_BLOCK)
    )


def _shallow(rows: Sequence[object]) -> str:
    """Rows as JSON that is not nested deeper than SQLite reads."""
    text = _json(rows)
    if text.count("[") + text.count("{") <= _NESTED + 2 * len(rows):
        return text
    return _json(wire.plain(rows))


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


def _turn(turn: Turn, text: str | int | None) -> Row:
    return (
        _whole(turn.turn_index),
        turn.ts_ms,
        _name(turn.role),
        text,
        None if turn.heard is None else storable(turn.heard),
        int(turn.interrupted),
        _real(turn.duration_ms),
        _dollars(turn.cost) if turn.cost else None,
    )


def _exchange(exchange: Exchange) -> Row:
    sums: dict[str, int] = {}
    for part in exchange.parts:
        sums[part.stage] = sums.get(part.stage, 0) + part.duration_ms
    return (
        exchange.index,
        exchange.kind,
        exchange.started_at_ms,
        _whole(exchange.answered_at_ms),
        _whole(exchange.response_ms),
        _whole(exchange.silence_ms),
        int(exchange.interrupted),
        *map(sums.get, STAGES),
        _whole(exchange.user_turn_index),
        _whole(exchange.agent_turn_index),
        _json(exchange.tools) if exchange.tools else None,
    )


def _silences(rows: Sequence[Event]) -> Iterator[str]:
    for row in rows:
        yield row.type
        yield f"{row.type}/{_name(row.data.get('kind'))}"


def _tools(found: _Events) -> Iterator[Row]:
    called: dict[str, int] = {}
    failed: dict[str, int] = {}
    by_id: dict[str, str] = {}
    for _, event in found.of(events.TOOL_CALL, events.TOOL_RESULT):
        if event.type == events.TOOL_CALL:
            name = _name(event.data.get("name"))
            called[name] = called.get(name, 0) + 1
            by_id[_name(event.data.get("tool_call_id"))] = name
        else:
            name = _name(event.data.get("name")) or by_id.get(_name(event.data.get("tool_call_id")), "")
            failed[name] = failed.get(name, 0) + (_name(event.data.get("outcome")) in _FAILED)
    for name in called | failed:
        failures = failed.get(name, 0)
        yield name, max(called.get(name, 0), failures), failures


def _usage(record: CallRecord) -> Iterator[_Used]:
    """As the envelope sums it up; of a call that goes on, and of one that never did, from its events or its rows."""
    told = record.call.callscope.get("usage")
    lines: dict[tuple[str, str, str], _Used] = {}
    for line in told if isinstance(told, list) else ():
        if isinstance(line, dict):
            key = (_name(line.get("service")) or "other", _name(line.get("provider")), _name(line.get("model")))
            units = line.get("units")
            reports, unreported = _count(line.get("reports")) or 0, _count(line.get("unreported_requests")) or 0
            lines[key] = (*key, reports, unreported, units if isinstance(units, dict) else {})
    if not lines:
        told_of = [event.data for event in record.events if event.type == events.USAGE]
        for summed in sum_usage(told_of or rows_usage(record.turns)):
            key = (_name(summed.service), _name(summed.provider), _name(summed.model))
            lines[key] = (*key, summed.reports, _count(summed.unreported_requests) or 0, summed.units)
    yield from lines.values()


def _cost_line(line: CostLine) -> Row:
    return (
        _name(line.service),
        _name(line.billed_by),
        _name(line.model),
        line.status,
        _maybe(line.unit),
        _real(line.quantity),
        _real(line.amount),
        _name(line.currency),
        _real(line.usd),
    )


def _errors(record: CallRecord, happened: _Events, started_at_ms: int) -> Iterator[Row]:
    """One row an error, the duplicates of one cause left out."""
    found = [(seq, event) for seq, event in happened.of(events.ERROR) if event.data.get("duplicate_of") is None]
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


def _documents(record: CallRecord, happened: _Events, errors: Rows) -> tuple[Rows, list[str | int | None]]:
    """What can be searched, in the order of the tables: turns, tools, errors; and of each turn where its text is.

    That is the number of its document, or, where it has none, the text itself.
    """
    found: list[Row] = []
    said: list[str | int | None] = []
    for seq, turn in enumerate(record.turns):
        text = _maybe(turn.text)
        if text and len(found) < MAX_DOCUMENTS:
            said.append(len(found))
            found.append((_name(turn.role), seq, text))
        else:
            said.append(text)
    others: list[tuple[str, int, str]] = []
    for seq, event in happened.of(events.TOOL_CALL, events.TOOL_RESULT):
        if event.type == events.TOOL_CALL:
            others.append(("arguments", seq, _words(event.data.get("arguments"))))
        else:
            others.append(("result", seq, _words(event.data.get("result"))))
            others.append(("error", seq, _words(event.data.get("message"))))
    others += [("error", int(str(row[0])), str(row[4])) for row in errors]
    found += [other for other in others if other[2]]
    return tuple(found[:MAX_DOCUMENTS]), said


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
    if type(value) not in _NUMBERS:
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return None
    return number if 0 <= number < _MOST else None  # which NaN is not


def _name(value: object) -> str:
    """A name as text of bounded length; ``""`` for anything else."""
    if not isinstance(value, str):
        return ""
    return _known(value) if len(value) <= _MAX_NAME else storable(value[:_MAX_NAME])


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


_known: Final = lru_cache(maxsize=4096)(storable)
"""For names, which are few and come again and again."""
