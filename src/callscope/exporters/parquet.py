"""Parquet, typed: moments are timestamps in UTC, money is a double, unknown is null."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO, Final

import msgspec

from callscope.errors import MissingExtraError
from callscope.exporters.format import Done, Request
from callscope.exporters.tables.column import VERSION, Kind, Row, Table
from callscope.exporters.tables.export import table_format
from callscope.exporters.tables.sink import Sink

_ROWS: Final = 20_000
"""In a row group at most."""
_CHARACTERS: Final = 16_000_000
"""Of texts in a row group, more or less: what is in memory together."""
_TYPES: Final[dict[Kind, str]] = {
    "text": "string",
    "path": "string",
    "whole": "int64",
    "number": "float64",
    "usd": "float64",
    "flag": "bool_",
    "json": "string",
}


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 -- an extra
        from pyarrow import parquet  # noqa: PLC0415 -- as above
    except ImportError as error:
        raise MissingExtraError("parquet", what="A Parquet file") from error
    return pa, parquet


def _run(request: Request) -> Done:
    _arrow()  # before anything is made
    return _TABLES.run(request)


def _begin(file: BinaryIO, table: Table) -> Sink:
    return _Parquet(file, table)


class _Parquet:
    def __init__(self, file: BinaryIO, table: Table) -> None:
        pa, parquet = _arrow()
        self._pa = pa
        types = {kind: getattr(pa, name)() for kind, name in _TYPES.items()} | {"moment": pa.timestamp("ms", tz="UTC")}
        fields = [pa.field(each.name, types[each.kind]) for each in table.columns]
        told = {b"callscope.table": table.name.encode(), b"callscope.columns": str(VERSION).encode()}
        self._schema = pa.schema(fields, metadata=told)
        self._flags = [place for place, each in enumerate(table.columns) if each.kind == "flag"]
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[Row] = []
        self._characters = 0

    def write(self, rows: Iterable[Row]) -> None:
        for row in rows:
            self._rows.append(row)
            self._characters += sum([len(value) for value in row if type(value) is str])
            if len(self._rows) >= _ROWS or self._characters >= _CHARACTERS:
                self._put()

    def close(self) -> None:
        self._put()
        self._writer.close()

    def _put(self) -> None:
        if not self._rows:
            return
        columns: list[Any] = list(zip(*self._rows, strict=True))
        for place in self._flags:
            columns[place] = [None if value is None else bool(value) for value in columns[place]]
        arrays = [self._pa.array(column, type=field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_batch(self._pa.record_batch(arrays, schema=self._schema))
        self._rows = []
        self._characters = 0


_TABLES: Final = table_format(
    name="parquet",
    text="Parquet, for DuckDB, pandas, Spark, ClickHouse.",
    suffix=".parquet",
    begin=_begin,
    to_stdout=False,
)
FORMAT = msgspec.structs.replace(_TABLES, run=_run)
