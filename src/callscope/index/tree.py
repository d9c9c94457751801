"""The archive's directories as a refresh sees them: days, the calls of a day, and what their files look like.

A stamp is what a call's files looked like when they were read: the directory's time, then time, size and mode of each
file. ``~`` before it says that something was written in the two seconds before: the same time may stand for another
content later, so such a call is read again as long as its day is dirty. What follows a blank is the writer of a call
that goes on, to see whether it still lives.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from callscope.archive.paths import CALLS, EVENTS, METADATA, TRANSCRIPT
from callscope.model import wire

SETTLED_MS: Final = 2_000
YOUNG: Final = "~"
_FILES: Final = (METADATA, TRANSCRIPT, EVENTS)
_NS_PER_MS: Final = 1_000_000


class Day(NamedTuple):
    """One day's directory."""

    place: str
    """Below ``<root>/calls``: ``2026/11/21``."""
    mtime_ns: int

    @property
    def name(self) -> str:
        """As in ``2026-11-21``."""
        return self.place.replace("/", "-")


class Listing(NamedTuple):
    """The days there are."""

    days: list[Day]
    """Newest first."""
    hidden: tuple[str, ...]
    """Places that may not be listed: what is below them is not known."""


def days(root: Path) -> Listing:
    """The day directories; symbolic links are not followed. Never raises."""
    calls = f"{root}{os.sep}{CALLS}{os.sep}"
    hidden: list[str] = []
    places = [""]
    for digits in (4, 2, 2):
        places = [below for place in places for below in _numbered(calls, place, digits, hidden)]
    found: list[Day] = []
    for place in filter(_is_day, places):
        try:
            found.append(Day(place, os.stat(f"{calls}{place}").st_mtime_ns))  # noqa: PTH116 -- paths are text here, for speed
        except FileNotFoundError:
            continue
        except OSError:
            hidden.append(place)
    return Listing(found, tuple(hidden))


def calls_of(directory: str) -> dict[str, int]:
    """The calls of a day: the time (ns) of each directory, by name. Raises `OSError` when it may not be listed."""
    found: dict[str, int] = {}
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                try:
                    found[entry.name] = entry.stat(follow_symlinks=False).st_mtime_ns
                except FileNotFoundError:
                    continue
    return found


def count(directory: str) -> int:
    """How many calls a day holds; 0 when it may not be listed."""
    try:
        return len(_directories(directory))
    except OSError:
        return 0


def stamp(directory: str, *, now_ms: int) -> str:
    """What a call's files look like now. Raises `FileNotFoundError` when it is gone."""
    newest = os.stat(directory).st_mtime_ns  # noqa: PTH116 -- as above
    parts = [str(newest)]
    for name in _FILES:
        try:
            seen = os.stat(f"{directory}{os.sep}{name}", follow_symlinks=False)  # noqa: PTH116 -- as above
        except FileNotFoundError:
            parts.append("-")
        except OSError:
            parts.append("?")
        else:
            parts.append(f"{seen.st_mtime_ns}.{seen.st_size}.{seen.st_mode:o}")
            newest = max(newest, seen.st_mtime_ns)
    young = YOUNG if is_young(newest, now_ms=now_ms) else ""
    return young + "|".join(parts)


def is_young(mtime_ns: int, *, now_ms: int) -> bool:
    """Whether something was written so lately that a later writing may not show."""
    return mtime_ns // _NS_PER_MS > now_ms - SETTLED_MS


def with_writer(found: str, writer: object) -> str:
    """A stamp that tells who writes the call."""
    return f"{found} {wire.encode(writer).decode()}" if isinstance(writer, dict) else found


def writer_of(found: str) -> Mapping[str, Any] | None:
    """Who writes the call, by its stamp; None when that is not known."""
    _, blank, writer = found.partition(" ")
    return dict(wire.decode(writer.encode())) if blank else None


def same_files(found: str, seen: str) -> bool:
    """Whether two stamps are of the same files."""
    return found.partition(" ")[0].lstrip(YOUNG) == seen.partition(" ")[0].lstrip(YOUNG)


def same_directory(found: str, mtime_ns: int) -> bool:
    """Whether a call's directory is as it was when it had settled."""
    return found.startswith(f"{mtime_ns}|")


def _numbered(calls: str, place: str, digits: int, hidden: list[str]) -> list[str]:
    """The directories in a place that are named by so many digits, the last first."""
    try:
        names = _directories(f"{calls}{place}")
    except OSError:
        hidden.append(place)
        return []
    names = [name for name in names if len(name) == digits and name.isascii() and name.isdecimal()]
    return [f"{place}/{name}" if place else name for name in sorted(names, reverse=True)]


def _is_day(place: str) -> bool:
    try:
        dt.date(*map(int, place.split("/")))
    except ValueError:
        return False
    return True


def _directories(directory: str) -> list[str]:
    """Names of the directories in a directory; none where there is no directory. Raises `OSError`."""
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False) and entry.name[0] != "."]
    except (FileNotFoundError, NotADirectoryError):
        return []
