"""A query as text again: always the same text for the same query, and one that reads as that query."""

from __future__ import annotations

import re
from typing import Final

from callscope.model.wire import format_ts
from callscope.query import fields, quantities
from callscope.query.query import FLAGS, STARTED, CallQuery, Term, Words
from callscope.query.scanner import escape

_BARE_WORD: Final = re.compile(r"[^\W_]\w*+")
_BARE_VALUE: Final = re.compile(r"[\w*][\w*.+@-]*+")
_BARE_NAME: Final = re.compile(r"[\w.-]++")
_NO_WORDS: Final = frozenset({*FLAGS, "not", "and", "or"})
_COMPARISONS: Final = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<="}
_WITHOUT_CASE: Final = "(?i)"
_NEWEST_FIRST: Final = CallQuery()
_FIELDS: Final = {where: field for field, where in fields.SAID.items()}
_PAIR: Final = re.compile(r"\\.|/", re.DOTALL)


def unparse(query: CallQuery) -> str:
    """The text of a query, as `callscope.query.language.parse` reads it. Times are absolute."""
    parts = [_sought(words) for words in query.words]
    parts += [("-" if term.negated else "") + _condition(term) for term in query.terms]
    if query.since_ms is not None:
        parts.append(f"since:{format_ts(query.since_ms)}")
    if query.until_ms is not None:
        parts.append(f"until:{format_ts(query.until_ms)}")
    if (query.sort, query.descending) != (_NEWEST_FIRST.sort, _NEWEST_FIRST.descending):
        parts.append(f"sort:{'-' if query.descending else ''}{query.sort}")
    if query.limit != _NEWEST_FIRST.limit:
        parts.append(f"limit:{query.limit}")
    if query.cursor is not None:
        parts.append(f"cursor:{_quote(query.cursor)}")
    return " ".join(parts)


def _sought(words: Words) -> str:
    sign = "-" if words.negated else ""
    prefix = "" if words.where == "anywhere" else f"{_FIELDS[words.where]}:"
    if words.regex:
        return f"{sign}{prefix}{_pattern(words.text, ignore_case=words.ignore_case)}"
    bare = _BARE_WORD.fullmatch(words.text) and words.text.lower() not in _NO_WORDS
    return f"{sign}{prefix}{words.text if bare else _quote(words.text)}"


def _condition(term: Term) -> str:
    if term.op == "present":
        return term.field if term.field in FLAGS else f"has:{_name(term.field)}"
    if term.field == STARTED:
        first_ms, last_ms = (int(value) for value in term.values)
        return f"on:{format_ts(first_ms)}..{format_ts(last_ms + 1)}"
    if fields.unit(term.field) is not None:
        return _number(term)
    name = _name(term.field)
    values = [str(value) for value in term.values]
    if term.op == "matches":
        ignore_case = values[0].startswith(_WITHOUT_CASE)
        pattern = values[0].removeprefix(_WITHOUT_CASE)
        return f"{name}:{_pattern(pattern, ignore_case=ignore_case)}"
    of_parts = term.field in fields.PARTS
    if term.op == "contains":
        return f"{name}:{'' if of_parts else '~'}{_values(values, literal=True)}"
    return f"{name}{'=' if of_parts else ':'}{_values(values, literal=False)}"


def _number(term: Term) -> str:
    unit = fields.unit(term.field) or ""
    numbers = [quantities.written(float(value), unit=unit) for value in term.values]
    sign = _COMPARISONS.get(term.op)
    if sign is not None:
        return f"{term.field}{sign}{numbers[0]}"
    return f"{term.field}:{'..'.join(numbers) if term.op == 'between' else ','.join(numbers)}"


def _values(values: list[str], *, literal: bool) -> str:
    """``*`` is a sign for any characters; where it is meant literally, it stands in quotes."""
    return ",".join(
        value if _BARE_VALUE.fullmatch(value) and not (literal and "*" in value) else _quote(value) for value in values
    )


def _name(field: str) -> str:
    label = field.removeprefix("label.")
    if label == field or _BARE_NAME.fullmatch(label):
        return field
    return f"label.{_quote(label)}"


def _pattern(text: str, *, ignore_case: bool) -> str:
    written = _PAIR.sub(lambda found: "\\/" if found[0] == "/" else found[0], text)
    return f"/{written}/{'i' if ignore_case else ''}"


def _quote(text: str) -> str:
    return f'"{escape(text)}"'
