"""``callscope repair``: calls whose writer died are closed, what it left is mended."""

from __future__ import annotations

import click
import msgspec

from callscope.archive import listing
from callscope.archive.repair import Action, repair, repair_call
from callscope.cli import options, screen
from callscope.clock import now_ms
from callscope.report import figures
from callscope.report.price_book import price_book
from callscope.report.safe_text import clean


@click.command("repair")
@click.argument("call", required=False)
@options.root
@options.as_json
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
@click.pass_context
def command(ctx: click.Context, *, call: str | None, root: str | None, as_json: bool, dry_run: bool) -> None:
    """Close calls whose writer died as abandoned, and mend what it left.

    What was written is kept. Calls in progress are not touched. Ends with 1 when something could not be done.
    """
    now = now_ms()
    archive = options.archive(root)
    book = price_book(None)
    if call is None:
        actions = list(repair(archive, now_ms=now, dry_run=dry_run, book=book))
    else:
        actions = repair_call(listing.find_call(archive, call, now_ms=now), now_ms=now, dry_run=dry_run, book=book)
    if as_json:
        screen.print_json({"dry_run": dry_run, "actions": msgspec.to_builtins(actions)})
    else:
        _print(actions, dry_run=dry_run)
    ctx.exit(1 if any(action.kind == "failed" for action in actions) else 0)


def _print(actions: list[Action], *, dry_run: bool) -> None:
    for action in actions:
        click.echo(f"{clean(action.call_id)}  {action.kind}: {clean(action.message)}")
    calls = figures.count(len({action.path for action in actions}), "call")
    if not actions:
        click.echo("Nothing to repair.")
    else:
        click.echo(f"{calls} {'would be repaired; nothing was changed' if dry_run else 'repaired'}.")
