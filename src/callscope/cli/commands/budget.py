"""``callscope budget``: how much of each budget is spent."""

from __future__ import annotations

import click
from rich.text import Text

from callscope.cli import budget_table, options, screen
from callscope.clock import now_ms
from callscope.report import budgets as budget_report
from callscope.report.safe_text import clean


@click.command("budget")
@options.root
@click.option("--budgets", "file", metavar="FILE", help="The budgets [default: CALLSCOPE_BUDGETS].")
@options.as_json
def command(*, root: str | None, file: str | None, as_json: bool) -> None:
    """Show every budget: its period, what is spent of it, its share, the verdict.

    "over" from 100 % on, "warning" from the first threshold on, "unknown" where something has no price, else "ok". A
    budget per call is shown for the call of the last 30 days that stands worst in it.
    """
    archive = options.archive(root)
    budgets = budget_report.states(archive, file, now_ms=now_ms())
    if as_json:
        screen.print_json(budget_report.document(budgets))
        return
    console = screen.console()
    if budgets.file is None:
        text = (
            "There are no budgets: give --budgets FILE, or set CALLSCOPE_BUDGETS. Such a file (examples/budgets.toml):"
        )
        console.print(Text(f"{text}\n\n{budget_report.EXAMPLE}"), soft_wrap=not console.is_terminal)
        return
    budget_table.render(console, budgets)
    console.print(Text(f"\nof {clean(budgets.file)}, for the calls in {clean(archive)}", style="dim"), soft_wrap=True)
