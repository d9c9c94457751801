"""``callscope reconcile``: what providers charged against what callscope estimated."""

from __future__ import annotations

import difflib
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.text import Text

from callscope.archive.estimates import estimates
from callscope.archive.listing import DAY_MS
from callscope.cli import options, reconcile_table, screen
from callscope.errors import SettingError, UnreadableError
from callscope.model.wire import parse_ts
from callscope.prices.book import PriceBook
from callscope.prices.reconcile import Reconciliation, of_provider, period_of, reconcile
from callscope.prices.statements import Statement, read
from callscope.report import figures
from callscope.report.price_book import price_book
from callscope.report.safe_text import clean


@click.command("reconcile")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--provider", metavar="NAME", help="Only this one; and whose figures they are where a file does not say.")
@options.root
@click.option("--prices", metavar="FILE", help="Your own prices [default: CALLSCOPE_PRICES].")
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=20,
    show_default=True,
    help="Percent from which a difference is off.",
)
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    *,
    files: tuple[Path, ...],
    provider: str | None,
    root: str | None,
    prices: str | None,
    tolerance: float,
    as_json: bool,
) -> None:
    """Compare estimates with what providers charged.

    FILE is what a provider gives: OpenAI costs or usage, Deepgram, ElevenLabs or Twilio exports, FOCUS CSV, or the
    plain CSV of docs/reconcile.md. Ends with 1 when a provider's difference is above the tolerance.
    """
    if not math.isfinite(tolerance):
        raise SettingError(f"--tolerance is a percentage, as 20, and not {tolerance}")
    archive = options.archive(root)
    book = price_book(prices)
    statements = [read(_text(file), file=file.name, provider=provider) for file in files]
    if provider is not None:
        statements = _only(statements, provider, archive, book)
    result = compare(archive, statements, book, tolerance_percent=Decimal(str(tolerance)))
    if as_json:
        screen.print_json(document(result, statements))
    else:
        console = screen.console()
        console.print(Text(_heading(statements), style="dim"), soft_wrap=not console.is_terminal)
        console.print()
        reconcile_table.render(console, result)
    ctx.exit(1 if any(each.verdict == "off" for each in result.providers) else 0)


def _only(statements: list[Statement], provider: str, archive: Path, book: PriceBook) -> list[Statement]:
    """The figures of one provider; raises `SettingError` for one that neither the files nor anything of ours knows."""
    found = of_provider(statements, provider, book)
    own = {*book.own.hosts, *(price.provider for price in book.own.prices)}
    if any(each.charges for each in found) or book.catalogue.named(provider) or provider.lower() in own:
        return found
    used = {each.provider for each in estimates(archive, book=book)}
    if provider.lower() in used:
        return found
    charged = {charge.provider for statement in statements for charge in statement.charges}
    known = sorted({*book.catalogue.provider_ids, *own, *used, *charged})
    near = difflib.get_close_matches(provider.lower(), known, n=1)
    meant = f"did you mean {near[0]}?" if near else f"write one of {', '.join(sorted({*used, *charged}))}"
    raise SettingError(f"no provider is called {provider!r}, in the files, the archive or the price list: {meant}")


def compare(
    archive: Path, statements: list[Statement], book: PriceBook, *, tolerance_percent: Decimal
) -> Reconciliation:
    """The statements against the archive's estimates of their days, and of a day before and after."""
    period = period_of(statements)
    since_ms = until_ms = None
    if period is not None:
        since_ms, until_ms = _midnight(period[0]) - DAY_MS, _midnight(period[1]) + 2 * DAY_MS
    ours = estimates(archive, since_ms=since_ms, until_ms=until_ms, book=book)
    return reconcile(statements, ours, book, tolerance_percent=tolerance_percent)


def document(result: Reconciliation, statements: list[Statement]) -> dict[str, Any]:
    """What ``--json`` prints; money is text, so that nothing of it is lost."""
    period = period_of(statements)
    fields: dict[str, Any] = _with_plain_numbers(msgspec.to_builtins(result, builtin_types=(Decimal,)))
    return {
        "first_day": period[0] if period else None,
        "last_day": period[1] if period else None,
        "files": [{"file": each.file, "format": each.format, "charges": len(each.charges)} for each in statements],
        **fields,
    }


def _with_plain_numbers(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, dict):
        return {key: _with_plain_numbers(item) for key, item in value.items()}
    return [_with_plain_numbers(item) for item in value] if isinstance(value, list | tuple) else value


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UnreadableError(f"{file} cannot be read: {reason}") from error


def _heading(statements: list[Statement]) -> str:
    period = period_of(statements)
    days = "no days told" if period is None else period[0] if period[0] == period[1] else f"{period[0]} to {period[1]}"
    files = ", ".join(
        f"{each.file} ({each.format}, {figures.count(len(each.charges), 'charge')})" for each in statements
    )
    return clean(f"{days} UTC: {files}")


def _midnight(day: str) -> int:
    return parse_ts(day) or 0
