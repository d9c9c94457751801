"""Walking the tree: days and calls in order, pages of calls, a call by its name.

The root may be a symbolic link. Below it none is followed, and what is not named like a day of the calendar is
no day. Names that begin with a dot are nobody's calls (temporary files, Patter's ``.deleted_call_ids.json``).

The order is the day's directory, then the start, then the name, newest first. A page goes on from the last call of the
page before it, so calls that arrive meanwhile neither repeat nor hide any.
"""

from __future__ import annotations

import base64
import datetime as dt
import difflib
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

import msgspec

from callscope.archive.paths import CALLS, safe_name
from callscope.archive.reader import UNREADABLE, read_envelope
from callscope.errors import NotFoundError, SettingError, UnreadableError
from callscope.model.call import Call

DAY_MS: Final = 86_400_000
_NEAREST: Final = 3
_NEAREST_OF: Final = 5_000
"""Calls, newest first, among which a mistyped name is looked for."""
_CANDIDATES: Final = 10

_CURSOR: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{1,15}) (.+)", re.DOTALL)

_Key = tuple[str, int, str]
"""Day as ``2026-11-21``, start, name: what calls are sorted by."""


class Day(msgspec.Struct, frozen=True):
    """One day's directory."""

    path: Path
    start_ms: int
    """Unix milliseconds of its first moment, UTC."""

    @property
    def name(self) -> str:
        """As in ``2026-11-21``."""
        return "-".join(self.path.parts[-3:])

    @property
    def end_ms(self) -> int:
        """Unix milliseconds of the next day's first moment."""
        return self.start_ms + DAY_MS


class Page(msgspec.Struct, frozen=True):
    """Some calls, newest first."""

    calls: tuple[Call, ...]
    next: str | None
    """Cursor for the page after this one; None when this is the last."""


def list_calls(
    root: Path,
    *,
    now_ms: int,
    limit: int,
    cursor: str | None = None,
    since_ms: int | None = None,
    until_ms: int | None = None,
    statuses: Collection[str] = (),
) -> Page:
    """One page of an archive's calls, newest first.

    Args:
        root: the archive.
        now_ms: Unix milliseconds, to tell abandoned calls.
        limit: calls on the page, at least 1.
        cursor: ``Page.next`` of the page before.
        since_ms: calls that started then or later.
        until_ms: calls that started before.
        statuses: calls with one of these only, and unreadable ones, whose status nobody knows; all when empty.

    Raises:
        NotFoundError: there is no such directory.
        SettingError: the cursor is none, or the range of time ends before it begins.
        UnreadableError: the directory may not be read.
    """
    if since_ms is not None and until_ms is not None and since_ms >= until_ms:
        raise SettingError("the range of time is empty: its end is not after its beginning")
    after = _decode_cursor(cursor) if cursor is not None else None
    require_root(root)
    found: list[tuple[_Key, Call]] = []
    for day in days(root):
        if (until_ms is not None and day.start_ms >= until_ms) or (after is not None and day.name > after[0]):
            continue
        if since_ms is not None and day.end_ms <= since_ms:
            break
        matching = [
            (key, call)
            for key, call in _read_day(day, now_ms)
            if (after is None or key < after)
            and (since_ms is None or key[1] >= since_ms)
            and (until_ms is None or key[1] < until_ms)
            and (not statuses or call.status in statuses or call.status == UNREADABLE)
        ]
        found += sorted(matching, key=lambda item: item[0], reverse=True)
        if len(found) > limit:
            break
    calls = tuple(call for _, call in found[:limit])
    return Page(calls, _encode_cursor(found[limit - 1][0]) if len(found) > limit else None)


