"""An index larger than any archive that one would write: the rows of an archive's calls, several times over.

The copies of a call start a few minutes after it and wait somewhat longer or shorter. They hold everything but events,
which no list, search or trend looks at. The rows go in as a refresh puts them in, without files to come from.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from callscope.archive import listing
from callscope.archive.paths import CALLS
from callscope.clock import now_ms
from callscope.index import database
from callscope.index.call_waits import row_of
from callscope.index.extract import CallRows, Row
from callscope.index.ingest import Ingest
from callscope.index.readers import Readers

_APART_MS: Final = 6 * 60_000
_AT_ONCE: Final = 1_000
"""Calls of the archive in a transaction."""
_STARTED_AT, _ENDED_AT = 2, 3
"""In a row of ``call``."""
_P50_AT, _WORST_AT = 18, 21
_BEGAN_AT, _ANSWERED_AT, _RESPONSE_AT, _UNEXPLAINED_AT = 2, 3, 4, 16
"""In a row of ``exchange``."""
_INTERRUPTED_AT: Final = 6
_TURN_AT: Final = 1
"""The moment, in a turn of ``detail``."""


def fill(root: Path, place: Path, *, copies: int) -> int:
    """Make an index of an archive's calls and their copies; how many calls it holds."""
    calls = root / CALLS
    places = iter(sorted(str(path.relative_to(calls)) for path in listing.call_paths(root)))
    database.discard(place)
    db = database.writable(place, root=root)
    database.bulk(db, on=True)
    ingest = Ingest(db)
    readers = Readers(root, now_ms=now_ms(), processes=2)
    count = 0
    while chunk := list(islice(places, _AT_ONCE)):
        rows = [found for _, found in readers.read(chunk, more=_AT_ONCE * 2) if found is not None]
        for each in (copy(found, number) for number in range(copies) for found in rows):
            ingest.put(each)
            count += 1
        ingest.commit(sums=False)
    ingest.begin()
    ingest.commit()
    readers.close()
    database.bulk(db, on=False)
    db.close()
    return count


def copy(rows: CallRows, number: int) -> CallRows:
    """The copy of that number; 0 is the call itself without its events."""
    later_ms, pace = number * _APART_MS, 1 + 0.03 * number
    call = list(rows.call)
    call[0] = f"{call[0]}.{number}"
    call[1] = f"{call[1]}.{number}"
    for at in (_STARTED_AT, _ENDED_AT):
        call[at] = _later(call[at], later_ms)
    for at in range(_P50_AT, _WORST_AT + 1):
        call[at] = _slower(call[at], pace)
    exchanges = tuple(_exchange(exchange, later_ms, pace) for exchange in rows.exchanges)
    return rows._replace(
        call=tuple(call),
        exchanges=exchanges,
        waits=row_of(exchanges),
        errors=tuple((error[0], _later(error[1], later_ms), *error[2:]) for error in rows.errors),
        event_types="[]",
        details=tuple((_turns(turns, later_ms), *others, "[]") for turns, *others, _ in rows.details),
    )


def _turns(block: str, later_ms: int) -> str:
    turns = msgspec.json.decode(block)
    for turn in turns:
        turn[_TURN_AT] = _later(turn[_TURN_AT], later_ms)
    return msgspec.json.encode(turns).decode()


def _exchange(row: Row, later_ms: int, pace: float) -> Row:
    copied = list(row)
    for at in (_BEGAN_AT, _ANSWERED_AT):
        copied[at] = _later(row[at], later_ms)
    for at in range(_RESPONSE_AT, _UNEXPLAINED_AT + 1):
        if at != _INTERRUPTED_AT:
            waited = _slower(row[at], pace)
            copied[at] = None if waited is None else round(waited)
    return tuple(copied)


def _later(value: object, later_ms: int) -> int | None:
    return value + later_ms if isinstance(value, int) else None


def _slower(value: object, pace: float) -> float | None:
    return value * pace if isinstance(value, int | float) else None
