"""The questions: each in callscope's own words, and in SQL for DuckDB over the same rows.

Times are those of the library, from a query's text to the values that a page or a terminal shows.
"""
# ruff: noqa: S608 -- constants of ours, no words of anybody

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from benchmarks.index.calls import DAY_MS, END_MS
from callscope.index.calls import calls
from callscope.index.compare import compare
from callscope.index.error_groups import error_groups
from callscope.index.search import search
from callscope.index.slowest import slowest
from callscope.index.spend import spend
from callscope.index.trends import trends
from callscope.query.language import parse

Ask = Callable[[sqlite3.Connection], Any]

_MONTH: Final = "since:2026-10-22 until:2026-11-21"
_MIDDLE_MS: Final = END_MS - 15 * DAY_MS
_WEEK_MS: Final = END_MS - 7 * DAY_MS
_WEEK: Final = "since:2026-11-14"


class Question(NamedTuple):
    """One question."""

    name: str
    budget: str
    """Which budget of the design it falls under: ``page`` or ``trends``; ``""`` for none."""
    ask: Ask
    sql: str | None
    """The same for DuckDB; None where it has no such thing."""


def _list(text: str, *, count: bool = False) -> Ask:
    return lambda db: calls(db, parse(text, now_ms=END_MS), count=count)


def _search(text: str, *, ranked: bool = False) -> Ask:
    return lambda db: search(db, parse(text, now_ms=END_MS), ranked=ranked)


def _trends(text: str, *by: str, stages: bool = True) -> Ask:
    return lambda db: trends(db, parse(text, now_ms=END_MS), by=by, now_ms=END_MS, stages=stages)


def _open(db: sqlite3.Connection) -> list[Any]:
    """One call of the middle of the archive, with all that is shown of it."""
    query = "SELECT id FROM call WHERE started_at_ms >= ? ORDER BY started_at_ms, id LIMIT 1"
    (call,) = db.execute(query, (_MIDDLE_MS,)).fetchone()
    return [
        db.execute(f"SELECT * FROM {table} WHERE call = ? ORDER BY seq", (call,)).fetchall()
        for table in ("turn", "exchange", "event", "cost_line", "error")
    ]


_WAITS: Final = "quantile_cont(e.response_ms, [0.5, 0.95, 0.99])"
_JOINED: Final = "FROM exchange e JOIN calls c ON c.id = e.call WHERE e.kind = 'exchange'"
_DAY: Final = "c.started_at_ms // 86400000 * 86400000"
_HOUR: Final = "c.started_at_ms // 3600000 * 3600000"
_NEWEST: Final = "ORDER BY d.id DESC LIMIT 50"

