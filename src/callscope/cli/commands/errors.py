"""``callscope errors``: errors that are alike, as groups."""

from __future__ import annotations

from typing import Final

import click
from rich.text import Text

from callscope.cli import error_table, options, question, screen
from callscope.cli.call_index import call_index
from callscope.cli.question import QueryCommand
from callscope.clock import now_ms
from callscope.report import figures
from callscope.report.safe_text import clean

_LIMIT: Final = 50
_MOST: Final = 1000
_IDLE: Final = {
    "sort": "the commonest group comes first",
    "limit": "--limit says how many groups",
    "cursor": "there are no pages, --limit says how many groups",
}


@click.command("errors", cls=QueryCommand)
@question.argument
@options.root
@options.as_json
@click.option("--limit", type=click.IntRange(1, _MOST), default=_LIMIT, show_default=True, help="How many groups.")
@question.since
@question.until
def command(
    *, words: tuple[str, ...], root: str | None, as_json: bool, limit: int, since: str | None, until: str | None
) -> None:
    """Group the errors of calls by their message without its variable parts.

    The commonest comes first. QUERY, in single quotes, says of which calls: 'agent:front-desk since:1d'. The language:
    docs/query.md.
    """
    now = now_ms()
    archive = options.archive(root)
    query = question.parse(words, now_ms=now, idle=_IDLE, since=since, until=until)
    with call_index(archive, now_ms=now) as index:
        found = index.errors(query, limit=_MOST + 1)
    groups, more = found[:limit], len(found) - min(limit, len(found))
    if as_json:
        screen.print_json({"groups": error_table.documents(groups), "more": more})
    elif groups:
        error_table.render(screen.console(), groups, now_ms=now)
    else:
        screen.console().print(
            Text(f"No errors in {'these' if words or since or until else 'the'} calls of {clean(archive)}"),
            soft_wrap=True,
        )
    if more and not as_json:
        # To stderr: what reads groups in a pipe wants groups only.
        many = f"{more:,} more" if len(found) <= _MOST else f"at least {more:,} more"
        click.echo(
            f"{figures.count(len(groups), 'group')} shown, and {many}: --limit {min(len(found), _MOST)}", err=True
        )
