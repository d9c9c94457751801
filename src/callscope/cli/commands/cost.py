"""``callscope cost``: what calls cost, by day, provider, service, model, agent or call."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import click
import msgspec
from rich.text import Text

from callscope.archive import spend
from callscope.archive.paths import CALLS
from callscope.archive.spend import CallSpend
from callscope.cli import daily_review, options, question, screen, spend_table
from callscope.cli.call_index import call_index
from callscope.cli.question import QueryCommand
from callscope.clock import now_ms
from callscope.errors import SettingError, UnreadableError
from callscope.query.language import MAX_LIMIT
from callscope.query.query import CallQuery
from callscope.report import figures, period
from callscope.report import spend as spend_report
from callscope.report.period import Period
from callscope.report.safe_text import clean
from callscope.report.spend import Report


@click.command("cost", cls=QueryCommand)
@question.argument
@options.root
@options.as_json
@click.option(
    "--by", type=click.Choice(list(spend_report.COLUMNS)), default=None, help="What to add up by [default: provider]."
)
@click.option("--since", metavar="TIME", help=period.HELP_SINCE)
@click.option("--until", metavar="TIME", help=period.HELP_UNTIL)
@click.option("--today", is_flag=True, help="The review of the UTC day so far, with budgets and the dearest calls.")
def command(
    *,
    words: tuple[str, ...],
    root: str | None,
    as_json: bool,
    by: str | None,
    since: str | None,
    until: str | None,
    today: bool,
) -> None:
    """Say what the calls that QUERY finds cost; without one, all of the period.

    A sum with something in it that has no price is a lower bound: "≥ $1.20, 3 unpriced". What was assumed is marked
    "~". Ends with 4 when the metadata of a call may not be read (no permission, a
    failing disk); a call whose metadata is torn is counted, and told as one without an amount.

    Write QUERY in single quotes: 'agent:front-desk'. The language: docs/query.md; times are for --since and --until.
    """
    if today and (by or since or until or words):
        raise SettingError("--today is a page of its own: leave out QUERY, --by, --since and --until")
    now = now_ms()
    archive = options.archive(root)
    asked = period.today(now_ms=now) if today else period.parse(since, until, now_ms=now)
    query = question.parse(words, now_ms=now, idle=question.COUNTS)
    if query.since_ms is not None or query.until_ms is not None:
        raise SettingError("the period is compared with the one before it: write --since and --until, not in QUERY")
    only = _matching(archive, query, asked, now) if words else None
    calls = _calls(archive, asked, now, only)
    before = _calls(archive, asked.before, now, only)
    report = _report(calls, before, by or "provider", asked)
    if today:
        daily_review.show(calls, report, archive=archive, as_json=as_json, now_ms=now)
    elif as_json:
        screen.print_json(spend_report.document(report))
    elif not calls:
        found = "No calls that match" if words else "No calls"
        screen.console().print(Text(f"{found} from {asked} in {clean(archive)}"), soft_wrap=True)
    else:
        spend_table.render(screen.console(), report)
    _require_readable(calls)


def _report(calls: list[CallSpend], before: list[CallSpend], by: str, asked: Period) -> Report:
    if "provider" in spend_report.COLUMNS[by]:
        calls, before = spend_report.billed(calls), spend_report.billed(before)
    return spend_report.report(calls, before, by=by, period=asked)


def _matching(archive: Path, query: CallQuery, asked: Period, now: int) -> frozenset[str]:
    """The directories of the calls that fit, of the period and the one before it."""
    page = msgspec.structs.replace(
        query, since_ms=asked.before.since_ms, until_ms=asked.until_ms, sort="started", limit=MAX_LIMIT
    )
    found: set[str] = set()
    with call_index(archive, now_ms=now) as index:
        while True:
            answer = index.calls(page)
            found.update(str(archive / CALLS / row.path) for row in answer.calls)
            if answer.next is None:
                break
            page = msgspec.structs.replace(page, cursor=answer.next)
    return frozenset(found)


def _calls(archive: Path, asked: Period, now: int, only: Collection[str] | None) -> list[CallSpend]:
    found = spend.spend_of(archive, now_ms=now, since_ms=asked.since_ms, until_ms=asked.until_ms)
    return [call for call in found if only is None or call.path in only]


def _require_readable(calls: list[CallSpend]) -> None:
    unreadable = [call for call in calls if call.source == "unreadable"]
    if unreadable:
        more = len(unreadable) - 1
        first = unreadable[0].lines[0].reason or ""
        raise UnreadableError(f"{first}; the same of {figures.count(more, 'more call')}" if more else first)
