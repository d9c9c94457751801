"""The review of a day: spend by provider, budgets, the dearest calls, and what has no price and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from callscope.archive.spend import CallSpend
from callscope.cli import budget_table, columns, missing_page, screen, spend_table
from callscope.cli.columns import Column
from callscope.model.wire import format_ts
from callscope.prices.biller import billers
from callscope.prices.exact import plain
from callscope.report import budgets as budget_report
from callscope.report import figures
from callscope.report import spend as spend_report
from callscope.report.missing import Missing, missing
from callscope.report.missing import document as missing_document
from callscope.report.price_book import price_book
from callscope.report.safe_text import clean
from callscope.report.spend import Report, Row
from callscope.report.volume import Volume, volumes

_DEAREST: Final = 5
_MOST_MISSING: Final = 10
_BEFORE: Final = "by the same time of the day before"


def show(calls: Sequence[CallSpend], report: Report, *, archive: Path, as_json: bool, now_ms: int) -> None:
    """Print the review of the calls that ``report`` adds up by provider.

    Raises:
        SettingError: the budgets file has a mistake.
    """
    budgets = budget_report.states(archive, None, now_ms=now_ms)
    dearest = spend_report.report(calls, (), by="call", period=report.period).rows[:_DEAREST]
    unknown = missing(calls, billers(price_book(None)))
    used = volumes(spend_report.billed(calls))
    if as_json:
        screen.print_json(_document(report, used, dearest, unknown, budgets))
        return
    console = screen.console()
    day, until = format_ts(report.period.since_ms)[:10], format_ts(now_ms)[11:16]
    columns.print_line(console, Text(f"Review of {day}, until {until} UTC", style="bold"))
    total = report.total
    for label, text in (
        ("total", spend_table.summary(total)),
        ("before", spend_table.before(total, _BEFORE)),
        ("unpriced", spend_table.unpriced(total.now)),
        *spend_table.notes(report),
    ):
        columns.print_fact(console, label, text)
    if report.rows:
        _heading(console, "Providers")
        _providers(console, used, report.rows)
    _heading(console, "Budgets")
    budget_table.render(console, budgets)
    if dearest:
        _heading(console, "Dearest calls")
        _dearest(console, calls, dearest)
    if unknown:
        _heading(console, "Without an amount")
        _unknown(console, unknown)


def _heading(console: Console, text: str) -> None:
    console.print()
    columns.print_line(console, Text(text, style="bold"))


def _providers(console: Console, used: Mapping[str | None, Volume], rows: Sequence[Row]) -> None:
    found = [used.get(row.now.key[0], {}) for row in rows]
    table = [
        Column(name="PROVIDER", cells=[spend_table.name(row.now.key, "provider") for row in rows], left=True, cut=1),
        Column(name="USD", cells=[spend_table.dollars(row.now) for row in rows]),
        Column(name="CHANGE", cells=[spend_table.change(row) for row in rows]),
        Column(name="MINUTES", cells=[_figure(each.get("seconds"), ",.1f", per=60) for each in found]),
        Column(name="TOKENS", cells=[_figure(each.get("tokens"), ",.0f") for each in found]),
        Column(name="CHARACTERS", cells=[_figure(each.get("characters"), ",.0f") for each in found]),
        Column(name="UNPRICED", cells=[spend_table.count(row.now.unpriced) for row in rows]),
    ]
    columns.render(console, table)


def _dearest(console: Console, calls: Sequence[CallSpend], rows: Sequence[Row]) -> None:
    by_path = {call.path: call for call in calls}
    found = [by_path[str(row.now.key[1])] for row in rows]
    table = [
        Column(name="USD", cells=[spend_table.dollars(row.now) for row in rows]),
        Column(name="LENGTH", cells=[Text(figures.clock(call.duration_ms)) for call in found]),
        Column(name="STARTED", cells=[Text(format_ts(call.started_at_ms)[11:16]) for call in found]),
        Column(name="AGENT", cells=[Text(clean(call.agent or figures.UNKNOWN)) for call in found], left=True, cut=2),
        Column(name="CALL", cells=[Text(clean(call.call_id)) for call in found], left=True, cut=1),
    ]
    columns.render(console, table)


def _unknown(console: Console, found: Sequence[Missing]) -> None:
    for each in found[:_MOST_MISSING]:
        columns.print_line(
            console, missing_page.title(each).append(f", in {figures.count(each.calls, 'call')}", "default")
        )
        missing_page.reason(console, each)
    more = len(found) - _MOST_MISSING
    if more > 0:
        columns.print_line(console, Text(f"and {more:,} more: callscope prices missing"))


def _document(
    report: Report,
    used: Mapping[str | None, Volume],
    dearest: Sequence[Row],
    unknown: Sequence[Missing],
    budgets: budget_report.Budgets,
) -> dict[str, Any]:
    document = spend_report.document(report)
    for row in document["rows"]:
        each = used.get(row["provider"], {})
        row["used"] = {kind: _rounded(each.get(kind)) for kind in ("seconds", "tokens", "characters")}
    return document | {
        "budgets": budget_report.document(budgets),
        "dearest": [
            {
                "call_id": row.now.key[0],
                "path": row.now.key[1],
                "usd": plain(row.now.usd),
                "unpriced_lines": row.now.unpriced,
            }
            for row in dearest
        ],
        "missing": [missing_document(each) for each in unknown],
    }


def _rounded(value: Decimal | None) -> float | None:
    return None if value is None else round(float(value), 3)


def _figure(value: Decimal | None, form: str, *, per: int = 1) -> Text:
    return Text(figures.UNKNOWN if value is None else format(value / per, form))
