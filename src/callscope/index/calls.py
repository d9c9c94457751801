"""Pages of calls in any order, and one call.

A page begins after the last call of the page before (its place in the order, then its number), so calls that arrive
meanwhile neither repeat nor hide others. Calls whose place in the order is unknown come last, whatever the direction.

An order is walked in segments, each of which one index holds in its order: the calls with a value, then those
without; of counts that are mostly 0, those with some and those with none; of words, one word after the other, newest
calls first.
"""

from __future__ import annotations

import base64
import binascii
import sqlite3
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from callscope.errors import NotFoundError, SettingError
from callscope.index import regex
from callscope.index.compile import FROM, Compiled, Parameter, compile_query
from callscope.index.deadline import limited
from callscope.index.globs import clean
from callscope.index.grains import WHOLE
from callscope.index.matching import snapshot
from callscope.index.plan import as_rows, few_calls, narrowest
from callscope.query.query import SORTS, CallQuery

SECONDS: Final = 10.0
"""For a page."""
_NUMBERS: Final = {
    "started": "started_at_ms",
    "ended": "ended_at_ms",
    "duration": "duration_ms",
    "turns": "turns",
    "exchanges": "exchanges",
    "unanswered": "unanswered",
    "interruptions": "interruptions",
    "errors": "errors",
    "p50": "p50_ms",
    "p95": "p95_ms",
    "p99": "p99_ms",
    "worst": "worst_ms",
    "cost": "cost_usd",
}
_MOSTLY_NONE: Final = frozenset({"unanswered", "interruptions", "errors"})
_MOST_NAMED: Final = 5
"""Candidates that an error names."""
_LAST: Final = "\U0010ffff"


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
    """A call as a list shows it. Unknown is None; unknown names are empty."""

    id: int
    """Its number in this index."""
    path: str
    """Its directory, below ``<root>/calls``."""
    call_id: str
    started_at_ms: int
    """Unix milliseconds; the first moment of its day when the call does not say."""
    ended_at_ms: int | None
    duration_ms: float | None
    status: str
    agent: str
    version: str
    provider: str
    """Of the agent's model."""
    model: str
    mode: str
    environment: str
    direction: str | None
    caller: str | None
    callee: str | None
    telephony_provider: str | None
    trace_id: str | None
    turns: int | None
    exchanges: int
    unanswered: int
    interruptions: int
    errors: int
    silences: tuple[str, ...]
    """Kinds of what was not heard, each once; see `callscope.timeline.silence_words`."""
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    worst_ms: float | None
    """The longest that the caller waited in an exchange, answered or not."""
    worst_is_unanswered: bool
    """That wait ended without an answer."""
    cost_usd: float | None
    """The sum of what is known; a lower bound where ``unpriced`` is above 0."""
    cost_status: str | None
    unpriced: int
    lost: int
    recorded: bool
    problems: int
    reason: str | None
    """Why it ended."""
    error: str | None
    error_pattern: str | None
    """Of the first error that nothing recovered from: its message without its variable parts."""


class CallPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some calls of a query, in its order."""

    calls: tuple[CallRow, ...]
    next: str | None
    """Cursor of the page that follows; None when there is none."""
    total: int | None = None
    """Calls on all pages; None when it was not asked for."""


class Segment(NamedTuple):
    """A part of an order."""

    name: str
    """In a cursor."""
    condition: str
    order: str
    """The column; then the number decides."""
    descending: bool
    held_by: str | None
    """The index with it in its order; None: the numbers of the calls themselves."""
    value: Parameter | None = None
    """What the condition compares with, as ``:segment``."""
    source: str | None = None
    """Where an index names its calls."""


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a page ended."""

    sort: str
    descending: bool
    segment: str
    place: float | int
    number: int


_OF_DIMENSIONS: Final = frozenset({"agent", "version", "provider", "model", "mode", "environment"})
_IS_UNANSWERED: Final = (
    "c.unanswered > 0 AND EXISTS (SELECT 1 FROM exchange WHERE call = c.id AND kind = 'exchange' "
    "AND response_ms IS NULL AND silence_ms >= c.worst_ms)"
)
_ERROR_PATTERN: Final = (
    "CASE WHEN c.errors > 0 THEN "
    "(SELECT pattern FROM error WHERE call = c.id AND NOT recovered ORDER BY seq LIMIT 1) END"
)
_SILENCES: Final = (
    "(SELECT group_concat(substr(t.value, 9), ' ') FROM event_types AS e CROSS JOIN json_each(e.types) AS t "
    "WHERE e.id = c.event_types AND e.types LIKE '%\"silence/%' AND t.value LIKE 'silence/%')"
)
_RENAMED: Final = {
    "silences": _SILENCES,
    "recorded": "c.has_recording",
    "reason": "c.end_reason",
    "worst_is_unanswered": _IS_UNANSWERED,
    "error_pattern": _ERROR_PATTERN,
}
_COLUMNS: Final = ", ".join(
    _RENAMED.get(name, f"d.{name}" if name in _OF_DIMENSIONS else f"c.{name}") for name in CallRow.__struct_fields__
)


