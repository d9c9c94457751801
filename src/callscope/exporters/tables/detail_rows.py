"""Rows that the index holds as JSON: turns, events, usage, cost lines."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from callscope.exporters.tables.call_rows import CALLS_FIRST
from callscope.exporters.tables.column import OF_A_CALL, Column, Read, Row, Table
from callscope.index.extract import A_BLOCK
from callscope.index.numbers import DOCUMENT_BITS
from callscope.index.plan import as_rows
from callscope.model import wire
from callscope.model.usage import UNITS

_FIRST: Final = f"c.id << {DOCUMENT_BITS}"
_BLOCK: Final = (1 << DOCUMENT_BITS) - 1
_TEXTS: Final = "SELECT id, text FROM document WHERE id BETWEEN ? AND ?"

Make = Callable[[sqlite3.Connection, int, list[Any]], Iterator[Row]]
"""From a call's number and a block of its rows as ``detail`` has them, the columns that follow the key and ``seq``."""


def _reader(column: str, make: Make, *, numbered: bool = True) -> Read:
    statement = (
        f"SELECT c.id, c.path, c.call_id, b.id & {_BLOCK}, b.{column} FROM {CALLS_FIRST} "  # noqa: S608 -- names of ours
        f"CROSS JOIN detail AS b ON b.id BETWEEN {_FIRST} AND ({_FIRST}) + {_BLOCK}"
    )

    def read(db: sqlite3.Connection, numbers: Sequence[int]) -> Iterator[Row]:
        for number, path, call_id, block, text in db.execute(statement, {"numbers": as_rows(list(numbers))}):
            # Not by SQLite: older ones read the last digit of a fraction otherwise than it was written.
            rows = wire.decode(text.encode())
            for seq, made in enumerate(make(db, number, rows), block * A_BLOCK):
                yield (path, call_id, seq, *made) if numbered else (path, call_id, *made)

    return read


def _turns(db: sqlite3.Connection, number: int, rows: list[Any]) -> Iterator[Row]:
    """A turn's text is the place of its document, or, without one, the text itself."""
    places = [row[3] for row in rows if type(row[3]) is int]
    first = number << DOCUMENT_BITS
    texts = dict(db.execute(_TEXTS, (first + min(places), first + max(places))).fetchall()) if places else {}
    for turn_index, ts_ms, role, said, heard, interrupted, duration_ms, cost_usd in rows:
        text = texts.get(first + said) if type(said) is int else said
        length = None if text is None else len(text)
        yield turn_index, ts_ms, role, text, length, heard, interrupted, duration_ms, cost_usd


def _events(_db: sqlite3.Connection, _number: int, rows: list[Any]) -> Iterator[Row]:
    for ts_ms, kind, data in rows:
        yield ts_ms, kind, wire.encode(data).decode()


def _usage(_db: sqlite3.Connection, _number: int, rows: list[Any]) -> Iterator[Row]:
    for service, provider, model, reports, unreported, units in rows:
        told = [_quantity(units.get(unit)) for unit in UNITS]
        yield service, provider or None, model or None, reports, unreported, *told


def _cost_lines(_db: sqlite3.Connection, _number: int, rows: list[Any]) -> Iterator[Row]:
    for service, provider, model, status, unit, quantity, amount, currency, usd in rows:
        yield service, provider or None, model or None, status, unit, quantity, amount, currency or None, usd


def _quantity(value: object) -> float | None:
    """A quantity of usage that somebody told; anything else is unknown."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None


_SEQ: Final = Column("seq", "whole", "place in the call, from 0")
_SERVICE: Final = Column("service", "text", "`llm`, `stt`, `tts`, `realtime`, `telephony` and the like")
_MODEL: Final = Column("model", "text", "as it was configured")

TURNS: Final = Table(
    name="turns",
    text="one side's contribution, in the order of speaking",
    columns=(
        *OF_A_CALL,
        _SEQ,
        Column("turn_index", "whole", "as the writer counted it"),
        Column("ts", "moment", "the speaker's first sound where it is known, else when it was written"),
        Column("role", "text", "`user`, `assistant`, `system`, `tool`"),
        Column("text", "text", "what was said; unknown where the transcript policy kept it off the disk", is_said=True),
        Column("text_length", "whole", "characters of it"),
        Column("heard", "text", "of a turn that was cut off: what was played", is_said=True),
        Column("interrupted", "flag", "the caller cut it off"),
        Column("duration_ms", "number", "how long it was spoken"),
        Column("cost_usd", "usd", "what it cost, as the writer gave it"),
    ),
    read=_reader("turns", _turns),
)

EVENTS: Final = Table(
    name="events",
    text="something that happened, in the order it was written",
    columns=(
        *OF_A_CALL,
        _SEQ,
        Column("ts", "moment", "when it happened"),
        Column("type", "text", "as in docs/file-format.md"),
        Column("data", "json", "its facts; without words, of the types that are known, the facts that are no words"),
    ),
    read=_reader("events", _events),
)

USAGE: Final = Table(
    name="usage",
    text="what one service did in a call, in the units that it is billed in",
    columns=(
        *OF_A_CALL,
        _SERVICE,
        Column("provider", "text", "as reported"),
        _MODEL,
        Column("reports", "whole", "reports that were added up"),
        Column("unreported_requests", "whole", "requests without a report: their usage is missing"),
        *(Column(unit, "number", unit.replace("_", " ")) for unit in UNITS),
    ),
    read=_reader("usage", _usage, numbered=False),
)

COST_LINES: Final = Table(
    name="cost_lines",
    text="one price applied to one quantity",
    columns=(
        *OF_A_CALL,
        _SEQ,
        _SERVICE,
        Column("provider", "text", "who bills it, by the name that prices go by; as reported where nobody knew"),
        _MODEL,
        Column("status", "text", "`priced`, `estimated`, `unpriced`, `not_billed`, `error`"),
        Column("unit", "text", "the unit as it is billed"),
        Column("quantity", "number", "what was used, in that unit"),
        Column("amount", "number", "in `currency`"),
        Column("currency", "text", "three letters"),
        Column("cost_usd", "usd", "the amount in US dollars; unknown is not 0"),
    ),
    read=_reader("cost_lines", _cost_lines),
)
