"""``callscope errors``: errors that are alike, as groups."""

from __future__ import annotations

from typing import Final

import click
import msgspec

from callscope.archive.listing import DAY_MS
from callscope.cli import error_table, options, question, screen
from callscope.cli.call_index import call_index
from callscope.cli.columns import print_fact
from callscope.cli.question import QueryCommand
from callscope.clock import now_ms
from callscope.report import error_states, figures
from callscope.report.safe_text import clean

_LIMIT: Final = 50
_MOST: Final = 1000
_DAYS: Final = 7
"""What a state is asked of where no beginning is."""
_NOTHING_BEFORE: Final = ": no call was recorded in the equally long time before to compare them with"
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
@click.option("--new", "states", flag_value="new", multiple=True, help="Those of no call in the time before.")
@click.option("--rising", "states", flag_value="rising", multiple=True, help="Those of more calls than before.")
@click.option("--gone", "states", flag_value="gone", multiple=True, help="Those of the time before, of no call now.")
@question.since
@question.until
def command(
    *,
    words: tuple[str, ...],
    root: str | None,
    as_json: bool,
    limit: int,
    states: tuple[str, ...],
    since: str | None,
    until: str | None,
) -> None:
    """Group the errors of calls by their message without its variable parts.

    The commonest comes first. QUERY, in single quotes, says of which calls: 'agent:front-desk since:1d'. The language:
    docs/query.md. With a beginning (--since), each is compared with the equally long time before: new, rising, gone.
    """
    now = now_ms()
    archive = options.archive(root)
    query = question.parse(words, now_ms=now, idle=_IDLE, since=since, until=until)
    if states and query.since_ms is None:
        query = msgspec.structs.replace(query, since_ms=(query.until_ms or now) - _DAYS * DAY_MS)
    with call_index(archive, now_ms=now) as index:
        groups = index.errors(query, limit=_MOST + 1)
        lines = error_states.with_states(index, query, groups, now_ms=now, is_all=len(groups) <= _MOST)
    found = [line for line in lines if not states or line.state in states]
    shown, more = found[:limit], len(found) - min(limit, len(found))
    if as_json:
        screen.print_json({"groups": error_table.documents(shown), "more": more})
    elif shown:
        error_table.render(screen.console(), shown, now_ms=now)
    else:
        what = f"{' or '.join(states)} errors" if states else "errors"
        why = _NOTHING_BEFORE if states and lines and all(line.before is None for line in lines) else ""
        where = "these" if words or since or until else "the"
        print_fact(screen.console(), "", f"No {what} in {where} calls of {clean(archive)}{why}", indent=0)
    if more and not as_json:
        # To stderr: what reads groups in a pipe wants groups only.
        many = f"{more:,} more" if len(found) <= _MOST else f"at least {more:,} more"
        click.echo(
            f"{figures.count(len(shown), 'group')} shown, and {many}: --limit {min(len(found), _MOST)}", err=True
        )
