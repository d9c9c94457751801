"""What a format of `callscope export` is, what it is asked, and what it says when it is done.

A module of this package with a ``FORMAT`` is a format: nothing else has to be told of it. Its options become options
of the command; an option that several formats have is the same value in all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Literal

import msgspec

from callscope.index.index import Index
from callscope.query.query import CallQuery

Of = Literal["calls", "call", "archive"]
"""Of the calls of a query, of one call, or of all that there is."""


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """An option of the command that some formats have."""

    name: str
    """As ``no-text`` of ``--no-text``."""
    text: str
    """Its line of the help."""
    metavar: str | None = None
    """None: a flag."""
    choices: tuple[str, ...] = ()
    several: bool = False
    """May be given more than once: its value is a tuple."""
    default: str | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of a format."""

    root: Path
    """The archive."""
    index: Index
    """Up to date."""
    query: CallQuery
    """Which calls; its order, limit and cursor are of no account."""
    call: str | None = None
    """Of one call that was named: its place as ``2026/11/21/name``. The query then finds this call alone."""
    now_ms: int
    """Unix milliseconds."""
    output: Path | None
    """Where to; None: standard output."""
    force: bool
    """Replace what is there."""
    options: Mapping[str, Any] = MappingProxyType({})
    """By `Option.name`; every option of the format is in it."""
    progress: Callable[[int, int], None] | None = None
    """To be told of calls done and calls to do; None: nobody looks."""
    stdout: BinaryIO
    """Standard output, for bytes."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was written."""

    calls: int | None = None
    """None: it is not of calls."""
    written: tuple[Path, ...] = ()
    """Files that are new or have new content. None, where it went to standard output or over the network."""
    unchanged: int = 0
    """Files that are there as they should be, and were left alone."""
    bytes: int = 0
    """Of the files that were written."""
    notes: tuple[str, ...] = ()
    """What whoever asked should know; a line each."""


class Format(msgspec.Struct, frozen=True, kw_only=True):
    """A way to write calls."""

    name: str
    text: str
    """Its line of the help."""
    of: Of = "calls"
    run: Callable[[Request], Done]
    """Does it. Raises `CallscopeError`s; nothing is half-written then."""
    options: tuple[Option, ...] = ()
    suffix: str = ""
    """Of its files, as ``.csv``."""
