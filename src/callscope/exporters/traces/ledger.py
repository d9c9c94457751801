"""Which calls went to an endpoint: a line each, beside the archive's other state, so that a restart goes on.

The first line says from which day on calls are looked at, and of which earlier days all is done: their calls have no
lines any more. What was killed in the middle of a line has sent that call perhaps; it is sent again, with the same ids.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal, Self

import msgspec

from callscope.archive import paths
from callscope.archive.replace import FILE_MODE, make_dir, write_all
from callscope.errors import SettingError
from callscope.index import database

State = Literal["sent", "refused", "before"]
"""``before``: it had ended when nobody forwarded yet."""
_BEFORE: Final = "before"

_DIRECTORY: Final = "forward"


class Since(msgspec.Struct, frozen=True):
    """The first line."""

    since_ms: int
    """Unix milliseconds: the beginning of the first day that is looked at."""
    done: tuple[tuple[str, str], ...] = ()
    """Days as ``2026/11/21``, from the first to before the second: what was in them is sent, or was refused, but for
    calls that have a line."""


class Entry(msgspec.Struct, frozen=True):
    """What became of a call."""

    path: str
    state: State


_since: Final = msgspec.json.Decoder(Since)
_entry: Final = msgspec.json.Decoder(Entry)


class Ledger:
    """The calls that went to one endpoint. Made by `held`."""

    def __init__(self, place: Path, since: Since | None, states: dict[str, State]) -> None:
        self.place = place
        self.since_ms = None if since is None else since.since_ms
        """None: it is new."""
        self._done = () if since is None else since.done
        self._states = states

    def __contains__(self, path: str) -> bool:
        return path in self._states or any(first <= path < last for first, last in self._done)

    @property
    def passed_over(self) -> list[str]:
        """Calls that had ended when nobody forwarded yet."""
        return [path for path, state in self._states.items() if state == _BEFORE]

    def begin(self, since_ms: int) -> None:
        """Look at calls from a day on that is not later than before. Raises `SettingError`."""
        self.since_ms = since_ms
        self._keep()

    def settle(self, until_ms: int) -> None:
        """All calls before a day are done with: it is the first that is looked at. Raises `SettingError`."""
        first = day_of(until_ms)
        if self.since_ms is not None:
            self._done = _joined([*self._done, (day_of(self.since_ms), first)])
        self._states = {path: state for path, state in self._states.items() if path >= first or state == _BEFORE}
        self.begin(until_ms)

    def _keep(self) -> None:
        lines = [msgspec.json.encode(Since(self.since_ms or 0, self._done))]
        lines += [msgspec.json.encode(Entry(path, state)) for path, state in self._states.items()]
        temporary = self.place.with_name(f"{self.place.name}.tmp")
        try:
            self._write(temporary, b"\n".join([*lines, b""]), os.O_TRUNC)
            temporary.replace(self.place)
        except OSError as error:
            raise _not_written(self.place, error) from error

    def note(self, path: str, state: State) -> None:
        """Note what became of a call. Raises `SettingError` when it cannot be written."""
        self._states[path] = state
        try:
            # A line end first as well: what was killed before may have left half a line.
            self._write(self.place, b"\n" + msgspec.json.encode(Entry(path, state)) + b"\n", os.O_APPEND)
        except OSError as error:
            raise _not_written(self.place, error) from error

    def _write(self, path: Path, data: bytes, flag: int) -> None:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | flag | getattr(os, "O_NOFOLLOW", 0), FILE_MODE)
        try:
            write_all(fd, data)
        finally:
            os.close(fd)

    @classmethod
    def read(cls, place: Path) -> Self:
        """What is there; lines that are none are left out."""
        since: Since | None = None
        states: dict[str, State] = {}
        try:
            lines = place.read_bytes().split(b"\n")
        except FileNotFoundError:
            return cls(place, None, {})
        except OSError as error:
            raise _not_written(place, error) from error
        for number, line in enumerate(lines):
            try:
                if number == 0:
                    since = _since.decode(line)
                elif line:
                    entry = _entry.decode(line)
                    states[entry.path] = entry.state
            except (msgspec.MsgspecError, UnicodeDecodeError):
                continue
        return cls(place, since, states)


def place_of(root: Path, url: str) -> Path:
    """The file of an endpoint, in an archive's state."""
    return root / paths.STATE / _DIRECTORY / f"{sha256(url.encode()).hexdigest()[:16]}.jsonl"


@contextmanager
def held(root: Path, url: str) -> Iterator[Ledger]:
    """The ledger of an endpoint, held as long as the block lasts.

    Raises:
        SettingError: another process forwards to the same endpoint, or nothing can be written there.
    """
    place = place_of(root, url)
    with database.lock(place) as is_ours:
        if not is_ours:
            raise SettingError(f"another process forwards the calls of {root} to this endpoint: end that one first")
        try:
            make_dir(place.parent)
        except OSError as error:
            raise _not_written(place, error) from error
        yield Ledger.read(place)


def day_of(ts_ms: int) -> str:
    """A moment's day as paths of calls begin with it."""
    return "/".join(paths.day_dir(Path(), ts_ms).parts[-3:])


def _joined(days: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Ranges of days that touch or lie in one another as one."""
    found: list[tuple[str, str]] = []
    for first, last in sorted(days):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], last)
        elif first < last:
            found.append((first, last))
    return tuple(found)


def _not_written(place: Path, error: OSError) -> SettingError:
    return SettingError(f"{place} cannot be written ({error.strerror or error}): give this user write access to it")
