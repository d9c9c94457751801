"""The list of calls: one line a call, and one more with the reason where a call failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from rich.console import Console
from rich.text import Text

from callscope.archive.reader import UNREADABLE
from callscope.archive.spend import LINES, NO_PRICES, NO_PROVIDER, OPEN, RECORDED, CallSpend, call_spend
from callscope.cli import record_table
from callscope.model import call as words
from callscope.model.call import Call
from callscope.model.cost import ERROR
from callscope.report import figures
from callscope.report.money import at_least
from callscope.report.safe_text import clean

STATUS_STYLES: Final = {
    words.COMPLETED: "green",
    words.FAILED: "bold red",
    words.ABANDONED: "yellow",
    words.IN_PROGRESS: "cyan",
    UNREADABLE: "bold red",
}
_WIDE: Final = 96
"""Characters from which cost and worst wait stand side by side."""
_PRICED: Final = frozenset({LINES, RECORDED, NO_PRICES, NO_PROVIDER})
"""Of a list in which no call is one of these, a column of costs would say nothing."""
_GAP: Final = "  "
_LEFT: Final = frozenset({"STARTED UTC", "STATUS", "CALL", "AGENT", "ENDED UTC"})


def render(
    console: Console, calls: Sequence[Call], *, now_ms: int, also: Mapping[str, Sequence[Text]] = MappingProxyType({})
) -> None:
    """Print the calls in the order they come. Ids are cut to a terminal's width, and never in a pipe.

    Args:
        console: where to.
        calls: a line each.
        now_ms: Unix milliseconds.
        also: columns to show at any width: what the calls are sorted by.
    """
    table = {"STARTED UTC": [Text(figures.short_moment(call.started_at_ms, now_ms=now_ms)) for call in calls]}
    table["STATUS"] = [status(call.status) for call in calls]
    table["LENGTH"] = [Text(figures.clock(call.duration_ms)) for call in calls]
    table["TURNS"] = [Text(figures.UNKNOWN if call.turns is None else str(call.turns)) for call in calls]
    spent = [call_spend(call, started_at_ms=0) for call in calls]
    priced = any(spend.source in _PRICED or _has_cost_problem(call) for call, spend in zip(calls, spent, strict=True))
    is_wide = not priced or console.width >= _WIDE
    if is_wide or not also:
        table["P50"] = [Text(figures.wait((call.latency or {}).get("p50_ms"))) for call in calls]
    table |= {name: list(cells) for name, cells in also.items()}
    if is_wide and "WORST" not in also:
        table["WORST"] = [Text(figures.wait(call.callscope.get("worst_wait_ms"))) for call in calls]
    if priced:
        table["COST"] = [_cost(call, spend) for call, spend in zip(calls, spent, strict=True)]
    table["CALL"] = [Text(clean(call.call_id)) for call in calls]
    _print_line(console, _aligned(table, [Text(name, style="dim") for name in table]))
    for number, call in enumerate(calls):
        _print_line(console, _aligned(table, [cells[number] for cells in table.values()]))
        if call.status == words.FAILED and call.error is not None:
            _print_line(console, Text(f"{_GAP}└ {clean(call.error)}", style="red"))


def status(word: str) -> Text:
    """A status in its colour, with spaces for people."""
    return Text(clean(word).replace("_", " "), style=STATUS_STYLES.get(word, ""))


def _cost(call: Call, spend: CallSpend) -> Text:
    """The known sum; ``≥`` where that is not all of it, ``~`` where something was assumed or another writer says so."""
    cost = spend.cost
    if cost.usd is None and _has_cost_problem(call):
        return Text("not priced", style="bold red")
    if spend.source == OPEN:
        return Text(figures.UNKNOWN, style="dim")
    shown = at_least(cost.usd, cost.unpriced, estimated=record_table.is_estimated(cost))
    return Text(shown, style="yellow" if cost.usd and cost.unpriced else "" if cost.usd is not None else "dim")


def _has_cost_problem(call: Call) -> bool:
    return call.callscope.get("cost_status") == ERROR


def _aligned(table: dict[str, list[Text]], cells: list[Text]) -> Text:
    line = Text()
    for (name, column), cell in zip(table.items(), cells, strict=True):
        width = max(len(name), *(entry.cell_len for entry in column))
        if name == "CALL":
            line.append_text(cell)
        elif name in _LEFT:
            line.append_text(cell).append(" " * (width - cell.cell_len) + _GAP)
        else:
            line.append(" " * (width - cell.cell_len)).append_text(cell).append(_GAP)
    return line


def _print_line(console: Console, line: Text) -> None:
    """One line whatever its length: cut on a terminal, whole in a pipe."""
    if console.is_terminal:
        console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
    else:
        console.print(line, soft_wrap=True)
