"""Where the time of one exchange went: a bar a part, under each other as they followed each other."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from callscope.model.exchange import UNEXPLAINED, Exchange, Part
from callscope.report import figures
from callscope.report.safe_text import clean

_BAR: Final = 24
_OWNER_STYLES: Final = {
    "service": "blue",
    "setting": "yellow",
    "code": "magenta",
    "pipeline": "cyan",
    "unknown": "dim",
}


def heading(exchange: Exchange, *, started_at_ms: int | None) -> Text:
    """``Exchange 2 at 0:04: the caller waited 1.24 s``."""
    what = "Greeting" if exchange.kind == "greeting" else f"Exchange {exchange.index}"
    at = f" at {figures.clock(exchange.started_at_ms - started_at_ms)}" if started_at_ms is not None else ""
    line = Text(f"{what}{at}: ", style="bold")
    if exchange.answered_at_ms is None:
        silence = f", silence for {figures.wait(exchange.silence_ms)}" if exchange.silence_ms is not None else ""
        return line.append(f"no answer{silence}", style="red")
    line.append(f"the caller waited {figures.wait(exchange.response_ms)}")
    if exchange.wait_from in {"turn", "transcript"}:
        line.append(f" (counted from the {exchange.wait_from}: the end of speech is not known)", style="dim")
    if exchange.interrupted:
        line.append(", interrupted", style="yellow")
    return line


def is_telling(exchange: Exchange) -> bool:
    """Whether there is something to draw: a part that is known, or an answer that never came."""
    return exchange.answered_at_ms is None or any(part.stage != UNEXPLAINED for part in exchange.parts)


def render(console: Console, exchange: Exchange) -> None:
    """Print the parts and their sum; nothing for an exchange without an answer."""
    if not exchange.response_ms:
        return
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column(width=2)
    table.add_column(width=22, no_wrap=True, overflow="ellipsis")
    table.add_column(width=18, no_wrap=True, overflow="ellipsis", style="dim")
    table.add_column(width=_BAR, no_wrap=True)
    table.add_column(width=8, no_wrap=True, justify="right")
    for part in exchange.parts:
        owner = Text(clean(part.owner) or figures.UNKNOWN)
        table.add_row(
            "",
            Text(clean(part.label)),
            owner,
            _bar(part, exchange.response_ms),
            figures.wait(part.duration_ms),
        )
    table.add_row(
        "",
        Text("the caller waited", style="bold"),
        "",
        "",
        Text(figures.wait(exchange.response_ms), style="bold"),
    )
    console.print(table)


def _bar(part: Part, total_ms: int) -> Text:
    start = min(max(round(part.start_ms / total_ms * _BAR), 0), _BAR - 1)
    end = min(max(round((part.start_ms + part.duration_ms) / total_ms * _BAR), start + 1), _BAR)
    block = "░" if part.stage == UNEXPLAINED else "█"
    return Text(" " * start).append(block * (end - start), style=_OWNER_STYLES[part.owner_kind])
