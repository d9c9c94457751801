"""Lines of logs on a terminal, one line each, a traceback below."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

from callscope.report.log_lines import ShownLine, facts_in_words

LEVEL_STYLES: Final = {
    "trace": "dim",
    "debug": "dim",
    "info": "green",
    "warning": "yellow",
    "error": "red",
    "critical": "bold red",
    "torn": "magenta",
}
_LEVEL_WIDTH: Final = 8
_INDENT: Final = "    "


def render(console: Console, line: ShownLine) -> None:
    """Print a line; it is never broken, so that what reads it in a pipe has one line an event."""
    console.print(headline(line), soft_wrap=True)
    for each in line.stack:
        console.print(Text(f"{_INDENT}{each}", style="dim"), soft_wrap=True)


def headline(line: ShownLine) -> Text:
    """Moment, level, logger, call, what happened, and the rest as ``key=value``."""
    text = Text().append(f"{line.moment:<23}", style="dim").append(" ")
    text.append(f"{line.level:<{_LEVEL_WIDTH}}", style=LEVEL_STYLES.get(line.level, "")).append(" ")
    if line.logger:
        text.append(line.logger, style="cyan").append(" ")
    if line.call_id:
        text.append(f"[{line.call_id}]", style="blue").append(" ")
    text.append(line.text, style="bold" if line.level in {"error", "critical"} else "")
    facts = facts_in_words(line)
    return text.append(f" {facts}", style="dim") if facts else text
