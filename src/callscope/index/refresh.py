"""The index brought up to date with the archive: only what changed is read.

1. The days are listed and their times compared; a day that was touched in the two seconds before stays dirty.
2. Of a dirty day the calls are listed: those that are gone are taken out, new ones and those whose directory has
   another time are read. A call that changes after its end touches its day (`callscope.archive.replace.touch_day`).
3. Of calls that go on, that cannot be read, and that were left without an end in the last two days, the files are
   looked at each time, and whether their writer still lives.
4. ``verify`` looks at the files of every call, for trees that other programs changed.

A batch is one transaction: the rows of its calls, and their days once nothing of them is missing. Killed at any moment,
the last whole batch stands, and the days that were not finished are still dirty. One at a time: who finds the lock held
uses what is there.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from callscope.archive import liveness
from callscope.archive.listing import require_root
from callscope.archive.paths import CALLS
from callscope.archive.reader import UNREADABLE, read_envelope
from callscope.clock import monotonic_ns
from callscope.index import database, full_text, tree
from callscope.index.extract import CallRows, storable
from callscope.index.ingest import Ingest
from callscope.index.readers import Readers
from callscope.model.call import ABANDONED, IN_PROGRESS

LOCKED: Final = "locked"
"""`Report.skipped` when another process refreshes just now."""
_BATCH: Final = 4_000
"""Calls in a transaction at most."""
_STEP: Final = 100
"""Calls after which the time is looked at."""
_BULK: Final = 2_000
"""Calls to read from which on it is a first build, or as good as one."""
_OBJECTS: Final = 200_000
"""More than the rows that wait in memory at once."""
_FEW: Final = 2
"""Days in which something changed up to which it is not counted first how much."""
_WATCHED_MS: Final = 2 * 86_400_000
_TOLD_EVERY_MS: Final = 10_000
_NS: Final = 1_000_000_000
_MAX_PROBLEMS: Final = 50
_DIRTY: Final = 0
_GONE: Final = -1
_WATCHED: Final = """
    SELECT path, stamp, status FROM call WHERE status IN (?, ?)
    UNION ALL
    SELECT path, stamp, status FROM call WHERE status = ? AND started_at_ms >= ? AND ended_at_ms IS NULL
"""
_TOTALS: Final = "SELECT (SELECT total(calls) FROM day), (SELECT count(*) FROM call WHERE status = ?)"
_STAMPS: Final = "SELECT path, stamp FROM call WHERE path >= ? AND path < ?"
_COUNT: Final = "SELECT count(*) FROM call WHERE path >= ? AND path < ?"
_PATHS: Final = "SELECT path FROM call WHERE path >= ? AND path < ?"

Progress = Callable[[int, int], None]
"""Calls that were read, calls that are to be read."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh did."""

    read: int = 0
    """Calls that were new or had changed."""
    removed: int = 0
    """Calls that are gone from the archive."""
    unchanged: int = 0
    """Calls that are in the index as they were."""
    open_calls: int = 0
    """Calls in progress."""
    seconds: float = 0.0
    problems: tuple[str, ...] = ()
    """Places of the archive that could not be listed; what was known of their calls is kept."""
    complete: bool = False
    """Whether nothing is left to do; False when the time was up, or nothing was done."""
    skipped: str | None = None
    """`LOCKED` when another process does it."""


def refresh(
    place: Path,
    root: Path,
    *,
    now_ms: int,
    verify: bool = False,
    rebuild: bool = False,
    budget_seconds: float | None = None,
    progress: Progress | None = None,
    processes: int | None = None,
    search: bool | None = None,
) -> Report:
    """Bring the index up to date. A damaged one is made anew.

    Args:
        place: the index's file, see `callscope.index.place.place_of`; it is made when it is not there.
        root: the archive.
        now_ms: Unix milliseconds.
        verify: look at every call's files, not only at those that ought to have changed.
        rebuild: make it anew.
        budget_seconds: stop after the batch in which this time is up; the next refresh goes on.
        progress: told of calls read and calls to read.
        processes: helpers to read with when there is much to read; None: one for each processor, 0: none.
        search: whether substrings and regular expressions can be searched for, which doubles the time of a first
            build; None: as before, at first True.

    Raises:
        NotFoundError: there is no such archive.
        UnreadableError: the archive may not be read, or a newer callscope made the index.
        SettingError: the index cannot be kept there.
        CallscopeError: the disk is full or does not work. What was in the index before is in it still.
    """
    require_root(root)
    started_ns = monotonic_ns()
    with database.lock(place) as held:
        if not held:
            return Report(skipped=LOCKED)
        if search is None:
            search = database.told(place, full_text.CHOICE) != full_text.OFF
        if rebuild:
            database.require_ours(place)
            database.discard(place)
        elif database.is_condemned(place):
            database.set_aside(place)
        task = _Task(place, root, now_ms, verify, budget_seconds, progress, processes, search, started_ns)
        try:
            return _run(task)
        except sqlite3.DatabaseError as error:
            if not database.is_broken(error):
                raise database.explain(error, place) from error
        database.set_aside(place)
        try:
            return _run(task)
        except sqlite3.DatabaseError as error:
            raise database.explain(error, place) from error


