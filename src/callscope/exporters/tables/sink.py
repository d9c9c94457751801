"""Where rows of a table go: what a format of tables has to be able to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import BinaryIO, Protocol

from callscope.exporters.tables.column import Row, Table


class Sink(Protocol):
    """Takes rows and writes them to a file."""

    def write(self, rows: Iterable[Row]) -> None:
        """Some more rows."""
        ...

    def close(self) -> None:
        """What is left, and the end of the file. Not called after an error."""
        ...


Open = Callable[[BinaryIO, Table], Sink]
"""Begins a file of a table."""
