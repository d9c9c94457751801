"""``callscope price``: what usage records cost."""

from __future__ import annotations

import click

from callscope.cli import options, priced_record, record_table, screen, usage_file
from callscope.cli.price_book import price_book


@click.command("price")
@click.argument("file", metavar="FILE")
@click.option("--prices", metavar="FILE", help="Your own prices [default: CALLSCOPE_PRICES].")
@options.as_json
def command(*, file: str, prices: str | None, as_json: bool) -> None:
    """Price the usage records in FILE; - is standard input.

    FILE holds one record, an array of them, or one a line: {"service", "provider", "model", "at", "usage": {...}}.
    A record with service "call" has "components". What has no price is unpriced, with the reason, and is not 0.
    """
    records, alone = usage_file.records(file)
    book = price_book(prices)
    priced = [priced_record.price(record, book) for record in records]
    if as_json:
        documents = [priced_record.document(each) for each in priced]
        screen.print_json(documents[0] if alone else documents)
        return
    console = screen.console()
    for number, each in enumerate(priced, 1):
        record_table.render(console, each, number=number)
