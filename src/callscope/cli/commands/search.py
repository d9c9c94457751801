"""``callscope search``: the places where something was said."""

from __future__ import annotations

from typing import Final

import click
from rich.text import Text

from callscope.cli import options, question, screen, search_page
from callscope.cli.call_index import call_index
from callscope.cli.question import QueryCommand
from callscope.clock import now_ms
from callscope.index.search import HitPage
from callscope.report import figures
from callscope.report.safe_text import clean

_IDLE: Final = {"sort": "the newest call comes first, or with --ranked the best hit"}


@click.command("search", cls=QueryCommand)
@question.argument
@options.root
@options.as_json
@click.option("--ranked", is_flag=True, help="The best hits first, by whole words; one page.")
@question.limit
@question.cursor
@question.since
@question.until
def command(
    *,
    words: tuple[str, ...],
    root: str | None,
    as_json: bool,
    ranked: bool,
    limit: int | None,
    cursor: str | None,
    since: str | None,
    until: str | None,
) -> None:
    """Find what was said, what stands in a tool's arguments or result, what an error says.

    Write QUERY in single quotes: '"cancel my" agent:front-desk since:7d', '/refund(ed)?/i'. The newest call comes
    first. The language: docs/query.md.
    """
    now = now_ms()
    archive = options.archive(root)
    query = question.parse(words, now_ms=now, idle=_IDLE, since=since, until=until, limit=limit, cursor=cursor)
    with call_index(archive, now_ms=now) as index:
        page = index.search(query, ranked=ranked)
    if as_json:
        screen.print_json(search_page.document(page))
    elif page.hits:
        search_page.render(screen.console(), page.hits, now_ms=now)
    elif page.complete:
        screen.console().print(Text(f"Nothing was found in {clean(archive)}"), soft_wrap=True)
    _more(page, ranked=ranked)


def _more(page: HitPage, *, ranked: bool) -> None:
    """To stderr: what reads hits in a pipe wants hits only."""
    go_on = f": --cursor {page.next}" if page.next is not None else ""
    if not page.complete and ranked:
        click.echo("not everything was ranked: narrow it by time, as in since:7d, or leave out --ranked", err=True)
    elif not page.complete:
        reached = figures.moment(page.reached_ms)
        click.echo(f"the time was up: calls since {reached} were searched, go on with the older ones{go_on}", err=True)
    elif page.next is not None:
        click.echo(f"{figures.count(len(page.hits), 'hit')} shown, there are more{go_on}", err=True)
