"""Lines of logs for people: the same parts on a terminal and on a page, every text of them harmless."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from callscope.archive.log_line import LEVELS, UNKNOWN, LogLine, exception_of, facts_of, row_of
from callscope.index.log_query import LogQuery
from callscope.model import wire
from callscope.model.call import IN_PROGRESS, Call
from callscope.model.wire import LAST_MS, format_ts
from callscope.report import figures
from callscope.report.safe_text import clean, clean_lines
from callscope.timeline import sentence

_OF_CALLS: Final = "callscope.call"
"""The logger of what happened in calls: its lines are told as sentences."""
MARGIN_MS: Final = 3_600_000
"""How long before a call's start and after its end its lines are looked for: an id may come again on another day."""
_NOT_SHOWN: Final[tuple[str, ...]] = ("source", "process", "thread")
"""Where a line comes from: in the JSON, and found by a pattern."""
_EMPTY: Final = ("", "{}", "[]")
_LONGEST: Final = 300
_LONGEST_EVENT: Final = 4_000
_LONGEST_STACK: Final = 100_000


class ShownLine(NamedTuple):
    """The parts of a line."""

    moment: str
    """``2026-11-22 03:43:13.123``, UTC; a dash when it tells none."""
    level: str
    """One of `LEVELS`, or the word that the line has, or empty."""
    logger: str
    call_id: str
    text: str
    """What happened, in one line."""
    facts: tuple[tuple[str, str], ...]
    """Names and values, which are in quotes where they are not one word."""
    stack: tuple[str, ...]
    """Lines of the traceback."""


def shown(line: LogLine) -> ShownLine:
    """A line as it is shown."""
    row = row_of(line)
    event = line.event
    head, stack = exception_of(row)
    hidden = _NOT_SHOWN
    if line.logger == _OF_CALLS and _is_told(line, row):
        event, head = sentence.of(event, _told(row)), ""
        hidden += ("data",) if line.event in sentence.WITH_SERVICE else ("data", "stage", "provider")
    facts = facts_of({key: value for key, value in row.items() if key not in hidden})
    if head and not stack:
        facts.append(("exception", head))
    return ShownLine(
        moment=figures.UNKNOWN if line.ts_ms is None else format_ts(line.ts_ms)[:23].replace("T", " "),
        level=level_of(line),
        logger=clean(line.logger),
        call_id=clean(line.call_id),
        text=_short(clean(event), _LONGEST_EVENT) or figures.UNKNOWN,
        facts=tuple((clean(key), _value(value)) for key, value in facts if value not in _EMPTY),
        stack=tuple(clean_lines(stack[:_LONGEST_STACK]).split("\n")) if stack else (),
    )


def level_of(line: LogLine) -> str:
    """The word for a line's level; ``torn`` for what is left of a line."""
    if line.is_torn:
        return "torn"
    return LEVELS[line.rank] if line.rank != UNKNOWN else clean(line.level)[:12]


def facts_in_words(line: ShownLine) -> str:
    """``stage=llm model=gpt-4.1``."""
    return " ".join(f"{key}={value}" for key, value in line.facts)


def row_to_print(line: LogLine) -> bytes:
    """A line's object as it is; where strict readers would choke on it, as they have to have it."""
    try:
        wire.decode(line.raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return wire.encode(row_of(line))
    return line.raw.strip()


def of_call(call: Call, **more: Any) -> LogQuery:
    """What asks for the lines of a call.

    Args:
        call: its envelope.
        more: other conditions.
    """
    since_ms = 0 if call.started_at_ms is None else max(call.started_at_ms - MARGIN_MS, 0)
    is_over = call.ended_at_ms is not None and call.status != IN_PROGRESS
    until_ms = (call.ended_at_ms or 0) + MARGIN_MS if is_over else LAST_MS + 1
    since_ms, until_ms = max(since_ms, more.pop("since_ms", 0)), min(until_ms, more.pop("until_ms", LAST_MS + 1))
    return LogQuery(call_id=call.call_id, since_ms=since_ms, until_ms=until_ms, **more)


def _is_told(line: LogLine, row: dict[str, Any]) -> bool:
    """Whether the recorder told it: facts that it does not have are left out, and a program's line has a source."""
    has_facts = any(isinstance(row.get(part), dict) for part in ("data", "exception"))
    return has_facts or ("source" not in row and not line.is_torn)


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """The facts of a line about a call, together again: its service and exception stand beside its ``data``."""
    facts: dict[str, Any] = {}
    for part in (row.get("data"), row.get("exception")):
        facts |= part if isinstance(part, dict) else {}
    return facts | {name: row[name] for name in ("stage", "provider") if name in row}


def _value(value: str) -> str:
    text = _short(clean(value), _LONGEST)
    is_word = bool(text) and not any(sign in text for sign in ' ="')
    return text if is_word else f'"{text}"'


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
