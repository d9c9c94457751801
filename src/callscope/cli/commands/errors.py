"""``callscope errors``: errors that are alike, as groups."""

from __future__ import annotations

import click
from rich.text import Text

from callscope.cli import error_table, options, question, screen
from callscope.cli.call_index import call_index
from callscope.cli.question import QueryCommand
from callscope.clock import now_ms
from callscope.report.safe_text import clean

_LIMIT = 50


@click.command("errors", cls=QueryCommand)
@question.argument
@options.root
@options.as_json
@click.option("--limit", type=click.IntRange(1, 1000), default=_LIMIT, show_default=True, help="How many groups.")
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
    query = question.parse(words, now_ms=now, since=since, until=until)
    with call_index(archive, now_ms=now) as index:
        groups = index.errors(query, limit=limit)
    if as_json:
        screen.print_json({"groups": error_table.documents(groups)})
    elif groups:
        error_table.render(screen.console(), groups, now_ms=now)
    else:
        screen.console().print(
            Text(f"No errors in {'these' if words or since or until else 'the'} calls of {clean(archive)}"),
            soft_wrap=True,
        )
