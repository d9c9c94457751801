"""``callscope ls``: the calls of an archive, newest first."""

from __future__ import annotations

import click
from rich.text import Text

from callscope.archive import listing
from callscope.archive.listing import Page
from callscope.cli import call_table, documents, figures, moments, options, screen
from callscope.clock import now_ms
from callscope.model.call import STATUSES


@click.command("ls")
@options.root
@options.as_json
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Calls on a page.")
@click.option("--cursor", metavar="CURSOR", help="Go on where a page ended: its next.")
@click.option(
    "--since", metavar="TIME", help="Started then or later: 2026-11-21, 2026-11-21T09:30, 2h, 7d, today. UTC."
)
@click.option("--until", metavar="TIME", help="Started before.")
@click.option(
    "--status",
    "statuses",
    type=click.Choice(STATUSES),
    multiple=True,
    help="With this status; several may be given.",
)
def command(
    *,
    root: str | None,
    as_json: bool,
    limit: int,
    cursor: str | None,
    since: str | None,
    until: str | None,
    statuses: tuple[str, ...],
) -> None:
    """List calls, newest first."""
    now = now_ms()
    archive = options.archive(root)
    page = listing.list_calls(
        archive,
        now_ms=now,
        limit=limit,
        cursor=cursor,
        since_ms=None if since is None else moments.parse(since, option="--since", now_ms=now),
        until_ms=None if until is None else moments.parse(until, option="--until", now_ms=now),
        statuses=frozenset(statuses),
    )
    if as_json:
        screen.print_json({"calls": [documents.call(call) for call in page.calls], "next": page.next})
        return
    console = screen.console()
    if not page.calls:
        filtered = since or until or statuses or cursor
        console.print(Text(f"No calls {'match' if filtered else 'yet'} in {archive}"), soft_wrap=True)
        return
    call_table.render(console, page.calls, now_ms=now)
    _more(page)


def _more(page: Page) -> None:
    if page.next is not None:
        # To stderr: what reads the list in a pipe wants calls only.
        click.echo(f"{figures.count(len(page.calls), 'call')} shown, there are more: --cursor {page.next}", err=True)
