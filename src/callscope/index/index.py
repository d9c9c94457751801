"""The index of an archive, as commands, pages and Python programs use it.

>>> with Index.open(root) as index:
...     index.refresh()
...     page = index.calls("status:failed since:7d")
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from callscope import clock
from callscope.archive.log_files import LogFiles
from callscope.errors import CallscopeError, NotFoundError, UnreadableError
from callscope.index import calls as listing
from callscope.index import compare as comparing
from callscope.index import database, regex
from callscope.index import distribution as distributing
from callscope.index import error_groups as grouping
from callscope.index import how_many as counting
from callscope.index import log_blocks as log_blocking
from callscope.index import log_lines as log_finding
from callscope.index import neighbours as neighbouring
from callscope.index import refresh as refreshing
from callscope.index import search as searching
from callscope.index import slowest as slowing
from callscope.index import spend as spending
from callscope.index import sql as asking
from callscope.index import trends as trending
from callscope.index import values as knowing
from callscope.index.calls import CallPage, CallRow
from callscope.index.compare import Comparison
from callscope.index.deadline import Deadline, limited
from callscope.index.distribution import Distribution
from callscope.index.error_groups import ErrorGroup
from callscope.index.figures import Figures
from callscope.index.log_blocks import LogReport
from callscope.index.log_lines import LogAnswer
from callscope.index.log_query import LogQuery
from callscope.index.neighbours import Neighbours
from callscope.index.place import NAME, place_of
from callscope.index.refresh import Progress, Report
from callscope.index.search import HitPage
from callscope.index.slowest import SlowExchange
from callscope.index.spend import Spend
from callscope.index.trends import Key
from callscope.query import completions
from callscope.query.completions import Completion
from callscope.query.language import parse
from callscope.query.query import CallQuery

SECONDS: Final = 30.0
"""For figures over many calls."""

Query = CallQuery | str
"""A question, or its text in the query language."""


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How far the index is behind the archive, as far as it knows without looking."""

    complete_ms: int | None
    """When it last held all of the archive, in Unix milliseconds; None before the first build was finished."""
    dirty_days: int
    """Days that are to be read again."""
    calls: int
    """Calls in it."""

    @property
    def is_built(self) -> bool:
        """Whether the first build was ever finished: before, calls are missing."""
        return self.complete_ms is not None