def calls(db: sqlite3.Connection, query: CallQuery, *, count: bool = False) -> CallPage:
    """A page of calls.

    Args:
        db: see `callscope.index.database.readable`.
        query: which calls, in which order, how many, after which cursor.
        count: say how many there are on all pages; costs a look at each.

    Raises:
        SettingError: no such order, a cursor of another order, a question that takes more than `SECONDS`, or see
            `callscope.index.compile.compile_query`.
    """
    if query.sort not in SORTS:
        raise SettingError(f"no order {query.sort!r}: calls are sorted by {', '.join(SORTS)}")
    regex.install(db)
    cursor = None if query.cursor is None else _decoded(query.cursor, query)
    compiled = compile_query(query, words=True, one_by_one=True)
    rows: list[tuple[Any, ...]] = []
    places: list[tuple[str, Any]] = []
    with limited(db, SECONDS), snapshot(db):
        in_order = query.sort == "started"  # the time's calls are one piece of it
        sources = compiled.sources if in_order or compiled.time is None else (*compiled.sources, compiled.time)
        few = few_calls(db, sources, compiled.parameters)
        for segment in _from(cursor, segments_of(db, query, cursor)):
            after = cursor if cursor is not None and cursor.segment == segment.name else None
            found = page_after(db, compiled, segment, few, after, limit=query.limit + 1 - len(rows))
            rows += [row[1:] for row in found]
            places += [(segment.name, row[0]) for row in found]
            if len(rows) > query.limit:
                break
        total = count_calls(db, query, few) if count else None
    shown = tuple(row_of(row) for row in rows[: query.limit])
    follows = None
    if len(rows) > query.limit:
        name, place = places[query.limit - 1]
        follows = _encoded(Cursor(query.sort, query.descending, name, place, shown[-1].id))
    return CallPage(calls=shown, next=follows, total=total)


def count_calls(db: sqlite3.Connection, query: CallQuery, few: list[int] | None = None) -> int:
    """How many calls a query finds. ``few``: see `callscope.index.plan.few_calls`."""
    compiled = compile_query(query, words=True, one_by_one=few is not None)
    parameters: dict[str, Parameter] = dict(compiled.parameters)
    table, named = "call AS c", ""
    if few is not None:
        parameters["few"] = as_rows(few)
        table = "json_each(:few) AS few CROSS JOIN call AS c ON c.id = few.value"
    elif len(compiled.sources) > 1 and (source := narrowest(db, compiled.sources, compiled.parameters)) is not None:
        named = f"WITH named (id) AS ({source}), once (id) AS (SELECT DISTINCT id FROM named) "  # noqa: S608 -- from the compiler
        table = "once AS c" if compiled.by_number else "once CROSS JOIN call AS c ON c.id = once.id"
    statement = f"{named}SELECT count(*) FROM {table} WHERE {compiled.where}"  # noqa: S608 -- as above
    return int(db.execute(statement, parameters).fetchone()[0])


def call(db: sqlite3.Connection, name: str) -> CallRow:
    """One call: by its id, the name of its directory, the beginning of either, or its place as ``2026/11/21/name``.

    Raises:
        NotFoundError: there is none, or more than one; the message names candidates.
    """
    asked = clean(name).strip().rstrip("/")
    place = "/".join(asked.split("/")[-4:])
    for condition, values in (
        ("c.path = ?", (place,)),
        ("c.call_id = ? COLLATE NOCASE AND c.call_id = ?", (asked, asked)),
        ("substr(c.path, 12) = ?", (asked,)),
        ("c.call_id >= ? COLLATE NOCASE AND c.call_id < ? COLLATE NOCASE", (asked, asked + _LAST)),
        ("substr(c.path, 12, length(?)) = ?", (asked, asked)),
    ):
        if not asked:
            break
        found = db.execute(
            f"SELECT {_COLUMNS} FROM {FROM} WHERE {condition} LIMIT {_MOST_NAMED + 1}",  # noqa: S608 -- constants of ours
            values,
        ).fetchall()
        if len(found) == 1:
            return row_of(found[0])
        if found:
            paths = [row_of(row).path for row in found]
            more = ", ..." if len(paths) > _MOST_NAMED else ""
            raise NotFoundError(f"{name!r} could be {', '.join(paths[:_MOST_NAMED])}{more}: give one of these")
    raise NotFoundError(f"there is no call {name!r} in the index")


