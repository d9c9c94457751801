"""JSON lines: a JSON object a row, all columns in their order, unknown as null."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, Final

import msgspec

from callscope.exporters.tables.column import Kind, Row, Table
from callscope.exporters.tables.export import table_format
from callscope.model.wire import format_ts
from callscope.report.safe_text import clean_json

_AT_ONCE: Final = 1_000
_encode: Final = msgspec.json.Encoder().encode

_VALUES: Final[dict[Kind, Callable[[Any], Any]]] = {
    "moment": format_ts,
    "flag": bool,
    "usd": lambda value: round(value, 9),
    "json": lambda value: msgspec.Raw(value.encode()),
}
"""What is written otherwise than the index has it."""


class _JsonLines:
    def __init__(self, file: BinaryIO, table: Table) -> None:
        self._file = file
        self._names = [column.name for column in table.columns]
        kinds = enumerate(column.kind for column in table.columns)
        self._changed = [(place, _VALUES[kind]) for place, kind in kinds if kind in _VALUES]

    def write(self, rows: Iterable[Row]) -> None:
        ready: list[bytes] = []
        for row in rows:
            values = list(row)
            for place, change in self._changed:
                if values[place] is not None:
                    values[place] = change(values[place])
            ready.append(_encode(dict(zip(self._names, values, strict=True))))
            if len(ready) >= _AT_ONCE:
                self._put(ready)
                ready = []
        self._put(ready)

    def close(self) -> None:
        """Nothing is left."""

    def _put(self, lines: list[bytes]) -> None:
        if lines:
            text = b"\n".join(lines) + b"\n"
            # Signs that turn a terminal's writing round are written as escapes; ASCII has none but U+007F.
            self._file.write(text if text.isascii() and b"\x7f" not in text else clean_json(text.decode()).encode())


FORMAT = table_format(name="jsonl", text="A JSON object a line.", suffix=".jsonl", begin=_JsonLines)
