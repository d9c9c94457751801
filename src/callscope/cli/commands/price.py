"""``callscope price``: what usage records cost."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import click
import msgspec
from rich.console import Console

from callscope.cli import options, priced_record, record_table, screen, usage_file
from callscope.model import wire
from callscope.report.price_book import price_book
from callscope.report.safe_text import clean_json


@click.command("price")
@click.argument("file", metavar="FILE")
@click.option("--prices", metavar="FILE", help="Your own prices [default: CALLSCOPE_PRICES].")
@options.as_json
def command(*, file: str, prices: str | None, as_json: bool) -> None:
    """Price the usage records in FILE; - is standard input.

    FILE holds one record, an array of them, or one a line: {"service", "provider", "model", "at", "usage": {...}}.
    A record with service "call" has "components". What has no price is unpriced, with the reason, and is not 0.
    """
    book = price_book(prices)
    with usage_file.opened(file) as (records, alone):
        priced = (priced_record.price(record, book) for record in records)
        if as_json and alone:
            screen.print_json(priced_record.document(next(priced)))
        elif as_json:
            _print_array(map(priced_record.document, priced))
        else:
            console = screen.console() if sys.stdout.isatty() else _Pipe(file=sys.stdout)
            for number, each in enumerate(priced, 1):
                record_table.render(console, each, number=number)


class _Pipe(Console):
    """For files of many records: a line as it is, without the layout that a terminal needs."""

    def print(self, *objects: Any, **_how: Any) -> None:
        sys.stdout.write(f"{objects[0]}\n")


def _print_array(documents: Iterable[dict[str, Any]]) -> None:
    """What `callscope.cli.screen.print_json` prints for a list, written while it is made."""
    between = "[\n  "
    for document in documents:
        text = clean_json(msgspec.json.format(wire.encode(document), indent=2).decode())
        sys.stdout.write(between + text.replace("\n", "\n  "))
        between = ",\n  "
    sys.stdout.write("\n]\n" if between.startswith(",") else "[]\n")
