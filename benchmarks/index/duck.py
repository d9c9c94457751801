"""DuckDB beside the index: the index's own rows as Parquet, read by its engine."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any, Final

_ROWS: Final = 100_000
"""In a row group."""
_TABLES: Final = {
    "calls": "calls",
    "label": "label",
    "turn": "turn",
    "exchange": "exchange",
    "event": "event",
    "tool": "tool",
    "error": "error",
    "document": "document",
}
_TYPES: Final = {"INTEGER": "int64", "REAL": "float64", "TEXT": "string"}
_OF_VIEWS: Final = {
    **dict.fromkeys(("call", "seq", "turn_index", "ts_ms", "interrupted"), "int64"),
    **dict.fromkeys(("duration_ms", "cost_usd"), "float64"),
}
"""Columns of views have no type of their own."""


def export(db: sqlite3.Connection, directory: Path) -> None:
    """Write the index's tables as Parquet, compressed with zstd, in the order of their keys."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    directory.mkdir(parents=True, exist_ok=True)
    for name, table in _TABLES.items():
        columns = db.execute(f"PRAGMA table_info({table})").fetchall()
        types = [(column[1], _TYPES.get(column[2]) or _OF_VIEWS.get(column[1], "string")) for column in columns]
        schema = pa.schema([(column, getattr(pa, kind)()) for column, kind in types])
        cursor = db.execute(f"SELECT * FROM {table}")  # noqa: S608 -- names of ours
        with pq.ParquetWriter(directory / f"{name}.parquet", schema, compression="zstd") as writer:
            while rows := cursor.fetchmany(_ROWS):
                arrays = [
                    pa.array(values, field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)
                ]
                writer.write_table(pa.table(arrays, schema=schema))


def connect(directory: Path) -> Any:
    """DuckDB with a view for each file."""
    import duckdb

    db = duckdb.connect()
    for name in _TABLES:
        path = directory / f"{name}.parquet"
        db.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{path}')")  # noqa: S608 -- as above
    return db
