"""``callscope compare``: two sets of calls side by side."""

from __future__ import annotations

import click
import msgspec
from rich.text import Text

from callscope.cli import compare_table, options, question, screen
from callscope.cli.call_index import call_index
from callscope.cli.columns import print_fact
from callscope.cli.question import QueryCommand
from callscope.clock import now_ms
from callscope.report.safe_text import clean


@click.command("compare", cls=QueryCommand)
@click.argument("a", metavar="A", callback=question.one)
@click.argument("b", metavar="B", callback=question.one)
@options.root
@options.as_json
@question.since
@question.until
def command(*, a: str, b: str, root: str | None, as_json: bool, since: str | None, until: str | None) -> None:
    """Compare the calls of two queries: two versions, two periods, two models.

    A and B are queries, each in single quotes: 'version:2.4' 'version:2.5'. Each figure comes with the difference, the
    range that it is in with 95 % confidence, and whether that is clear. --since and --until hold for both.
    """
    now = now_ms()
    archive = options.archive(root)
    one = question.parse((a,), now_ms=now, idle=question.COUNTS, since=since, until=until)
    other = question.parse((b,), now_ms=now, idle=question.COUNTS, since=since, until=until)
    with call_index(archive, now_ms=now) as index:
        found = index.compare(one, other)
    if as_json:
        fields = msgspec.to_builtins(found)
        for figure, value in zip(fields["figures"], found.figures, strict=True):
            figure["verdict"] = compare_table.verdict(value, found.shared_calls)
        screen.print_json(fields)
        return
    console = screen.console()
    print_fact(console, "A", clean(a) or "all calls", indent=4)
    print_fact(console, "B", clean(b) or "all calls", indent=4)
    console.print()
    if found.a.calls and found.b.calls:
        compare_table.render(console, found)
    else:
        without = [side for side, calls in (("A", found.a.calls), ("B", found.b.calls)) if not calls]
        console.print(Text(f"No calls of {' and '.join(without)}: nothing to compare"), soft_wrap=True)
