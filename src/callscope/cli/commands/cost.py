"""``callscope cost``: what calls cost, by day, provider, service, model, agent or call."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from callscope.archive import spend
from callscope.archive.spend import CallSpend
from callscope.cli import daily_review, options, screen, spend_table
from callscope.clock import now_ms
from callscope.errors import SettingError, UnreadableError
from callscope.prices.biller import billers
from callscope.report import figures, period
from callscope.report import spend as spend_report
from callscope.report.period import Period
from callscope.report.price_book import price_book
from callscope.report.safe_text import clean
from callscope.report.spend import Report


@click.command("cost")
@options.root
@options.as_json
@click.option(
    "--by", type=click.Choice(list(spend_report.COLUMNS)), default=None, help="What to add up by [default: provider]."
)
@click.option("--since", metavar="TIME", help=period.HELP_SINCE)
@click.option("--until", metavar="TIME", help=period.HELP_UNTIL)
@click.option("--today", is_flag=True, help="The review of the UTC day so far, with budgets and the dearest calls.")
def command(
    *, root: str | None, as_json: bool, by: str | None, since: str | None, until: str | None, today: bool
) -> None:
    """Say what calls cost.

    A sum with something in it that has no price is a lower bound: "≥ $1.20, 3 unpriced". What was assumed is marked
    "~". Ends with 4 when the metadata of a call may not be read (no permission, a
    failing disk); a call whose metadata is torn is counted, and told as one without an amount.
    """
    if today and (by or since or until):
        raise SettingError("--today is a page of its own: leave out --by, --since and --until")
    now = now_ms()
    archive = options.archive(root)
    asked = period.today(now_ms=now) if today else period.parse(since, until, now_ms=now)
    calls = _calls(archive, asked, now)
    before = _calls(archive, asked.before, now)
    report = _report(calls, before, by or "provider", asked)
    if today:
        daily_review.show(calls, report, archive=archive, as_json=as_json, now_ms=now)
    elif as_json:
        screen.print_json(spend_report.document(report))
    elif not calls:
        screen.console().print(Text(f"No calls from {asked} in {clean(archive)}"), soft_wrap=True)
    else:
        spend_table.render(screen.console(), report)
    _require_readable(calls)


def _report(calls: list[CallSpend], before: list[CallSpend], by: str, asked: Period) -> Report:
    if "provider" in spend_report.COLUMNS[by]:
        biller = billers(price_book(None))
        calls, before = spend_report.billed(calls, biller), spend_report.billed(before, biller)
    return spend_report.report(calls, before, by=by, period=asked)


def _calls(archive: Path, asked: Period, now: int) -> list[CallSpend]:
    return list(spend.spend_of(archive, now_ms=now, since_ms=asked.since_ms, until_ms=asked.until_ms))


def _require_readable(calls: list[CallSpend]) -> None:
    unreadable = [call for call in calls if call.source == "unreadable"]
    if unreadable:
        more = len(unreadable) - 1
        first = unreadable[0].lines[0].reason or ""
        raise UnreadableError(f"{first}; the same of {figures.count(more, 'more call')}" if more else first)
