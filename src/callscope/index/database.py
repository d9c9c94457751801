"""The index's file: opened for reading by many, for writing by one; its versions; what to do with a broken one.

The file is disposable: whatever is wrong with it, it can be made again from the archive. So a damaged one is set aside
(``<name>.broken``) and made anew, one of an older schema is brought up to date, and only a file that is not ours at all
is left alone, with an error that says so.

Who writes holds the lock of `lock`; who reads needs none. Readers see whole transactions (WAL).
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import quote

from callscope.archive.replace import FILE_MODE, make_dir
from callscope.errors import CallscopeError, NoIndexError, SettingError, UnreadableError
from callscope.index import full_text
from callscope.index.place import NAME

try:
    import fcntl
except ImportError:  # Windows: SQLite's own lock keeps two refreshers apart, they only do the work twice
    fcntl = None  # type: ignore[assignment]

_MIGRATIONS: Final = {4: "schema.sql", 5: "log_tables.sql"}
"""What brings a file from the version before to this one: SQL in this directory. A file of a version before the first
one is made anew: it holds nothing that is not in the archive."""
_FIRST: Final = min(_MIGRATIONS)
SCHEMA: Final = max(_MIGRATIONS)
"""``PRAGMA user_version`` of a file that is up to date."""
_APPLICATION: Final = 0x63_61_6C_6C
"""``PRAGMA application_id``: tells our files from other programs' databases."""
_BUSY_SECONDS: Final = 5.0
_CACHE_KIB: Final = 32 * 1024
_BULK_CACHE_KIB: Final = 96 * 1024
_READING_CACHE_KIB: Final = 512
"""Of each thread that reads: beyond the tops of the trees, the system keeps pages as well as SQLite would."""
log: Final = logging.getLogger("callscope")


_MAGIC: Final = b"SQLite format 3\0"
_MARK: Final = "-damaged"
_SIDE_FILES: Final = ("-wal", "-shm", "-journal", _MARK)
_PRIMARY: Final = 0xFF
"""Extended result codes hold the primary one in their lowest byte."""
_BROKEN: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_FULL: Final = sqlite3.SQLITE_FULL


class UnusableError(CallscopeError):
    """An index cannot be kept at its place; elsewhere it could."""


class _NoPlaceError(UnusableError, SettingError):
    """The place cannot be written."""


class _NewerError(UnusableError, UnreadableError):
    """A newer callscope made the file."""


def writable(place: Path, *, root: Path) -> sqlite3.Connection:
    """Open the index for writing, made, migrated or made anew as it needs. Hold `lock` while it is used.

    Args:
        place: the index's file.
        root: the archive that it is of.

    Raises:
        UnreadableError: a newer callscope made the file.
        SettingError: the file is another program's database, or cannot be made where it should be.
        CallscopeError: the disk is full, or does not work.
    """
    try:
        make_dir(place.parent)
        return _opened(place, root)
    except OSError as error:
        raise _no_place(place, error.strerror or str(error)) from error
    except sqlite3.DatabaseError as error:
        if not is_broken(error):
            raise explain(error, place) from error
    set_aside(place)
    try:
        return _opened(place, root)
    except sqlite3.DatabaseError as error:
        raise explain(error, place) from error


def readable(place: Path, *, root: Path) -> sqlite3.Connection:
    """Open the index for reading alone. It may be used by any thread, by one at a time.

    Raises:
        NoIndexError: there is none yet, or only one of an older schema or another archive.
        UnreadableError: a newer callscope made the file, or it is damaged.
    """
    if not place.exists():
        raise NoIndexError(f"there is no index of {root} yet at {place}")
    try:
        db = _connect_to_read(place)
    except sqlite3.DatabaseError as error:
        raise explain(error, place) from error
    try:
        version = _version(db, place)
        if version < SCHEMA or _about(db, "root") != _name_of(root):
            raise NoIndexError(f"the index at {place} is not up to date, or is of another archive than {root}")
    except sqlite3.DatabaseError as error:
        db.close()
        raise explain(error, place) from error
    except CallscopeError:
        db.close()
        raise
    return db


def schema() -> str:
    """What makes the tables of an empty file, as SQL."""
    return "\n".join(map(_script, sorted(_MIGRATIONS)))


