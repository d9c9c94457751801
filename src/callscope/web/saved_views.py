"""Filters that were given a name: a TOML file that people may write, too.

A file with a mistake is never overwritten, and what else somebody wrote into it (comments, other views) stays.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from callscope.archive.replace import FILE_MODE, make_dir, write_all
from callscope.errors import SettingError
from callscope.web.asked import ALL, RANGES

if TYPE_CHECKING:
    from callscope.prices.toml_lines import Table

MAX_NAME: Final = 60
MAX_VIEWS: Final = 100
_HEADING: Final = "# Saved views of the dashboard: each has a name, a filter (docs/query.md) and perhaps a range.\n"
_saving: Final = threading.Lock()


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A filter with a name."""

    name: str
    query: str
    range: str = ALL
    """A key of `callscope.web.asked.RANGES`."""


def read_views(path: Path) -> tuple[View, ...]:
    """The views of a file, in its order; none when it is not there.

    Raises:
        SettingError: it cannot be read or has a mistake; says where.
    """
    return _views(_text(path), file=str(path))


def save_view(path: Path, view: View) -> None:
    """Add a view, in place of one of the same name.

    Raises:
        SettingError: it has no name, the file has a mistake, or it cannot be written.
    """
    if not view.name or len(view.name) > MAX_NAME or not view.name.isprintable():
        raise SettingError(f"a view needs a name of 1 to {MAX_NAME} printable characters")
    with _saving:
        text = _text(path)
        others = tuple(each for each in _views(text, file=str(path)) if each.name != view.name)
        if len(others) >= MAX_VIEWS:
            raise SettingError(f"there are {MAX_VIEWS} views already: delete one in {path}")
        kept = _without(text, view.name, file=str(path)).rstrip()
        _replace(path, f"{kept}\n\n{_written(view)}" if kept else f"{_HEADING}\n{_written(view)}", (*others, view))


def delete_view(path: Path, name: str) -> None:
    """Take a view away; nothing happens when there is none of that name.

    Raises:
        SettingError: the file has a mistake, or it cannot be written.
    """
    with _saving:
        text = _text(path)
        views = _views(text, file=str(path))
        kept = tuple(each for each in views if each.name != name)
        if kept != views:
            _replace(path, _without(text, name, file=str(path)), kept)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(f"{path} cannot be read as saved views ({error})") from error


def _views(text: str, *, file: str) -> tuple[View, ...]:
    if not text:
        return ()
    from callscope.prices.toml_lines import Table  # noqa: PLC0415 -- most have no views, and tomllib is slow

    found: dict[str, View] = {}
    for table in _tables(text, file=file):
        fields = table.fields({"name": Table.text, "query": _query, "range": _range}, required=("name", "query"))
        if fields["name"] in found:
            raise table.error("name", f'"{fields["name"]}" is the name of two views')
        found[fields["name"]] = View(**fields)
    return tuple(found.values())


def _tables(text: str, *, file: str) -> list[Table]:
    from callscope.prices.toml_lines import Table, parse  # noqa: PLC0415 -- as above

    found: list[Table] = parse(text, file=file).fields({"view": Table.tables}).get("view", [])
    return found


def _query(table: Table, key: str) -> str:
    value: Any = table.values[key]
    if not isinstance(value, str):
        raise table.error(key, f'"{key}" must be text in quotes')
    return value.strip()


def _range(table: Table, key: str) -> str:
    value = table.text(key)
    if value not in RANGES:
        raise table.error(key, f"no range {value!r}: write one of {', '.join(RANGES)}")
    return value


def _without(text: str, name: str, *, file: str) -> str:
    """The text without the lines of one view; comments above the view that follows are left there."""
    lines = text.split("\n")
    tables = _tables(text, file=file)
    starts = [table.document.lines.get(table.path, 1) - 1 for table in tables]
    number = next((number for number, table in enumerate(tables) if table.values["name"] == name), None)
    if number is None:
        return text
    start, end = starts[number], len(lines)
    if number + 1 < len(starts):
        end = starts[number + 1]
        while end > start + 1 and lines[end - 1].lstrip()[:1] in {"", "#"}:
            end -= 1
    return "\n".join(lines[:start] + lines[end:])


def _written(view: View) -> str:
    lines = ["[[view]]", f"name = {_quoted(view.name)}", f"query = {_quoted(view.query)}"]
    if view.range != ALL:
        lines.append(f"range = {_quoted(view.range)}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """A TOML string: as in JSON, but that DEL has to be escaped, too."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def _replace(path: Path, text: str, meant: tuple[View, ...]) -> None:
    """Put a text in the file's place in one step, once it is sure that it says what is meant."""
    if sorted(_views(text, file=str(path)), key=lambda view: view.name) != sorted(meant, key=lambda view: view.name):
        raise SettingError(f"{path} is written in a way that cannot be changed here: change it in an editor")
    place = path.resolve()  # a link stays one
    temporary = place.parent / f".tmp.{os.urandom(6).hex()}.toml"
    try:
        make_dir(place.parent)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), FILE_MODE)
        try:
            write_all(fd, text.encode())
        finally:
            os.close(fd)
        temporary.replace(place)
    except OSError as error:
        raise SettingError(f"the views cannot be saved in {path} ({error})") from error
    finally:
        temporary.unlink(missing_ok=True)
