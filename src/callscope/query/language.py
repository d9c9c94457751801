"""The query language: text to `CallQuery` and back. The guide: docs/query.md.

A query is a row of conditions that all hold. `scanner.py` cuts it; here each item gets its meaning; `canonical.py`
writes a query down again. Whatever the text, the one error is `QueryError`, and time grows with length alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from callscope.errors import SettingError
from callscope.query import fields, moments, quantities
from callscope.query.canonical import unparse
from callscope.query.query import FLAGS, SORTS, STAGES, STARTED, CallQuery, Operator, Term, Value, Words
from callscope.query.query_error import QueryError, quoted
from callscope.query.scanner import Item, Piece, scan

__all__ = ["MAX_CONDITIONS", "MAX_LIMIT", "QueryError", "parse", "unparse"]

MAX_CONDITIONS: Final = 100
MAX_VALUES: Final = 500
"""Alternatives of one condition."""
MAX_LIMIT: Final = 1_000
"""Calls on a page."""
_MAX_SETS: Final = 20
"""Sets (``[...]``) in all patterns of a query: compiling one can take 25 ms."""

_PERIOD: Final = re.compile(r"(?=[0-9]{4}-|\.\.[0-9]{4}-)[0-9A-Za-z:+.-]+")
_LIMIT: Final = re.compile(r"[0-9]{1,5}")
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_COMPARISONS: Final[dict[str, Operator]] = {">": "above", ">=": "at_least", "<": "below", "<=": "at_most"}


def parse(text: str, *, now_ms: int, idle: Mapping[str, str] = _NOTHING) -> CallQuery:
    """The query that a text asks for.

    Args:
        text: the query.
        now_ms: Unix milliseconds, from which words such as ``7d`` count.
        idle: which of ``sort``, ``limit`` and ``cursor`` mean nothing to who asks, and what to tell who writes them.

    Raises:
        QueryError: the text is no query; says where, what is wrong, and what to write.
    """
    reader = _Reader(text, now_ms, idle)
    for item in scan(text):
        reader.read(item)
    return reader.query()


class _Reader:
    """Gathers what the items say."""

    def __init__(self, text: str, now_ms: int, idle: Mapping[str, str]) -> None:
        self.text = text
        self.now_ms = now_ms
        self.idle = idle
        self.terms: list[Term] = []
        self.words: list[Words] = []
        self.since_ms: int | None = None
        self.until_ms: int | None = None
        self.sort: str | None = None
        self.limit: int | None = None
        self.cursor: str | None = None
        self.sets = 0

    def query(self) -> CallQuery:
        sort = self.sort or "-started"
        return CallQuery(
            terms=tuple(self.terms),
            words=tuple(self.words),
            since_ms=self.since_ms,
            until_ms=self.until_ms,
            sort=sort.removeprefix("-"),
            descending=sort.startswith("-"),
            limit=self.limit or CallQuery().limit,
            cursor=self.cursor,
        )

    def read(self, item: Item) -> None:
        if len(item.pieces) > MAX_VALUES:
            raise self._error(f"more than {MAX_VALUES} values", item.pieces[MAX_VALUES].column)
        if item.field is None:
            self._alone(item)
        else:
            self._named(item, item.field)
        if len(self.terms) + len(self.words) > MAX_CONDITIONS:
            raise self._error(f"more than {MAX_CONDITIONS} conditions", item.column)

    def _alone(self, item: Item) -> None:
        piece = item.pieces[0]
        if piece.form == "bare" and piece.text.lower() in FLAGS:
            self.terms.append(Term(field=piece.text.lower(), op="present", negated=item.negated))
        elif piece.form == "bare" and ".." in piece.text and _PERIOD.fullmatch(piece.text):
            self._settings(item, "on")
        else:
            self._look_for(item, "text")

    def _named(self, item: Item, name: str) -> None:
        field = fields.known(name)
        if field is None:
            raise self._unknown(item, name)
        if field in FLAGS:
            raise self._error(f"{field} stands alone: write {field} or -{field}", item.column)
        if field in fields.SETTINGS:
            self._settings(item, field)
        elif field in fields.SAID:
            self._colon(item, field, 'text:"cancel my"')
            self._look_for(item, field)
        elif field == "has":
            self._colon(item, field, "has:error")
            self._has(item)
        elif fields.is_words(field):
            self._word_term(item, field)
        else:
            self._number_term(item, field)

    def _unknown(self, item: Item, name: str) -> QueryError:
        if name.lower().startswith("stage."):
            advice = f"the stages are {', '.join(STAGES)}"
        elif name.lower() == "label.":
            advice = "write label.<name>, as label.env"
        else:
            advice = fields.advice(name) or "text with a sign such as : = > goes in quotes"
        return self._error(f"unknown field {quoted(name)}: {advice}", item.column)

    def _look_for(self, item: Item, field: str) -> None:
        piece = self._single(item, f"either of two is {field}:/one|two/i, and text with a comma goes in quotes")
        if not piece.text.strip():
            raise self._error("there is nothing to look for", piece.column)
        if piece.form == "pattern":
            self._check(piece)
        self.words.append(
            Words(
                text=piece.text,
                regex=piece.form == "pattern",
                ignore_case=piece.ignore_case,
                where=fields.SAID[field],
                negated=item.negated,
            )
        )

    def _word_term(self, item: Item, field: str) -> None:
        if item.operator in _COMPARISONS:
            problem = f"{field} is words: write {field}:value, {field}=value, {field}:~part or {field}:/pattern/"
            raise self._error(problem, item.column)
        negated = item.negated != (item.operator == "!=")
        if any(piece.form == "pattern" for piece in item.pieces):
            piece = self._single(item, "a pattern stands alone; write its alternatives as in /one|two/")
            self._check(piece)
            pattern = f"(?i){piece.text}" if piece.ignore_case else piece.text
            self.terms.append(Term(field=field, op="matches", values=(pattern,), negated=negated))
            return
        part = item.operator == "~" or (item.operator == ":" and field in fields.PARTS)
        op, values = self._part(item) if part else self._whole(item, field)
        self.terms.append(Term(field=field, op=op, values=values, negated=negated))

    def _part(self, item: Item) -> tuple[Operator, tuple[Value, ...]]:
        """``*`` in a part still stands for any characters; between quotes it is itself."""
        for piece in item.pieces:
            if not piece.text:
                raise self._error("a part of nothing is in everything: write what to look for", piece.column)
        if any(piece.form == "bare" and "*" in piece.text for piece in item.pieces):
            return "is", tuple(f"*{piece.text}*" for piece in item.pieces)
        return "contains", tuple(piece.text for piece in item.pieces)

    def _whole(self, item: Item, field: str) -> tuple[Operator, tuple[Value, ...]]:
        choices = fields.CHOICES.get(field)
        for piece in item.pieces:
            if choices is not None and piece.text.lower() not in choices and "*" not in piece.text:
                meant = fields.nearest(piece.text, list(choices))
                advice = f"did you mean {meant}? It" if meant else "it"
                problem = f"{quoted(piece.text)} is no {field}: {advice} is one of {', '.join(choices)}"
                raise self._error(problem, piece.column)
        return "is", tuple(piece.text for piece in item.pieces)

    def _number_term(self, item: Item, field: str) -> None:
        unit = fields.unit(field) or ""
        for piece in item.pieces:
            if piece.form == "pattern":
                raise self._error(f"{field} is a number: {quantities.example(field, unit)}", piece.column)
        op: Operator
        values: tuple[float, ...]
        comparison = _COMPARISONS.get(item.operator)
        if item.operator == "~":
            raise self._error(f"{field} is a number: {quantities.example(field, unit)}", item.column)
        if comparison is not None:
            piece = self._single(item, f"one number after {item.operator}; a decimal point is a dot")
            op, values = comparison, (self._number(piece.text, piece.column, field),)
        elif any(".." in piece.text for piece in item.pieces):
            op, values = self._range(self._single(item, f"one range: {field}:low..high"), field)
        else:
            op, values = "is", tuple(self._number(piece.text, piece.column, field) for piece in item.pieces)
        self.terms.append(Term(field=field, op=op, values=values, negated=item.negated != (item.operator == "!=")))

    def _range(self, piece: Piece, field: str) -> tuple[Operator, tuple[float, ...]]:
        low, _, high = piece.text.partition("..")
        above = self._number(low, piece.column, field) if low else None
        below = self._number(high, piece.column + len(low) + 2, field) if high else None
        if above is None and below is None:
            raise self._error(f"a range needs an end: {field}:low..high", piece.column)
        if below is None:
            return "at_least", (above or 0.0,)
        if above is None:
            return "at_most", (below,)
        if below < above:
            raise self._error(f"the range is empty: write the lower end first, {high}..{low}", piece.column)
        return "between", (above, below)

    def _number(self, text: str, column: int, field: str) -> float:
        try:
            return quantities.number(text, field=field, unit=fields.unit(field) or "")
        except SettingError as error:
            raise self._error(str(error), column) from None

    def _has(self, item: Item) -> None:
        piece = self._single(item, "one thing: has:cost has:error")
        name = fields.HAS.get(piece.text.lower(), piece.text)
        field = fields.known(name)
        if field is None or field in fields.SAID or field in fields.SETTINGS or field == "has":
            meant = fields.advice(name) if field is None else ""
            advice = meant or "write the name of a field, as in has:cost or has:label.env"
            raise self._error(f"no call has {quoted(piece.text)}: {advice}", piece.column)
        self.terms.append(Term(field=field, op="present", negated=item.negated))

    def _settings(self, item: Item, field: str) -> None:
        is_time = field in {"since", "until", "on"}
        if item.negated and not is_time:
            advice = "write sort:cost or sort:-cost" if field == "sort" else "write what is wanted instead"
            raise self._error(f"{field} cannot be negated: {advice}", item.column)
        if field in self.idle:
            raise self._error(f"{field} means nothing here: {self.idle[field]}", item.column)
        if item.field is not None and item.operator not in {":", "="}:
            raise self._error(f"write {field}:value", item.column)
        piece = self._single(item, f"{field} takes one value")
        if is_time:
            self._time(piece, field, negated=item.negated)
        elif getattr(self, field) is not None:
            raise self._error(f"{field} is there twice", item.column)
        elif field == "sort":
            self.sort = self._sort(piece)
        elif field == "limit":
            self.limit = self._limit(piece)
        else:
            self.cursor = piece.text

    def _time(self, piece: Piece, field: str, *, negated: bool) -> None:
        """Times narrow each other: all conditions hold at once."""
        since_ms, until_ms = self._stretch(piece, field)
        if negated and since_ms is not None and until_ms is not None:
            hole = (float(since_ms), float(until_ms - 1))
            self.terms.append(Term(field=STARTED, op="between", values=hole, negated=True))
            return
        if negated:
            since_ms, until_ms = until_ms, since_ms
        if since_ms is not None:
            self.since_ms = since_ms if self.since_ms is None else max(self.since_ms, since_ms)
        if until_ms is not None:
            self.until_ms = until_ms if self.until_ms is None else min(self.until_ms, until_ms)
        if self.since_ms is not None and self.until_ms is not None and self.since_ms >= self.until_ms:
            raise self._error(
                "no time is left between since and until; until:2026-11-20 is before that day", piece.column
            )

    def _stretch(self, piece: Piece, field: str) -> tuple[int | None, int | None]:
        """The first moment of a time, and the first one after it; None where it is open."""
        word, now_ms = piece.text, self.now_ms
        try:
            if field == "since":
                return moments.moment(word, now_ms=now_ms), None
            if field == "until":
                return None, moments.moment(word, now_ms=now_ms)
            if ".." not in word:
                return moments.span(word, now_ms=now_ms)
            first, _, last = word.partition("..")
            since_ms, until_ms = moments.stretch(first, last, now_ms=now_ms)
        except SettingError as error:
            raise self._error(str(error), piece.column) from None
        if since_ms is None and until_ms is None:
            raise self._error("a range needs an end: write as in 2026-11-18..2026-11-20", piece.column)
        if since_ms is not None and until_ms is not None and since_ms >= until_ms:
            raise self._error("the range is empty: write the earlier end first", piece.column)
        return since_ms, until_ms

    def _sort(self, piece: Piece) -> str:
        word = piece.text.lower()
        if word.removeprefix("-") not in SORTS:
            meant = fields.nearest(word.removeprefix("-"), list(SORTS))
            advice = f"did you mean {meant}? Calls" if meant else "calls"
            problem = (
                f"no order {quoted(piece.text)}: {advice} are sorted by {', '.join(SORTS)}; - before it: highest first"
            )
            raise self._error(problem, piece.column)
        return word

    def _limit(self, piece: Piece) -> int:
        if not _LIMIT.fullmatch(piece.text) or not 1 <= int(piece.text) <= MAX_LIMIT:
            raise self._error(f"a limit is a whole number from 1 to {MAX_LIMIT}", piece.column)
        return int(piece.text)

    def _check(self, piece: Piece) -> None:
        self.sets += piece.text.count("[")
        if self.sets > _MAX_SETS:
            raise self._error(f"more than {_MAX_SETS} sets [...] in the patterns of a query", piece.column)
        try:
            re.compile(piece.text, re.IGNORECASE if piece.ignore_case else 0)
        except re.error as error:
            before = piece.text[: error.pos]
            column = piece.column + 1 + len(before) + before.count("/")  # each of which was written \/
            raise self._error(f"the pattern is wrong here: {error.msg}", column) from None
        except (RecursionError, OverflowError, ValueError, FutureWarning) as error:
            raise self._error(f"the pattern cannot be used: {error}", piece.column) from None

    def _colon(self, item: Item, field: str, example: str) -> None:
        if item.operator not in {":", "="}:
            raise self._error(f"{field} takes a colon: {example}", item.column)

    def _single(self, item: Item, advice: str) -> Piece:
        if len(item.pieces) > 1:
            raise self._error(f"one value only: {advice}", item.pieces[1].column - 1)
        return item.pieces[0]

    def _error(self, problem: str, column: int) -> QueryError:
        return QueryError(problem, query=self.text, column=column)
