"""Calls as plain values, put straight into an index; and what a query means, said again in plain Python.

`fits` is the specification that the compiler to SQL is held to: it knows nothing of tables.
"""

from __future__ import annotations

import functools
import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from callscope.index import call_waits, database
from callscope.index.extract import CallRows
from callscope.index.ingest import Ingest
from callscope.model.wire import format_ts
from callscope.query.query import CallQuery, Term, Words

START_MS = 1_795_255_200_000  # 2026-11-21T10:00:00Z
_KINDS = {
    "caller": {"user"},
    "agent": {"assistant"},
    "tool": {"arguments", "result", "tool"},
    "error": {"error"},
}
_OF_THE_CALL = {
    "duration": "duration_ms",
    "p50": "p50_ms",
    "p95": "p95_ms",
    "p99": "p99_ms",
    "cost": "cost_usd",
    "telephony": "telephony_provider",
    "id": "name",
    "trace": "trace_id",
    "reason": "end_reason",
}
_COUNTS = {"turns", "exchanges", "unanswered", "interruptions", "errors", "unpriced", "lost"}


class Wait(msgspec.Struct, frozen=True):
    response_ms: int | None = None
    llm_ms: int | None = None
    kind: str = "exchange"
    silence_ms: int | None = None
    """Of one that was not answered."""

    @property
    def waited_ms(self) -> int | None:
        return self.silence_ms or None if self.response_ms is None else self.response_ms


class Failure(msgspec.Struct, frozen=True):
    message: str
    exception_type: str = ""
    category: str = ""
    fingerprint: str = "f0"
    recovered: bool = False
    provider: str = "openai"


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One call."""

    name: str
    started_at_ms: int = START_MS
    ended_at_ms: int | None = None
    duration_ms: float | None = None
    status: str = "completed"
    end_reason: str | None = None
    error: str | None = None
    direction: str | None = None
    caller: str | None = None
    callee: str | None = None
    trace_id: str | None = None
    telephony_provider: str | None = None
    agent: str = ""
    version: str = ""
    provider: str = ""
    model: str = ""
    mode: str = ""
    environment: str = ""
    turns: int | None = None
    unanswered: int = 0
    interruptions: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    cost_usd: float | None = None
    cost_status: str | None = None
    unpriced: int = 0
    lost: int = 0
    recorded: bool = False
    labels: dict[str, str] = {}
    waits: tuple[Wait, ...] = ()
    events: tuple[str, ...] = ()
    tools: dict[str, int] = {}
    """How often each failed."""
    usage: tuple[tuple[str, str, str], ...] = ()
    lines: tuple[tuple[str, str, str], ...] = ()
    failures: tuple[Failure, ...] = ()
    documents: tuple[tuple[str, str], ...] = ()
    """Kind and text."""

    @property
    def path(self) -> str:
        return f"{format_ts(self.started_at_ms)[:10].replace('-', '/')}/{self.name}"

    @property
    def worst(self) -> float | None:
        return max((each.waited_ms for each in self._said if each.waited_ms is not None), default=None)

    @property
    def exchanges(self) -> int:
        return len(self._said)

    @property
    def errors(self) -> int:
        return len(self.failures)

    @property
    def _said(self) -> list[Wait]:
        return [each for each in self.waits if each.kind == "exchange"]


@functools.cache
def _schema() -> bytes:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.executescript(database.schema())
    return db.serialize()


def empty_index() -> sqlite3.Connection:
    """An index in memory."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.deserialize(_schema())
    return db


def index_of(calls: Iterable[Recorded]) -> sqlite3.Connection:
    """An index in memory that holds these calls."""
    db = empty_index()
    put(db, calls)
    return db


def put(db: sqlite3.Connection, calls: Iterable[Recorded]) -> None:
    ingest = Ingest(db)
    for call in calls:
        ingest.put(rows_of(call))
    ingest.commit(sums=False)


def rows_of(call: Recorded) -> CallRows:
    """The rows of a call, as extraction would give them."""
    turns = [(kind, text) for kind, text in call.documents if kind in {"user", "assistant", "system", "tool"}]
    others = [(kind, text) for kind, text in call.documents if (kind, text) not in turns]
    stages = (None,) * 10
    exchanges = tuple(
        (seq, each.kind, call.started_at_ms, None, each.response_ms, each.silence_ms, 0, *stages[:4], each.llm_ms,
         *stages[:5], None, None, None)
        for seq, each in enumerate(call.waits)
    )  # fmt: skip
    return CallRows(
        call=(
            call.path, call.name, call.started_at_ms, call.ended_at_ms, call.duration_ms, call.status, call.end_reason,
            call.error, call.direction, call.caller, call.callee, call.trace_id, call.telephony_provider, call.turns,
            call.exchanges, call.unanswered, call.interruptions, call.errors, call.p50_ms, call.p95_ms, call.p99_ms,
            call.worst, call.cost_usd, call.cost_status, call.unpriced, call.lost, int(call.recorded), 0, "",
        ),
        dimensions=(call.agent, call.version, call.provider, call.model, call.mode, call.status, call.environment),
        event_types=json.dumps(sorted(set(call.events))),
        services=json.dumps(sorted({*call.usage, *call.lines})),
        labels=tuple(call.labels.items()),
        billed=tuple((*each, None) for each in call.lines),
        waits=call_waits.row_of(exchanges),
        exchanges=exchanges,
        tools=tuple((name, 1 + failed, failed) for name, failed in call.tools.items()),
        errors=tuple(
            (seq, call.started_at_ms + 700 + seq, each.fingerprint, each.message, each.message, "", each.provider,
             each.exception_type, each.category, int(each.recovered))
            for seq, each in enumerate(call.failures)
        ),
        problems=(),
        details=(
            (
                json.dumps(
                    [
                        (seq + 10, call.started_at_ms + 1000 * seq, kind, seq, None, 0, None, None)
                        for seq, (kind, _) in enumerate(turns)
                    ]
                ),
                json.dumps([(*each, 1, 0, {}) for each in dict.fromkeys(call.usage)]),
                json.dumps([(*each, "priced", None, None, None, "USD", None) for each in call.lines]),
                "[]",
                json.dumps([(call.started_at_ms + 500 + seq, name, {}) for seq, name in enumerate(call.events)]),
            ),
        ),
        documents=(
            *((kind, seq, text) for seq, (kind, text) in enumerate(turns)),
            *((kind, seq, text) for seq, (kind, text) in enumerate(others)),
        ),
    )  # fmt: skip


