"""Calls as rows of a CSV file (RFC 4180): one line a call, units in the names of the columns.

Texts are of callers and providers. A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a
formula (and ``|`` for one of another program), so such a text gets an apostrophe in front; numbers are written by us
and stay numbers.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from callscope.index.calls import CallRow
from callscope.model.wire import format_ts
from callscope.report.safe_text import clean

_FORMULA: Final = tuple("=+-@|\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}")
_COLUMNS: Final[dict[str, Callable[[CallRow], str]]] = {
    "started_at_utc": lambda call: format_ts(call.started_at_ms),
    "ended_at_utc": lambda call: "" if call.ended_at_ms is None else format_ts(call.ended_at_ms),
    "call_id": lambda call: text_cell(call.call_id),
    "path": lambda call: path_cell(call.path),
    "status": lambda call: text_cell(call.status),
    "agent": lambda call: text_cell(call.agent),
    "version": lambda call: text_cell(call.version),
    "environment": lambda call: text_cell(call.environment),
    "mode": lambda call: text_cell(call.mode),
    "provider": lambda call: text_cell(call.provider),
    "model": lambda call: text_cell(call.model),
    "direction": lambda call: text_cell(call.direction),
    "caller": lambda call: text_cell(call.caller),
    "callee": lambda call: text_cell(call.callee),
    "telephony_provider": lambda call: text_cell(call.telephony_provider),
    "trace_id": lambda call: text_cell(call.trace_id),
    "duration_ms": lambda call: number_cell(call.duration_ms),
    "turns": lambda call: number_cell(call.turns),
    "exchanges": lambda call: number_cell(call.exchanges),
    "unanswered": lambda call: number_cell(call.unanswered),
    "interruptions": lambda call: number_cell(call.interruptions),
    "errors": lambda call: number_cell(call.errors),
    "p50_ms": lambda call: number_cell(call.p50_ms),
    "p95_ms": lambda call: number_cell(call.p95_ms),
    "p99_ms": lambda call: number_cell(call.p99_ms),
    "worst_wait_ms": lambda call: number_cell(call.worst_ms),
    "cost_usd": lambda call: number_cell(call.cost_usd, places=9),
    "cost_status": lambda call: text_cell(call.cost_status),
    "unpriced": lambda call: number_cell(call.unpriced),
    "lost_rows": lambda call: number_cell(call.lost),
    "recorded": lambda call: number_cell(int(call.recorded)),
    "problems": lambda call: number_cell(call.problems),
    "end_reason": lambda call: text_cell(call.reason),
    "error": lambda call: text_cell(call.error),
}


def csv_rows(pages: Iterable[Iterable[CallRow]]) -> Iterator[bytes]:
    """The file in pieces, UTF-8: the names of the columns, then a piece for each page of calls."""
    yield _lines([list(_COLUMNS)])
    for calls in pages:
        yield _lines([cell(call) for cell in _COLUMNS.values()] for call in calls)


def text_cell(text: str | None) -> str:
    """A text as a cell that no spreadsheet calculates; one line, without what a terminal would obey."""
    if not text:
        return ""
    shown = clean(text)
    return f"'{shown}" if text.startswith(_FORMULA) or shown.lstrip().startswith(_FORMULA) else shown


def path_cell(path: str) -> str:
    """A call's place, as it stands in the address of its page: what a text would lose is percent-encoded."""
    return text_cell(
        "".join(quote(os.fsencode(sign), safe="") if sign == "%" or clean(sign) != sign else sign for sign in path)
    )


def number_cell(value: float | None, *, places: int = 3) -> str:
    """A number as a cell: plain digits, at most so many after the point; empty when it is not known."""
    if value is None:
        return ""
    digits = f"{round(Decimal(str(value)), places):f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _lines(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode("utf-8", "replace")
