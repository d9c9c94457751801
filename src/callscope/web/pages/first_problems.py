"""What to look at first: slow calls, errors that are new or grew, calls that nobody answered, budgets, lost rows."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import msgspec

from callscope.index.calls import CallRow
from callscope.index.error_groups import ErrorGroup
from callscope.index.index import Index
from callscope.query.query import CallQuery, Term
from callscope.report import figures
from callscope.report.budgets import Budgets
from callscope.web.asked import Asked
from callscope.web.background import Told
from callscope.web.charts.bars import length
from callscope.web.template import ago, money, near, share

_SLOWEST: Final = 5
_ERRORS: Final = 5
_ERRORS_NOW: Final = 50
_ERRORS_BEFORE: Final = 1_000
_GREW: Final = 2
"""Times as many as before: from there on it is told."""
_SILENT: Final = Term(field="silent", op="present")
_LOST: Final = Term(field="lost", op="above", values=(0,))


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One of them: a word for what it is, a sentence, and where it leads."""

    kind: str
    """``slow``, ``new error``, ``budget``, ..."""
    text: str
    detail: str = ""
    address: str | None = None
    is_bad: bool = False
    """Somebody was not served; otherwise it is a warning."""
    length: float | None = None
    """Percent, of a bar beside it."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found, worst kinds first."""

    problems: tuple[Problem, ...]
    unknown: tuple[str, ...]
    """What could not be looked at, and why."""


def calls_address(asked: Asked, condition: str = "") -> str:
    """The list of the calls of a page, with one more condition, and always with the page's own range."""
    text = f"{asked.text} {condition}".strip()
    return asked.to("/calls", q=text, range=None if asked.has_own_time else asked.range)


def call_address(row: CallRow) -> str:
    """The page of one call."""
    return f"/calls/{quote(row.path)}"


def find(
    index: Index, asked: Asked, *, compared: bool, target_ms: float, budgets: Told[Budgets], lost: Told[int]
) -> Found:
    """Look for them.

    Args:
        index: whose calls.
        asked: which of them.
        compared: whether there were calls in the period before, so that something can be new.
        target_ms: from which wait on a call is slow.
        budgets: where they stand, as far as that is known.
        lost: `count_lost`, as far as it is known.
    """
    spent, unknown = _budgets(budgets, now_ms=asked.now_ms)
    if lost.value is None:
        unknown = (*unknown, f"Rows that were lost: {lost.trouble or 'being counted; reload to see'}.")
    return Found(
        problems=(
            *_errors(index, asked, compared=compared),
            *_counted(index, asked, lost=lost.value or 0),
            *spent,
            *_slowest(index, asked, target_ms=target_ms),
        ),
        unknown=unknown,
    )


def _slowest(index: Index, asked: Asked, *, target_ms: float) -> tuple[Problem, ...]:
    query = msgspec.structs.replace(asked.query, sort="worst", descending=True, limit=_SLOWEST, cursor=None)
    slow = [row for row in index.calls(query).calls if row.worst_ms is not None and row.worst_ms > target_ms]
    longest = max((row.worst_ms or 0 for row in slow), default=0)
    return tuple(
        Problem(
            kind="slow",
            text=f"The caller waited {figures.wait(row.worst_ms)}{', no answer' if row.worst_is_unanswered else ''}",
            detail=f"{_agent(row)}, {near(row.started_at_ms, now_ms=asked.now_ms)}",
            address=call_address(row),
            length=length(row.worst_ms, longest),
        )
        for row in slow
    )


def _agent(row: CallRow) -> str:
    name = row.agent or row.model or row.call_id
    return f"{name}@{row.version}" if row.version else name


def _errors(index: Index, asked: Asked, *, compared: bool) -> tuple[Problem, ...]:
    now = index.errors(asked.query, limit=_ERRORS_NOW)
    if not now:
        return ()
    before: dict[str, ErrorGroup] = {}
    if compared and asked.before is not None:
        before = {each.fingerprint: each for each in index.errors(asked.before, limit=_ERRORS_BEFORE)}
    found = []
    for group in now:
        old = before.get(group.fingerprint)
        if old is None:
            found.append(_error(group, "new error" if compared else "error", "", asked))
        elif group.count > old.count * _GREW:
            found.append(_error(group, "more errors", f"{old.count:,} before", asked))
    return tuple(found[:_ERRORS])


def _error(group: ErrorGroup, kind: str, more: str, asked: Asked) -> Problem:
    where = " ".join(word for word in (group.provider, group.stage) if word)
    counts = f"{group.count:,} in {figures.count(group.calls, 'call')}"
    last = f"last {ago(group.last_ms, now_ms=asked.now_ms)}"
    return Problem(
        kind=kind,
        text=f"{where}: {group.pattern}" if where else group.pattern,
        detail=", ".join(word for word in (counts, more, last) if word),
        address=asked.to(
            f"/errors/{quote(group.fingerprint, safe='')}", range=None if asked.has_own_time else asked.range
        ),
        is_bad=group.recovered < group.count,
    )


def count_lost(index: Index, query: CallQuery) -> int:
    """Calls of which the recorder could not write everything."""
    return _count(index, query, _LOST)


def _counted(index: Index, asked: Asked, *, lost: int) -> tuple[Problem, ...]:
    silent = _count(index, asked.query, _SILENT)
    abandoned = _count(index, asked.query, Term(field="status", op="is", values=("abandoned",)))
    found = (
        (silent, "silent", "in which the caller heard no answer to something", "silent", True),
        (abandoned, "abandoned", "whose recorder stopped before the end", "status:abandoned", False),
        (lost, "rows lost", "of which not everything could be written", "lost>0", True),
    )
    return tuple(
        Problem(
            kind=kind,
            text=f"{count:,} {'call' if count == 1 else 'calls'} {what}",
            address=calls_address(asked, condition),
            is_bad=is_bad,
        )
        for count, kind, what, condition, is_bad in found
        if count
    )


def _count(index: Index, query: CallQuery, term: Term) -> int:
    narrowed = msgspec.structs.replace(
        query, terms=(*query.terms, term), sort="started", descending=True, limit=1, cursor=None
    )
    return index.calls(narrowed, count=True).total or 0


def _budgets(told: Told[Budgets], *, now_ms: int) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
    if told.trouble is not None:
        return (), (f"Budgets are not watched: {told.trouble}",)
    if told.value is None:
        return (), ("Budgets are being added up: reload to see.",)
    age = "" if told.at_ms is None else f"as of {ago(told.at_ms, now_ms=now_ms)}"
    problems = tuple(
        Problem(
            kind="over budget" if state.verdict == "over" else "budget",
            text=f"{state.budget.name}: {money(state.spent_usd, state.unpriced)} of {money(state.budget.usd)} "
            f"per {state.budget.per}",
            detail=", ".join(word for word in (share(state.share, 0), state.period, age) if word),
            address="/cost",
            is_bad=state.verdict == "over",
            length=length(state.share, 1),
        )
        for state in told.value.states
        if state.verdict in {"over", "warning"}
    )
    return problems, ()
