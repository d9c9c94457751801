"""``callscope ls``: the calls of an archive, newest first, or those that a query finds in its order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec
from rich.text import Text

from callscope.archive import listing
from callscope.archive.listing import Page
from callscope.archive.paths import CALLS
from callscope.archive.reader import UNREADABLE, read_envelope, why_unreadable
from callscope.archive.spend import call_spend, cost_document
from callscope.archive.waits import with_known, with_waits
from callscope.cli import call_table, options, question, screen
from callscope.cli.call_index import call_index
from callscope.cli.question import QueryCommand
from callscope.clock import now_ms
from callscope.errors import UnreadableError
from callscope.index.calls import CallRow
from callscope.model.call import STATUSES, Call
from callscope.query import moments
from callscope.query.query import CallQuery, Term
from callscope.report import documents, figures
from callscope.report.safe_text import clean

_LIMIT = 20
_ALWAYS_SHOWN = frozenset({"started", "status", "duration", "turns", "cost"})


@click.command("ls", cls=QueryCommand)
@question.argument
@options.root
@options.as_json
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help=f"Calls on a page [default: {_LIMIT}; of a query, what it says, else {CallQuery().limit}].",
)
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
    words: tuple[str, ...],
    root: str | None,
    as_json: bool,
    limit: int | None,
    cursor: str | None,
    since: str | None,
    until: str | None,
    statuses: tuple[str, ...],
) -> None:
    """List calls: all of them, newest first, or those that QUERY finds.

    Write QUERY in single quotes: 'agent:front-desk p95>1.5s sort:-worst'. The language: docs/query.md. Ends with 4 when
    the metadata of a call cannot be read; without QUERY it is listed as unreadable whatever the status asked for.
    """
    now = now_ms()
    archive = options.archive(root)
    if words:
        query = question.parse(words, now_ms=now, since=since, until=until, limit=limit, cursor=cursor)
        page, also = _found(archive, _with_statuses(query, statuses), now)
    else:
        also = {}
        page = listing.list_calls(
            archive,
            now_ms=now,
            limit=_LIMIT if limit is None else limit,
            cursor=cursor,
            since_ms=None if since is None else moments.parse(since, option="--since", now_ms=now),
            until_ms=None if until is None else moments.parse(until, option="--until", now_ms=now),
            statuses=frozenset(statuses),
        )
        page = msgspec.structs.replace(page, calls=tuple(with_waits(call, now_ms=now) for call in page.calls))
    if as_json:
        screen.print_json({"calls": [_document(call) for call in page.calls], "next": page.next})
    elif not page.calls:
        filtered = words or since or until or statuses or cursor
        line = f"No calls {'match' if filtered else 'yet'} in {clean(archive)}"
        screen.console().print(Text(line), soft_wrap=True)
    else:
        call_table.render(screen.console(), page.calls, now_ms=now, also=also)
        _more(page)
    _require_readable(page)


def _document(call: Call) -> dict[str, object]:
    """The call with what it cost: the figure of the table."""
    return documents.call(call) | cost_document(call, call_spend(call, started_at_ms=call.started_at_ms or 0))


def _found(archive: Path, query: CallQuery, now: int) -> tuple[Page, dict[str, list[Text]]]:
    """The index says which calls, their envelopes what they are: a call looks the same however it was found.

    Also a column of what they are sorted by, unless the table always has it.
    """
    with call_index(archive, now_ms=now) as index:
        page = index.calls(query)
    if query.sort == "started":
        page = msgspec.structs.replace(page, calls=_as_listed(page.calls, descending=query.descending))
    found = Page(tuple(_call(archive, row, now) for row in page.calls), page.next)
    if query.sort in _ALWAYS_SHOWN:
        return found, {}
    name = "ENDED UTC" if query.sort == "ended" else query.sort.upper()
    return found, {name: [_sorted_by(query.sort, row, now) for row in page.calls]}


def _as_listed(rows: Sequence[CallRow], *, descending: bool) -> tuple[CallRow, ...]:
    """Calls of one millisecond by their names, as a list without a query has them; the index has its own numbers."""
    return tuple(sorted(rows, key=lambda row: (row.started_at_ms, row.path), reverse=descending))


def _sorted_by(sort: str, row: CallRow, now: int) -> Text:
    if sort == "ended":
        return Text(figures.short_moment(row.ended_at_ms, now_ms=now))
    if sort == "agent":
        return Text(clean(row.agent) or figures.UNKNOWN)
    if sort in {"p50", "p95", "p99", "worst"}:
        return Text(figures.wait(getattr(row, f"{sort}_ms")))
    return Text(f"{getattr(row, sort):,}")


def _call(archive: Path, row: CallRow, now: int) -> Call:
    """The envelope, with the waits that were measured where it does not tell of them: other writers' do not."""
    call = read_envelope(archive / CALLS / row.path, now_ms=now)
    latency = {"p50_ms": row.p50_ms, "p95_ms": row.p95_ms, "p99_ms": row.p99_ms} if row.p50_ms is not None else None
    return with_known(call, latency=latency, worst_ms=row.worst_ms)


def _with_statuses(query: CallQuery, statuses: tuple[str, ...]) -> CallQuery:
    if not statuses:
        return query
    return msgspec.structs.replace(query, terms=(*query.terms, Term(field="status", op="is", values=statuses)))


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