def told(place: Path, name: str) -> str | None:
    """What the ``about`` of an index says under a name, also of one that is to be made anew; None if it does not."""
    try:
        with contextlib.closing(_connect_to_read(place)) as db:
            return _about(db, name)
    except (sqlite3.Error, UnicodeDecodeError):
        return None


@contextlib.contextmanager
def lock(place: Path) -> Iterator[bool]:
    """Hold the right to write the index, if nobody has it; gives whether it is held. Ends with the process, too.

    Raises:
        SettingError: the lock's file cannot be made.
    """
    try:
        make_dir(place.parent)
        fd = os.open(f"{place}.lock", os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), FILE_MODE)
    except OSError as error:
        raise _no_place(place, error.strerror or str(error)) from error
    try:
        yield _locked(fd)
    finally:
        os.close(fd)


def require_ours(place: Path) -> None:
    """Make sure that a file may be made anew; there need not be one.

    Raises:
        SettingError: it is of another kind, or another program's database.
        UnreadableError: a newer callscope made it.
    """
    if not place.exists():
        return
    _require_kind(place)
    try:
        with contextlib.closing(_connect_to_read(place)) as db:
            _version(db, place)
    except sqlite3.DatabaseError:
        return  # damaged: it is made anew


def discard(place: Path) -> None:
    """Delete the index. Hold `lock`. Who reads it goes on with what it has open."""
    for name in ("", *_SIDE_FILES):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{place}{name}")  # noqa: PTH108 -- names with an ending, not paths


def set_aside(place: Path) -> None:
    """Move an index that is damaged out of the way, in place of the one before it. Hold `lock`.

    Raises:
        SettingError: the file has a name that somebody gave, and does not look like an index: it may be precious.
    """
    _require_kind(place)
    log.warning("callscope: the index %s is damaged: it is kept as %s.broken, and made anew", place, place.name)
    with contextlib.suppress(FileNotFoundError):
        os.replace(place, f"{place}.broken")  # noqa: PTH105 -- as above
    discard(place)


def _require_kind(place: Path) -> None:
    if place.name != NAME and not _may_be_ours(place):
        raise SettingError(f"{place} is a file of another kind: set CALLSCOPE_INDEX to another place, or remove it")


def condemn(place: Path) -> None:
    """Note that who reads the index found it damaged: the next refresh makes it anew. Never raises."""
    with contextlib.suppress(OSError):
        Path(f"{place}{_MARK}").touch(FILE_MODE)


def is_condemned(place: Path) -> bool:
    """Whether somebody did."""
    return Path(f"{place}{_MARK}").exists()


def _may_be_ours(place: Path) -> bool:
    """Whether a file begins as a database does, or is empty."""
    try:
        with place.open("rb") as file:
            return file.read(len(_MAGIC)) in {_MAGIC, b""}
    except FileNotFoundError:
        return True


def bulk(db: sqlite3.Connection, *, on: bool) -> None:
    """Make the most of a first build: more memory, nothing forced to the disk before its end; or end that."""
    db.execute(f"PRAGMA cache_size = {-(_BULK_CACHE_KIB if on else _CACHE_KIB)}")
    db.execute(f"PRAGMA synchronous = {'OFF' if on else 'NORMAL'}")
    db.execute(f"PRAGMA wal_autocheckpoint = {16_000 if on else 1_000}")
    full_text.bulk(db, on=on)
    if not on:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def is_broken(error: sqlite3.Error) -> bool:
    """Whether an error says that the file is damaged or no database."""
    return _code(error) in _BROKEN


def explain(error: sqlite3.Error, place: Path) -> CallscopeError:
    """An error of SQLite in words: what happened, where, what to do."""
    code = _code(error)
    if full_text.is_missing(error):
        return SettingError(
            "this index was made without what finds substrings and regular expressions: `callscope reindex --search` "
            "adds it; ranked words are found without"
        )
    if code in _BROKEN:
        return UnreadableError(
            f"the index {place} is damaged ({error}): `callscope reindex` makes it anew; no call is affected"
        )
    if code == _FULL:
        return UnusableError(
            f"the disk of the index {place} is full: free some space, or set CALLSCOPE_INDEX to another place"
        )
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
        return _no_place(place, str(error))
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return CallscopeError(f"the index {place} is busy: another program has held it for {_BUSY_SECONDS:.0f} s")
    return CallscopeError(f"the index {place} does not work ({error}): `callscope reindex` makes it anew")


