"""The index of an archive as commands ask it: brought up to date first, in bounded time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from callscope import config
from callscope.archive.listing import require_root
from callscope.cli.progress import bar
from callscope.clock import monotonic_ns
from callscope.errors import CallscopeError, UnreadableError
from callscope.index.index import Index
from callscope.index.place import place_of
from callscope.index.refresh import LOCKED, Report
from callscope.report import figures
from callscope.report.safe_text import clean

_SECONDS: Final = 2.0
"""For catching up with the files. A first build takes what it takes."""
_PAUSE_SECONDS: Final = 0.05
_NS: Final = 1_000_000_000


@contextlib.contextmanager
def call_index(archive: Path, *, now_ms: int, whole: bool = False) -> Iterator[Index]:
    """The index of an archive, as fresh as it can be in a short time; says on stderr when that is not quite.

    Args:
        archive: the root.
        now_ms: Unix milliseconds.
        whole: take the time that it needs, for what is kept or decides something: a file without some calls looks
            like one with all. What cannot be had whole is an error then.

    Raises:
        NotFoundError: there is no such archive.
        CallscopeError: there is no index, and none can be made; says why.
        UnreadableError: ``whole``, and it cannot be brought up to date, or another process does it just now.
    """
    require_root(archive)
    place = place_of(archive, config.index_place())
    with Index.open(archive, place=place, now_ms=lambda: now_ms) as index:
        _bring_up_to_date(index, now_ms=now_ms, whole=whole)
        yield index


def _bring_up_to_date(index: Index, *, now_ms: int, whole: bool) -> None:
    complete_ms = _complete_ms(index)
    if complete_ms is None:
        _make(index, whole=whole)
        return
    as_of = f"the answer is as of {figures.short_moment(complete_ms, now_ms=now_ms)} UTC, with some of what came since"
    try:
        report = _refreshed(index, budget_seconds=None if whole else _SECONDS)
    except CallscopeError as error:  # a full disk, a directory that cannot be written: what is there can be read
        if whole:
            raise UnreadableError(f"the index could not be brought up to date, nothing was done: {error}") from error
        _tell(f"the index could not be brought up to date ({error}); {as_of}")
        return
    if report.skipped == LOCKED:
        if whole:
            raise _held(index)
        _tell(f"another process is bringing the index up to date; {as_of}")
    elif not report.complete:
        _tell(f"the index is not up to date yet, the next command goes on; {as_of}")
    _tell_problems(report)


def _make(index: Index, *, whole: bool) -> None:
    """A first build, with a bar."""
    with bar("Reading calls") as progress:
        report = index.refresh(progress=progress)
    if report.skipped == LOCKED:
        if whole:
            raise _held(index)
        if not index.place.exists():
            raise CallscopeError("another process is making the index: ask again when it is done")
        _tell("another process is still making the index: calls are missing in this answer")
    if index.elsewhere is not None:
        _tell(f"{index.elsewhere}; this answer comes from an index that was made for it alone")
    _tell_problems(report)


def _held(index: Index) -> UnreadableError:
    """Not an error of exit code 1, which of a gate means that calls got worse."""
    return UnreadableError(
        f"another process is bringing the index {index.place} up to date, and this needs all calls: "
        "nothing was done, run it again when the other is done"
    )


def _refreshed(index: Index, *, budget_seconds: float | None) -> Report:
    """Another process that holds the index is waited for, within the time there is."""
    end_ns = monotonic_ns() + int(_SECONDS * _NS)
    while True:
        report = index.refresh(budget_seconds=budget_seconds)
        if report.skipped != LOCKED or monotonic_ns() >= end_ns:
            return report
        time.sleep(_PAUSE_SECONDS)


def _complete_ms(index: Index) -> int | None:
    """When it last held everything; None when it was never so, or cannot be read: a refresh makes it anew."""
    try:
        return index.freshness.complete_ms
    except CallscopeError:
        return None


def _tell_problems(report: Report) -> None:
    if report.problems:
        more = len(report.problems) - 1
        _tell(f"{report.problems[0]}{f'; {more} more such places' if more else ''}")


def _tell(line: str) -> None:
    click.echo(f"note: {clean(line)}", err=True)
