"""A question about calls. The words of the query language: docs/query.md and `callscope.query.language`."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Operator = Literal["is", "contains", "above", "at_least", "below", "at_most", "between", "matches", "present"]
"""``is``: equal to one of the values, without case; ``*`` in a value stands for any characters. ``contains``: a part
of it. ``between``: both ends belong to it. ``matches``: a regular expression. ``present``: there is a value at all (of
a number of things: at least one)."""

Value = str | float
"""Numbers are in the field's own unit: milliseconds, US dollars, a count."""

Where = Literal["anywhere", "caller", "agent", "tool", "error"]

NUMBERS: Final = {
    "duration": "ms",
    "turns": "count",
    "exchanges": "count",
    "unanswered": "count",
    "interruptions": "count",
    "errors": "count",
    "p50": "ms",
    "p95": "ms",
    "p99": "ms",
    "worst": "ms",
    "cost": "usd",
    "unpriced": "count",
    "lost": "count",
    "wait": "ms",
}
"""Fields that are numbers, and their unit. ``wait``: of any exchange of the call; the others are of the call."""

STAGES: Final = (
    "endpointing",
    "transcription",
    "turn_detection",
    "handover",
    "llm",
    "tool",
    "aggregation",
    "synthesis",
    "output",
    "unexplained",
)
"""Parts of a wait. As a number field, ``stage.llm``: of any exchange of the call."""

WORDS: Final = (
    "agent",
    "version",
    "status",
    "provider",
    "model",
    "mode",
    "environment",
    "service",
    "direction",
    "caller",
    "callee",
    "telephony",
    "id",
    "trace",
    "reason",
    "error",
    "tool",
    "cost_status",
    "event",
    "fingerprint",
    "silence",
)
"""Fields that are words. ``label.<name>`` is one, too. ``provider`` and ``model`` are those of any service of the call;
``agent``, ``version``, ``mode`` and ``environment`` are the call's own."""

FLAGS: Final = ("interrupted", "silent", "failed", "priced", "recorded", "live")
"""Words that stand alone: an answer was cut off; an exchange got no answer; something failed; every cost is
known; there is a recording; the call goes on."""

ROLLED_UP: Final = frozenset({"agent", "version", "mode", "status", "environment"})
"""Fields that trends are kept by; a query that asks for nothing else, and a time, is answered from rollups."""

STARTED: Final = "started"
"""Field of a stretch of time: ``between`` its first and its last millisecond. The language writes it of stretches that
are left out, as ``-on:2026-11-20``; all other times are `CallQuery.since_ms` and `CallQuery.until_ms`."""

SORTS: Final = ("started", "ended", "duration", "turns", "exchanges", "unanswered", "interruptions", "errors", "p50",
                "p95", "p99", "worst", "cost", "status", "agent")  # fmt: skip


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """One condition on a call."""

    field: str
    """A key of `NUMBERS`, one of `WORDS` or `FLAGS`, ``label.<name>``, ``stage.<stage>``, or `STARTED`."""
    op: Operator
    values: tuple[Value, ...] = ()
    negated: bool = False
    """For what calls have several of: none of them is so."""


class Words(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was said, or stands in a tool's arguments or result, or in an error."""

    text: str
    """As it was given, without quotes; of a regular expression, the pattern."""
    regex: bool = False
    ignore_case: bool = True
    """Plain words are always looked for without case; of a regular expression, the flag ``i``."""
    where: Where = "anywhere"
    negated: bool = False


class CallQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls, in which order, and which page of them. All conditions hold at once."""

    terms: tuple[Term, ...] = ()
    words: tuple[Words, ...] = ()
    since_ms: int | None = None
    """Calls that started then or later."""
    until_ms: int | None = None
    """Calls that started before."""
    sort: str = "started"
    """One of `SORTS`."""
    descending: bool = True
    limit: int = 50
    cursor: str | None = None
    """Where the page before ended; given by it."""
