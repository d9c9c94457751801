"""Following calls while they go on: what is new in their files since the last look.

Nothing here waits: a command looks, prints and sleeps. Inotify runs out of watches on large archives, so it is polled:
today's and yesterday's directories when their time of change moved, the open calls' files by size.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from callscope.archive import foreign, jsonl, listing, rows
from callscope.archive.paths import EVENTS, METADATA, TRANSCRIPT, day_dir
from callscope.archive.reader import UNREADABLE, read_envelope, regular_file
from callscope.errors import UnreadableError
from callscope.model.call import IN_PROGRESS, Call
from callscope.model.event import Event
from callscope.model.turn import Turn

_LIVENESS_LOOKS: Final = 25
"""Every so many looks a call's writer is asked for, though its metadata did not change."""
_SETTLED_NS: Final = 2_000_000_000
"""A directory that changed more recently may change again within the same tick of its clock."""


class News(NamedTuple):
    """One thing that happened."""

    call: Call
    kind: Literal["started", "turn", "event", "ended"]
    value: Turn | Event | None
    """For ``turn`` and ``event``."""


class CallFollower:
    """One call.

    Args:
        path: its directory.
        now_ms: Unix milliseconds.
        from_now: leave out what is there already.
    """

    def __init__(self, path: Path, *, now_ms: int, from_now: bool) -> None:
        self.path = path
        self.call = read_envelope(path, now_ms=now_ms)
        self.ended = False
        self._transcript = _Growing(path / TRANSCRIPT)
        self._events = _Growing(path / EVENTS)
        self._stamp: tuple[int, int] | None = None
        self._looks = 0
        if from_now:
            self._transcript.skip()
            self._events.skip()

    def look(self, *, now_ms: int) -> Iterator[News]:
        """What is new, by moment; after the end of the call nothing any more."""
        if self.ended:
            return
        ended = self._has_ended(now_ms)  # asked before the rows are read: its rows are written before its end
        said = [turn for row in self._transcript.rows() for turn in rows.turns_of(row)]
        happened = [event for row in self._events.rows() if (event := rows.event_of(row)) is not None]
        if not foreign.is_masked(self.call.callscope):
            said, happened = list(map(foreign.masked_turn, said)), list(map(foreign.masked_event, happened))
        turns = [News(self.call, "turn", turn) for turn in said]
        events = [News(self.call, "event", event) for event in happened]
        yield from sorted([*events, *turns], key=_moment)
        if ended:
            self.ended = True
            yield News(self.call, "ended", None)

    def _has_ended(self, now_ms: int) -> bool:
        try:
            status = (self.path / METADATA).stat()
            stamp = (status.st_mtime_ns, status.st_size)
        except OSError:
            stamp = None
        if stamp != self._stamp or self._looks % _LIVENESS_LOOKS == 0:
            self._stamp = stamp
            self.call = read_envelope(self.path, now_ms=now_ms)
        self._looks += 1
        return self.call.status != IN_PROGRESS


class ArchiveFollower:
    """All calls in progress that started today or yesterday, and those that start.

    Args:
        root: the archive.
        now_ms: Unix milliseconds; calls in progress then are followed from then on, later ones from their start.

    Raises:
        UnreadableError: a directory may not be read, here and when it is looked at.
    """

    def __init__(self, root: Path, *, now_ms: int) -> None:
        self._root = root
        self._stamps: dict[Path, int] = {}
        self._known: set[Path] = set()
        self._followed: list[CallFollower] = []
        self.unreadable: list[Call] = []
        """Calls of which nobody can tell whether they are in progress: they are not followed."""
        for path in self._new_calls(now_ms):
            follower = CallFollower(path, now_ms=now_ms, from_now=True)
            if follower.call.status == IN_PROGRESS:
                self._followed.append(follower)
            elif follower.call.status == UNREADABLE:
                self.unreadable.append(follower.call)

    @property
    def calls(self) -> list[Call]:
        """The calls that are followed now."""
        return [follower.call for follower in self._followed]

    def look(self, *, now_ms: int) -> Iterator[News]:
        """What is new in all of them."""
        for path in self._new_calls(now_ms):
            follower = CallFollower(path, now_ms=now_ms, from_now=False)
            self._followed.append(follower)
            yield News(follower.call, "started", None)
        for follower in self._followed:
            yield from follower.look(now_ms=now_ms)
        self._followed = [follower for follower in self._followed if not follower.ended]

    def _new_calls(self, now_ms: int) -> list[Path]:
        found = []
        for ts_ms in (now_ms - listing.DAY_MS, now_ms):
            day = day_dir(self._root, ts_ms)
            try:
                changed_ns = day.stat().st_mtime_ns
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise UnreadableError(f"{day} cannot be read ({error.strerror}): check its owner and mode") from error
            if self._stamps.get(day) == changed_ns:
                continue
            if now_ms * 1_000_000 - changed_ns > _SETTLED_NS:
                self._stamps[day] = changed_ns
            found += [path for path in listing.calls_of(day) if path not in self._known]
        self._known.update(found)
        return sorted(found)


class _Growing:
    """A file of rows that grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def skip(self) -> None:
        """Leave out what is there."""
        try:
            self._offset = self._path.stat().st_size
        except OSError:
            self._offset = 0

    def rows(self) -> list[dict[str, Any]]:
        """The rows that were finished since the last time."""
        with regular_file(str(self._path)) as fd:
            if fd is None or os.fstat(fd).st_size <= self._offset:
                return []
            data = os.pread(fd, os.fstat(fd).st_size - self._offset, self._offset)
        whole = data.rfind(b"\n") + 1
        self._offset += whole
        return [row for _, row in jsonl.parse_rows(data[:whole], file=self._path.name, growing=True).rows]


def _moment(news: News) -> int:
    return 0 if news.value is None or news.value.ts_ms is None else news.value.ts_ms
