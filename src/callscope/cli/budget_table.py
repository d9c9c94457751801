"""Budgets as a table: how much of each is spent, and whether that is all that was spent."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

from callscope.cli import columns
from callscope.cli.columns import Column
from callscope.prices.budget import State
from callscope.report import figures
from callscope.report.budgets import Budgets
from callscope.report.money import at_least, money
from callscope.report.safe_text import clean

_WIDE: Final = 96
_STYLES: Final = {"ok": "green", "warning": "yellow", "over": "bold red", "unknown": "yellow"}


def render(console: Console, budgets: Budgets) -> None:
    """Print a line a budget."""
    found = budgets.states
    if not found:
        columns.print_line(console, Text("none: callscope budget says how to set them", style="dim"))
        return
    wide = not console.is_terminal or console.width >= _WIDE
    table = [
        Column(name="BUDGET", cells=[Text(clean(each.budget.name)) for each in found], left=True, cut=1),
        Column(name="PERIOD", cells=[_period(each, wide=wide) for each in found], left=True),
        Column(name="SPENT", cells=[_spent(each) for each in found]),
        Column(name="LIMIT", cells=[Text(money(each.budget.usd, 0)) for each in found]),
        Column(name="SHARE", cells=[_bar(each, 20 if wide else 10) for each in found], left=True),
    ]
    if wide:
        thresholds = [Text(", ".join(map(str, each.budget.thresholds)) + " %") for each in found]
        table.append(Column(name="TOLD AT", cells=thresholds, left=True))
    table.append(Column(name="VERDICT", cells=[_verdict(each, wide=wide) for each in found], left=True))
    columns.render(console, table)


def _spent(state: State) -> Text:
    shown = at_least(state.known_usd, state.unpriced, estimated=state.estimated)
    return Text(shown, style="yellow" if state.unpriced else "")


def _bar(state: State, width: int) -> Text:
    """The share as a bar; a mark stands where a threshold is not reached yet."""
    full = min(width, int(state.share * width))
    cells = ["█"] * full + ["·"] * (width - full)
    for threshold in state.budget.thresholds:
        place = threshold * width // 100
        if full <= place < width:
            cells[place] = "│"
    text = Text("".join(cells), style=_STYLES[state.verdict])
    share = f"{state.share * 100:.0f} %" if state.share < 10 else "> 999 %"  # noqa: PLR2004 -- more says no more
    if state.known_usd is None:
        share = figures.UNKNOWN
    return text.append(f" {share:>7}", style="default")


def _verdict(state: State, *, wide: bool) -> Text:
    text = Text(state.verdict, style=_STYLES[state.verdict])
    return text.append(f", {state.unpriced:,} unpriced") if state.unpriced and wide else text


def _period(state: State, *, wide: bool) -> Text:
    """A day, week or month; of a budget per call the id of a call, which may be long."""
    text = Text(clean(state.period))
    if not wide:
        text.truncate(len("2026-11-21"), overflow="ellipsis")
    return text