def segments_of(db: sqlite3.Connection, query: CallQuery, cursor: Cursor | None) -> Iterator[Segment]:
    """The segments of a query's order, from the one on in which ``cursor`` is."""
    descending = query.descending
    if query.sort == "started":
        yield Segment("all", "1", "c.started_at_ms", descending, "call_by_start")
    elif query.sort in {"status", "agent"}:
        yield from _words_segments(db, query, cursor)
    elif query.sort in _MOSTLY_NONE:
        column = f"c.{query.sort}"
        some = Segment("some", f"{column} > 0", column, descending, f"call_by_{query.sort}")
        none = Segment("none", f"{column} = 0", "c.id", descending, None)
        yield from (some, none) if descending else (none, some)
    else:
        column, index = f"c.{_NUMBERS[query.sort]}", f"call_by_{query.sort}"
        yield Segment("known", f"{column} IS NOT NULL", column, descending, index)
        yield Segment("unknown", f"{column} IS NULL", "c.id", descending, index)


def _words_segments(db: sqlite3.Connection, query: CallQuery, cursor: Cursor | None) -> Iterator[Segment]:
    """One word after the other; the unknown one last; within each, newest first."""
    column = query.sort
    found = db.execute(f"SELECT DISTINCT {column} FROM dimensions WHERE grain = {WHOLE}").fetchall()  # noqa: S608 -- a name of ours
    ended = {cursor.segment[1:]} if cursor is not None else set()  # it has its place also if no call has it any more
    words = sorted({str(word) for (word,) in found} | ended)
    words.sort(key=lambda word: (word.casefold(), word), reverse=query.descending)
    words.sort(key=lambda word: not word)
    for word in words:
        if column == "status":
            yield Segment(f"={word}", "c.status = :segment", "c.started_at_ms", True, "call_by_status", word)
        else:
            source = "SELECT id FROM call WHERE dimensions IN (SELECT id FROM dimensions WHERE agent = :segment)"
            yield Segment(f"={word}", "d.agent = :segment", "c.started_at_ms", True, "call_by_start", word, source)


def _from(cursor: Cursor | None, segments: Iterator[Segment]) -> Iterator[Segment]:
    """The segments from that on in which a page ended."""
    seen = cursor is None
    for segment in segments:
        seen = seen or (cursor is not None and cursor.segment == segment.name)
        if seen:
            yield segment


def page_after(
    db: sqlite3.Connection,
    compiled: Compiled,
    segment: Segment,
    few: list[int] | None,
    after: Cursor | None,
    *,
    limit: int,
) -> list[tuple[Any, ...]]:
    """Calls of one segment: what they are sorted by, then `_COLUMNS`."""
    parameters: dict[str, Parameter] = dict(compiled.parameters)
    if segment.value is not None:
        parameters["segment"] = segment.value
    if few is None and segment.source is not None:
        few = few_calls(db, [segment.source], parameters)
    conditions = [segment.condition]
    direction = "DESC" if segment.descending else "ASC"
    by_number = segment.order == "c.id"
    if after is not None:
        sign = "<" if segment.descending else ">"
        parameters["after"] = after.number
        if by_number:
            conditions.insert(0, f"c.id {sign} :after")
        else:
            parameters["place"] = after.place
            conditions.insert(0, f"({segment.order}, c.id) {sign} (:place, :after)")
    order = f"c.id {direction}" if by_number else f"{segment.order} {direction}, c.id {direction}"
    inside = " AND ".join(conditions)
    dimensions = "CROSS JOIN dimensions AS d ON d.id = c.dimensions"
    if few is None:
        table = f"call AS c INDEXED BY {segment.held_by}" if segment.held_by else "call AS c NOT INDEXED"
        rest = f"{dimensions} WHERE {inside} AND {compiled.where} ORDER BY {order}"
    else:  # put in order first: the other conditions are looked at until the page is full
        parameters["few"] = as_rows(few)
        named = f"json_each(:few) AS named CROSS JOIN call AS c ON c.id = named.value {dimensions}"
        table = f"(SELECT c.id AS number FROM {named} WHERE {inside} ORDER BY {order} LIMIT -1) AS few"  # noqa: S608 -- names of ours
        rest = f"CROSS JOIN call AS c ON c.id = few.number {dimensions} WHERE {compiled.where}"
    statement = f"SELECT {segment.order}, {_COLUMNS} FROM {table} {rest} LIMIT {limit:d}"  # noqa: S608 -- from the compiler, and names of ours
    return db.execute(statement, parameters).fetchall()


def row_of(values: tuple[Any, ...]) -> CallRow:
    """A row of the columns of a page."""
    fields = dict(zip(CallRow.__struct_fields__, values, strict=True))
    for flag in ("recorded", "worst_is_unanswered"):
        fields[flag] = bool(fields[flag])
    fields["silences"] = tuple((fields["silences"] or "").split())
    return CallRow(**fields)


def _encoded(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def _decoded(text: str, query: CallQuery) -> Cursor:
    try:
        raw = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        cursor = msgspec.json.decode(raw, type=Cursor)
    except (binascii.Error, msgspec.DecodeError, UnicodeEncodeError) as error:
        raise SettingError("the cursor is not one that a page gave: begin with the first page") from error
    if (cursor.sort, cursor.descending) != (query.sort, query.descending):
        raise SettingError("the cursor is of a page in another order: begin with the first page")
    return cursor
