"""``callscope export``: calls as files that other programs read, or one call as a page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import click

from callscope.cli import format_options, html_export, options, question
from callscope.cli.call_index import call_index
from callscope.cli.progress import bar
from callscope.cli.question import QueryCommand
from callscope.clock import now_ms
from callscope.errors import NotFoundError, SettingError
from callscope.exporters.format import Done, Format, Request
from callscope.exporters.registry import formats
from callscope.index.calls import CallRow
from callscope.index.index import Index
from callscope.query.query import CallQuery, Term
from callscope.report import figures
from callscope.report.safe_text import clean

_STDOUT: Final = "-"
_PAGE: Final = "The page of one CALL, for any browser, offline."
_TEXTS: Final = {name: each.text for name, each in formats().items()}
_OPTIONS: Final = {html_export.NAME: html_export.OPTIONS, **{name: each.options for name, each in formats().items()}}


_WIDTH: Final = max(map(len, _OPTIONS))
_EPILOG: Final = "\b\nFormats:\n" + "\n".join(
    f"  {name:<{_WIDTH}}  {text}" for name, text in {html_export.NAME: _PAGE, **_TEXTS}.items()
)


class _Export(QueryCommand):
    """``-o`` is an option, though what else begins with one dash is a condition."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        end = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, ["--output" if each == "-o" else each for each in args[:end]] + args[end:])


@click.command("export", cls=_Export, epilog=_EPILOG)
@click.argument("words", metavar="[QUERY or CALL]...", nargs=-1, callback=question.several)
@options.root
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(_OPTIONS)),
    default=html_export.NAME,
    show_default=True,
    help="Of what is written.",
)
@click.option(
    "--output", "-o", metavar="PLACE", help='A file, a directory, or "-", standard output [html: CALL.html, here].'
)
@click.option("--force", is_flag=True, help="Replace a file that is there; of a directory, write every day again.")
@question.since
@question.until
@click.pass_context
def command(
    context: click.Context,
    /,
    *,
    words: tuple[str, ...],
    root: str | None,
    form: str,
    output: str | None,
    force: bool,
    since: str | None,
    until: str | None,
    **_of_formats: Any,
) -> None:
    """Write calls as files that other programs read.

    CALL is the call's id, the beginning of its id, or its place as 2026/11/21/name. A file that is there is not
    replaced without --force; a directory is brought up to date. Tables and columns: docs/export.md.
    """
    values = format_options.chosen(context, _OPTIONS, form)
    archive = options.archive(root)
    if form == html_export.NAME:
        if since or until:
            raise SettingError("--since and --until mean nothing to --format html: it is of one call")
        html_export.write(archive, words, output, force=force, options=values)
        return
    chosen, now = formats()[form], now_ms()
    with call_index(archive, now_ms=now, whole=True) as index, bar("Writing calls") as progress:
        query, call = _asked(chosen, index, words, now=now, since=since, until=until)
        done = chosen.run(
            Request(
                root=archive,
                index=index,
                query=query,
                call=call,
                now_ms=now,
                output=None if output in {None, _STDOUT} else Path(str(output)),
                force=force,
                options=values,
                progress=progress,
                stdout=sys.stdout.buffer,
            )
        )
    _tell(done, output)


command.params += format_options.click_options(_OPTIONS)


def _asked(
    form: Format, index: Index, words: tuple[str, ...], *, now: int, since: str | None, until: str | None
) -> tuple[CallQuery, str | None]:
    """The query, and the call that was named, if one was."""
    if form.of == "archive":
        if words or since or until:
            raise SettingError(f"--format {form.name} is of the whole archive: leave out query, --since and --until")
        return CallQuery(), None
    if form.of == "call":
        if len(words) != 1 or since or until:
            raise SettingError(f"--format {form.name} is of one call: give its id, or its place as 2026/11/21/name")
        return _of(index.call(words[0]))
    named = _named(index, words) if since is None and until is None else None
    if named is not None:
        return _of(named)
    return question.parse(words, now_ms=now, idle=question.COUNTS, since=since, until=until), None


def _named(index: Index, words: tuple[str, ...]) -> CallRow | None:
    """The call that one word names as a whole: the beginning of an id may also be something that was said."""
    if len(words) != 1:
        return None
    try:
        found = index.call(words[0])
    except NotFoundError:
        return None
    return found if words[0] in {found.call_id, found.path, found.path.rsplit("/", 1)[-1]} else None


def _of(call: CallRow) -> tuple[CallQuery, str]:
    """A query that finds one call: of its id, begun in its millisecond."""
    term = Term(field="id", op="is", values=(call.call_id,))
    return CallQuery(terms=(term,), since_ms=call.started_at_ms, until_ms=call.started_at_ms + 1), call.path


def _tell(done: Done, output: str | None) -> None:
    for note in done.notes:
        click.echo(f"note: {clean(note)}", err=True)
    if output in {None, _STDOUT}:
        return
    said = [clean(output)]
    if done.calls is not None:
        said.append(figures.count(done.calls, "call"))
    if len(done.written) != 1 or done.unchanged:
        said.append(f"{figures.count(len(done.written), 'file')} written")
    if done.unchanged:
        said.append(f"{done.unchanged:,} unchanged")
    if done.written:
        said.append(figures.size(done.bytes))
    click.echo("  ".join(said))
