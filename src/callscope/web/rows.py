"""Rows of the index about the calls of a query, for what pages count in a way of their own."""

from __future__ import annotations

import re
from typing import Final

from callscope.errors import SettingError
from callscope.index.compile import FROM, Parameter, call_numbers, compile_query
from callscope.index.index import Index
from callscope.index.sql import Value
from callscope.query.query import CallQuery, Term

CALLS: Final = FROM
"""``call AS c`` with its ``dimensions AS d``."""
_SECONDS: Final = 10.0
_MOST: Final = 100_000
_NAME: Final = re.compile(r":(q[0-9]+)\b")


def rows(index: Index, query: CallQuery, statement: str) -> list[tuple[Value, ...]]:
    """The answer to a statement about the calls of a query; its order, limit and cursor are of no account.

    Args:
        index: whose.
        query: which calls.
        statement: SQL over `CALLS` and what is joined to it. ``{calls}`` stands for the condition that a call fits the
            query, ``{errors}`` for the one that a row of ``error AS e`` is what it asks for, ``{numbers}`` for the
            range of numbers (``BETWEEN ... AND ...``) that calls of the query's time have.

    Raises:
        SettingError: it takes too long, or see `callscope.index.compile.compile_query`.
        NotFoundError, UnreadableError: see `callscope.index.index.Index`.
    """
    compiled = compile_query(query, words=True, one_by_one=True)
    first, last = call_numbers(query)
    text = statement.format(calls=compiled.where, errors=compiled.errors, numbers=f"BETWEEN {first} AND {last}")
    _, found, complete = index.sql(
        _NAME.sub(lambda name: literal(compiled.parameters[name[1]]), text), seconds=_SECONDS, rows=_MOST
    )
    if not complete:
        raise SettingError(f"this takes more than {_SECONDS:.0f} seconds: ask for less time, or for fewer calls")
    return found


def literal(value: Parameter) -> str:
    """A value as SQL."""
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def narrowed(query: CallQuery, *terms: Term) -> CallQuery:
    """The query with more conditions, newest calls first, from its first page."""
    return CallQuery(terms=(*query.terms, *terms), words=query.words, since_ms=query.since_ms, until_ms=query.until_ms)
