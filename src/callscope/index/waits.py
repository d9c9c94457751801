"""How the waits of calls are spread, as a histogram: the shape behind the percentiles of trends."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from callscope.index import database, regex
from callscope.index.call_waits import unpacked
from callscope.index.deadline import limited
from callscope.index.histogram import RESPONSE, Histogram, histogram_of, merged, unpack
from callscope.index.matching import matching_calls, snapshot
from callscope.index.periods import segments
from callscope.index.rolled_up import is_rolled_up, rows_of
from callscope.query.query import CallQuery


def waits(place: Path, root: Path, query: CallQuery, *, seconds: float = 10.0) -> Histogram | None:
    """What callers waited for the answers of these calls; None when there were none.

    From rollups where they know enough, else from the exchanges.

    Args:
        place: the index's file.
        root: the archive that it is of.
        query: which calls; its sort, limit and cursor are of no account.
        seconds: how long it may take.

    Raises:
        SettingError: it takes longer, or see `callscope.index.compile.compile_query`.
        NotFoundError, UnreadableError: see `callscope.index.database.readable`.
    """
    with contextlib.closing(database.readable(place, root=root)) as db:
        regex.install(db)
        try:
            with limited(db, seconds):
                return waits_of(db, query)
        except sqlite3.DatabaseError as error:
            raise database.explain(error, place) from error


def waits_of(db: sqlite3.Connection, query: CallQuery) -> Histogram | None:
    """The same from a connection."""
    with snapshot(db):
        found = [each for each in _histograms(db, query) if each is not None]
    return merged(found) if found else None


def _histograms(db: sqlite3.Connection, query: CallQuery) -> Iterator[Histogram | None]:
    if not is_rolled_up(query):
        yield _exactly(db, query)
        return
    for cut in segments(query.since_ms, query.until_ms, by_hour=False):
        if cut.source == "calls":
            yield _exactly(db, msgspec.structs.replace(query, since_ms=cut.since_ms, until_ms=cut.until_ms))
        else:
            rows = rows_of(db, query, cut, "response", by=())
            yield unpack(packed for (packed,) in rows).get(RESPONSE)


def _exactly(db: sqlite3.Connection, query: CallQuery) -> Histogram | None:
    pieces = [
        histogram_of(unpacked(packed for (packed,) in rows))
        for rows in matching_calls(db, query, "w.response", waits=True)
    ]
    found = [each for each in pieces if each is not None]
    return merged(found) if found else None
