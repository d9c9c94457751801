"""CSV (RFC 4180): UTF-8, names of columns first, no cell that a spreadsheet would calculate."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, Final

from callscope.exporters.cells import number_cell, path_cell, text_cell
from callscope.exporters.tables.column import Kind, Row, Table
from callscope.exporters.tables.export import table_format
from callscope.model.wire import format_ts
from callscope.report.safe_text import clean_json

_AT_ONCE: Final = 1_000
"""Rows that are put together before they are written."""


def _moment(value: int | None) -> str:
    return "" if value is None else format_ts(value)


def _flag(value: object) -> str:
    return "" if value is None else "true" if value else "false"


def _json(value: str | None) -> str:
    """One line that means the same; it begins with a bracket, which no spreadsheet calculates."""
    return "" if value is None else clean_json(value)


_CELLS: Final[dict[Kind, Callable[[Any], str]]] = {
    "text": text_cell,
    "path": path_cell,
    "moment": _moment,
    "whole": number_cell,
    "number": lambda value: number_cell(value, places=6),
    "usd": lambda value: number_cell(value, places=9),
    "flag": _flag,
    "json": _json,
}


class _Csv:
    def __init__(self, file: BinaryIO, table: Table) -> None:
        self._file = file
        self._cells = [_CELLS[column.kind] for column in table.columns]
        self._put([[column.name for column in table.columns]])

    def write(self, rows: Iterable[Row]) -> None:
        ready: list[list[str]] = []
        for row in rows:
            ready.append([cell(value) for cell, value in zip(self._cells, row, strict=True)])
            if len(ready) >= _AT_ONCE:
                self._put(ready)
                ready = []
        self._put(ready)

    def close(self) -> None:
        """Nothing is left."""

    def _put(self, rows: list[list[str]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        self._file.write(text.getvalue().encode("utf-8", "replace"))


FORMAT = table_format(name="csv", text="Comma-separated values, for spreadsheets.", suffix=".csv", begin=_Csv)
