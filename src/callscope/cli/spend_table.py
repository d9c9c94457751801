"""A spend report for people: a row a group, the sum, and what the sum does not hold."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.text import Text

from callscope.cli import columns
from callscope.cli.columns import Column
from callscope.report import figures
from callscope.report.money import at_least, money
from callscope.report.safe_text import clean
from callscope.report.spend import COLUMNS, Key, Report, Row, Sum

_WIDE: Final = 96
"""Characters from which dollars by call and minutes stand beside the rest."""
_ALWAYS_COMPARED: Final = frozenset({"provider", "service", "model", "agent"})
_NOTES: Final = {
    "no_prices": "{} recorded without prices: callscope reprice",
    "no_provider": "{} told how much was used, but not of which provider: that cannot be priced",
    "no_usage": "{} told of no usage: what that cost is not known",
    "recorded": "{} with nothing but a total of another writer: taken as estimated (~)",
    "open": "{} still going on: not counted yet",
}


def render(console: Console, report: Report) -> None:
    """Print the report; it has calls."""
    rows = [*report.rows, report.total]
    names = [name(row.now.key, report.by) for row in report.rows]
    table = [Column(name=report.by.upper(), cells=[*names, Text("total", style="bold")], left=True, cut=1)]
    table.append(Column(name="USD", cells=[dollars(row.now) for row in rows]))
    if report.by in _ALWAYS_COMPARED:
        table.append(Column(name="CHANGE", cells=[change(row) for row in rows]))
    table.append(Column(name="A MINUTE", cells=[_rate(row.now.usd_per_minute) for row in rows]))
    wide = not console.is_terminal or console.width >= _WIDE
    if wide and report.by != "call":
        table.append(Column(name="A CALL", cells=[_rate(row.now.usd_per_call) for row in rows]))
    if report.by != "call":
        table.append(Column(name="CALLS", cells=[Text(f"{row.now.calls:,}") for row in rows]))
    if wide or report.by == "call":
        table.append(Column(name="MINUTES", cells=[Text(minutes(row.now.duration_ms)) for row in rows]))
    table.append(Column(name="UNPRICED", cells=[count(row.now.unpriced) for row in rows]))
    columns.render(console, table, rules_before=[len(report.rows)])
    console.print()
    for label, text in (*_facts(report.total, str(report.period)), *notes(report)):
        columns.print_fact(console, label, text)


def notes(report: Report) -> list[tuple[str, str]]:
    """What the sum does not hold, and what to do; a label and a text each."""
    return [
        ("note", text.format(figures.count(number, "call")))
        for source, text in _NOTES.items()
        if (number := report.sources.get(source, 0))
    ]


def summary(row: Row) -> str:
    """``$1.23 · 42 calls · 120.5 minutes · $0.0102 a minute · $0.0294 a call``."""
    now = row.now
    known = money(now.usd, now.unpriced, estimated=now.estimated) if now.lines else figures.UNKNOWN
    texts = [known, figures.count(now.calls, "call"), f"{minutes(now.duration_ms)} minutes"]
    if now.usd_per_minute is not None and now.usd_per_call is not None:
        texts += [f"{money(now.usd_per_minute, 0)} a minute", f"{money(now.usd_per_call, 0)} a call"]
    return " · ".join(texts)


def unpriced(now: Sum) -> str:
    """How much of it has no amount."""
    if not now.unpriced:
        return "nothing"
    share = 100 * now.unpriced / now.lines
    return (
        f"{now.unpriced:,} of {figures.count(now.lines, 'cost line')} ({share:.0f} %), "
        f"in {now.unpriced_calls:,} of {figures.count(now.calls, 'call')}"
    )


def before(row: Row, when: str) -> str:
    """What the period before came to, and the change."""
    if row.before is None:
        return f"no calls {when}"
    known = " of the known amounts" if row.now.unpriced or row.before.unpriced else ""
    change_of = f" ({change(row)}{known})" if row.change is not None else ""
    was = money(row.before.usd, row.before.unpriced, estimated=row.before.estimated)
    return f"{was} {when}{change_of}"


def name(key: Key, by: str) -> Text:
    """A group's name; what nobody told is a dash."""
    parts = key[:1] if by == "call" else key[: len(COLUMNS[by])]
    known = [clean(part) for part in parts if part]
    return Text(" ".join(known)) if known else Text(figures.UNKNOWN, style="dim")


def dollars(value: Sum) -> Text:
    """``$1.23``; ``≥ $1.23`` where something has no amount, ``~$1.23`` where something was assumed."""
    if value.usd is None:
        return Text("unpriced" if value.lines else figures.UNKNOWN, style="yellow" if value.lines else "dim")
    return Text(
        at_least(value.usd, value.unpriced, estimated=value.estimated), style="yellow" if value.unpriced else ""
    )


def change(row: Row) -> Text:
    """``+12 %``; ``new`` where there was nothing before."""
    if row.before is None:
        return Text("new")
    percent = row.change
    if percent is None:
        return Text(figures.UNKNOWN)
    whole = round(percent)
    return Text("> +999 %" if whole > 999 else f"{whole:+d} %" if whole else "0 %")  # noqa: PLR2004 -- more says no more


def minutes(duration_ms: float) -> str:
    """``1,012.3``."""
    return f"{duration_ms / 60_000:,.1f}"


def count(number: int) -> Text:
    """How many have no amount; nothing where all have one."""
    return Text(f"{number:,}" if number else "", style="yellow")


def _facts(total: Row, period: str) -> Sequence[tuple[str, str]]:
    return (
        ("period", period),
        ("total", summary(total)),
        ("before", before(total, "in the equally long period before")),
        ("unpriced", unpriced(total.now) + (": callscope prices missing" if total.now.unpriced else "")),
    )


def _rate(value: Decimal | None) -> Text:
    return Text(figures.UNKNOWN if value is None else money(value, 0))
