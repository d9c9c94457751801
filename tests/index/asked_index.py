"""An index of three hundred calls, queries of every sort, and the calls that they mean, found otherwise."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from archives import NOW_MS, many

from callscope.index.calls import calls
from callscope.index.database import readable
from callscope.index.refresh import refresh
from callscope.query.language import parse

QUERIES = [
    "",
    "agent:sales",
    "since:2026-11-13 until:2026-11-19",
    "since:2026-11-13T05:30 until:2026-11-19T08:12 agent:billing,sales",
    "cost>0.05",
    "agent:nobody",
]


@contextmanager
def index_of_many(root: Path) -> Iterator[sqlite3.Connection]:
    many(root, 300, days=10, turns=6)
    refresh(root / "index.sqlite", root, now_ms=NOW_MS, processes=0)
    with closing(readable(root / "index.sqlite", root=root)) as connection:
        yield connection


def matching(db: sqlite3.Connection, text: str) -> set[int]:
    """The numbers of the calls of a query, from pages of calls."""
    page = calls(db, parse(f"{text} limit:1000", now_ms=NOW_MS))
    return {each.id for each in page.calls}
