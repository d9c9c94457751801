"""Calls put straight into the tables of an index, for tests of its figures: no files, only what the figures are of."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from callscope.index import call_waits, database
from callscope.index.grains import WHOLE, number_of
from callscope.index.rollups import Cell
from callscope.query.query import STAGES

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DAY = 1_795_219_200_000  # 2026-11-21T00:00:00Z, a Saturday


class Wait(NamedTuple):
    """One exchange."""

    response_ms: int | None = 800
    """None: unanswered, or nobody knows."""
    answered: bool = True
    interrupted: bool = False
    kind: str = "exchange"
    stages: Mapping[str, int] = MappingProxyType({})


class Dimensions(NamedTuple):
    agent: str = "desk"
    version: str = "1"
    provider: str = "openai"
    model: str = "gpt-4.1"
    mode: str = "pipeline"
    status: str = "completed"
    environment: str = ""


def empty_index() -> sqlite3.Connection:
    """An index in memory, with its schema."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(database.schema())
    return db


def put(
    db: sqlite3.Connection,
    *,
    at_ms: int = DAY,
    waits: Sequence[Wait] = (),
    labels: dict[str, str] | None = None,
    duration_ms: float | None = 60_000.0,
    turns: int | None = 4,
    errors: int = 0,
    cost_usd: float | None = 0.25,
    unpriced: int = 0,
    **dimensions: str,
) -> int:
    """Put one call in, told apart from others by the fields of `Dimensions`; its number."""
    names = Dimensions(**dimensions)
    first = (at_ms // 1000 - 1_577_836_800) * 4096
    last = db.execute("SELECT max(id) FROM call WHERE id BETWEEN ? AND ?", (first, first + 4095)).fetchone()[0]
    number = first if last is None else int(last) + 1
    real = [wait for wait in waits if wait.kind == "exchange"]
    row = {
        "id": number,
        "path": f"call-{number}",
        "call_id": f"call-{number}",
        "started_at_ms": at_ms,
        "duration_ms": duration_ms,
        "status": names.status,
        "dimensions": dimension(db, names),
        "turns": turns,
        "exchanges": len(real),
        "unanswered": sum(not wait.answered for wait in real),
        "interruptions": sum(wait.interrupted for wait in waits),
        "errors": errors,
        "cost_usd": cost_usd,
        "worst_ms": max((wait.response_ms or 0 for wait in real if wait.answered and wait.response_ms), default=None),
        "unpriced": unpriced,
        "lost": 0,
        "has_recording": 0,
        "problems": 0,
        "stamp": "",
    }
    insert(db, "call", row)
    exchanges = [
        {
            "seq": seq,
            "kind": wait.kind,
            "started_at_ms": at_ms,
            "answered_at_ms": at_ms if wait.answered else None,
            "response_ms": wait.response_ms if wait.answered else None,
            "silence_ms": None,
            "interrupted": int(wait.interrupted),
            **{f"{stage}_ms": wait.stages.get(stage) for stage in STAGES},
        }
        for seq, wait in enumerate(waits)
    ]
    for exchange in exchanges:
        insert(db, "exchange", {"call": number, **exchange})
    found = call_waits.row_of([tuple(exchange.values()) for exchange in exchanges])
    insert(db, "call_waits", {"call": number, **dict(zip(call_waits.COLUMNS, found, strict=True))})
    for name, value in (labels or {}).items():
        insert(db, "label", {"call": number, "name": name, "value": value})
    return number


def dimension(db: sqlite3.Connection, dimensions: Dimensions) -> int:
    """The number of a combination."""
    return number_of(db, dimensions, WHOLE)


def drop(db: sqlite3.Connection, number: int) -> None:
    """Take a call out."""
    for table in ("exchange", "call_waits"):
        db.execute(f"DELETE FROM {table} WHERE call = ?", (number,))  # noqa: S608 -- our names
    db.execute("DELETE FROM call WHERE id = ?", (number,))


def insert(db: sqlite3.Connection, table: str, row: Mapping[str, object]) -> None:
    """Put one row in."""
    marks = ", ".join("?" * len(row))
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))  # noqa: S608 -- our names


def cells(db: sqlite3.Connection) -> set[Cell]:
    """The hours in which there are calls, and their dimensions."""
    found = db.execute("SELECT started_at_ms, dimensions FROM call")
    return {(started - started % HOUR_MS, dimensions) for started, dimensions in found}