def fits(call: Recorded, query: CallQuery) -> bool:
    """Whether a query finds a call."""
    if query.since_ms is not None and call.started_at_ms < query.since_ms:
        return False
    if query.until_ms is not None and call.started_at_ms >= query.until_ms:
        return False
    return all(_term(call, term) != term.negated for term in query.terms) and all(
        is_said(call, words) != words.negated for words in query.words
    )


def is_said(call: Recorded, words: Words) -> bool:
    return any(occurs(words, kind, text) for kind, text in call.documents)


def occurs(words: Words, kind: str, text: str) -> bool:
    """Whether words are in a document."""
    if words.where != "anywhere" and kind not in _KINDS[words.where]:
        return False
    if words.regex:
        return re.search(words.text, text, re.IGNORECASE if words.ignore_case else 0) is not None
    return fold(words.text) in fold(text)


def fold(text: str) -> str:
    return "".join(char.lower() if len(char.lower()) == 1 else char for char in text)


def _term(call: Recorded, term: Term) -> bool:
    flags = {
        "interrupted": call.interruptions > 0,
        "silent": call.unanswered > 0,
        "failed": bool(call.failures) or call.status == "failed" or any(call.tools.values()),
        "priced": call.cost_status in {"priced", "estimated", "not_billed"} and call.unpriced == 0,
        "recorded": call.recorded,
        "live": call.status == "in_progress",
    }
    if term.field in flags:
        return flags[term.field]
    numbers = _numbers(call, term.field)
    if numbers is not None:
        return any(_number_fits(value, term) for value in numbers)
    if term.field.startswith("label.") and term.op == "present":
        return term.field.removeprefix("label.") in call.labels
    return any(_word_fits(value, term) for value in _words(call, term.field))


def _numbers(call: Recorded, field: str) -> Sequence[float | None] | None:
    said = [each for each in call.waits if each.kind == "exchange"]
    if field == "wait":
        return [each.waited_ms for each in said]
    if field == "stage.llm":
        return [each.llm_ms for each in said]
    if field == "started":
        return [call.started_at_ms]
    if field == "worst" or field in _COUNTS or field in {"duration", "p50", "p95", "p99", "cost"}:
        value: float | None = getattr(call, _OF_THE_CALL.get(field, field))
        return [value]
    return None


def _words(call: Recorded, field: str) -> list[str]:
    services = [*dict.fromkeys(call.usage), *call.lines]
    if field.startswith("label."):
        return [value for name, value in call.labels.items() if name == field.removeprefix("label.")]
    several: dict[str, list[Any]] = {
        "service": [each[0] for each in services],
        "provider": [*(each[1] for each in services), call.provider],
        "model": [*(each[2] for each in services), call.model],
        "tool": list(call.tools),
        "event": list(call.events),
        "silence": [each.removeprefix("silence/") for each in call.events if each.startswith("silence/")],
        "fingerprint": [each.fingerprint for each in call.failures],
        "error": [
            *(part for each in call.failures for part in (each.message, each.exception_type, each.category)),
            call.error,
        ],
    }
    found = several.get(field)
    if found is None:
        found = [getattr(call, _OF_THE_CALL.get(field, field))]
    return [value or "" for value in found]


def _number_fits(value: float | None, term: Term) -> bool:
    if value is None:
        return False
    if term.op == "present":
        return value > 0 if term.field in _COUNTS else True
    numbers = [float(each) for each in term.values]
    first, last = numbers[0], numbers[-1]
    return {
        "is": value in numbers,
        "above": value > first,
        "at_least": value >= first,
        "below": value < first,
        "at_most": value <= first,
        "between": first <= value <= last,
    }[term.op]


def _word_fits(value: str, term: Term) -> bool:
    if term.op == "present":
        return value != ""
    for given in map(str, term.values):
        if term.op == "matches":
            found = value != "" and re.search(given, value) is not None
        elif term.op == "contains":
            found = value != "" and fold(given) in fold(value)
        elif given == "":
            found = value == ""
        else:
            pattern = ".*".join(map(re.escape, fold(given).split("*")))
            found = value != "" and re.fullmatch(pattern, fold(value), re.DOTALL) is not None
        if found:
            return True
    return False
