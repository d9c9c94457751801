"""An answer of SQL for people: a table, or where that is too wide for the terminal, a line a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from callscope.cli import columns
from callscope.cli.columns import Column
from callscope.report import figures
from callscope.report.safe_text import clean

Value = str | int | float | bytes | None

_LEAST: Final = 12
"""Characters that a column of words needs to be of use."""
_GAP: Final = 2
_LABEL: Final = 24


def render(console: Console, names: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
    """Print the rows under the names of their columns."""
    table = [_column(name, [row[place] for row in rows]) for place, name in enumerate(names)]
    if not table:
        return
    widths = [max([len(column.name), *(cell.cell_len for cell in column.cells)]) for column in table]
    least = sum(min(width, _LEAST) if column.left else width for width, column in zip(widths, table, strict=True))
    if console.is_terminal and least + _GAP * (len(table) - 1) > console.width:
        _render_one_by_one(console, table, len(rows))
    else:
        columns.render(console, table)


def plain(value: Value) -> str | int | float | None:
    """A value as text files take it."""
    return value.hex() if isinstance(value, bytes) else clean(value) if isinstance(value, str) else value


def _column(name: str, values: Sequence[Value]) -> Column:
    is_words = any(isinstance(value, str | bytes) for value in values)
    longest = max((len(value) for value in values if isinstance(value, str)), default=0)
    return Column(name=clean(name), cells=[_cell(value) for value in values], left=is_words, cut=longest * is_words)


def _cell(value: Value) -> Text:
    if value is None:
        return Text(figures.UNKNOWN, style="dim")
    if isinstance(value, bytes):
        return Text(f"{len(value):,} bytes", style="dim")
    return Text(clean(value))


def _render_one_by_one(console: Console, table: Sequence[Column], rows: int) -> None:
    label = min(_LABEL, max(len(column.name) for column in table)) + _GAP
    for number in range(rows):
        if number:
            console.print()
        for column in table:
            columns.print_fact(console, column.name[: label - _GAP], column.cells[number].plain, indent=label)
