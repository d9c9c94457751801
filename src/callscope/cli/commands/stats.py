"""``callscope stats``: how many calls, how slow, how dear."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import msgspec
from rich.text import Text

from callscope.cli import options, question, screen, stats_table, wait_chart
from callscope.cli.call_index import call_index
from callscope.cli.question import QueryCommand
from callscope.clock import now_ms
from callscope.index.figures import Figures
from callscope.index.periods import PERIODS
from callscope.index.trends import Key
from callscope.index.waits import waits
from callscope.report.safe_text import clean


@click.command("stats", cls=QueryCommand)
@question.argument
@click.option(
    "--by",
    metavar="GROUP",
    default="",
    help="hour, day, week, month, agent, version, provider, model, mode, status, environment or label.NAME; several "
    "with commas.",
)
@click.option("--stages", is_flag=True, help="Also what the waits are made of.")
@options.root
@options.as_json
@question.since
@question.until
def command(
    *,
    words: tuple[str, ...],
    by: str,
    stages: bool,
    root: str | None,
    as_json: bool,
    since: str | None,
    until: str | None,
) -> None:
    """Count and measure the calls that QUERY finds, in one page, or with --by a row a group.

    Percentiles are of what callers waited for an answer, over all exchanges of a group; fewer than 20 are not enough.
    Write QUERY in single quotes: 'agent:front-desk since:7d'. The language: docs/query.md.
    """
    now = now_ms()
    archive = options.archive(root)
    query = question.parse(words, now_ms=now, idle=question.COUNTS, since=since, until=until)
    names = tuple(name.strip() for name in by.split(",") if name.strip())
    with call_index(archive, now_ms=now) as index:
        rows = index.stats(query, by=names, stages=stages or as_json)
        histogram = None if names or as_json else waits(index.place, archive, query)
    if not any(name in PERIODS for name in names):
        rows = sorted(rows, key=lambda row: -row[1].calls)
    console = screen.console()
    if as_json:
        screen.print_json({"by": names, "rows": [_document(names, row) for row in rows]})
    elif not any(value.calls for _, value in rows):
        found = "match" if words or since or until else "yet"
        console.print(Text(f"No calls {found} in {clean(archive)}"), soft_wrap=True)
    elif names:
        stats_table.render_rows(console, rows, names)
    else:
        stats_table.render_page(console, rows[0][1])
        if histogram is not None:
            console.print()
            wait_chart.render(console, histogram, rows[0][1].response)
    if stages and not as_json and any(value.calls for _, value in rows):
        console.print()
        stats_table.render_stages(console, rows, names)


def _document(names: Sequence[str], row: tuple[Key, Figures]) -> dict[str, Any]:
    key, value = row
    group = {name: _part(name, part) for name, part in zip(names, key, strict=True)}
    return {"group": group, **msgspec.to_builtins(value)}


def _part(name: str, part: str | int) -> str | None:
    """A period as it is written, a word as it is; what nobody told is null."""
    return stats_table.group_name(name, part).plain if isinstance(part, int) else part or None
