"""The longest waits of the matching calls, one by one."""

from __future__ import annotations

import sqlite3
from heapq import heappush, heappushpop
from typing import Any, Final

import msgspec

from callscope.index import regex
from callscope.index.compile import compile_query
from callscope.index.matching import snapshot
from callscope.index.plan import as_rows, few_calls
from callscope.query.query import STAGES, CallQuery

_CALL: Final = "c.id, w.longest_ms, c.path, c.call_id, d.agent"
_ORDER: Final = "ORDER BY w.longest_ms DESC, w.call DESC"
_JOINED: Final = "CROSS JOIN dimensions AS d ON d.id = c.dimensions"
_EXCHANGES: Final = (
    f"SELECT response_ms, seq, started_at_ms, {', '.join(f'{stage}_ms' for stage in STAGES)} FROM exchange "  # noqa: S608 -- names of ours
    "WHERE call = ? AND kind = 'exchange' AND response_ms IS NOT NULL"
)


class SlowExchange(msgspec.Struct, frozen=True, kw_only=True):
    """An exchange, and what the caller waited in it."""

    path: str
    """The call's directory, below ``<root>/calls``."""
    call_id: str
    agent: str
    """Empty when unknown."""
    seq: int
    """Which exchange of the call, from 0; a greeting is one, too."""
    started_at_ms: int
    """Unix milliseconds."""
    response_ms: int
    stage: str | None
    """The stage that took longest; None when none is known."""
    stage_ms: int | None


def slowest(db: sqlite3.Connection, query: CallQuery, *, limit: int = 50) -> list[SlowExchange]:
    """The exchanges with the longest waits, longest first; of equal ones, those of newer calls first.

    Calls are looked at in the order of their longest wait for an answer, until no other can have a longer one. The
    query's sort, limit and cursor are of no account.

    Raises:
        SettingError: see `callscope.index.compile.compile_query`.
    """
    regex.install(db)
    found: list[tuple[int, int, int, tuple[Any, ...]]] = []
    with snapshot(db):
        for number, longest_ms, *call in _calls(db, query) if limit > 0 else ():
            if len(found) == limit and longest_ms < found[0][0]:
                break
            for response_ms, seq, *rest in db.execute(_EXCHANGES, (number,)):
                place = (response_ms, number, -seq, (*call, seq, *rest))
                if len(found) < limit:
                    heappush(found, place)
                else:
                    heappushpop(found, place)
    return [_shown(response_ms, row) for response_ms, _, _, row in sorted(found, reverse=True)]


def _calls(db: sqlite3.Connection, query: CallQuery) -> sqlite3.Cursor:
    compiled = compile_query(query, words=True, one_by_one=True)
    few = few_calls(db, (*compiled.sources, *((compiled.time,) if compiled.time else ())), compiled.parameters)
    where = f"w.longest_ms IS NOT NULL AND {compiled.where}"
    if few is None:
        table = "call_waits AS w INDEXED BY call_waits_by_longest CROSS JOIN call AS c ON c.id = w.call"
        return db.execute(f"SELECT {_CALL} FROM {table} {_JOINED} WHERE {where} {_ORDER}", compiled.parameters)  # noqa: S608 -- from the compiler
    waits = "json_each(:few) AS few CROSS JOIN call_waits AS w ON w.call = few.value"
    table = f"{waits} CROSS JOIN call AS c ON c.id = w.call"
    return db.execute(
        f"SELECT {_CALL} FROM {table} {_JOINED} WHERE {where} {_ORDER}",  # noqa: S608 -- as above
        {**compiled.parameters, "few": as_rows(few)},
    )


def _shown(response_ms: int, row: tuple[Any, ...]) -> SlowExchange:
    path, call_id, agent, seq, started_at_ms, *stages = row
    stage_ms, stage = max(
        ((wait_ms, name) for wait_ms, name in zip(stages, STAGES, strict=True) if wait_ms is not None),
        default=(None, None),
        key=lambda each: each[0],
    )
    return SlowExchange(
        path=path,
        call_id=call_id,
        agent=agent,
        seq=seq,
        started_at_ms=started_at_ms,
        response_ms=response_ms,
        stage=stage,
        stage_ms=stage_ms,
    )
