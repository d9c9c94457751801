"""``callscope reindex``: the index made anew, or held against the files."""

from __future__ import annotations

import os

import click
import msgspec
from rich.text import Text

from callscope import config
from callscope.cli import options, screen
from callscope.cli.progress import bar
from callscope.clock import now_ms
from callscope.errors import CallscopeError
from callscope.index.place import place_of
from callscope.index.refresh import LOCKED, Report, refresh
from callscope.report import figures
from callscope.report.safe_text import clean


@click.command("reindex")
@options.root
@options.as_json
@click.option("--verify", is_flag=True, help="Keep it, and look at the files of every call for what has changed.")
@click.option(
    "--search/--no-search",
    default=None,
    help="Keep the index and switch the search for parts of words and patterns, a third of the file, on or off.",
)
@click.pass_context
def command(ctx: click.Context, *, root: str | None, as_json: bool, verify: bool, search: bool | None) -> None:
    """Make the index anew from the files of the archive, or check it against them.

    No call is touched, and deleting the index loses nothing: it is made again when it is next asked. Ends with 1 when
    a part of the archive could not be read.
    """
    archive = options.archive(root)
    place = place_of(archive, config.index_place())
    is_kept = verify or search is not None
    with bar("Checking calls" if is_kept else "Reading calls") as progress:
        report = refresh(
            place, archive, now_ms=now_ms(), verify=verify, rebuild=not is_kept, progress=progress, search=search
        )
    if report.skipped == LOCKED:
        raise CallscopeError(f"another process is bringing the index {place} up to date: try again when it is done")
    if as_json:
        screen.print_json({"index": os.fspath(place), **msgspec.to_builtins(report)})
    else:
        console = screen.console()
        for line in _lines(report, is_kept=is_kept):
            console.print(Text(clean(line)), soft_wrap=True)
        console.print(Text(f"{clean(place)}  {figures.size(place.stat().st_size)}", style="dim"), soft_wrap=True)
    ctx.exit(1 if report.problems else 0)


def _lines(report: Report, *, is_kept: bool) -> list[str]:
    pace = f", {report.read / report.seconds:,.0f} a second" if report.seconds >= 1 else ""
    took = f"in {report.seconds:.1f} s{pace}"
    if is_kept:
        changed = f"{report.read:,} read again, {report.removed:,} taken out, {report.unchanged:,} as they were"
        first = f"Calls: {changed}, {took}."
    else:
        first = f"{figures.count(report.read, 'call')} read {took}."
    going_on = [f"{figures.count(report.open_calls, 'call')} still going on."] if report.open_calls else []
    return [first, *going_on, *report.problems]
