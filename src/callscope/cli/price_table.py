"""List prices for people: by provider and service a line a price, and where they were read."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.text import Text

from callscope.cli import columns
from callscope.cli.columns import Column
from callscope.model.cost import USD
from callscope.model.wire import format_ts
from callscope.prices.entry import Entry
from callscope.report.safe_text import clean

_WIDE: Final = 110
"""Characters from which units stand in full."""


def render(console: Console, entries: Sequence[Entry]) -> None:
    """Print the entries; they are sorted by provider and service."""
    groups: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.provider, entry.service), []).append(entry)
    for (provider, service), found in groups.items():
        columns.print_line(console, Text(f"{clean(provider)} {clean(service)}", style="bold"))
        columns.render(console, _table(found, wide=not console.is_terminal or console.width >= _WIDE), indent="  ")
        for source in dict.fromkeys(entry.source for entry in found):
            days = sorted({entry.read_on for entry in found if entry.source == source})
            read_on = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
            columns.print_fact(console, "", clean(f"{source} (read {read_on})"), indent=2)
        console.print()


def document(entry: Entry) -> dict[str, Any]:
    """An entry as JSON, all of its keys; prices are strings, moments RFC 3339."""
    fields: dict[str, Any] = {name: getattr(entry, name) for name in entry.__struct_fields__}
    for name in ("effective_from", "effective_to"):
        seconds = fields[name]
        fields[name] = None if seconds is None else format_ts(seconds * 1000)
    document: dict[str, Any] = msgspec.to_builtins(fields)
    return document


def _table(entries: Sequence[Entry], *, wide: bool) -> list[Column]:
    """A row a rate. What sets an entry apart stands beside its only rate, or below its name, where there is room."""
    models, prices, units, terms, read = [], [], [], [], []
    for entry in entries:
        what = clean(_terms(entry))
        for number, (unit, price) in enumerate(entry.rates.items()):
            below = Text(f"  {what}" if number == 1 and what else "", style="dim")
            models.append(below if number else Text(clean(entry.model)))
            prices.append(Text(_price(entry, price)))
            units.append(Text(_unit(unit, wide=wide)))
            terms.append(Text(what if len(entry.rates) == 1 else "", style="dim"))
            read.append(Text("" if number else clean(entry.read_on)))
    table = [
        Column(name="MODEL", cells=models, left=True, cut=1),
        Column(name="PRICE", cells=prices),
        Column(name="UNIT", cells=units, left=True),
    ]
    if any(cell.plain for cell in terms):
        table.append(Column(name="TERMS", cells=terms, left=True, cut=2))
    if wide:
        table.append(Column(name="READ", cells=read, left=True))
    return table


def _price(entry: Entry, price: Decimal) -> str:
    return f"${price:f}" if entry.currency == USD else f"{clean(entry.currency)} {price:f}"


def _unit(unit: str, *, wide: bool) -> str:
    """``1M_cached_input_text_tokens``, where there is little room ``1M_cached_input_text``."""
    return unit if wide else unit.removesuffix("_tokens")


def _terms(entry: Entry) -> str:
    """What sets the price apart from others of its model, and what it is charged by."""
    words = [entry.mode, f"plan {entry.plan}" if entry.plan else None, entry.tier, entry.region, entry.direction]
    words.append("add-on" if entry.addon else None)
    if entry.effective_from is not None:
        words.append(f"from {_day(entry.effective_from)}")
    if entry.effective_to is not None:
        words.append(f"to {_day(entry.effective_to)}")
    if entry.long_context is not None:
        words.append(f"other rates above {entry.long_context.above_input_tokens:,} input tokens")
    if entry.increment_seconds:
        words.append(f"by {entry.increment_seconds:f} s")
    if entry.minimum_seconds:
        words.append(f"at least {entry.minimum_seconds:f} s")
    if entry.channels == "multiplied":
        words.append("each channel")
    return ", ".join(word for word in words if word)


def _day(seconds: int) -> str:
    return format_ts(seconds * 1000)[:10]
