"""``callscope logs``: what processes logged, over plain and compressed files."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click
from rich.text import Text

from callscope.archive import listing
from callscope.archive.log_files import LogFiles
from callscope.archive.log_follow import LogFollower
from callscope.archive.log_line import LEVELS, LogLine, row_of
from callscope.archive.paths import LOGS
from callscope.archive.reader import read_envelope
from callscope.cli import log_table, options, screen
from callscope.cli.log_index import find_lines, log_files
from callscope.clock import now_ms
from callscope.errors import SettingError
from callscope.index.log_query import LIMIT, LogQuery, Matcher, level_rank
from callscope.query import moments
from callscope.report import figures
from callscope.report.log_lines import of_call, row_to_print, shown
from callscope.report.safe_text import clean, clean_json

_MOST: Final = 1_000_000
_FOLLOWED: Final = 10
"""Lines before the new ones."""
_LOOK_EVERY_SECONDS: Final = 0.2


@click.command("logs")
@options.root
@options.as_json
@click.option("--since", metavar="TIME", help="Lines of then or later: 10m, 2h, 7d, 2026-11-20, today. UTC.")
@click.option("--until", metavar="TIME", help="Lines before: the same words.")
@click.option("--level", metavar="LEVEL", help=f"This level and above: {', '.join(LEVELS)}.")
@click.option("--call", metavar="CALL", help="Lines of one call: its id, the beginning of it, or its place.")
@click.option("--logger", metavar="NAME", help="Lines of a logger and those below it: pipecat.services.")
@click.option("--grep", metavar="PATTERN", help="Lines in which a regular expression occurs; (?i) ignores case.")
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines; Ctrl-C ends.")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(0, _MOST),
    help=f"How many, the newest [default: {LIMIT}; {_FOLLOWED} before those that are followed].",
)
def command(*, root: str | None, as_json: bool, follow: bool, limit: int | None, **conditions: str | None) -> None:
    """Show what was logged, the newest line last.

    The lines are those of DIR/logs, where callscope.logs.configure() puts them. With --json they are printed as they
    are, one object a line.
    """
    archive = options.archive(root)
    if follow and conditions["until"] is not None:
        raise SettingError("--follow goes on for ever: leave out --until, or --follow")
    if limit is None:
        limit = _FOLLOWED if follow else LIMIT
    listing.require_root(archive)
    query = _query(archive, limit, **conditions)
    matcher = _matcher(query)
    printer = _Printer(as_json=as_json)
    with log_files(archive) as logs:
        if follow:
            _follow(archive, logs, query, matcher, printer)
            return
        answer = find_lines(archive, logs, query)
        printer.show(answer.lines)
        if not answer.lines and not as_json:
            _tell_nothing(archive, logs, is_narrow=query != LogQuery(limit=limit))
    printer.tell_left_out()
    if answer.more:
        more = min(limit * 10, _MOST) or LIMIT
        click.echo(f"{figures.count(limit, 'line')} shown, there are older ones: --limit {more}", err=True)


def _query(archive: Path, limit: int, **words: str | None) -> LogQuery:
    now = now_ms()
    told: dict[str, Any] = {"limit": limit, "logger": words["logger"], "grep": words["grep"]}
    for name in ("since", "until"):
        word = words[name]
        if word is not None:
            told[f"{name}_ms"] = moments.parse(word, option=f"--{name}", now_ms=now)
    if told.get("since_ms", 0) >= told.get("until_ms", sys.maxsize):
        raise SettingError("the range of time is empty: its end is not after its beginning")
    if words["level"] is not None:
        told["rank"] = level_rank(words["level"])
    if words["call"] is None:
        return LogQuery(**told)
    return of_call(read_envelope(listing.find_call(archive, words["call"], now_ms=now), now_ms=now), **told)


def _matcher(query: LogQuery) -> Matcher:
    try:
        return Matcher(query)
    except SettingError as error:
        raise SettingError(f"--grep: {error}; write \\ before a sign that means itself") from None


def _follow(archive: Path, logs: LogFiles, query: LogQuery, matcher: Matcher, printer: _Printer) -> None:
    with LogFollower(logs) as follower:  # from where the answer ends
        printer.show(find_lines(archive, logs, query).lines)
        logs.close()
        while True:
            printer.show(line for line in follower.look() if matcher.takes(line))
            time.sleep(_LOOK_EVERY_SECONDS)


class _Printer:
    """Prints lines, at once."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = screen.console()
        self._torn = 0
        self._texts = 0

    def show(self, lines: Iterable[LogLine]) -> None:
        """Print some."""
        is_any = False
        for line in lines:
            is_any = True
            self._torn += line.is_torn
            self._texts += not line.is_row
            if not self._as_json:
                log_table.render(self._console, shown(line))
            elif line.is_row:
                _print_row(line)
        if is_any:
            sys.stdout.flush()

    def tell_left_out(self) -> None:
        """To stderr: what reads lines in a pipe wants lines only."""
        if self._as_json and self._texts:
            click.echo(f"{figures.count(self._texts, 'line')} left out: no JSON", err=True)
        elif self._torn:
            click.echo(f"{figures.count(self._torn, 'line')} torn: the beginning or the end is missing", err=True)


def _print_row(line: LogLine) -> None:
    text = clean_json(row_to_print(line).decode())
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        screen.print_json_line(row_of(line))
    else:
        sys.stdout.write(text + "\n")


def _tell_nothing(archive: Path, logs: LogFiles, *, is_narrow: bool) -> None:
    if not logs.files:
        words = f"There are no logs in {clean(archive / LOGS)}: callscope.logs.configure() in a bot writes them"
    else:
        words = f"No {'such ' if is_narrow else ''}lines in {clean(archive / LOGS)}"
    screen.console().print(Text(words), soft_wrap=True)