def _opened(place: Path, root: Path) -> sqlite3.Connection:
    db = _connect(place)
    try:
        version = _version(db, place)
        name = _name_of(root)
        is_of_another = version and _about(db, "root") != name and not place.is_relative_to(root)
        if 0 < version < _FIRST or is_of_another:
            db.close()
            discard(place)
            db, version = _connect(place), 0
        if not version and _tables(db):
            raise _damaged("it holds tables and says that it is empty")
        for number in sorted(_MIGRATIONS.keys() - range(version + 1)):
            _migrate(db, number)
        if _about(db, "root") != name:  # new, or inside an archive that was moved
            db.execute("INSERT OR REPLACE INTO about VALUES ('root', ?)", (name,))
    except UnicodeDecodeError as error:
        db.close()
        raise _damaged(f"its schema is damaged ({error.reason})") from error
    except (sqlite3.Error, CallscopeError):
        db.close()
        raise
    return db


def _connect(place: Path) -> sqlite3.Connection:
    if not place.exists():
        os.close(os.open(place, os.O_RDWR | os.O_CREAT, FILE_MODE))  # words of callers: for their owner alone
    db = sqlite3.connect(place, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        _version(db, place)  # of what is not ours, not even the journal is changed
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    except (sqlite3.Error, CallscopeError):
        db.close()
        raise
    return db


def _connect_to_read(place: Path) -> sqlite3.Connection:
    """A connection that cannot write; also of a file in a directory that cannot be written."""
    uri = f"file:{quote(os.fspath(place))}?mode=ro"
    db = _connect_uri(uri)
    try:
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        db.close()
        if _code(error) not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY} or os.path.exists(f"{place}-wal"):  # noqa: PTH110 -- a name with an ending
            raise
        db = _connect_uri(f"{uri}&immutable=1")  # nobody writes it: a log would be there
    except UnicodeDecodeError as error:
        db.close()
        raise _damaged(f"its schema is damaged ({error.reason})") from error
    except (sqlite3.Error, CallscopeError):
        db.close()
        raise
    db.execute("PRAGMA query_only = ON")
    db.execute(f"PRAGMA cache_size = -{_READING_CACHE_KIB}")
    return db


def _damaged(why: str) -> sqlite3.DatabaseError:
    """What SQLite would have said, had it looked, or had Python understood its message: a piece of a damaged schema."""
    damaged = sqlite3.DatabaseError(why)
    damaged.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return damaged


def _connect_uri(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _version(db: sqlite3.Connection, place: Path) -> int:
    """The file's schema; 0 of an empty one. Raises where the file is not ours to use."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    application = int(db.execute("PRAGMA application_id").fetchone()[0])
    if application != _APPLICATION and (version or application or _tables(db)):
        raise SettingError(f"{place} is another program's database: set CALLSCOPE_INDEX to another place")
    if version > SCHEMA:
        raise _NewerError(
            f"the index {place} was made by a newer callscope (schema {version}, this one knows {SCHEMA}): upgrade "
            "callscope, or delete the file, or set CALLSCOPE_INDEX to another place"
        )
    return version


def _tables(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def _migrate(db: sqlite3.Connection, number: int) -> None:
    """One step, whole or not at all."""
    try:
        db.executescript(
            f"BEGIN IMMEDIATE;\n{_script(number)}\n"
            f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {number}; COMMIT;"
        )
    except sqlite3.Error:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _script(number: int) -> str:
    return resources.files(__package__).joinpath(_MIGRATIONS[number]).read_text(encoding="utf-8")


def _about(db: sqlite3.Connection, name: str) -> str | None:
    row = db.execute("SELECT value FROM about WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _name_of(root: Path) -> str:
    return os.fsencode(root.absolute()).decode("utf-8", "backslashreplace")


def _locked(fd: int) -> bool:
    if fcntl is not None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks: SQLite's own keep the file whole
            return True
    return True


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY


def _no_place(place: Path, why: str) -> SettingError:
    return _NoPlaceError(
        f"the index cannot be kept at {place} ({why}): set CALLSCOPE_INDEX to a place that can be written"
    )
