"""One line of a log, whoever wrote it and whatever is left of it.

Lines of callscope are JSON objects with ``ts``, ``level``, ``logger`` and ``event``. Other writers' objects are read by
the names that they usually use. What is no object is kept as text: a torn line, or words that somebody else printed.

A line's place in time is its own moment, where the day of its file makes that believable; else that of the line before
it. So a clock that was wrong, or a line without a moment, stays where it was written, and the name of a file bounds the
moments of its lines.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from callscope.archive import jsonl
from callscope.model import wire

LEVELS: Final = ("trace", "debug", "info", "warning", "error", "critical")
"""From the least to the worst."""
UNKNOWN: Final = -1
"""Rank of a level that nobody told, or that nobody knows."""
MAX_BYTES: Final = 1_000_000
"""Of a line; of a longer one the beginning is kept, as a torn one."""
_OTHER_LEVELS: Final = {
    "warn": "warning",
    "fatal": "critical",
    "exception": "error",
    "err": "error",
    "notice": "info",
    "success": "info",
    "verbose": "debug",
}
_RANKS: Final = {name: rank for rank, name in enumerate(LEVELS)} | {
    other: LEVELS.index(name) for other, name in _OTHER_LEVELS.items()
}
_STEP: Final = 10
"""Between levels of the standard library, which are numbers."""
_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "ts": ("ts", "timestamp", "time", "@timestamp"),
    "level": ("level", "levelname", "severity"),
    "logger": ("logger", "name", "logger_name"),
    "event": ("event", "message", "msg", "text"),
    "call_id": ("call_id",),
}
_TOLD: Final = frozenset(("ts", "level", "logger", "event", "call_id", "exception"))
_ALWAYS: Final = frozenset(("ts", "level", "logger", "event"))
"""In every line of ours."""
_INNER: Final = ("data", "source")
"""Objects whose members are facts like those beside them."""
_START: Final = b'{"ts":'
_MAX_DEPTH: Final = 8
_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Head(msgspec.Struct, frozen=True, gc=False):
    ts: Any = None
    level: Any = None
    logger: Any = None
    event: Any = None
    call_id: Any = None


_heads: Final = msgspec.json.Decoder(_Head)

Place = tuple[str, int, str]
"""What files are in order by: day, number, name."""


class LogLine(NamedTuple):
    """A line."""

    at_ms: int
    """Unix milliseconds of its place in time."""
    file: Place
    """The file that it is in; with ``at_ms`` before and ``offset`` behind it, lines are in order."""
    offset: int
    """Of its first byte, in the file without compression."""
    ts_ms: int | None
    """The moment that it tells itself."""
    rank: int
    """Place of its level among `LEVELS`; `UNKNOWN`: nobody knows."""
    level: str
    """As it was written; empty: none was."""
    logger: str
    event: str
    """What happened; of what is no object, all of it."""
    call_id: str
    """Empty: it belongs to no call."""
    raw: bytes
    """As it is in the file, without its end."""
    is_row: bool
    """Whether it is an object."""
    is_torn: bool
    """Whether it is what is left of one."""


class Bounds(NamedTuple):
    """Moments that are believed."""

    first_ms: int
    last_ms: int


class LineReader:
    """Makes lines of bytes, in the order of their file.

    Args:
        file: the file.
        bounds: moments that are believed there.
        before_ms: place in time of the line before the first one.
    """

    def __init__(self, file: Place, bounds: Bounds, *, before_ms: int) -> None:
        self._file = file
        self._bounds = bounds
        self.at_ms = before_ms
        """Of the last line that was read."""

    def read(self, offset: int, raw: bytes, *, is_cut: bool = False) -> Iterator[LogLine]:
        """The lines that one line of the file holds: one, or the rest of a torn one and those that are glued to it.

        Args:
            offset: of its first byte.
            raw: the line, without its end.
            is_cut: it is longer, and this is its beginning.
        """
        line = None if is_cut else self._row(offset, raw)
        if line is not None:
            yield line
            return
        content = raw.strip(b"\0 \t\r\v\f")
        glued = raw.find(_START, 1) if content.startswith(b"{") and not is_cut else -1
        if content or raw:
            piece = raw if glued < 0 else raw[:glued]
            yield self._text(offset, piece, is_torn=is_cut or content.startswith(b"{") or not content)
        if glued > 0:
            yield from self.read(offset + glued, raw[glued:])

    def _row(self, offset: int, raw: bytes) -> LogLine | None:
        try:
            head = _heads.decode(raw)
        except _ERRORS:
            row = jsonl.decode_object(raw)
            if row is None:
                return None
            return self._line(offset, raw, _names_of(row))
        if head.ts is None or head.event is None:
            return self._line(offset, raw, _names_of(jsonl.decode_object(raw) or {}))
        return self._line(offset, raw, head)

    def _line(self, offset: int, raw: bytes, head: _Head) -> LogLine:
        ts_ms = wire.parse_ts(head.ts)
        if ts_ms is not None and self._bounds.first_ms <= ts_ms <= self._bounds.last_ms:
            self.at_ms = ts_ms
        level = head.level
        return LogLine(
            at_ms=self.at_ms,
            file=self._file,
            offset=offset,
            ts_ms=ts_ms,
            rank=rank_of(level),
            level=_word(level),
            logger=_word(head.logger),
            event=_word(head.event),
            call_id=_word(head.call_id),
            raw=raw,
            is_row=True,
            is_torn=False,
        )

    def _text(self, offset: int, raw: bytes, *, is_torn: bool) -> LogLine:
        text = raw.replace(b"\0", b"").decode("utf-8", "replace").strip()
        return LogLine(
            at_ms=self.at_ms,
            file=self._file,
            offset=offset,
            ts_ms=None,
            rank=UNKNOWN,
            level="",
            logger="",
            event=text,
            call_id="",
            raw=raw,
            is_row=False,
            is_torn=is_torn,
        )


def rank_of(level: object) -> int:
    """Place of a level among `LEVELS`, also of one by another name or number; `UNKNOWN` of anything else."""
    if isinstance(level, str):
        rank = _RANKS.get(level)
        return rank if rank is not None else _RANKS.get(level.strip().lower(), UNKNOWN)
    if isinstance(level, int) and not isinstance(level, bool) and level >= 0:
        return min(level // _STEP, len(LEVELS) - 1)
    return UNKNOWN


def row_of(line: LogLine) -> dict[str, Any]:
    """All that a line says; of what is no object nothing."""
    return (jsonl.decode_object(line.raw) or {}) if line.is_row else {}


def facts_of(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a line says beside its moment, level, logger, event, call and exception: names and values, as text."""
    told = _TOLD if row.keys() >= _ALWAYS else _TOLD.union(_first(row, names)[0] for names in _NAMES.values())
    found: list[tuple[str, str]] = []
    for key, value in row.items():
        if key in told:
            continue
        if key in _INNER and isinstance(value, dict):
            found += [(name, text_of(inner)) for name, inner in value.items()]
        else:
            found.append((key, text_of(value)))
    return found


