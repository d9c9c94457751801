"""``callscope prices``: list prices, and what was used and has none."""

from __future__ import annotations

from datetime import UTC, date, datetime

import click
from rich.text import Text

from callscope.archive import spend
from callscope.cli import missing_page, options, price_table, screen
from callscope.clock import now_ms
from callscope.errors import SettingError
from callscope.model.usage import SERVICES
from callscope.prices import check, shipped
from callscope.prices.biller import billers
from callscope.prices.entry import Entry, Provider
from callscope.report import figures, period
from callscope.report.missing import document as missing_document
from callscope.report.missing import missing
from callscope.report.price_book import price_book

_STALE_DAYS = 90


@click.group("prices")
def command() -> None:
    """List prices; list what has none."""


@command.command("list")
@click.argument("pattern", required=False)
@click.option("--provider", metavar="NAME", help="Of this provider only: its id, an alias or a host.")
@click.option("--service", type=click.Choice(SERVICES), help="Of this service only.")
@click.option("--stale", is_flag=True, help="Prices that were not read for a while.")
@click.option("--days", type=click.IntRange(min=0), help=f"How long a while is, with --stale [default: {_STALE_DAYS}].")
@options.as_json
def list_(
    *, pattern: str | None, provider: str | None, service: str | None, stale: bool, days: int | None, as_json: bool
) -> None:
    """List the prices that come with callscope.

    PATTERN is a part of a provider's or a model's name.
    """
    if days is not None and not stale:
        raise SettingError("--days says when a price is stale: give --stale with it")
    catalogue = shipped.catalogue()
    today = datetime.fromtimestamp(now_ms() / 1000, tz=UTC).date()
    providers = [
        catalogue_provider for catalogue_provider in catalogue.providers() if _is(catalogue_provider, provider)
    ]
    entries = [
        entry
        for entry in _entries(providers, stale=stale, days=_STALE_DAYS if days is None else days, today=today)
        if service in {None, entry.service} and (pattern is None or _matches(pattern, entry, providers))
    ]
    entries.sort(key=lambda entry: (entry.provider, entry.service, entry.model))
    age_days = (today - date.fromisoformat(catalogue.version[:10])).days
    if as_json:
        prices = [price_table.document(entry) for entry in entries]
        screen.print_json({"catalogue": catalogue.version, "age_days": age_days, "prices": prices})
        return
    console = screen.console()
    price_table.render(console, entries)
    what = "stale price" if stale else "price"
    old = f"catalogue {catalogue.version}, {figures.count(age_days, 'day')} old"
    console.print(Text(f"{figures.count(len(entries), what)}; {old}"), soft_wrap=True)


@command.command("missing")
@options.root
@click.option("--since", metavar="TIME", help=period.HELP_SINCE)
@click.option("--until", metavar="TIME", help=period.HELP_UNTIL)
@options.as_json
def missing_(*, root: str | None, since: str | None, until: str | None, as_json: bool) -> None:
    """List what was used and has no known amount, why, and what to write into your prices file."""
    now = now_ms()
    archive = options.archive(root)
    asked = period.parse(since, until, now_ms=now)
    calls = spend.spend_of(archive, now_ms=now, since_ms=asked.since_ms, until_ms=asked.until_ms)
    found = missing(calls, billers(price_book(None)))
    if as_json:
        screen.print_json({"missing": [missing_document(each) for each in found]})
    else:
        missing_page.render(screen.console(), found, asked)


def _is(provider: Provider, name: str | None) -> bool:
    if name is None:
        return True
    catalogue = shipped.catalogue()
    id_ = catalogue.named(name)
    if id_ is None:
        raise SettingError(f"no provider is called {name!r}: write one of {', '.join(catalogue.provider_ids)}")
    return provider.id == id_


def _entries(providers: list[Provider], *, stale: bool, days: int, today: date) -> list[Entry]:
    if stale:
        return check.stale(providers, today=today, days=days)
    return [entry for provider in providers for model in provider.models for entry in model.prices]


def _matches(pattern: str, entry: Entry, providers: list[Provider]) -> bool:
    word = pattern.lower()
    names = {
        model.model: model.names for provider in providers if provider.id == entry.provider for model in provider.models
    }
    return any(word in name.lower() for name in (entry.id, *names.get(entry.model, ())))
