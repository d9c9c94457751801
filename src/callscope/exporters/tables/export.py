"""Tables written to standard output, to one file, or to a directory by day."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Final

from callscope.errors import SettingError
from callscope.exporters.format import Done, Format, Option, Request
from callscope.exporters.place import new_file
from callscope.exporters.tables import partitions
from callscope.exporters.tables.all_tables import TABLES, without_words
from callscope.exporters.tables.column import Table
from callscope.exporters.tables.selection import days_of, groups_of, reading
from callscope.exporters.tables.sink import Open
from callscope.index.matching import snapshot

TABLE: Final = Option(
    name="table",
    text="What a row is; may be given again [default: calls; in a directory, all].",
    metavar="NAME",
    choices=tuple(TABLES),
    several=True,
)
NO_TEXT: Final = Option(name="no-text", text="Leave out what was said, and the texts of errors.")


def table_format(*, name: str, text: str, suffix: str, begin: Open, to_stdout: bool = True) -> Format:
    """A format of tables: ``begin`` starts a file, all else is the same for each of them."""

    def run(request: Request) -> Done:
        tables = _chosen(request, request.options["table"])
        if request.output is None:
            if not to_stdout:
                raise SettingError(f"where to? give --output FILE{suffix}, or a directory")
            return _one(request, _only(tables), begin, lambda: contextlib.nullcontext(request.stdout))
        if request.output.suffix == suffix and not request.output.is_dir():
            output = request.output
            return _one(request, _only(tables), begin, lambda: new_file(output, force=request.force))
        return partitions.write(request, request.output, tables or _chosen(request, TABLES), name, suffix, begin)

    return Format(name=name, text=text, run=run, options=(TABLE, NO_TEXT), suffix=suffix)


def _chosen(request: Request, names: Iterable[str]) -> tuple[Table, ...]:
    """Tables by name, each once, without words if that was asked for."""
    tables = [TABLES[name] for name in dict.fromkeys(names)]
    return tuple(map(without_words, tables) if request.options["no-text"] else tables)


def _only(tables: tuple[Table, ...]) -> Table | None:
    if len(tables) > 1:
        raise SettingError(f"{len(tables)} tables are not one file: give one --table, or a directory as --output")
    return tables[0] if tables else None


def _one(
    request: Request, table: Table | None, begin: Open, place: Callable[[], contextlib.AbstractContextManager[BinaryIO]]
) -> Done:
    """One table of all calls, as they are at one moment."""
    wanted = _chosen(request, ["calls"])[0] if table is None else table
    with reading(request.index) as db, snapshot(db):
        total, done = sum(day.calls for day in days_of(db, request.query)), 0
        with place() as file:
            sink = begin(file, wanted)
            for numbers in groups_of(db, request.query):
                sink.write(wanted.read(db, numbers))
                done += len(numbers)
                if request.progress is not None:
                    request.progress(done, total)
            sink.close()
    if request.output is None:
        return Done(calls=done)
    return Done(calls=done, written=(request.output,), bytes=_size(request.output))


def _size(path: Path) -> int:
    return path.stat().st_size
