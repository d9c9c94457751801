"""``callscope reprice``: old calls priced anew; the former lines are kept."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from callscope.archive.reprice import Repriced, reprice_call, repriced
from callscope.cli import columns, options, record_table, screen
from callscope.cli.columns import Column
from callscope.clock import now_ms
from callscope.model.cost import Cost
from callscope.model.wire import format_ts
from callscope.query import moments
from callscope.report import figures
from callscope.report.money import money
from callscope.report.price_book import price_book
from callscope.report.safe_text import clean

_SHOWN = 20


@click.command("reprice")
@options.root
@options.as_json
@click.option("--since", metavar="TIME", help="Calls that started then or later: 7d, 2026-11-20 [default: all].")
@click.option("--until", metavar="TIME", help="Calls that started before: the same words.")
@click.option("--prices", metavar="FILE", help="Your own prices [default: CALLSCOPE_PRICES, else prices.toml].")
@click.option("--dry-run", is_flag=True, help="Only show the difference.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    root: str | None,
    as_json: bool,
    since: str | None,
    until: str | None,
    prices: str | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Price ended calls anew, each with the prices of its own day.

    Shows the difference first, and asks on a terminal. What the calls cost before is kept in their metadata under
    callscope.former_costs. Turns keep the costs they were written with. Ends with 1 when something was not written.
    """
    now = now_ms()
    archive = options.archive(root)
    book = price_book(prices)
    found = list(
        repriced(
            archive,
            book,
            now_ms=now,
            since_ms=None if since is None else moments.parse(since, option="--since", now_ms=now),
            until_ms=None if until is None else moments.parse(until, option="--until", now_ms=now),
        )
    )
    if not as_json:
        _render(screen.console(), found)
    go_on = bool(found) and not dry_run
    if go_on and not yes and not as_json and sys.stdin.isatty() and sys.stdout.isatty():
        go_on = click.confirm(f"Replace the cost of {figures.count(len(found), 'call')}?")
    errors: list[str] = []
    done = 0
    for one in found if go_on else ():
        try:
            done += reprice_call(Path(one.path), book, now_ms=now)
        except OSError as error:
            errors.append(f"{one.path} could not be priced anew ({error.strerror or error})")
    if as_json:
        screen.print_json({"dry_run": dry_run, "repriced": done, "calls": [_document(one) for one in found]})
    elif found:
        click.echo(f"{figures.count(done, 'call')} priced anew." if go_on else "Nothing was changed.")
    for message in errors:
        click.echo(f"callscope: {clean(message)}", err=True)
    ctx.exit(1 if errors else 0)


def _render(console: Console, found: list[Repriced]) -> None:
    if not found:
        console.print("Every call costs what it says.")
        return
    largest = sorted(found, key=lambda one: abs(one.difference_usd or Decimal(0)), reverse=True)[:_SHOWN]
    table = [
        Column(name="CALL", cells=[Text(clean(one.call_id)) for one in largest], left=True, cut=True),
        Column(name="STARTED", cells=[Text(figures.moment(one.started_at_ms)[:16]) for one in largest], left=True),
        Column(name="BEFORE", cells=[_cost(one.before) for one in largest]),
        Column(name="NOW", cells=[_cost(one.after) for one in largest]),
        Column(name="DIFFERENCE", cells=[_difference(one.difference_usd) for one in largest]),
    ]
    columns.render(console, table)
    if len(found) > len(largest):
        console.print(Text(f"and {figures.count(len(found) - len(largest), 'more call')}", style="dim"))
    console.print()
    before, after = (_sum(costs) for costs in zip(*((one.before, one.after) for one in found), strict=True))
    console.print(Text(f"{figures.count(len(found), 'call')}: {before} before, {after} now"))


def _sum(costs: tuple[Cost, ...]) -> str:
    known = [cost.usd for cost in costs if cost.usd is not None]
    assumed = any(record_table.is_estimated(cost) for cost in costs)
    usd = sum(known, Decimal(0)) if known else None
    return money(usd, sum(cost.unpriced for cost in costs), estimated=assumed)


def _cost(cost: Cost) -> Text:
    return Text(record_table.amount(cost))


def _difference(usd: Decimal | None) -> Text:
    if usd is None:
        return Text(figures.UNKNOWN)
    return Text(f"{'+' if usd > 0 else '-' if usd < 0 else ''}{money(abs(usd), 0)}")


def _document(one: Repriced) -> dict[str, Any]:
    def figure(usd: Decimal | None) -> str | None:
        return None if usd is None else f"{usd:f}"

    return {
        "call_id": one.call_id,
        "path": one.path,
        "started_at": None if one.started_at_ms is None else format_ts(one.started_at_ms),
        "before": {"usd": figure(one.before.usd), "status": one.before.status, "unpriced": one.before.unpriced},
        "after": {"usd": figure(one.after.usd), "status": one.after.status, "unpriced": one.after.unpriced},
        "difference_usd": figure(one.difference_usd),
    }
