"""All tables by name, in the order in which they are told of."""

from __future__ import annotations

import msgspec

from callscope.exporters.tables.call_rows import CALLS, ERRORS, EXCHANGES
from callscope.exporters.tables.column import Row, Table
from callscope.exporters.tables.detail_rows import COST_LINES, EVENTS, TURNS, USAGE
from callscope.model import event as events
from callscope.model import wire

TABLES = {table.name: table for table in (CALLS, TURNS, EXCHANGES, EVENTS, USAGE, COST_LINES, ERRORS)}

_TYPES = frozenset(value for name, value in vars(events).items() if name.isupper() and isinstance(value, str))
"""Types of events of which it is known where their words are."""


def without_words(table: Table) -> Table:
    """The same table, its words left out: the columns stay, and are unknown."""
    said = [place for place, column in enumerate(table.columns) if column.is_said]
    is_events = table.name == EVENTS.name

    def blank(row: Row) -> Row:
        values = list(row)
        for place in said:
            values[place] = None
        if is_events:
            values[-1] = _facts(values[-2], values[-1])
        return tuple(values)

    return msgspec.structs.replace(table, read=lambda db, numbers: map(blank, table.read(db, numbers)))


def _facts(kind: str, data: str) -> str | None:
    """What is no words in the data of an event; unknown of types that anybody may have made up."""
    facts = wire.decode(data.encode()) if kind in _TYPES else None
    if not isinstance(facts, dict):
        return None
    return wire.encode({key: value for key, value in facts.items() if key not in events.WORD_KEYS}).decode()
