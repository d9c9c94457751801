"""Plain tables: one line a row, cut to a terminal's width at the column that can spare it, whole in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_GAP: Final = "  "
_LEAST: Final = 8
"""Characters that a column which can be cut keeps."""
_LABEL: Final = 10
"""Characters of a fact's label and the gap after it."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column."""

    name: str
    cells: Sequence[Text]
    left: bool = False
    """Aligned to the left; figures are aligned to the right."""
    cut: int = 0
    """Above 0: may be shortened where the line is longer than the terminal; the higher, the earlier."""


def render(console: Console, columns: Sequence[Column], *, indent: str = "", rules_before: Iterable[int] = ()) -> None:
    """Print the columns under their names.

    Args:
        console: where to.
        columns: all of the same length.
        indent: what every line begins with.
        rules_before: rows that a line is drawn above, such as sums.
    """
    widths = [max([len(column.name), *(cell.cell_len for cell in column.cells)]) for column in columns]
    if console.is_terminal:
        _fit(columns, widths, console.width - len(indent))
    ruled = set(rules_before)
    print_line(console, _line([Text(column.name, style="dim") for column in columns], columns, widths, indent))
    for number in range(len(columns[0].cells)):
        if number in ruled:
            print_line(console, Text(indent + _GAP.join("─" * width for width in widths), style="dim"))
        print_line(console, _line([column.cells[number] for column in columns], columns, widths, indent))


def print_line(console: Console, line: Text) -> None:
    """One line whatever its length: cut on a terminal, whole in a pipe."""
    if console.is_terminal:
        console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
    else:
        console.print(line, soft_wrap=True)


def print_fact(console: Console, label: str, text: str, *, indent: int = _LABEL, style: str = "dim") -> None:
    """A label and what there is to say; longer than a terminal's line, it goes on below itself."""
    width = max(_LEAST, console.width - indent) if console.is_terminal else cell_len(text) + 1
    for number, line in enumerate(Text(text).wrap(console, width)):
        line.rstrip()
        print_line(console, Text.assemble((f"{'' if number else label:<{indent}}", style), line))


def _fit(columns: Sequence[Column], widths: list[int], room: int) -> None:
    excess = sum(widths) + len(_GAP) * (len(widths) - 1) - room
    for number in sorted(range(len(columns)), key=lambda number: -columns[number].cut):
        if columns[number].cut and excess > 0 and widths[number] > _LEAST:
            less = min(excess, widths[number] - _LEAST)
            widths[number] -= less
            excess -= less


def _line(cells: Sequence[Text], columns: Sequence[Column], widths: Sequence[int], indent: str) -> Text:
    line = Text(indent)
    last = len(columns) - 1
    for number, (cell, column, width) in enumerate(zip(cells, columns, widths, strict=True)):
        shown = cell.copy()
        shown.truncate(width, overflow="ellipsis")
        blank = " " * (width - shown.cell_len)
        if not column.left:
            line.append(blank)
        line.append_text(shown)
        if number != last:
            line.append((blank if column.left else "") + _GAP)
    line.rstrip()
    return line