class _Task(NamedTuple):
    place: Path
    root: Path
    now_ms: int
    verify: bool
    budget_seconds: float | None
    progress: Progress | None
    processes: int | None
    search: bool
    started_ns: int


class _Work(NamedTuple):
    """What is to be done to one day, or with `day` None to calls of any day."""

    day: tree.Day | None
    read: list[str]
    removed: list[str]
    calls: int
    """How many calls the day holds."""


def _run(task: _Task) -> Report:
    db = database.writable(task.place, root=task.root)
    try:
        full_text.switch(db, on=task.search)
    except sqlite3.Error:
        db.close()
        raise
    processes = task.processes if task.processes is not None else os.cpu_count() or 1
    readers = Readers(task.root, now_ms=task.now_ms, processes=processes)
    refresher = _Refresher(task, db, readers)
    try:
        with _little_collected():
            return refresher.run()
    finally:
        readers.close()
        refresher.ingest.rollback()
        db.close()


@contextlib.contextmanager
def _little_collected() -> Iterator[None]:
    """Look for circular garbage less often: there is none in rows, and many rows at a time."""
    usual = gc.get_threshold()
    if usual[0]:  # else it was switched off
        gc.set_threshold(max(usual[0], _OBJECTS), *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


class _Refresher:
    """One run."""

    def __init__(self, task: _Task, db: sqlite3.Connection, readers: Readers) -> None:
        self._task = task
        self._db = db
        self._readers = readers
        self._calls = f"{task.root}{os.sep}{CALLS}{os.sep}"
        self._problems: list[str] = []
        self._read = 0
        self._removed = 0
        self._expected = 0
        self._done = 0
        self.ingest = Ingest(db)

    def run(self) -> Report:
        """Do what is to be done, or as much of it as there is time for."""
        task, listing = self._task, tree.days(self._task.root)
        self._note_hidden(listing.hidden)
        known = dict(self._db.execute("SELECT name, mtime_ns FROM day"))
        dirty = [day for day in listing.days if task.verify or known.get(day.name) != day.mtime_ns]
        gone = known.keys() - {day.name for day in listing.days}
        if task.progress is not None or len(dirty) > _FEW or not known:
            self._expected = sum(map(self._new_of, dirty))
        in_bulk = self._expected >= _BULK
        if in_bulk:
            database.bulk(self._db, on=True)
        complete = self._do_all(self._works(dirty, gone, listing.hidden))
        if complete:
            self._note_complete()  # together with the rest: a transaction of its own would wait for the disk, too
        self.ingest.commit()
        if task.progress is not None and self._done:
            task.progress(self._done, self._done if complete else max(self._expected, self._done))
        if in_bulk:
            database.bulk(self._db, on=False)
        total, is_open = self._db.execute(_TOTALS, (IN_PROGRESS,)).fetchone()
        return Report(
            read=self._read,
            removed=self._removed,
            unchanged=max(int(total) - self._read, 0),
            open_calls=is_open,
            seconds=self._elapsed,
            problems=tuple(self._problems[:_MAX_PROBLEMS]),
            complete=complete,
        )

    def _new_of(self, day: tree.Day) -> int:
        """How many calls more a day holds than are known of it."""
        known: int = self._db.execute(_COUNT, _below(day.place)).fetchone()[0]
        return max(tree.count(f"{self._calls}{day.place}") - known, 0)

    def _works(self, dirty: list[tree.Day], gone: set[str], hidden: tuple[str, ...]) -> Iterator[_Work]:
        """What is to be done: calls that go on, days that are gone, days that changed, newest first."""
        watched = self._watched()
        yield _Work(None, watched, [], 0)
        for name in sorted(gone):
            place = name.replace("-", "/")
            if not any(f"{place}/".startswith(f"{above}/" if above else "") for above in hidden):
                yield self._gone(place)
        done = set(watched)
        for day in dirty:
            work = self._work_of(day, done)
            if work is not None:
                yield work

    def _do_all(self, works: Iterator[_Work]) -> bool:
        """Go through the work; whether there was time for all of it. However little there is, something gets done."""
        got_on = False
        for work in works:
            if got_on and self._time_is_up:
                return False
            for path in work.removed:
                self._removed += self.ingest.remove(path)
            left = len(work.read)
            for place, rows in self._readers.read(work.read, more=self._expected - self._done - left):
                self._take(place, rows)
                left -= 1
                if self._done % _STEP == 0 and self._after_step() and left:
                    return False
            self._close_day(work)
            got_on = got_on or (work.day is not None and bool(work.read or work.removed))
        return True

    def _take(self, place: str, rows: CallRows | None) -> None:
        self._done += 1
        if rows is None:
            self._removed += self.ingest.remove(place)
        else:
            self.ingest.put(rows)
            self._read += 1

    def _after_step(self) -> bool:
        """Tell how far it is, commit now and then; whether the time is up."""
        if self._task.progress is not None:
            self._task.progress(self._done, max(self._expected, self._done))
        if self._done % _BATCH == 0:
            self.ingest.commit(sums=False)  # of a day that is not finished, the sums would be made again
        return self._time_is_up

    @property
    def _elapsed(self) -> float:
        return (monotonic_ns() - self._task.started_ns) / _NS

    @property
    def _time_is_up(self) -> bool:
        return self._task.budget_seconds is not None and self._elapsed >= self._task.budget_seconds

    def _work_of(self, day: tree.Day, done: set[str]) -> _Work | None:
        """What of a dirty day is to be read and taken out; None when it may not be listed."""
        try:
            found = tree.calls_of(f"{self._calls}{day.place}")
        except FileNotFoundError:
            found = {}
        except OSError:
            self._note_hidden((day.place,))
            return None
        known = dict(self._db.execute(_STAMPS, _below(day.place)))
        places = {
            f"{day.place}/{name}": mtime_ns
            for name, mtime_ns in found.items()
            if name.isascii() or self._is_text(day, name)
        }
        read = [
            place
            for place, mtime_ns in places.items()
            if place not in done and self._differs(place, known.get(place), mtime_ns)
        ]
        return _Work(day, read, [place for place in known if place not in places], len(places))

    def _is_text(self, day: tree.Day, name: str) -> bool:
        """Whether a directory's name can be told to anybody; bytes that are no UTF-8 cannot."""
        if storable(name) == name:
            return True
        self._problems.append(f"{self._calls}{day.place}/{storable(name)} has a name that is no text: rename it")
        return False

    def _differs(self, place: str, stamp: str | None, mtime_ns: int) -> bool:
        if stamp is None or not tree.same_directory(stamp, mtime_ns):
            return True
        return self._task.verify and self._has_other_files(place, stamp)

    def _has_other_files(self, place: str, stamp: str) -> bool:
        try:
            now = tree.stamp(f"{self._calls}{place}", now_ms=self._task.now_ms)
        except OSError:
            return True
        return not tree.same_files(stamp, now)

    def _watched(self) -> list[str]:
        """Calls that may change without their day telling, and did."""
        alive: dict[str, bool] = {}
        since_ms = self._task.now_ms - _WATCHED_MS
        rows = self._db.execute(_WATCHED, (IN_PROGRESS, UNREADABLE, ABANDONED, since_ms))
        return [place for place, stamp, status in rows if self._moved(place, stamp, status, alive)]

    def _moved(self, place: str, stamp: str, status: str, alive: dict[str, bool]) -> bool:
        if self._has_other_files(place, stamp):
            return True
        if status == UNREADABLE:
            return False
        writer = tree.writer_of(stamp)
        if writer is None:
            return read_envelope(f"{self._calls}{place}", now_ms=self._task.now_ms).status != status
        key = str(writer.get("id"))
        if key not in alive:
            alive[key] = liveness.is_alive(self._task.root, writer)
        return alive[key] != (status == IN_PROGRESS)

    def _gone(self, place: str) -> _Work:
        paths = [path for (path,) in self._db.execute(_PATHS, _below(place))]
        return _Work(tree.Day(place, _GONE), [], paths, 0)

    def _close_day(self, work: _Work) -> None:
        """Note that a day is as the index has it."""
        if work.day is None:
            return
        self.ingest.begin()
        if work.day.mtime_ns == _GONE:
            self._db.execute("DELETE FROM day WHERE name = ?", (work.day.name,))
            return
        young = tree.is_young(work.day.mtime_ns, now_ms=self._task.now_ms)
        row = (work.day.name, _DIRTY if young else work.day.mtime_ns, work.calls)
        self._db.execute("INSERT OR REPLACE INTO day VALUES (?, ?, ?)", row)

    def _note_hidden(self, places: tuple[str, ...]) -> None:
        self._problems += [f"{self._calls}{place} cannot be listed: check its owner and mode" for place in places]

    def _note_complete(self) -> None:
        """Write down when that was; not at every glance, which would cost a write each."""
        now_ms = self._task.now_ms
        told = self._db.execute("SELECT value FROM about WHERE name = 'refreshed_at_ms'").fetchone()
        if told is None or self._read or self._removed or not 0 <= now_ms - int(told[0]) < _TOLD_EVERY_MS:
            self._db.execute("INSERT OR REPLACE INTO about VALUES ('refreshed_at_ms', ?)", (str(now_ms),))


def _below(place: str) -> tuple[str, str]:
    """The range of the paths of a day's calls."""
    return f"{place}/", f"{place}{chr(ord('/') + 1)}"
