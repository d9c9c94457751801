"""What has no known amount, for people: a paragraph each, and the prices to fill in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from callscope.cli import columns
from callscope.report import figures
from callscope.report.missing import Missing
from callscope.report.period import Period
from callscope.report.safe_text import clean

_REQUEST: Final = "request"
"""The only unit that is not written as a plural."""
_PLACES: Final = 6
"""Of a quantity: writers round to microseconds, and binary fractions have twenty digits."""


def title(each: Missing) -> Text:
    """``tts acme voice-1 characters``; a dash for a provider that nobody told."""
    words = (each.service, each.provider or figures.UNKNOWN, each.model, each.usage)
    return Text(" ".join(clean(word) for word in words if word), "yellow")


def reason(console: Console, each: Missing) -> None:
    """Print why, wrapped on a terminal."""
    if each.reason:
        columns.print_fact(console, "", clean(each.reason), indent=2)


def render(console: Console, found: Sequence[Missing], period: Period) -> None:
    """Print everything, and at the end what to paste."""
    if not found:
        columns.print_fact(console, "", f"Everything that was used from {period} has a price", indent=0)
        return
    for each in found:
        columns.print_line(console, title(each))
        first, last = figures.moment(each.first_seen_ms)[:16], figures.moment(each.last_seen_ms)[:16]
        times = f"{first} UTC" if first == last else f"{first} to {last} UTC"
        columns.print_fact(console, "", f"{_used(each)} in {figures.count(each.calls, 'call')}, {times}", indent=2)
        reason(console, each)
    prices = list(dict.fromkeys(each.toml for each in found if each.toml))
    if prices:
        console.print()
        columns.print_line(
            console, Text("Fill in what you pay, and put it into your prices file (docs/money.md):", style="bold")
        )
        for toml in prices:
            console.print(Text(f"\n{toml}"), soft_wrap=True)


def _used(each: Missing) -> str:
    if each.quantity is None:
        return "an unknown amount"
    quantity = each.quantity.normalize()
    unit = clean(each.unit or each.usage or "")
    if unit == _REQUEST:
        return figures.count(int(quantity), unit)
    rounded = round(quantity, _PLACES).normalize() or quantity
    return f"{rounded:,f} {unit}".rstrip()
