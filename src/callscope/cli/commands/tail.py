"""``callscope tail [CALL]``: calls while they go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from callscope.archive import listing
from callscope.archive.reader import UNREADABLE, why_unreadable
from callscope.cli import call_page, options, screen, transcript
from callscope.clock import now_ms
from callscope.errors import UnreadableError
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.report import documents, figures
from callscope.report.follow import ArchiveFollower, CallFollower, News
from callscope.report.safe_text import clean

_LOOK_EVERY_SECONDS: Final = 0.2


@click.command("tail")
@click.argument("call", required=False)
@options.root
@options.as_json
def command(*, call: str | None, root: str | None, as_json: bool) -> None:
    """Follow a call, or all calls that go on now and those that start.

    With CALL it begins with the call's first row and ends with the call; without, Ctrl-C ends it. With --json each line
    is one object: kind is started, turn, event or ended.
    """
    archive = options.archive(root)
    news = _one(archive, call) if call is not None else _all(archive)
    if as_json:
        for item in news:
            screen.print_json_line(document(item))
    else:
        printer = _Printer(screen.console(), several=call is None)
        for item in news:
            printer.show(item)


def document(item: News) -> dict[str, object]:
    """One line of ``--json``."""
    head: dict[str, object] = {"kind": item.kind, "call_id": item.call.call_id}
    if isinstance(item.value, Turn):
        return {**head, **documents.turn(item.value)}
    if isinstance(item.value, Event):
        return {**head, **documents.event(item.value)}
    return {**head, "call": documents.call(item.call)}


def _one(archive: Path, call: str) -> Iterator[News]:
    now = now_ms()
    follower = CallFollower(listing.find_call(archive, call, now_ms=now), now_ms=now, from_now=False)
    while True:
        if follower.call.status == UNREADABLE:
            raise UnreadableError(why_unreadable(follower.call))
        if follower.ended:
            return
        yield from follower.look(now_ms=now_ms())
        if not follower.ended:
            time.sleep(_LOOK_EVERY_SECONDS)


def _all(archive: Path) -> Iterator[News]:
    listing.require_root(archive)
    follower = ArchiveFollower(archive, now_ms=now_ms())
    for call in follower.unreadable:
        click.echo(f"callscope: {clean(why_unreadable(call))}; not followed", err=True)
    going_on = figures.count(len(follower.calls), "call")
    click.echo(f"{going_on} in progress in {clean(archive)}; Ctrl-C ends", err=True)
    while True:
        yield from follower.look(now_ms=now_ms())
        time.sleep(_LOOK_EVERY_SECONDS)


class _Printer:
    """Prints news as lines of a transcript, and which call they are of where there are several."""

    def __init__(self, console: Console, *, several: bool) -> None:
        self._console = console
        self._several = several
        self._last: str | None = None

    def show(self, item: News) -> None:
        """Print one thing."""
        if item.kind in {"started", "ended"}:
            self._console.print(call_page.title(item.call))
            self._last = item.call.path
            return
        line = transcript.turn_line(item.value) if isinstance(item.value, Turn) else None
        if isinstance(item.value, Event):
            line = transcript.event_line(item.value)
        if line is None:
            return
        if self._several and self._last != item.call.path:
            self._console.print(Text(clean(item.call.call_id), style="bold"))
            self._last = item.call.path
        table = call_page.transcript_table()
        table.add_row(*call_page.transcript_row(line, item.call))
        self._console.print(table)
