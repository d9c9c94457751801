"""How many calls a query finds, where that can be told soon enough for a page."""

from __future__ import annotations

import sqlite3

from callscope.errors import SettingError
from callscope.index import regex
from callscope.index.calls import count_calls
from callscope.index.compile import compile_query
from callscope.index.deadline import limited
from callscope.index.matching import snapshot
from callscope.index.plan import few_calls
from callscope.query.query import CallQuery


def how_many(db: sqlite3.Connection, query: CallQuery, *, seconds: float) -> int | None:
    """The number of calls on all pages of a query; None when counting takes longer than ``seconds``.

    Raises:
        SettingError: see `callscope.index.compile.compile_query`.
    """
    regex.install(db)
    compiled = compile_query(query, words=True, one_by_one=True)
    sources = compiled.sources if compiled.time is None else (*compiled.sources, compiled.time)
    try:
        with limited(db, seconds), snapshot(db):
            return count_calls(db, query, few_calls(db, sources, compiled.parameters))
    except SettingError:  # the time was over
        return None