def find_call(root: Path, call: str, *, now_ms: int) -> Path:
    """The directory of one call.

    Args:
        root: the archive.
        call: its id, the name of its directory, the beginning of either, or its place as ``2026/11/21/name``, also
            percent-encoded as an address or a CSV file has it.
        now_ms: Unix milliseconds.

    Raises:
        NotFoundError: there is none, or more than one; the message tells the nearest or the candidates.
        UnreadableError: a directory may not be read.
    """
    require_root(root)
    placed = _by_place(root, call) or _by_place(root, unquote(call, errors="surrogateescape"))
    if placed is not None:
        return placed
    paths = list(call_paths(root))
    safe = safe_name(call)
    for matches in (
        [path for path in paths if path.name in {call, safe} or path.name.startswith(f"{safe}~")],
        _by_call_id(paths, call, now_ms),
        [path for path in paths if call and path.name.startswith(call)],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise NotFoundError(_ambiguous(call, matches))
    raise NotFoundError(_unknown(root, call, paths))


def days(root: Path) -> Iterator[Day]:
    """The day directories, newest first. Raises `UnreadableError` where one may not be listed."""
    for year in _dated(root / CALLS, digits=4):
        for month in _dated(year, digits=2):
            for path in _dated(month, digits=2):
                try:
                    start = dt.datetime(*map(int, path.parts[-3:]), tzinfo=dt.UTC)  # type: ignore[misc, arg-type]
                except ValueError:
                    continue
                yield Day(path, round(start.timestamp() * 1000))


def days_between(root: Path, *, since_ms: int | None, until_ms: int | None) -> Iterator[Day]:
    """The days that may hold calls which started in between, newest first.

    Raises:
        NotFoundError: there is no such archive.
        UnreadableError: a directory may not be listed.
    """
    require_root(root)
    for day in days(root):
        if since_ms is not None and day.end_ms <= since_ms:
            return
        if until_ms is None or day.start_ms < until_ms:
            yield day


def calls_of(day: Path) -> list[Path]:
    """The call directories of one day, in no order. Raises `UnreadableError` when it may not be listed."""
    return [day / name for name in names_of(day)]


def names_of(day: Path) -> list[str]:
    """Their names alone: a tenth of the memory, where there are many."""
    return [name for name in _directories(day) if not name.startswith(".")]


def call_paths(root: Path) -> Iterator[Path]:
    """Every call's directory, newest day first."""
    for day in days(root):
        yield from sorted(calls_of(day.path))


def require_root(root: Path) -> None:
    """Raise `NotFoundError` when there is no such directory, `UnreadableError` when nobody may know."""
    try:
        exists = root.is_dir()
    except OSError as error:  # a directory above it may not be searched
        raise UnreadableError(f"{root} cannot be read ({error.strerror}): check its owner and mode") from error
    if not exists:
        raise NotFoundError(f"there is no directory {root}: record a call first, or give another --root")


def _read_day(day: Day, now_ms: int) -> Iterator[tuple[_Key, Call]]:
    prefix = f"{day.path}{os.sep}"
    for name in _directories(day.path):
        if not name.startswith("."):
            call = read_envelope(prefix + name, now_ms=now_ms)
            started_at_ms = call.started_at_ms if call.started_at_ms is not None else day.start_ms
            yield (day.name, started_at_ms, name), call


def _dated(directory: Path, *, digits: int) -> list[Path]:
    names = [name for name in _directories(directory) if len(name) == digits and name.isascii() and name.isdecimal()]
    return [directory / name for name in sorted(names, reverse=True)]


def _directories(directory: Path) -> list[str]:
    """Names of the directories in a directory, without symbolic links; none where there is no directory."""
    try:
        with os.scandir(directory) as entries:
            return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UnreadableError(f"{directory} cannot be read ({error.strerror}): check its owner and mode") from error


def _by_place(root: Path, call: str) -> Path | None:
    """A call given as ``2026/11/21/name``, or as a path to its directory."""
    parts = Path(call).parts[-4:]
    if len(parts) < 4 or ".." in parts or "\0" in call:  # noqa: PLR2004 -- year, month, day, name
        return None
    path = root.joinpath(CALLS, *parts)
    try:
        return path if path.is_dir() and not path.is_symlink() else None
    except OSError:
        return None


def _by_call_id(paths: list[Path], call: str, now_ms: int) -> list[Path]:
    """Calls whose metadata has the id: other writers' directories are named otherwise."""
    return [path for path in paths if read_envelope(path, now_ms=now_ms).call_id == call]


def _ambiguous(call: str, matches: list[Path]) -> str:
    shown = ", ".join("/".join(path.parts[-4:]) for path in matches[:_CANDIDATES])
    more = f" and {len(matches) - _CANDIDATES} more" if len(matches) > _CANDIDATES else ""
    return f"{len(matches)} calls have the name {call!r} or begin with it; give one of {shown}{more}"


def _unknown(root: Path, call: str, paths: list[Path]) -> str:
    if not paths:
        return f"there is no call {call!r}: {root} holds no calls"
    names = [path.name for path in paths[:_NEAREST_OF]]
    near = difflib.get_close_matches(call, names, n=_NEAREST, cutoff=0.5) or names[:_NEAREST]
    return f"there is no call {call!r} in {root}; the nearest are {', '.join(near)}"


def _encode_cursor(key: _Key) -> str:
    document = os.fsencode(f"{key[0]} {key[1]} {key[2]}")
    return base64.urlsafe_b64encode(document).decode().rstrip("=")


def _decode_cursor(cursor: str) -> _Key:
    try:
        document = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:  # binascii.Error is one
        document = b""
    match = _CURSOR.fullmatch(os.fsdecode(document))
    if match is None:
        raise SettingError(f"the cursor {cursor!r} is none that a list gave as next")
    return match[1], int(match[2]), match[3]
