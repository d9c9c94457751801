"""Figures over many calls: money, errors, statistics, comparisons."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from callscope.errors import SettingError
from callscope.index.compare import Figure
from callscope.index.index import Index
from callscope.index.spend import Spend
from callscope.mcp.answer import Answer
from callscope.mcp.archive import Archive
from callscope.model.call import IN_PROGRESS
from callscope.model.wire import format_ts
from callscope.query.query import CallQuery, Term

_SHORT: Final = 400
_MAX_GROUPS: Final = 500
_OF_EACH: Final = 12


def sum_cost(archive: Archive, query: str, by: list[str]) -> str:
    """What calls cost, by group, and in all."""
    answer = Answer()
    index = archive.index(answer)
    asked = archive.query(query)
    rows = index.spend(asked, by=tuple(by))
    figures = next((value for _, value in index.stats(asked, stages=False)), None)
    groups = [
        {
            **_key(answer, by, key),
            "usd": _known(value),
            "is_at_least": value.unpriced > 0,
            "unpriced": value.unpriced,
        }
        for key, value in rows
    ]
    if not set(by) & {"hour", "day", "week", "month"}:
        groups.sort(key=lambda group: -float(group["usd"] or 0))
    unpriced = sum(value.unpriced for _, value in rows)
    known = [group["usd"] for group in groups if group["usd"] is not None]
    usd = round(sum(known), 9) if known else None
    total = {"usd": usd, "is_at_least": unpriced > 0, "unpriced": unpriced}
    if figures is not None:
        going_on = _going_on(index, asked)
        total |= {"calls": figures.calls - going_on, "minutes": round(figures.minutes, 3)}
        if going_on:
            answer.note(f"{going_on} calls go on: they are priced when they end, and are not counted here")
    if unpriced:
        answer.note(f"{unpriced} cost lines have no price: each such sum is a lower bound")
    return answer.json({"by": by, "total": total, "groups": groups}, rows="groups")


def list_errors(archive: Archive, query: str, limit: int) -> str:
    """Errors that are alike, as groups, the commonest first."""
    answer = Answer()
    groups = archive.index(answer).errors(archive.query(query), limit=limit + 1)
    if len(groups) > limit:
        answer.note(f"there are more than {limit} groups: narrow the query, or raise limit")
    rows = [
        {
            "fingerprint": each.fingerprint,
            "count": each.count,
            "calls": each.calls,
            "recovered": each.recovered,
            "stage": answer.name(each.stage),
            "provider": answer.name(each.provider),
            "exception_type": answer.name(each.exception_type),
            "category": answer.name(each.category),
            "first_at": format_ts(each.first_ms),
            "last_at": format_ts(each.last_ms),
            "message": answer.words(each.example, most=_SHORT),
            "newest_call": answer.name(each.example_call_id),
        }
        for each in groups[:limit]
    ]
    return answer.json({"groups": rows}, rows="groups")


def stats(archive: Archive, query: str, by: list[str]) -> str:
    """How many calls, how slow, how dear, how well."""
    answer = Answer()
    rows = archive.index(answer).stats(archive.query(query), by=tuple(by))
    if len(rows) > _MAX_GROUPS:
        answer.note(f"the first {_MAX_GROUPS} of {len(rows)} groups: narrow the query")
    groups = [{**_key(answer, by, key), **_figures(value)} for key, value in rows[:_MAX_GROUPS]]
    return answer.json({"by": by, "groups": groups}, rows="groups")


def compare(archive: Archive, a: str, b: str) -> str:
    """Two sets of calls side by side."""
    answer = Answer()
    found = archive.index(answer).compare(archive.query(a), archive.query(b))
    if found.shared_calls:
        answer.note(
            f"{found.shared_calls} calls are in both sets: what is clear can only be told of sets that share none"
        )
    figures = [_figure(each) for each in found.figures if each.a is not None or each.b is not None]
    clear = [each for each in figures if each["clearly_different"]]
    document = {
        "a": msgspec.to_builtins(found.a),
        "b": msgspec.to_builtins(found.b),
        "clearly_different": [f"{each['measure']} {each['statistic']}" for each in clear][:_OF_EACH],
        "figures": figures,
    }
    return answer.json(document, rows="figures")


def _known(value: Spend) -> float | None:
    """What is known of a group's cost; None when nothing is."""
    return None if value.unpriced == value.lines else round(value.usd, 9)


def _going_on(index: Index, query: CallQuery) -> int:
    term = Term(field="status", op="is", values=(IN_PROGRESS,))
    open_ones = CallQuery(
        terms=(*query.terms, term), words=query.words, since_ms=query.since_ms, until_ms=query.until_ms, limit=1
    )
    return index.calls(open_ones, count=True).total or 0


def _key(answer: Answer, names: list[str], key: tuple[str | int, ...]) -> dict[str, Any]:
    return {
        name: format_ts(part) if isinstance(part, int) else answer.name(part)
        for name, part in zip(names, key, strict=True)
    }


def _figures(value: Any) -> dict[str, Any]:
    """Without what is unknown: an assistant reads what is there."""
    told: dict[str, Any] = msgspec.to_builtins(value)
    told["stages"] = {
        stage: {name: figure for name, figure in waits.items() if figure is not None}
        for stage, waits in told["stages"].items()
    }
    return told


def _figure(value: Figure) -> dict[str, Any]:
    told: dict[str, Any] = {
        "measure": value.measure,
        "statistic": value.statistic,
        "unit": value.unit,
        "a": value.a,
        "b": value.b,
        "n_a": value.n_a,
        "n_b": value.n_b,
        "b_minus_a": value.difference,
        "low": value.low,
        "high": value.high,
        "clearly_different": value.clear,
    }
    return told if value.note is None else {**told, "note": value.note}


def groups_of(by: str) -> list[str]:
    """Names with commas between them; raises `SettingError` when there are too many."""
    names = [name.strip() for name in by.split(",") if name.strip()]
    if len(names) > _OF_EACH:
        raise SettingError(f"by has {len(names)} names: write at most {_OF_EACH}")
    return names