QUESTIONS: Final = (
    Question("newest 50 calls", "page", _list(""), "SELECT * FROM calls ORDER BY id DESC LIMIT 50"),
    Question(
        "filter by agent, status and 7 days, sort by p95", "page",
        _list(f"agent:front-desk status:failed {_WEEK} sort:-p95"),
        f"SELECT * FROM calls WHERE agent = 'front-desk' AND status = 'failed' AND started_at_ms >= {_WEEK_MS} "
        "ORDER BY p95_ms DESC NULLS LAST LIMIT 50",
    ),
    Question(
        "p95 above 1.5 s and cost above 5 cents", "page",
        _list("p95>1.5s cost>0.05"),
        "SELECT * FROM calls WHERE p95_ms > 1500 AND cost_usd > 0.05 ORDER BY id DESC LIMIT 50",
    ),
    Question(
        "sort by cost", "page", _list("sort:-cost"),
        "SELECT * FROM calls ORDER BY cost_usd DESC NULLS LAST LIMIT 50",
    ),
    Question(
        "by label and tool, counted", "page",
        _list("label.region:eu tool:cancel_order", count=True),
        "SELECT count(*) FROM calls c WHERE "
        "EXISTS (SELECT 1 FROM label l WHERE l.call = c.id AND l.name = 'region' AND l.value = 'eu') AND "
        "EXISTS (SELECT 1 FROM tool t WHERE t.call = c.id AND t.name = 'cancel_order')",
    ),
    Question(
        "open one call", "page", _open,
        "SELECT (SELECT list(t) FROM turn t WHERE t.call = x.id), "
        "(SELECT list(e) FROM exchange e WHERE e.call = x.id), (SELECT list(v) FROM event v WHERE v.call = x.id) "
        f"FROM (SELECT id FROM calls WHERE started_at_ms >= {_MIDDLE_MS} ORDER BY started_at_ms, id LIMIT 1) x",
    ),
    Question(
        "substring, common, newest 50", "page", _search("text:really"),
        f"SELECT * FROM document d WHERE text ILIKE '%really%' {_NEWEST}",
    ),
    Question(
        "substring, rare", "page", _search("text:ORD-0012"),
        f"SELECT * FROM document d WHERE text ILIKE '%ORD-0012%' {_NEWEST}",
    ),
    Question(
        "phrase within one agent's calls of 7 days", "page", _search(f'text:"of course" agent:orders {_WEEK}'),
        "SELECT d.* FROM document d JOIN calls c ON c.id = d.id >> 20 WHERE d.text ILIKE '%of course%' AND "
        f"c.agent = 'orders' AND c.started_at_ms >= {_WEEK_MS} {_NEWEST}",
    ),
    Question(
        "regular expression with a literal part", "page", _search("/favou?rite (movie|film)s?/i"),
        f"SELECT * FROM document d WHERE regexp_matches(text, 'favou?rite (movie|film)s?', 'i') {_NEWEST}",
    ),
    Question(
        "regular expression without one, one day", "", _search("/[0-9]{3}-[0-9]{4}$/ since:2026-11-20"),
        "SELECT * FROM document d WHERE id >> 20 >= (SELECT min(id) FROM calls WHERE started_at_ms >= "
        f"{END_MS - DAY_MS}) AND regexp_matches(text, '[0-9]{{3}}-[0-9]{{4}}$') {_NEWEST}",
    ),
    Question("words, ranked, 7 days", "page", _search(f"text:favorite text:movie {_WEEK}", ranked=True), None),
    Question(
        "trends: 30 days by day", "trends", _trends(_MONTH, "day"),
        f"SELECT {_DAY}, count(DISTINCT c.id), {_WAITS} {_JOINED} GROUP BY 1",
    ),
    Question(
        "trends: 30 days by day and model", "trends", _trends(_MONTH, "day", "model"),
        f"SELECT {_DAY}, c.model, count(DISTINCT c.id), {_WAITS} {_JOINED} GROUP BY 1, 2",
    ),
    Question(
        "trends: 30 days by agent, version and status", "trends", _trends(_MONTH, "agent", "version", "status"),
        f"SELECT c.agent, c.version, c.status, count(DISTINCT c.id), {_WAITS} {_JOINED} GROUP BY 1, 2, 3",
    ),
    Question(
        "trends: 7 days by hour, one agent", "trends", _trends(f"agent:orders {_WEEK}", "hour"),
        f"SELECT {_HOUR}, count(DISTINCT c.id), {_WAITS} {_JOINED} AND c.agent = 'orders' AND "
        f"c.started_at_ms >= {_WEEK_MS} GROUP BY 1",
    ),
    Question("trends: 30 days by hour, without stages", "trends", _trends(_MONTH, "hour", stages=False), None),
    Question("spend: 30 days by day and provider", "trends", lambda db: spend(db, parse(_MONTH, now_ms=END_MS)), None),
    Question("the 50 longest waits of 30 days", "page", lambda db: slowest(db, parse(_MONTH, now_ms=END_MS)), None),
    Question(
        "trends: 30 days by day of calls dearer than 5 cents (exact)", "", _trends(f"cost>0.05 {_MONTH}", "day"),
        f"SELECT {_DAY}, count(DISTINCT c.id), {_WAITS} {_JOINED} AND c.cost_usd > 0.05 "
        "GROUP BY 1",
    ),
    Question(
        "error groups, 30 days", "page", lambda db: error_groups(db, parse(_MONTH, now_ms=END_MS)),
        "SELECT fingerprint, any_value(pattern), count(*), count(DISTINCT call), min(ts_ms), max(ts_ms) FROM error "
        "GROUP BY 1 ORDER BY 3 DESC LIMIT 50",
    ),
    Question(
        "compare two versions of an agent", "",
        lambda db: compare(
            db,
            parse("agent:orders version:2.4", now_ms=END_MS),
            parse("agent:orders version:2.5", now_ms=END_MS),
        ),
        f"SELECT c.version, count(DISTINCT c.id), {_WAITS} {_JOINED} AND c.agent = 'orders' "
        "AND c.version IN ('2.4', '2.5') GROUP BY 1",
    ),
)  # fmt: skip
