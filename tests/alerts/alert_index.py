"""An archive that has an index and no files, for tests of alerts: calls are put straight into its tables."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from callscope.alerts.reading import Past
from callscope.alerts.rule import Rule
from callscope.alerts.rule_source import rules_of
from callscope.index import database
from callscope.index.index import Index
from callscope.index.rollups import recompute
from callscope.prices.budget import Budget

sys.path.append(str(Path(__file__).parents[1] / "index"))

from direct_rows import DAY, DAY_MS, HOUR_MS, Wait, cells, insert, put

__all__ = [
    "DAY", "DAY_MS", "HOUR_MS", "MINUTE_MS", "Wait", "fault", "filled", "insert", "past", "put", "rule", "shares"
]  # fmt: skip

MINUTE_MS = 60_000


def rule(text: str) -> Rule:
    """The one rule of a text without its first lines."""
    (found,) = rules_of(f'schema = 1\n[[rule]]\nname = "r"\n{text}', file="alerts.toml").rules
    return found


@contextmanager
def filled(root: Path, *, rollups: bool = True) -> Iterator[sqlite3.Connection]:
    """The tables of the index of an archive; rollups are made at the end, unless nothing asks for them."""
    db = database.writable(root / "index.sqlite", root=root)
    try:
        db.execute("BEGIN")
        yield db
        if rollups:
            recompute(db, cells(db))
        db.execute("COMMIT")
    finally:
        db.close()


@contextmanager
def past(
    root: Path, now_ms: int, since_ms: int | None = None, *, budgets: tuple[Budget, ...] | None = None
) -> Iterator[Past]:
    """What rules can ask of it."""
    with (
        Index.open(root, place=root / "index.sqlite", now_ms=lambda: now_ms) as index,
        Past(index, now_ms=now_ms, since_ms=since_ms, budgets=budgets) as found,
    ):
        yield found


def fault(db: sqlite3.Connection, call: int, fingerprint: str, *, ts_ms: int | None = None, seq: int = 0) -> None:
    """An error of a call."""
    row = {"call": call, "seq": seq, "ts_ms": ts_ms, "fingerprint": fingerprint, "pattern": f"pattern {fingerprint}"}
    more = {"message": "m", "stage": "llm", "provider": "openai", "exception_type": "", "category": "", "recovered": 0}
    insert(db, "error", {**row, **more})


def shares(db: sqlite3.Connection, at_ms: int, good: int, n: int, *, length_ms: int = DAY_MS) -> None:
    """So many calls over a time, of which so many were completed."""
    for number in range(n):
        status = "completed" if number < good else "failed"
        put(db, at_ms=at_ms + number * (length_ms // n), status=status)
