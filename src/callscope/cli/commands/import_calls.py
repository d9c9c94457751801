"""``callscope import FORMAT PATH...``: calls that others recorded become calls of the archive."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.console import Console

from callscope import config
from callscope.archive import paths
from callscope.archive.listing import DAY_MS
from callscope.cli import options, screen
from callscope.clock import now_ms
from callscope.report import figures
from callscope.report.safe_text import clean

if TYPE_CHECKING:
    from callscope.importers.base.run import Summary

_SHOWN: Final = 20
"""Errors that are told one by one."""
_TOLD_EVERY: Final = 50


class _Help(click.Command):
    """The command, whose help lists the formats there are."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from callscope.importers.base import formats  # noqa: PLC0415 -- imports every format

        super().format_epilog(ctx, formatter)
        with formatter.section("Formats"):
            formatter.write_dl([(name, formats.named(name).HELP) for name in formats.names()])


@click.command("import", cls=_Help)
@click.argument("form", metavar="FORMAT")
@click.argument("given", metavar="PATH...", nargs=-1, required=True)
@options.root
@options.as_json
@click.option("--dry-run", is_flag=True, help="Only tell what would become of it.")
@click.pass_context
def command(
    ctx: click.Context, *, form: str, given: tuple[str, ...], root: str | None, as_json: bool, dry_run: bool
) -> None:
    """Import calls that others recorded.

    PATH is a file, a directory, or - for standard input. Calls pass the same privacy policy and prices as recorded
    ones. Doing it again changes nothing, or brings calls up to date. Ends with 1 when something could not be imported;
    a call is imported whole or not at all.
    """
    from callscope.importers.base import formats  # noqa: PLC0415 -- as above
    from callscope.importers.base.run import keep  # noqa: PLC0415 -- as above

    formats.named(form)
    archive = options.archive(root)
    with _count() as told:
        summary = keep(form, given, root=archive, dry_run=dry_run, told=told)
    if as_json:
        screen.print_json({"dry_run": dry_run, **_document(summary)})
    else:
        _print(summary, dry_run=dry_run)
    ctx.exit(1 if summary.errors else 0)


@contextlib.contextmanager
def _count() -> Iterator[Callable[[int], None] | None]:
    """How many were read so far, on a terminal alone; how many there will be is not known before they are read."""
    if not sys.stderr.isatty():
        yield None
        return
    with Console(stderr=True, highlight=False, markup=False, emoji=False).status("importing") as status:

        def told(done: int) -> None:
            if done % _TOLD_EVERY == 0:
                status.update(f"importing: {done:,} read")

        yield told


def _older_than_kept(summary: Summary) -> int:
    """How many calls are so old that a recorder's sweep takes their days."""
    days = config.load().retention_days
    if not days:
        return 0
    oldest = paths.day_dir(Path(), now_ms() - days * DAY_MS).parts[-3:]
    return sum(Path(path).parts[-4:-1] < oldest for path in summary.paths)


def _document(summary: Summary) -> dict[str, object]:
    import msgspec  # noqa: PLC0415 -- where it is needed

    document: dict[str, object] = msgspec.to_builtins(summary)
    return document


def _print(summary: Summary, *, dry_run: bool) -> None:
    for error in summary.errors[:_SHOWN]:
        click.echo(f"callscope: not imported: {clean(error)}", err=True)
    if len(summary.errors) > _SHOWN:
        click.echo(f"callscope: and {len(summary.errors) - _SHOWN} more", err=True)
    would = "; nothing was written" if dry_run else ""
    states = f"{summary.new} new, {summary.replaced} replaced, {summary.unchanged} unchanged"
    click.echo(f"{figures.count(summary.calls, 'call')}: {states}{would}.")
    if summary.passed_over:
        click.echo(f"{figures.count(summary.passed_over, 'document')} told of no call that has ended: passed over.")
    if summary.told_again:
        click.echo(f"{figures.count(summary.told_again, 'telling')} of calls among them came again: passed over.")
    if summary.not_understood:
        told = ", ".join(f"{count} × {clean(what)}" for what, count in list(summary.not_understood.items())[:_SHOWN])
        click.echo(f"Not understood, and kept in source/: {told}.")
    old = _older_than_kept(summary)
    if old:
        click.echo(
            f"{figures.count(old, 'call')} began before the days that are kept: the next sweep removes them"
            f" unless {config.RETENTION} is set to more days, or to 0.",
            err=True,
        )
    if summary.errors:
        click.echo(f"{figures.count(len(summary.errors), 'original')} could not be imported.", err=True)