class Index:
    """An archive's index. Any number of threads may use one; each has a connection of its own.

    Questions raise `NotFoundError` when there is no index yet, `SettingError` when they cannot be understood or take
    too long, `UnreadableError` when the index is damaged; `refresh` makes it, and makes it anew.
    """

    def __init__(self, root: Path, place: Path, *, now_ms: Callable[[], int] = clock.now_ms) -> None:
        self.root = root
        self.place = place
        """The index's file."""
        self.elsewhere: str | None = None
        """Why the index is a temporary file, which goes with `close`; None when it is where it should be."""
        self._home = place
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._connections: dict[int, _Connection] = {}

    @classmethod
    def open(cls, root: str | Path, *, place: Path | None = None, now_ms: Callable[[], int] = clock.now_ms) -> Self:
        """The index of an archive; it need not be there yet.

        Args:
            root: the archive.
            place: the index's file; None: where `callscope.index.place.place_of` puts it.
            now_ms: what time it is, in Unix milliseconds.
        """
        path = Path(root)
        return cls(path, place_of(path, None) if place is None else place, now_ms=now_ms)

    def refresh(
        self,
        *,
        verify: bool = False,
        rebuild: bool = False,
        budget_seconds: float | None = None,
        progress: Progress | None = None,
        processes: int | None = None,
        search: bool | None = None,
    ) -> Report:
        """Bring it up to date; see `callscope.index.refresh.refresh`.

        Where it cannot be kept (nothing can be written there, the disk is full, a newer callscope made the file) and
        holds nothing that could be asked, it is made in a temporary file instead: see `elsewhere`.
        """

        def refreshed() -> Report:
            return refreshing.refresh(
                self.place,
                self.root,
                now_ms=self._now_ms(),
                verify=verify,
                rebuild=rebuild,
                budget_seconds=budget_seconds,
                progress=progress,
                processes=processes,
                search=search,
            )

        try:
            return refreshed()
        except database.UnusableError as error:
            if self._temporary is not None or self._is_built():
                raise
            why = str(error)
        with self._lock:
            self._temporary = tempfile.TemporaryDirectory(prefix="callscope-index-")
            self.place = Path(self._temporary.name) / NAME
            self.elsewhere = why
        return refreshed()

    @property
    def freshness(self) -> Freshness:
        """How old what it holds is; nothing, when there is no index yet."""
        try:
            with self._reading() as db:
                told = db.execute("SELECT value FROM about WHERE name = 'refreshed_at_ms'").fetchone()
                dirty = db.execute("SELECT count(*) FROM day WHERE mtime_ns = 0").fetchone()[0]
                calls = db.execute("SELECT count(*) FROM call").fetchone()[0]
        except NotFoundError:
            return Freshness(complete_ms=None, dirty_days=0, calls=0)
        return Freshness(complete_ms=None if told is None else int(told[0]), dirty_days=dirty, calls=calls)

    @property
    def changes(self) -> int:
        """A number that is another one whenever a call in it changed, by whatever process; 0 before the first call."""
        try:
            with self._reading() as db:
                told = db.execute("SELECT value FROM about WHERE name = 'changes'").fetchone()
        except NotFoundError:
            return 0
        return 0 if told is None else int(told[0])

    def calls(self, query: Query = "", *, count: bool = False) -> CallPage:
        """A page of calls; see `callscope.index.calls.calls`."""
        asked = self._asked(query)
        with self._reading() as db:
            return listing.calls(db, asked, count=count)

    def call(self, name: str) -> CallRow:
        """One call, by its id, its directory, or the beginning of either; see `callscope.index.calls.call`."""
        with self._reading() as db:
            return listing.call(db, name)

    def count(self, query: Query = "", *, seconds: float = SECONDS) -> int | None:
        """How many calls there are; None when counting takes longer. See `callscope.index.how_many.how_many`."""
        asked = self._asked(query)
        with self._reading() as db:
            return counting.how_many(db, asked, seconds=seconds)

    def neighbours(self, query: Query, path: str) -> Neighbours:
        """The calls before and after one in a list; see `callscope.index.neighbours.neighbours`."""
        asked = self._asked(query)
        with self._reading() as db:
            return neighbouring.neighbours(db, asked, path)

    def search(self, query: Query, *, ranked: bool = False, seconds: float = 2.0) -> HitPage:
        """A page of what was said; see `callscope.index.search.search`."""
        asked = self._asked(query)
        with self._reading() as db:
            return searching.search(db, asked, ranked=ranked, seconds=seconds)

    def stats(self, query: Query = "", *, by: tuple[str, ...] = (), stages: bool = True) -> list[tuple[Key, Figures]]:
        """Figures by group; see `callscope.index.trends.trends`."""
        asked = self._asked(query)
        with self._reading() as db, limited(db, SECONDS):
            return trending.trends(db, asked, by=by, now_ms=self._now_ms(), stages=stages)

    def distribution(
        self, query: Query = "", *, stage: str = "response", by: str | None = None
    ) -> list[tuple[str | int, Distribution]]:
        """How waits are spread, by group; see `callscope.index.distribution.distribution`."""
        asked = self._asked(query)
        with self._reading() as db, limited(db, SECONDS):
            return distributing.distribution(db, asked, stage=stage, by=by)

    def slowest(self, query: Query = "", *, limit: int = 50) -> list[SlowExchange]:
        """The exchanges with the longest waits; see `callscope.index.slowest.slowest`."""
        asked = self._asked(query)
        with self._reading() as db, limited(db, SECONDS):
            return slowing.slowest(db, asked, limit=limit)

    def spend(self, query: Query = "", *, by: tuple[str, ...] = ("day", "provider")) -> list[tuple[Key, Spend]]:
        """What calls cost, by group; see `callscope.index.spend.spend`."""
        asked = self._asked(query)
        with self._reading() as db, limited(db, SECONDS):
            return spending.spend(db, asked, by=by)

    def errors(self, query: Query = "", *, limit: int = 50) -> list[ErrorGroup]:
        """Errors as groups; see `callscope.index.error_groups.error_groups`."""
        asked = self._asked(query)
        with self._reading() as db:
            return grouping.error_groups(db, asked, limit=limit)

    def compare(self, a: Query, b: Query) -> Comparison:
        """Two sets of calls; see `callscope.index.compare.compare`."""
        one, other = self._asked(a), self._asked(b)
        with self._reading() as db, limited(db, SECONDS):
            return comparing.compare(db, one, other)

    def refresh_logs(self, logs: LogFiles, *, budget_seconds: float) -> LogReport:
        """Bring what is known of log files up to date, where there is an index and nobody else is at it.

        Raises:
            CallscopeError: the index cannot be written; it can be asked for lines all the same.
        """
        if not self.place.exists():
            return LogReport()
        with database.lock(self.place) as held:
            if not held or database.is_condemned(self.place):
                return LogReport()
            db = database.writable(self.place, root=self.root)
            try:
                return log_blocking.refresh_blocks(db, logs, Deadline(budget_seconds))
            except sqlite3.DatabaseError as error:
                if database.is_broken(error):
                    database.condemn(self.place)
                raise database.explain(error, self.place) from error
            finally:
                db.close()

    def log_lines(self, logs: LogFiles, query: LogQuery) -> LogAnswer:
        """Lines of logs, also without an index; see `callscope.index.log_lines.log_lines`."""
        try:
            with self._reading() as db:
                return log_finding.log_lines(logs, query, db)
        except (NotFoundError, UnreadableError):
            return log_finding.log_lines(logs, query)

    def values(self, field: str, prefix: str = "", limit: int = 20) -> list[str]:
        """The most frequent known values of a field; see `callscope.index.values.values`."""
        with self._reading() as db:
            return knowing.values(db, field, prefix=prefix, limit=limit)

    def complete(self, text: str, cursor: int) -> Completion:
        """What could stand at a place of a query, with values of this archive; see `callscope.query.completions`."""
        found = completions.complete(text, cursor)
        return completions.with_values(found, self.values(found.asks, found.prefix)) if found.asks else found

    def sql(
        self, statement: str, *, seconds: float = 10.0, rows: int = 10_000
    ) -> tuple[list[str], list[tuple[asking.Value, ...]], bool]:
        """The answer to a statement of SQL; see `callscope.index.sql.run_sql`."""
        return asking.run_sql(self.place, self.root, statement, seconds=seconds, rows=rows)

    def close(self) -> None:
        """Close every thread's connection. It can be used again afterwards. No other thread may be asking."""
        with self._lock:
            for connection in self._connections.values():
                connection.db.close()
            self._connections.clear()
            if self._temporary is not None:
                self._temporary.cleanup()
                self.place, self.elsewhere, self._temporary = self._home, None, None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _is_built(self) -> bool:
        try:
            return self.freshness.is_built
        except CallscopeError:
            return False

    def _asked(self, query: Query) -> CallQuery:
        return parse(query, now_ms=self._now_ms()) if isinstance(query, str) else query

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection. What goes wrong with the file is told in words."""
        try:
            yield self._connection()
        except sqlite3.DatabaseError as error:
            if database.is_broken(error):
                database.condemn(self.place)
            raise database.explain(error, self.place) from error

    def _connection(self) -> sqlite3.Connection:
        """Opened anew when the file is another one: an index that was made anew takes the place of the old one."""
        thread = threading.get_ident()
        known = self._connections.get(thread)
        if known is not None and known.file == _file_at(self.place):
            return known.db
        file = _file_at(self.place)
        db = database.readable(self.place, root=self.root)
        regex.install(db)
        with self._lock:
            self._close_ended()
            self._connections[thread] = _Connection(db, file)
        if known is not None:
            known.db.close()
        return db

    def _close_ended(self) -> None:
        """Let go of the connections of threads that are no more."""
        alive = {thread.ident for thread in threading.enumerate()}
        for thread in [thread for thread in self._connections if thread not in alive]:
            self._connections.pop(thread).db.close()


class _Connection(msgspec.Struct, frozen=True):
    db: sqlite3.Connection
    file: tuple[int, int] | None
    """Device and number of the file that it reads."""


def _file_at(place: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(place)  # noqa: PTH116 -- asked at every question
    except OSError:
        return None
    return found.st_dev, found.st_ino
