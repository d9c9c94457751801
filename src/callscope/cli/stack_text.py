"""Stack traces on a terminal: broken between words, every line under its own indentation, whole in a pipe."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

_INDENT: Final = 4
_FURTHER: Final = 4
"""What a line that goes on is indented more than its beginning."""
_LEAST: Final = 20
"""Characters that a line keeps, however deep it is indented."""
_WORD: Final = re.compile(r"\s*\S+")
_STEP: Final = re.compile(r"[^/\\]*[/\\]?")
"""A step of a path: where a word that is longer than a line is broken."""


def render(console: Console, stack: Iterable[str]) -> None:
    """Print the lines of a trace."""
    for line in stack:
        shown = wrapped(line, console.width - _INDENT) if console.is_terminal else [line]
        for each in shown:
            console.print(Text(f"{' ' * _INDENT}{each}".rstrip(), style="dim"), soft_wrap=True)


def wrapped(line: str, width: int) -> list[str]:
    """A line as lines that are no wider; no word is broken that fits in one."""
    text = line.expandtabs(_INDENT).rstrip()
    depth = len(text) - len(text.lstrip())
    first = " " * min(depth, max(width - _FURTHER - _LEAST, 0))
    further = first + " " * _FURTHER
    lines = [first]
    for word in _pieces(text.lstrip(), max(width - len(further), 1)):
        if lines[-1].strip() and cell_len(lines[-1] + word) > width:
            lines.append(further)
        lines[-1] += word if lines[-1].strip() else word.lstrip()
    return lines


def _pieces(text: str, room: int) -> Iterator[str]:
    """Words with the blanks before them; of one that is too long the steps of its path, and of these what fits."""
    for word in _WORD.findall(text):
        if cell_len(word.lstrip()) <= room:
            yield word
            continue
        for step in filter(None, _STEP.findall(word)):
            yield from chop_cells(step, room) if cell_len(step.lstrip()) > room else [step]
