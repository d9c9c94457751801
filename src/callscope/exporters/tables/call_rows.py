"""Rows that the index holds as rows: calls, exchanges, errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from callscope.exporters.tables.column import OF_A_CALL, Column, Read, Row, Table
from callscope.index.plan import as_rows
from callscope.query.query import STAGES

CALLS_FIRST: Final = "json_each(:numbers) AS n CROSS JOIN call AS c ON c.id = n.value"
"""In SQL: ``call AS c`` of numbers that are given, in their order."""
_KEY: Final = "c.path, c.call_id"


def _reader(columns: str, joined: str) -> Read:
    statement = f"SELECT {_KEY}, {columns} FROM {CALLS_FIRST} CROSS JOIN {joined}"  # noqa: S608 -- names of ours

    def read(db: sqlite3.Connection, numbers: Sequence[int]) -> Iterator[Row]:
        yield from db.execute(statement, {"numbers": as_rows(list(numbers))})

    return read


def _known(name: str) -> str:
    """A name of which the empty one is unknown."""
    return f"nullif({name}, '')"


_CALLS: Final = (
    ("c.started_at_ms", Column("started_at", "moment", "when it began; the day's first moment when nobody told")),
    ("c.ended_at_ms", Column("ended_at", "moment", "when it ended; unknown while it goes on")),
    ("c.status", Column("status", "text", "`completed`, `failed`, `no_answer`, `busy`, `canceled`, `abandoned`, "
                                          "`in_progress`, `unreadable`")),
    (_known("d.agent"), Column("agent", "text", "the agent's name")),
    (_known("d.version"), Column("version", "text", "label `agent_version`")),
    (_known("d.environment"), Column("environment", "text", "label `environment`")),
    (_known("d.mode"), Column("mode", "text", "`pipeline`, `realtime` and the like")),
    (_known("d.provider"), Column("provider", "text", "of the agent's model")),
    (_known("d.model"), Column("model", "text", "the agent's model")),
    ("c.direction", Column("direction", "text", "`inbound` or `outbound`")),
    ("c.caller", Column("caller", "text", "as the phone policy left it")),
    ("c.callee", Column("callee", "text", "likewise")),
    ("c.telephony_provider", Column("telephony_provider", "text", "who carried the call")),
    ("c.trace_id", Column("trace_id", "text", "of the trace that belongs to it")),
    ("c.duration_ms", Column("duration_ms", "number", "how long it took")),
    ("c.turns", Column("turns", "whole", "turns of both sides")),
    ("c.exchanges", Column("exchanges", "whole", "a caller's turn and its answer; greetings are not counted")),
    ("c.unanswered", Column("unanswered", "whole", "exchanges in which the caller heard nothing back")),
    ("c.interruptions", Column("interruptions", "whole", "answers that the caller cut off")),
    ("c.errors", Column("errors", "whole", "errors, recovered ones too")),
    ("c.p50_ms", Column("p50_ms", "number", "median of what the caller waited for answers")),
    ("c.p95_ms", Column("p95_ms", "number", "95 % of the waits are shorter")),
    ("c.p99_ms", Column("p99_ms", "number", "99 % of the waits are shorter")),
    ("c.worst_ms", Column("worst_wait_ms", "number", "the longest wait, answered or not")),
    ("c.cost_usd", Column("cost_usd", "usd", "the sum of what is known; a lower bound where `unpriced` is above 0")),
    ("c.cost_status", Column("cost_status", "text", "`priced`, `estimated`, `partial`, `unpriced`, `not_billed`, "
                                                    "`error`")),
    ("c.unpriced", Column("unpriced", "whole", "cost lines without an amount")),
    ("c.lost", Column("lost_rows", "whole", "rows that the recorder could not write")),
    ("c.has_recording", Column("recorded", "flag", "whether there is a recording")),
    ("c.problems", Column("problems", "whole", "places of its files that could not be read as they should be")),
    ("c.end_reason", Column("end_reason", "text", "why it ended", is_said=True)),
    ("c.error", Column("error", "text", "what ended it, if an error did", is_said=True)),
    ("(SELECT json_group_object(name, value) FROM label WHERE call = c.id)",
     Column("labels", "json", "labels that the user set, as an object of texts")),
)  # fmt: skip

CALLS: Final = Table(
    name="calls",
    text="a call",
    columns=(*OF_A_CALL, *(column for _, column in _CALLS)),
    read=_reader(", ".join(sql for sql, _ in _CALLS), "dimensions AS d ON d.id = c.dimensions"),
)

_EXCHANGES: Final = (
    Column("seq", "whole", "place in the call, from 0"),
    Column("kind", "text", "`exchange`, or `greeting`: the agent spoke first"),
    Column("started_at", "moment", "the caller's first sound; of a greeting, the connection"),
    Column("answered_at", "moment", "the agent's first sound; unknown where nothing was answered"),
    Column("response_ms", "whole", "what the caller waited"),
    Column("silence_ms", "whole", "of an exchange without an answer: how long nothing was heard"),
    Column("interrupted", "flag", "the caller cut the answer off"),
    *(Column(f"{stage}_ms", "whole", f"part of the wait: {stage.replace('_', ' ')}") for stage in STAGES),
    Column("user_turn_index", "whole", "`turn_index` of the caller's turn"),
    Column("agent_turn_index", "whole", "`turn_index` of the agent's turn"),
    Column("tools", "json", "names of the tools that were called, a list"),
)
_RENAMED: Final = {"started_at": "started_at_ms", "answered_at": "answered_at_ms", "ts": "ts_ms"}


def _of_e(columns: tuple[Column, ...], *, names: frozenset[str] = frozenset()) -> str:
    """Columns of ``e`` as SQL; of ``names``, the empty one is unknown."""
    sql = {column.name: f"e.{_RENAMED.get(column.name, column.name)}" for column in columns}
    return ", ".join(_known(each) if name in names else each for name, each in sql.items())


EXCHANGES: Final = Table(
    name="exchanges",
    text="a caller's turn and the answer to it, with the parts of the wait",
    columns=(*OF_A_CALL, *_EXCHANGES),
    read=_reader(_of_e(_EXCHANGES), "exchange AS e ON e.call = c.id"),
)

_ERRORS: Final = (
    Column("seq", "whole", "place of its event in the call; -1: the envelope tells of it alone"),
    Column("ts", "moment", "when it happened"),
    Column("fingerprint", "text", "the same for errors that are alike"),
    Column("pattern", "text", "the message without its variable parts", is_said=True),
    Column("message", "text", "what it said", is_said=True),
    Column("stage", "text", "`llm`, `stt`, `tts` and the like"),
    Column("provider", "text", "whose service failed"),
    Column("exception_type", "text", "the exception's class"),
    Column("category", "text", "`timeout`, `rate_limit` and the like"),
    Column("recovered", "flag", "the call went on in spite of it"),
)
_NAMES: Final = frozenset({"stage", "provider", "exception_type", "category"})

ERRORS: Final = Table(
    name="errors",
    text="an error; repetitions of one cause are left out",
    columns=(*OF_A_CALL, *_ERRORS),
    read=_reader(_of_e(_ERRORS, names=_NAMES), "error AS e ON e.call = c.id"),
)
