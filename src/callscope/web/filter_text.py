"""The filter as it was typed, cut into its conditions: what links change of it, all else staying as it is."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from callscope.query.scanner import scan

_NOT: Final = re.compile(r"not\s+\Z", re.IGNORECASE)


class Condition(msgspec.Struct, frozen=True):
    """One condition of a filter."""

    text: str
    """As it was typed, with its negation."""
    start: int
    """Place in the filter, in characters from 0."""
    end: int
    field: str | None
    """In small letters; None of what stands alone."""


def conditions(text: str) -> tuple[Condition, ...]:
    """The conditions of a filter, in their order.

    Raises:
        QueryError: the filter is not whole.
    """
    items = [(_start(text, item.column, negated=item.negated), item.field) for item in scan(text)]
    found: list[Condition] = []
    for number, (start, field) in enumerate(items):
        until = items[number + 1][0] if number + 1 < len(items) else len(text)
        written = text[start:until].rstrip()
        found.append(Condition(written, start, start + len(written), None if field is None else field.lower()))
    return tuple(found)


def without(text: str, condition: Condition) -> str:
    """The filter without one of its `conditions`."""
    return f"{text[: condition.start].rstrip()} {text[condition.end :].lstrip()}".strip()


def with_setting(text: str, name: str, value: str | None) -> str:
    """The filter with ``name:value``, in place of another value of that setting; None: without any."""
    for condition in conditions(text):
        if condition.field == name:
            if value is None:
                return without(text, condition)
            return f"{text[: condition.start]}{name}:{value}{text[condition.end :]}"
    return text if value is None else f"{text} {name}:{value}".strip()


def _start(text: str, column: int, *, negated: bool) -> int:
    """Where a condition begins, whose name or words begin at a column."""
    if not negated:
        return column
    if text[column - 1] == "-":
        return column - 1
    found = _NOT.search(text, 0, column)
    return column if found is None else found.start()
