"""Why tools failed, as LiveKit's log tells it: neither its spans nor its report do.

An exception of a tool is the tool's result, as the model is told of it; it is no error of the call.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from callscope.interop import aliases
from callscope.interop.spans import LogRecord, Record, Span

SPAN: Final = "function_tool"
_LINE: Final = "exception occurred while executing tool"
_NEAR_MS: Final = 50
"""So much before or after the span the line may be stamped."""


def is_failure(record: Record) -> bool:
    """Whether a record is the line of a log that tells of a tool's exception."""
    return isinstance(record, LogRecord) and isinstance(record.body, str) and record.body.startswith(_LINE)


def failures(records: Iterable[Record]) -> dict[str, str]:
    """What went wrong in tools, by the id of the tool's span."""
    records = list(records)
    lines = [each for each in records if isinstance(each, LogRecord) and is_failure(each)]
    tools = [each for each in records if lines and isinstance(each, Span) and each.name == SPAN]
    found: dict[str, str] = {}
    for line in lines:
        words = aliases.text(line.attributes, ("exception.message", "exception.type"))
        of = next((each for each in tools if each.span_id not in found and _is_of(line, each)), None)
        if words is not None and of is not None:
            found[of.span_id] = words
    return found


def _is_of(line: LogRecord, span: Span) -> bool:
    if line.span_id is not None and line.span_id == span.span_id:
        return True
    call_id = aliases.text(line.attributes, ("call_id",))
    if call_id is not None:
        return call_id == aliases.text(span.attributes, aliases.TOOL_ID)
    name = aliases.text(line.attributes, ("function",))
    is_near = span.start_ms - _NEAR_MS <= line.at_ms <= span.end_ms + _NEAR_MS
    return is_near and name in {None, aliases.text(span.attributes, aliases.TOOL_NAME)}
