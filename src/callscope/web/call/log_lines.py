"""The lines of logs that belong to a call, on the call's clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from callscope.archive.log_line import LEVELS, Bounds, LineReader, LogLine, row_of
from callscope.archive.reader import CallRecord
from callscope.index.log_lines import LogAnswer
from callscope.index.log_query import LogQuery, level_rank
from callscope.model import wire
from callscope.model.call import Call
from callscope.model.event import Event
from callscope.report import figures
from callscope.report.log_lines import ShownLine, of_call, shown
from callscope.web.call.axis import Axis
from callscope.web.call.links import Links

MOST: Final = 1_000
"""Lines on a page, the newest."""
MOST_IN_A_FILE: Final = 20_000
FILTER: Final = ("log_level", "log_logger", "log_text")
"""Parameters of an address that choose lines."""
_FEW: Final = 12
"""Lines that are shown without being asked for."""
_LOOKS: Final = {"critical": "bad", "error": "bad", "warning": "warn", "debug": "faint", "trace": "faint"}
_TROUBLE: Final = ("critical", "error", "warning")
_EVENT: Final = "log_line"


class LogRow(msgspec.Struct, frozen=True, kw_only=True):
    """A line."""

    id: str
    """Of its place on the page: ``log-34120``, by milliseconds after the call's start."""
    since_ms: int
    """Milliseconds after the call's start; less than 0 for what came before it."""
    href: str
    look: str
    """``bad``, ``warn``, ``faint`` or empty."""
    line: ShownLine


class LogPart(msgspec.Struct, frozen=True, kw_only=True):
    """What ``call/log_lines.html`` shows."""

    rows: tuple[LogRow, ...]
    more: bool
    """Whether older ones belong to the call, too."""
    trouble: str
    """``2 errors, 1 warning``; empty for none."""
    is_open: bool
    levels: tuple[str, ...]
    level: str
    """The least level that is shown; empty: all."""
    logger: str
    text: str
    kept: tuple[tuple[str, str], ...]
    """Parameters of the address that the filter's form keeps."""
    is_filtered: bool
    all_href: str
    """Without the filter."""
    problems: tuple[str, ...]
    """Files of logs that could not be read."""


def query_of(call: Call, chosen: Mapping[str, str]) -> LogQuery:
    """What asks for the lines that an address chooses.

    Raises:
        SettingError: there is no such level.
    """
    level, logger, text = (chosen.get(name, "").strip() for name in FILTER)
    rank: dict[str, Any] = {"rank": level_rank(level, option="log_level")} if level else {}
    return of_call(call, logger=logger or None, text=text or None, limit=MOST, **rank)


def log_part(answer: LogAnswer | None, axis: Axis, links: Links, chosen: Mapping[str, str]) -> LogPart | None:
    """The part of the page; None where the archive has no logs, and where none belong to the call."""
    if answer is None:
        return None
    level, logger, text = (chosen.get(name, "").strip() for name in FILTER)
    is_filtered = bool(level or logger or text)
    if not (answer.lines or answer.problems or is_filtered):
        return None
    others = {name: value for name, value in links.kept.items() if name not in FILTER}
    kept = {**others, **{name: chosen[name] for name in ("t", "exchange") if chosen.get(name)}}
    rows = _rows(answer.lines, axis, links)
    counted = Counter(row.line.level for row in rows)
    return LogPart(
        rows=rows,
        more=answer.more,
        trouble=", ".join(_count(counted[name], name) for name in _TROUBLE if counted[name]),
        is_open=is_filtered or len(rows) <= _FEW,
        levels=LEVELS,
        level=level.lower(),
        logger=logger,
        text=text,
        kept=tuple(kept.items()),
        is_filtered=is_filtered,
        all_href="" if links.is_file else msgspec.structs.replace(links, kept=others).lines(),
        problems=answer.problems,
    )


def with_lines(record: CallRecord, lines: Sequence[LogLine]) -> CallRecord:
    """A record with the lines among its events, so that who redacts it redacts them, too; see `taken_out`."""
    told = tuple(Event(ts_ms=line.at_ms, type=_EVENT, data=_without_call(row_of(line))) for line in lines)
    return msgspec.structs.replace(record, events=(*record.events, *told))


def taken_out(record: CallRecord, lines: Sequence[LogLine]) -> tuple[CallRecord, tuple[LogLine, ...]]:
    """The record as it was before `with_lines`, and the lines as they are in it."""
    place = len(record.events) - len(lines)
    rows = [event.data for event in record.events[place:]]
    found = tuple(_as_in(row, line) for line, row in zip(lines, rows, strict=True))
    return msgspec.structs.replace(record, events=record.events[:place]), found


def _as_in(row: dict[str, Any], line: LogLine) -> LogLine:
    """A line with another content."""
    reader = LineReader(line.file, Bounds(line.at_ms, line.at_ms), before_ms=line.at_ms)
    return next(reader.read(line.offset, wire.encode(row)))


def _without_call(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "call_id"}


def _rows(lines: Sequence[LogLine], axis: Axis, links: Links) -> tuple[LogRow, ...]:
    rows, seen = [], Counter[int]()
    for line in lines:
        since_ms = axis.since(line.at_ms)
        seen[since_ms] += 1
        twin = f"-{seen[since_ms]}" if seen[since_ms] > 1 else ""
        told = shown(line)
        row = LogRow(
            id=f"log-{since_ms}{twin}",
            since_ms=since_ms,
            href=links.at(max(since_ms, 0)),
            look=_LOOKS.get(told.level, ""),
            line=told,
        )
        rows.append(row)
    return tuple(rows)


def _count(number: int, what: str) -> str:
    return f"{number:,} critical" if what == "critical" else figures.count(number, what)
