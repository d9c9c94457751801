"""A priced usage record for people: its sum, a line a price, and the reasons."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.text import Text

from callscope.cli import columns
from callscope.cli.columns import Column
from callscope.cli.figures import UNKNOWN
from callscope.cli.money import money
from callscope.cli.priced_record import CALL, Priced, exact
from callscope.cli.safe_text import clean
from callscope.model import cost as words
from callscope.model.cost import Cost, CostLine, CostStatus

_STYLES: Final[dict[CostStatus, str]] = {
    words.PRICED: "green",
    words.ESTIMATED: "yellow",
    words.PARTIAL: "yellow",
    words.UNPRICED: "bold yellow",
    words.ERROR: "bold red",
}
_STEP: Final = Decimal("1e-9")
"""Digits of a figure; the JSON has all."""


def render(console: Console, priced: Priced, *, number: int) -> None:
    """Print the record with its number in the file."""
    cost = priced.cost
    names = " ".join(clean(name) for name in (priced.service, priced.provider, priced.model) if name)
    heading = Text.assemble((f"{number}  {names}  ", "bold"), _status(cost.status), (f"  {amount(cost)}", "bold"))
    for actual in cost.actual:
        heading.append(f"  charged {exact(actual.amount)} {clean(actual.currency)}")
    columns.print_line(console, heading)
    render_lines(console, cost, of_call=priced.service == CALL, indent=3)


def render_lines(console: Console, cost: Cost, *, of_call: bool, indent: int = 0) -> None:
    """Print a line a price, and the reasons; ``of_call``: the lines are of different services."""
    lines = [line for line in cost.lines if line.usage]
    if lines:
        columns.render(console, _columns(lines, of_call=of_call), indent=" " * indent)
    for reason in cost.reasons:
        columns.print_fact(console, "", clean(reason), indent=indent)


def amount(cost: Cost) -> str:
    """The sum, with what it lacks."""
    return money(cost.usd, cost.unpriced, estimated=any(line.status == words.ESTIMATED for line in cost.lines))


def _columns(lines: list[CostLine], *, of_call: bool) -> list[Column]:
    of = [" ".join(clean(name) for name in (line.service, line.provider, line.model) if name) for line in lines]
    billed = [line.quantity if line.quantity_billed is None else line.quantity_billed for line in lines]
    return [
        *([Column(name="OF", cells=[Text(name) for name in of], left=True, cut=2)] if of_call else []),
        Column(name="USAGE", cells=[Text(clean(line.usage or UNKNOWN)) for line in lines], left=True, cut=1),
        Column(name="BILLED", cells=[_figure(quantity) for quantity in billed]),
        Column(name="UNIT", cells=[Text(line.unit or UNKNOWN) for line in lines], left=True, cut=3),
        Column(name="PRICE", cells=[_figure(line.price) for line in lines]),
        Column(name="AMOUNT", cells=[_figure(line.amount, line.currency) for line in lines]),
        Column(name="STATUS", cells=[_status(line.status) for line in lines], left=True),
    ]


def _status(status: CostStatus) -> Text:
    return Text(status.replace("_", " "), style=_STYLES.get(status, ""))


def _figure(value: Decimal | None, currency: str = words.USD) -> Text:
    if value is None:
        return Text(UNKNOWN)
    rounded = value.quantize(_STEP)
    text = exact(rounded or value) or ""
    return Text(text if currency == words.USD else f"{text} {clean(currency)}")
