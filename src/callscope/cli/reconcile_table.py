"""A reconciliation for people: a row a provider, where its difference comes from, and what could not be compared."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.text import Text

from callscope.cli import columns
from callscope.cli.columns import Column
from callscope.prices.difference import Part
from callscope.prices.joins import WORDS
from callscope.prices.reconcile import Comparison, Reconciliation
from callscope.report import figures
from callscope.report.safe_text import clean

_MEANING: Final[dict[Part, str]] = {
    "usage": "usage: the quantities differ, at our price",
    "price": "price: one unit costs another amount",
    "cached": "cached: input billed as cached that the usage does not report as such",
    "unpriced": "unpriced: charges for what we have no price for",
    "rounding": "rounding: less than one increment a request",
    "time_shift": "time shift: billed on the day before or after the statement",
    "unexplained": "unexplained",
}
_STYLES: Final = {"ok": "green", "close": "yellow", "off": "bold red"}
_NOTHING: Final = Decimal("0.00005")
"""What is less is not worth a line of its own, unless the whole difference is as little."""
_LEAST: Final = Decimal("1E-9")
"""What is less is the rounding of a quotient."""
_FIGURES: Final = 3
"""Significant digits of what four places show as nothing."""


def render(console: Console, result: Reconciliation) -> None:
    """Print it."""
    rows = [*result.providers, *([result.total] if len(result.providers) > 1 else [])]
    table = [
        Column(name="PROVIDER", cells=[Text(clean(row.provider)) for row in rows], left=True, cut=True),
        Column(name="ESTIMATE", cells=[_estimate(row) for row in rows]),
        Column(name="ACTUAL", cells=[Text(_dollars(row.actual_usd)) for row in rows]),
        Column(name="DIFFERENCE", cells=[Text(_signed(row.difference_usd)) for row in rows]),
        Column(name="%", cells=[Text(_percent(row.percent)) for row in rows]),
        Column(name="VERDICT", cells=[Text(row.verdict, style=_STYLES[row.verdict]) for row in rows], left=True),
    ]
    columns.render(console, table, rules_before=[len(result.providers)] if len(rows) > len(result.providers) else ())
    for row in result.providers:
        console.print()
        columns.print_line(console, Text(clean(row.provider), style="bold"))
        for part, usd in row.parts.items():
            if abs(usd) >= min(_NOTHING, max(abs(row.difference_usd) / 100, _LEAST)):
                columns.print_line(console, Text(f"{_signed(usd):>12}  {_MEANING[part]}"))
        for line in _lines(row):
            console.print(Text(f"  {clean(line)}"), soft_wrap=not console.is_terminal)
    _print_rest(console, result)


def _lines(row: Comparison) -> Iterator[str]:
    for cause in row.causes:
        yield f"→ {cause}"
    words: dict[str, str] = {str(join): word for join, word in WORDS.items()}
    by = [f"{figures.count(number, 'charge')} by {words[join]}" for join, number in row.joined.items() if join in words]
    if by:
        yield f"joined: {', '.join(by)}"
    if row.alone:
        yield f"{figures.count(row.alone, 'charge')} without anything of ours: usage that was not recorded"
    if abs(row.unbilled_usd) >= _NOTHING:
        yield f"{_dollars(row.unbilled_usd)} of ours without any charge"
    if row.unpriced:
        yield f"{figures.count(row.unpriced, 'cost line')} of ours without a price: the estimate is a lower bound"
    if row.unrated:
        yield f"{figures.count(row.unrated, 'charge')} not rated yet by the provider: left out, and ours for it"
    if row.shifted_usd >= _NOTHING:
        yield f"{_dollars(row.shifted_usd)} was used on one day and billed on its neighbour"
    if row.priced_by_us:
        yield "the statement has quantities only: the actual amount is theirs at our prices"
    if row.other_usd:
        yield f"{_dollars(row.other_usd)} of charges that are not usage: not in these figures"


def _print_rest(console: Console, result: Reconciliation) -> None:
    lines = [
        f"not usage: {charge.provider} {charge.line_item or 'charge'} {_plain(charge.amount)} {charge.currency}"
        for charge in result.other
        if charge.amount
    ]
    lines += [f"not in any statement: {name}, estimated at {_dollars(usd)}" for name, usd in result.unstated.items()]
    lines += [f"note: {note}" for note in result.notes]
    if lines:
        console.print()
    for line in lines:
        console.print(Text(clean(line)), soft_wrap=not console.is_terminal)


def _estimate(row: Comparison) -> Text:
    return Text(f"≥ {_dollars(row.estimate_usd)}", style="yellow") if row.unpriced else Text(_dollars(row.estimate_usd))


def _dollars(usd: Decimal) -> str:
    size = abs(usd)
    sign = "-" if usd < 0 and size >= _LEAST else ""
    if size >= 100 or not usd:  # noqa: PLR2004 -- from there on, parts of a cent are noise
        return f"{sign}${size:,.2f}"
    if _LEAST <= size < _NOTHING:
        size = round(size, _FIGURES - 1 - size.adjusted())
        return f"{sign}${size:.{_FIGURES - 1 - size.adjusted()}f}"
    return f"{sign}${size:,.4f}"


def _signed(usd: Decimal) -> str:
    return f"+{_dollars(usd)}" if usd >= _LEAST else _dollars(usd)


def _percent(percent: Decimal | None) -> str:
    return figures.UNKNOWN if percent is None else f"{percent:+.1f}"


def _plain(amount: Decimal | None) -> str:
    return figures.UNKNOWN if amount is None else f"{amount:f}"
