"""``callscope sql``: the index asked with SQL, reading alone."""

from __future__ import annotations

import csv
import sys

import click

from callscope.cli import options, screen, sql_table
from callscope.cli.call_index import call_index
from callscope.clock import now_ms
from callscope.errors import SettingError
from callscope.index import database

_ROWS = 1_000
_SECONDS = 10.0


@click.command("sql")
@click.argument("statement", required=False)
@options.root
@options.as_json
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--schema", is_flag=True, help="Print the tables and views, each column explained.")
@click.option("--limit", type=click.IntRange(min=1), default=_ROWS, show_default=True, help="Rows at most.")
@click.option(
    "--seconds", type=click.FloatRange(0.001, 3600), default=_SECONDS, show_default=True, help="How long it may take."
)
def command(
    *,
    statement: str | None,
    root: str | None,
    as_json: bool,
    as_csv: bool,
    schema: bool,
    limit: int,
    seconds: float,
) -> None:
    """Ask the index with one SELECT statement of SQLite.

    It only reads. Times are Unix milliseconds, money is US dollars, unknown is NULL. Begin with the views calls, turns,
    exchanges and errors; --schema tells of all.
    """
    if as_json and as_csv:
        raise SettingError("--json and --csv are two ways to print the same: choose one")
    if schema:
        _print_schema(as_json=as_json)
        return
    if statement is None or not statement.strip():
        raise SettingError(
            "which statement? write one as in: callscope sql 'SELECT agent, count(*) FROM calls GROUP BY 1'"
        )
    archive = options.archive(root)
    with call_index(archive, now_ms=now_ms()) as index:
        names, rows, complete = index.sql(statement, seconds=seconds, rows=limit)
    if as_json:
        screen.print_json({"columns": names, "rows": rows, "complete": complete})
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([sql_table.plain(value) for value in row] for row in rows)
    else:
        sql_table.render(screen.console(), names, rows)
    if not complete:
        count = f"{len(rows):,} rows"
        why = f"the first {count}: --limit" if len(rows) == limit else f"the time was up after {count}: --seconds"
        click.echo(f"not everything: {why} allows more", err=True)


def _print_schema(*, as_json: bool) -> None:
    text = database.schema()
    if as_json:
        screen.print_json({"schema": text})
    else:
        sys.stdout.write(text)
