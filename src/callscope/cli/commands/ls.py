"""``callscope ls``: the calls of an archive, newest first."""

from __future__ import annotations

import click
from rich.text import Text

from callscope.archive import listing
from callscope.archive.listing import Page
from callscope.archive.reader import UNREADABLE, why_unreadable
from callscope.cli import call_table, documents, figures, moments, options, screen
from callscope.cli.safe_text import clean
from callscope.clock import now_ms
from callscope.errors import UnreadableError
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
    """List calls, newest first.

    Ends with 4 when the metadata of a call cannot be read; the call is listed as unreadable, whatever the status asked
    for.
    """
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
    elif not page.calls:
        filtered = since or until or statuses or cursor
        line = f"No calls {'match' if filtered else 'yet'} in {clean(archive)}"
        screen.console().print(Text(line), soft_wrap=True)
    else:
        call_table.render(screen.console(), page.calls, now_ms=now)
        _more(page)
    _require_readable(page)


def _require_readable(page: Page) -> None:
    unreadable = [call for call in page.calls if call.status == UNREADABLE]
    if unreadable:
        first = why_unreadable(unreadable[0])
        more = len(unreadable) - 1
        raise UnreadableError(f"{first}; the same of {figures.count(more, 'more call')}" if more else first)


def _more(page: Page) -> None:
    if page.next is not None:
        # To stderr: what reads the list in a pipe wants calls only.
        click.echo(f"{figures.count(len(page.calls), 'call')} shown, there are more: --cursor {page.next}", err=True)
