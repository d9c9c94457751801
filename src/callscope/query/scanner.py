"""The text of a query, cut into its items: what is quoted, what is a pattern, which field, where each begins.

One pass from left to right; no expression here can be matched in two ways, so time grows with length alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from callscope.query.query_error import QueryError, quoted

MAX_LENGTH: Final = 10_000
"""Characters of a query."""
MAX_PATTERN: Final = 1_000
"""Characters of a regular expression."""

_SPACE: Final = re.compile(r"\s*+")
_NOT: Final = re.compile(r"not(?=\s|$)", re.IGNORECASE)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_PATTERN: Final = re.compile(r"/((?:[^/\\]|\\.)*+)/(\w*+)", re.DOTALL)
_NAME: Final = re.compile(r'(label\.)"((?:[^"\\]|\\.)*+)"|[^\W\d]\w*+(?:\.[\w.-]*+)?', re.DOTALL | re.IGNORECASE)
_OPERATOR: Final = re.compile(r":?(>=|<=|!=|[><=~])|:")
_WORD: Final = re.compile(r'[^\s"]++')
_VALUE: Final = re.compile(r'[^\s",]++')
_LABEL: Final = re.compile(r'label\.(?=")', re.IGNORECASE)
_ESCAPED: Final = re.compile(r'\\(["\\])')
_PAIR: Final = re.compile(r"\\(.)", re.DOTALL)
_CONNECTIVES: Final = {"OR", "||", "AND", "&&"}


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One value, or one thing to look for."""

    text: str
    """Without its quotes or slashes, and without the escapes that they needed."""
    column: int
    form: Literal["bare", "quoted", "pattern"]
    ignore_case: bool = True
    """Of a pattern: whether it has the flag ``i``."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One condition as it was written."""

    column: int
    """Where it begins, after its ``-``."""
    negated: bool
    pieces: tuple[Piece, ...]
    """One or more; more than one are alternatives."""
    field: str | None = None
    """As it was written; None of what stands alone."""
    operator: str = ""
    """``:``, ``=``, ``!=``, ``~``, ``>``, ``>=``, ``<`` or ``<=``; empty of what stands alone."""


def scan(text: str) -> Iterator[Item]:
    """The items of a query.

    Raises:
        QueryError: the text is too long, or an item is not whole.
    """
    if len(text) > MAX_LENGTH:
        problem = f"the query has {len(text)} characters: at most {MAX_LENGTH} are allowed"
        raise QueryError(problem, query=text, column=MAX_LENGTH)
    scanner = _Scanner(text)
    while not scanner.at_end():
        yield scanner.item()


def escape(text: str) -> str:
    """Text as it stands between quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"')


class _Scanner:
    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def at_end(self) -> bool:
        """Go on to the next item; whether there is none."""
        self._skip(_SPACE)
        return self.at == len(self.text)

    def item(self) -> Item:
        start = self.at
        negated = self._negation()
        column = self.at
        if negated and self._negation():
            raise self._error("negated twice: leave both out", column)
        if negated and (column == len(self.text) or self.text[column].isspace()):
            raise self._error("nothing follows that could be negated; text with this goes in quotes", start)
        named = self._field()
        if named is None:
            piece = self._alone()
            self._ends()
            return Item(column=column, negated=negated, pieces=(piece,))
        field, operator = named
        pieces = [self._value(field)]
        while self.text.startswith(",", self.at):
            self.at += 1
            pieces.append(self._value(field))
        self._ends()
        return Item(column=column, negated=negated, pieces=tuple(pieces), field=field, operator=operator)

    def _negation(self) -> bool:
        if self.text.startswith("-", self.at):
            self.at += 1
            return True
        if self._skip(_NOT):
            self._skip(_SPACE)
            return True
        return False

    def _field(self) -> tuple[str, str] | None:
        name = _NAME.match(self.text, self.at)
        if name is None:
            return None
        operator = _OPERATOR.match(self.text, name.end())
        if operator is None:
            return None
        self.at = operator.end()
        return name[1] + _plain(name[2]) if name[1] else name[0], operator[1] or ":"

    def _alone(self) -> Piece:
        column = self.at
        piece = self._enclosed()
        if piece is not None:
            return piece
        self._skip(_WORD)
        word = self.text[column : self.at]
        if word in _CONNECTIVES:
            raise self._error(
                f"{word} is not needed: all conditions hold at once, and alternatives are status:failed,abandoned; "
                "a word is looked for in quotes",
                column,
            )
        if word[0] in "<>=":
            raise self._error(f"no space before or after {word[0]}: write as in cost>0.20", column)
        if word[0] == "(":
            raise self._error(
                "there are no brackets: all conditions hold at once; text with one goes in quotes", column
            )
        return Piece(text=word, column=column, form="bare")

    def _value(self, field: str) -> Piece:
        column = self.at
        of_label = field.lower() == "has" and self._skip(_LABEL)
        piece = self._enclosed()
        if piece is not None and of_label:
            return Piece(text=f"label.{piece.text}", column=column, form="quoted")
        if piece is not None:
            return piece
        if not self._skip(_VALUE):
            raise self._error(f"a value is missing here: write {field}:value, without spaces", column)
        return Piece(text=self.text[column : self.at], column=column, form="bare")

    def _enclosed(self) -> Piece | None:
        """What is between quotes or slashes."""
        column = self.at
        if self.text.startswith('"', column):
            found = _QUOTED.match(self.text, column)
            if found is None:
                raise self._error('a closing " is missing; a quote among the words is written \\"', column)
            self.at = found.end()
            return Piece(text=_plain(found[1]), column=column, form="quoted")
        if self.text.startswith("/", column):
            found = _PATTERN.match(self.text, column)
            if found is None:
                raise self._error("a closing / is missing; text that begins with / goes in quotes", column)
            return self._pattern(found)
        return None

    def _pattern(self, found: re.Match[str]) -> Piece:
        if found[2] not in {"", "i"}:
            raise self._error(
                f"after a pattern only i (without case) may follow, not {quoted(found[2])}; "
                "a / in a pattern is written \\/, and text that begins with / goes in quotes",
                found.start(2),
            )
        if not found[1]:
            raise self._error(
                "the pattern is empty: write as in /refund(ed)?/i; text with / at its beginning goes in quotes",
                found.start(),
            )
        self.at = found.end()
        text = _PAIR.sub(lambda pair: "/" if pair[1] == "/" else pair[0], found[1])
        if len(text) > MAX_PATTERN:
            raise self._error(
                f"the pattern has {len(text)} characters: at most {MAX_PATTERN} are allowed", found.start()
            )
        return Piece(text=text, column=found.start(), form="pattern", ignore_case=found[2] == "i")

    def _ends(self) -> None:
        """An item ends with a space or the text."""
        if self.at < len(self.text) and not self.text[self.at].isspace():
            raise self._error('a space is missing here; a quote among the words is written "\\""', self.at)

    def _skip(self, expression: re.Pattern[str]) -> bool:
        found = expression.match(self.text, self.at)
        if found is None:
            return False
        self.at = found.end()
        return True

    def _error(self, problem: str, column: int) -> QueryError:
        return QueryError(problem, query=self.text, column=column)


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
