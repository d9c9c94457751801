"""Tables as a directory with a part for each UTC day, which a later export goes on with.

::

    DIR/_callscope.json                         what is in it, and what each day was like when it was written
    DIR/calls/day=2026-11-21/calls.parquet      a file for each table and day

A day is written again when a call of it changed, came or went, and left alone otherwise. A day whose calls are gone
from the archive stays as it is: that is what exports are for. Each file takes its place in one step, and a day is noted
when all of its files are there, so whatever was killed is done again.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Final

import msgspec

from callscope.archive.replace import make_dir
from callscope.errors import SettingError, UnreadableError
from callscope.exporters.format import Done, Request
from callscope.exporters.place import TEMPORARY, replaced
from callscope.exporters.tables.column import VERSION, Table
from callscope.exporters.tables.selection import Day, days_of, groups_of, of_day, reading, whole_days
from callscope.exporters.tables.sink import Open
from callscope.index import database
from callscope.index.matching import snapshot
from callscope.model.wire import format_ts
from callscope.query.language import unparse
from callscope.query.query import CallQuery
from callscope.version import __version__

NAME: Final = "_callscope.json"
"""Begins with what readers of partitioned directories leave out."""
_LEFT_MS: Final = 86_400_000
"""Age from which a temporary file is nobody's any more."""


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """What a directory holds. Two exports to one directory must agree on it."""

    format: str
    columns: int
    """`callscope.exporters.tables.column.VERSION`."""
    tables: tuple[str, ...]
    query: str
    """Without its time."""
    words: bool


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A day, as it was written."""

    calls: int
    digest: str
    bytes: dict[str, int]
    """Of the file of each table."""


class Manifest(msgspec.Struct, kw_only=True):
    """``_callscope.json``."""

    callscope: str
    content: Content
    days: dict[str, Part] = {}


def write(request: Request, directory: Path, tables: tuple[Table, ...], name: str, suffix: str, begin: Open) -> Done:
    """Bring a directory up to date.

    Raises:
        SettingError: it is no directory of ours, one of another export, or cannot be written.
    """
    query = whole_days(request.query)
    content = Content(
        format=name,
        columns=VERSION,
        tables=tuple(table.name for table in tables),
        query=unparse(CallQuery(terms=query.terms, words=query.words)),
        words=not request.options["no-text"],
    )
    manifest = _opened(directory, content)
    _clear(directory, request.now_ms)
    written: list[Path] = []
    unchanged = done = total_bytes = 0
    with reading(request.index) as db:
        days = days_of(db, query)
        total = sum(day.calls for day in days)
        for day in days:
            label = format_ts(day.start_ms)[:10]
            paths = {table.name: directory / table.name / f"day={label}" / f"{table.name}{suffix}" for table in tables}
            digest = f"{database.SCHEMA}.{day.digest}"
            if not request.force and _is_there(manifest.days.get(label), digest, paths):
                unchanged += len(tables)
            else:
                with snapshot(db):
                    for table in tables:
                        _write_day(db, of_day(query, day.start_ms), table, paths[table.name], directory, begin)
                sizes = {table: path.stat().st_size for table, path in paths.items()}
                manifest.days[label] = Part(calls=day.calls, digest=digest, bytes=sizes)
                _save(directory, manifest)
                written += paths.values()
                total_bytes += sum(sizes.values())
            done += day.calls
            if request.progress is not None:
                request.progress(done, total)
    notes = _notes(days, query, request)
    return Done(calls=total, written=tuple(written), unchanged=unchanged, bytes=total_bytes, notes=notes)


def _write_day(db: Any, query: CallQuery, table: Table, path: Path, directory: Path, begin: Open) -> None:
    with replaced(path, aside=directory) as file:
        sink = begin(file, table)
        for numbers in groups_of(db, query):
            sink.write(table.read(db, numbers))
        sink.close()


def _is_there(part: Part | None, digest: str, paths: dict[str, Path]) -> bool:
    if part is None or part.digest != digest:
        return False
    try:
        return all(path.stat().st_size == part.bytes.get(table) for table, path in paths.items())
    except OSError:
        return False


def _opened(directory: Path, content: Content) -> Manifest:
    """What is known of the directory; it is made when it is not there."""
    place = directory / NAME
    try:
        make_dir(directory)
        manifest = msgspec.json.decode(place.read_bytes(), type=Manifest)
    except FileNotFoundError:
        if any(not each.name.startswith(".") for each in directory.iterdir()):
            raise SettingError(f"{directory} is not empty, and no export of callscope: give another --output") from None
        manifest = Manifest(callscope=__version__, content=content)
        _save(directory, manifest)
    except OSError as error:
        raise SettingError(f"{directory} cannot be written ({error.strerror}): give another --output") from error
    except msgspec.DecodeError as error:
        raise UnreadableError(f"{place} cannot be read ({error}): give another --output, or remove it") from error
    if manifest.content != content:
        raise SettingError(
            f"{directory} holds another export ({_differences(manifest.content, content)}): give another --output"
        )
    manifest.callscope = __version__
    return manifest


def _differences(there: Content, asked: Content) -> str:
    said = []
    for name in Content.__struct_fields__:
        one, other = getattr(there, name), getattr(asked, name)
        if one != other:
            said.append(f"its {name} is {_plain(one)}, not {_plain(other)}")
    return "; ".join(said)


def _plain(value: object) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value) or "empty"


def _save(directory: Path, manifest: Manifest) -> None:
    with replaced(directory / NAME, aside=directory) as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")


def _clear(directory: Path, now_ms: int) -> None:
    """Remove what exports that were killed have left."""
    for path in directory.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime * 1000 < now_ms - _LEFT_MS:
                path.unlink()


def _notes(days: list[Day], query: CallQuery, request: Request) -> tuple[str, ...]:
    if not days or query == request.query:
        return ()
    return (f"whole days were written: {format_ts(days[0].start_ms)[:10]} to {format_ts(days[-1].start_ms)[:10]}",)
