"""What a table is: its columns with their types, in an order that stays.

`VERSION` grows when a column changes its meaning, its type or its name, or goes; a new column at the end of a table, or
a new table, leaves it as it is. The guide: docs/export.md.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Literal

import msgspec

VERSION: Final = 1
"""Of the columns of all tables."""

Kind = Literal["text", "path", "moment", "whole", "number", "usd", "flag", "json"]
"""``moment``: Unix milliseconds, written as a time in UTC. ``whole``: a whole number. ``number``: with fractions.
``usd``: US dollars. ``json``: a JSON document."""
Row = tuple[Any, ...]
Read = Callable[[sqlite3.Connection, Sequence[int]], Iterator[Row]]
"""The rows of calls with these numbers, in their order. What is unknown is None."""


class Column(msgspec.Struct, frozen=True):
    """A column."""

    name: str
    kind: Kind
    text: str
    """What it means, in a line."""
    is_said: bool = False
    """Words: of callers, agents, providers. Left out on demand."""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table."""

    name: str
    text: str
    """What a row of it is."""
    columns: tuple[Column, ...]
    read: Read


OF_A_CALL: Final = (
    Column("path", "path", "the call's place below `<root>/calls`; with it rows of tables are joined"),
    Column("call_id", "text", "the call's id, as it was given"),
)
"""The first columns of every table."""
