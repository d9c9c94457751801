"""``callscope prune``: old calls go."""

from __future__ import annotations

import re
from typing import Final

import click
import msgspec

from callscope import config
from callscope.archive import listing
from callscope.archive.prune import PruneReport, prune
from callscope.cli import options, screen
from callscope.clock import now_ms
from callscope.errors import SettingError
from callscope.report import figures
from callscope.report.safe_text import clean

_SIZE: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(k|m|g|t)?b?", re.IGNORECASE)
_FACTORS: Final = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


@click.command("prune")
@options.root
@options.as_json
@click.option(
    "--days",
    type=click.IntRange(min=0),
    help=f"Days to keep; 0 keeps for ever [default: {config.RETENTION}, else 30].",
)
@click.option(
    "--max-size",
    metavar="SIZE",
    help="Then delete the oldest ended calls until the rest takes less: 500MB, 20GB.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would go.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    root: str | None,
    as_json: bool,
    days: int | None,
    max_size: str | None,
    dry_run: bool,
) -> None:
    """Delete days older than the retention, and calls beyond a size.

    A call in progress is never deleted, a symbolic link never followed. Ends with 1 when something could not be
    deleted.
    """
    archive = options.archive(root)
    listing.require_root(archive)
    report = prune(
        archive,
        days=_retention() if days is None else days,
        now_ms=now_ms(),
        max_bytes=None if max_size is None else _bytes(max_size),
        dry_run=dry_run,
    )
    if as_json:
        screen.print_json(msgspec.to_builtins(report))
    else:
        _print(report)
    ctx.exit(1 if report.errors else 0)


def _retention() -> int:
    settings = config.load()
    if settings.retention_days is None:
        problem = next(problem for problem in settings.problems if config.RETENTION in problem)
        raise SettingError(f"{problem}; or give --days")
    return settings.retention_days


def _bytes(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise SettingError(f"--max-size {text!r} is no size: write as in 500MB or 20GB")
    return int(float(match[1]) * _FACTORS[(match[2] or "").lower()])


def _print(report: PruneReport) -> None:
    for path in report.paths:
        click.echo(clean(path))
    for path in report.in_progress:
        click.echo(f"{clean(path)}: stays, it is in progress")
    for path in report.ledgers:
        click.echo(f"{clean(path)}: what a writer lost, long ago")
    for path in report.logs:
        click.echo(f"{clean(path)}: application logs")
    for error in report.errors:
        click.echo(f"callscope: {clean(error)}", err=True)
    went = "would go; nothing was deleted" if report.dry_run else "deleted"
    line = f"{figures.count(len(report.paths), 'call')}, {figures.size(report.freed_bytes)} {went}"
    click.echo(line if report.kept_bytes is None else f"{line}; {figures.size(report.kept_bytes)} kept")
