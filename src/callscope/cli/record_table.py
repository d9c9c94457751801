"""A priced usage record for people: its sum, a line a price, and the reasons."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec
from rich.console import Console
from rich.text import Text

from callscope.cli import columns
from callscope.cli.columns import Column
from callscope.cli.priced_record import CALL, Priced, exact
from callscope.model import cost as words
from callscope.model.cost import Cost, CostLine, CostStatus
from callscope.prices.units import UNITS
from callscope.report.figures import UNKNOWN
from callscope.report.money import money
from callscope.report.safe_text import clean

_STYLES: Final[dict[CostStatus, str]] = {
    words.PRICED: "green",
    words.ESTIMATED: "yellow",
    words.PARTIAL: "yellow",
    words.UNPRICED: "bold yellow",
    words.ERROR: "bold red",
}
_STEP: Final = Decimal("1e-9")
"""Digits of a figure; the JSON has all."""
_LONGEST_REASON: Final = 1_000
_LEAST_OF: Final = 20


def render(console: Console, priced: Priced, *, number: int) -> None:
    """Print the record with its number in the file."""
    cost = priced.cost
    names = _of(priced.service, priced.provider, priced.model)
    heading = Text.assemble((f"{number}  {names}  ", "bold"), _status(cost.status), (f"  {amount(cost)}", "bold"))
    for actual in cost.actual:
        heading.append(f"  charged {exact(actual.amount)} {clean(actual.currency)}")
    columns.print_line(console, heading)
    render_lines(console, cost, of_call=priced.service == CALL, indent=3)


def render_lines(console: Console, cost: Cost, *, of_call: bool, indent: int = 0) -> None:
    """Print a line a price, and the reasons; ``of_call``: the lines are of different services."""
    lines = [line for line in cost.lines if line.usage]
    if lines:
        table = _columns(lines, of_call=of_call)
        if of_call and console.is_terminal and _width(table) > console.width - indent:
            table = _narrow(console, lines, room=console.width - indent)
        columns.render(console, table, indent=" " * indent)
    for reason in cost.reasons:
        columns.print_fact(console, "", name_of(reason, most=_LONGEST_REASON), indent=indent)


def amount(cost: Cost) -> str:
    """The sum, with what it lacks."""
    return money(cost.usd, cost.unpriced, estimated=is_estimated(cost))


def is_estimated(cost: Cost) -> bool:
    """Whether anything about the sum was assumed."""
    return any(line.status == words.ESTIMATED for line in cost.lines)


def name_of(text: str, *, most: int = 120) -> str:
    """A name that a program gave, fit for a line also where that is no terminal."""
    return clean(text if len(text) <= most else f"{text[:most]}…")


def _of(*names: str | None) -> str:
    return " ".join(name_of(name) for name in names if name)


def _columns(lines: list[CostLine], *, of_call: bool) -> list[Column]:
    of = [_of(line.service, line.provider, line.model) for line in lines]
    return [
        *([Column(name="OF", cells=[Text(name) for name in of], left=True, cut=2)] if of_call else []),
        Column(name="USAGE", cells=[Text(name_of(line.usage or UNKNOWN)) for line in lines], left=True, cut=1),
        Column(name="BILLED", cells=[_figure(_billed(line)) for line in lines]),
        Column(name="UNIT", cells=[Text(name_of(line.unit or UNKNOWN)) for line in lines], left=True, cut=3),
        Column(name="PRICE", cells=[_figure(line.price) for line in lines]),
        Column(name="AMOUNT", cells=[_figure(line.amount, line.currency) for line in lines]),
        Column(name="STATUS", cells=[_status(line.status) for line in lines], left=True),
    ]


def _width(table: list[Column]) -> int:
    return sum(max([len(column.name), *(cell.cell_len for cell in column.cells)]) + 2 for column in table) - 2


def _narrow(console: Console, lines: list[CostLine], *, room: int) -> list[Column]:
    """The same for a terminal that has no place for all columns: what a line is of goes on below itself, whole."""
    amounts = Column(name="AMOUNT", cells=[_figure(line.amount, line.currency) for line in lines])
    states = Column(name="STATUS", cells=[_status(line.status) for line in lines], left=True)
    width = max(_LEAST_OF, room - _width([amounts, states]) - 2)
    rows: list[tuple[Text, Text, Text]] = []
    for line, amount_of, status in zip(lines, amounts.cells, states.cells, strict=True):
        price = "" if line.price is None else f" at {_figure(line.price)} a {name_of(line.unit or UNKNOWN)}"
        told = f"{_figure(_counted(line))} {name_of(line.usage or UNKNOWN)}{price}"
        parts = [_of(line.service, line.provider, line.model), told]
        below = [piece for part in parts for piece in Text(part).wrap(console, width)]
        rows += [
            (Text(), Text(), piece) if number else (amount_of, status, piece) for number, piece in enumerate(below)
        ]
    cells = list(zip(*rows, strict=True))
    return [
        msgspec.structs.replace(amounts, cells=cells[0]),
        msgspec.structs.replace(states, cells=cells[1]),
        Column(name="OF", cells=cells[2], left=True, cut=1),
    ]


def _billed(line: CostLine) -> Decimal | None:
    used = line.quantity_billed is None or line.status == words.NOT_BILLED
    return line.quantity if used else line.quantity_billed


def _counted(line: CostLine) -> Decimal | None:
    """What is charged, in tokens, seconds or characters."""
    billed, unit = _billed(line), UNITS.get(line.unit or "")
    return billed if billed is None or unit is None else (billed * unit.per).quantize(_STEP).normalize()


def _status(status: CostStatus) -> Text:
    return Text(status.replace("_", " "), style=_STYLES.get(status, ""))


def _figure(value: Decimal | None, currency: str = words.USD) -> Text:
    if value is None:
        return Text(UNKNOWN)
    rounded = value.quantize(_STEP)
    text = exact(rounded or value) or ""
    return Text(text if currency == words.USD else f"{text} {clean(currency)}")
