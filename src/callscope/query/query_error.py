"""What is wrong with a query, and where: the query again, with a caret under the column."""

from __future__ import annotations

import unicodedata
from typing import Final

from callscope.errors import SettingError

_SHOWN_BEFORE: Final = 60
_SHOWN_AFTER: Final = 30
"""Characters of the query on either side of the column. A long query is shown in part."""
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_LONGEST_WORD: Final = 40


class QueryError(SettingError):
    """A query that cannot be understood. The message is three lines: the problem, the query, a caret.

    Args:
        problem: what is wrong and what to write; one line.
        query: the whole query.
        column: where it is wrong, in characters from 0; the query's length where something is missing at its end.
    """

    def __init__(self, problem: str, *, query: str, column: int) -> None:
        super().__init__(f"{problem}\n{_picture(query, column)}")
        self.problem = problem
        self.column = column


def quoted(text: str) -> str:
    """A part of a query for a message: harmless, short, in quotes."""
    short = text if len(text) <= _LONGEST_WORD else f"{text[:_LONGEST_WORD]}…"
    return f'"{_harmless(short)}"'


def _picture(query: str, column: int) -> str:
    start = max(0, column - _SHOWN_BEFORE)
    end = column + _SHOWN_AFTER
    before = ("…" if start else "") + _harmless(query[start:column])
    after = _harmless(query[column:end]) + ("…" if end < len(query) else "")
    return f"  {before}{after}\n  {' ' * sum(map(_width, before))}^"


def _harmless(text: str) -> str:
    """One line without what a terminal would obey; as many characters as before, so that columns stay."""
    return "".join(char if char.isprintable() else " " if char.isspace() else _REPLACEMENT for char in text)


def _width(char: str) -> int:
    """How many columns of a terminal a character takes."""
    if unicodedata.combining(char) or unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
