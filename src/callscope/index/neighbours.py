"""The calls before and after one call in the order of a query: for going from call to call without its list.

Both are found from the call's own place in the order, as a page is found after a cursor; nothing before it is read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from callscope.errors import SettingError
from callscope.index import regex
from callscope.index.calls import Cursor, Segment, page_after, row_of, segments_of
from callscope.index.compile import FROM, Compiled, Parameter, compile_query
from callscope.index.deadline import limited
from callscope.index.matching import snapshot
from callscope.index.plan import few_calls
from callscope.query.query import SORTS, CallQuery

SECONDS: Final = 0.25
"""For either side. A condition that no index answers and that few calls fit could take as long as the list is."""


class Neighbours(msgspec.Struct, frozen=True, kw_only=True):
    """Paths of calls, below ``<root>/calls``."""

    previous: str | None
    """None: there is none, or it was not found in `SECONDS`."""
    next: str | None


def neighbours(db: sqlite3.Connection, query: CallQuery, path: str) -> Neighbours:
    """The calls on either side of one in a query's order; it need not fit the query itself (it may have until now).

    Args:
        db: see `callscope.index.database.readable`.
        query: which calls, in which order; its limit and cursor are of no account.
        path: the call's directory, below ``<root>/calls``. Of one that the index does not know there are none.

    Raises:
        SettingError: no such order, or see `callscope.index.compile.compile_query`.
    """
    if query.sort not in SORTS:
        raise SettingError(f"no order {query.sort!r}: calls are sorted by {', '.join(SORTS)}")
    regex.install(db)
    compiled = compile_query(query, words=True, one_by_one=True)
    with snapshot(db):
        segments = list(segments_of(db, query, None))
        place = _place(db, query, segments, path)
        if place is None:
            return Neighbours(previous=None, next=None)
        in_order = query.sort == "started"  # as in `callscope.index.calls.calls`
        sources = compiled.sources if in_order or compiled.time is None else (*compiled.sources, compiled.time)
        few = few_calls(db, sources, compiled.parameters)
        backwards = [each._replace(descending=not each.descending) for each in reversed(segments)]
        return Neighbours(
            previous=_first_after(db, compiled, backwards, place, few),
            next=_first_after(db, compiled, segments, place, few),
        )


def _place(db: sqlite3.Connection, query: CallQuery, segments: Iterable[Segment], path: str) -> Cursor | None:
    """Where a call is in an order."""
    for segment in segments:
        values: dict[str, Parameter] = {"path": path}
        if segment.value is not None:
            values["segment"] = segment.value
        row = db.execute(
            f"SELECT {segment.order}, c.id FROM {FROM} WHERE c.path = :path AND {segment.condition}",  # noqa: S608 -- names of ours
            values,
        ).fetchone()
        if row is not None:
            return Cursor(query.sort, query.descending, segment.name, row[0], row[1])
    return None


def _first_after(
    db: sqlite3.Connection, compiled: Compiled, segments: Iterable[Segment], place: Cursor, few: list[int] | None
) -> str | None:
    seen = False
    try:
        with limited(db, SECONDS):
            for segment in segments:
                is_its_own = segment.name == place.segment
                seen = seen or is_its_own
                if seen and (found := page_after(db, compiled, segment, few, place if is_its_own else None, limit=1)):
                    return row_of(found[0][1:]).path
    except SettingError:  # the time was over
        return None
    return None