def exception_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Type and message of a line's exception in one line, and its stack; empty where there is none."""
    told = row.get("exception", row.get("exc_info"))
    if isinstance(told, str):
        text = told.strip("\n")
        return (text.rpartition("\n")[2].strip(), text) if "\n" in text else (text, "")
    if not isinstance(told, dict):
        return "", ""
    words = [text_of(told[key]) for key in ("type", "message") if told.get(key)]
    stack = told.get("stack")
    return ": ".join(words), stack.strip("\n") if isinstance(stack, str) else ""


def words_of(line: LogLine) -> str:
    """All of a line's words, for a pattern to be looked for in. No letter stands in it that its bytes do not have."""
    row = row_of(line)
    facts = (f"{key}={value}" for key, value in facts_of(row))
    head, stack = exception_of(row)
    return "\n".join((line.event, line.logger, line.call_id, " ".join(facts), head, stack))


def text_of(value: object, depth: int = 0) -> str:
    """A value in one piece, without marks around it; what is unknown is empty."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if depth >= _MAX_DEPTH:
        return "…"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {text_of(inner, depth + 1)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(text_of(inner, depth + 1) for inner in value) + "]"
    return str(value)


def _names_of(row: dict[str, Any]) -> _Head:
    return _Head(**{name: _first(row, others)[1] for name, others in _NAMES.items()})


def _first(row: Mapping[str, Any], names: tuple[str, ...]) -> tuple[str, Any]:
    """The first of these names that the row has, with its value."""
    return next(((name, row[name]) for name in names if row.get(name) is not None), ("", None))


def _word(value: object) -> str:
    return value if type(value) is str else text_of(value)
