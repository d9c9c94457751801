"""TOML (or JSON) as values that know where they stand, so that every mistake is told with file and line.

`parse` gives the `Table` at the top. A `Table` reads its keys by a dict of readers, one a key it may hold::

    table.fields({"name": Table.text, "usd": Table.money}, required=("name", "usd"))

Whatever is wrong raises `callscope.errors.SettingError`: ``prices.toml line 12: unknown key "effectve_from" in
[[price]]: did you mean "effective_from"?``. JSON says no lines once it is read: ``prices.json in price 2: ...``.
"""

from __future__ import annotations

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

from callscope.errors import SettingError

Path = tuple[str | int, ...]

_PART: Final = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
_KEY: Final = rf"{_PART}(?:[ \t]*\.[ \t]*{_PART})*"
_STATEMENT: Final = re.compile(rf"[ \t]*(?:(?P<opens>\[\[?)[ \t]*(?P<header>{_KEY})[ \t]*\]|(?P<key>{_KEY})[ \t]*=)")
_REST: Final = re.compile(
    r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*|[\[{]|[\]}]|\n|[^"'\#\[\]{}\n]+''',
    re.DOTALL,
)
_AT: Final = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)")
_MONEY: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)


class _Inexact:
    """A number with a fraction, as it is written: as a float it would be another number."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class Document:
    """One text: its values, and the line of every table and key."""

    __slots__ = ("file", "is_json", "lines")

    def __init__(self, file: str, *, lines: Mapping[Path, int], is_json: bool) -> None:
        self.file = file
        self.lines = lines
        self.is_json = is_json

    def where(self, path: Path) -> str:
        """``file line 12``; what has no line of its own stands on its table's."""
        if self.is_json:
            return f"{self.file} in {_spoken(path)}" if _spoken(path) else self.file
        for length in range(len(path), 0, -1):
            if (line := self.lines.get(path[:length])) is not None:
                return f"{self.file} line {line}"
        return self.file

    def inside(self, path: Path) -> str:
        """Table of that path as its header is written, with a blank before it; empty where `where` says it."""
        if self.is_json or not path:
            return ""
        name = ".".join(part for part in path if isinstance(part, str))
        return f" in [[{name}]]" if isinstance(path[-1], int) else f" in [{name}]"


class Table:
    """One table. Each reader (``text``, ``money``, ...) takes a key that is there, and raises `SettingError`."""

    __slots__ = ("document", "path", "values")

    def __init__(self, document: Document, path: Path, values: Mapping[str, Any]) -> None:
        self.document = document
        self.path = path
        self.values = values

    def fields(self, readers: Mapping[str, Reader], *, required: Collection[str] = ()) -> dict[str, Any]:
        """Every key that is there, as its reader reads it; no other keys, and all that are required."""
        for key in self.values:
            if key not in readers:
                raise self.error(key, f'unknown key "{key}"{self.inside}: {nearest(key, readers)}')
        for key in required:
            if key not in self.values:
                raise self.error(None, f'"{key}" is missing{self.inside}')
        return {key: readers[key](self, key) for key in self.values}

    def error(self, key: str | None, message: str) -> SettingError:
        """The error to raise about a key, or about the table itself."""
        return SettingError(f"{self.where(key)}: {message}")

    def where(self, key: str | None = None) -> str:
        """File and line of a key, or of the table."""
        path = self.path if key is None or self.document.is_json else (*self.path, key)
        return self.document.where(path)

    @property
    def inside(self) -> str:
        """`` in [[price]]``."""
        return self.document.inside(self.path)

    def text(self, key: str) -> str:
        """Text that says something and has no blanks around it."""
        value = self.values[key]
        if not isinstance(value, str):
            raise self.error(key, f'"{key}" must be text in quotes')
        if not value or value != value.strip():
            raise self.error(key, f'"{key}" must not be empty or have blanks around it')
        return value

    def name(self, key: str) -> str:
        """Text in lower case."""
        value = self.text(key)
        if value != value.lower():
            raise self.error(key, f'"{key}" must be in lower case: "{value.lower()}"')
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.values[key]
        if not isinstance(value, list) or not all(isinstance(one, str) and one == one.strip() != "" for one in value):
            raise self.error(key, f'"{key}" must be a list of texts in quotes, as ["one", "two"]')
        return tuple(value)

    def names(self, key: str) -> tuple[str, ...]:
        """A list of texts in lower case."""
        for name in (names := self.texts(key)):
            if name != name.lower():
                raise self.error(key, f'"{name}" in "{key}" must be in lower case: "{name.lower()}"')
        return names

    def flag(self, key: str) -> bool:
        """``true`` or ``false``."""
        value = self.values[key]
        if not isinstance(value, bool):
            raise self.error(key, f'"{key}" must be true or false')
        return value

    def count(self, key: str) -> int:
        """A whole number above 0."""
        value = self.values[key]
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise self.error(key, f'"{key}" must be a whole number above 0')
        return value

    def money(self, key: str) -> Decimal:
        """An exact number, 0 or more: ``"0.0048"`` in quotes, or a whole number."""
        value = self.values[key]
        if isinstance(value, _Inexact):
            raise self.error(key, f'{key} = {value.text} is not exact as a number: write {key} = "{value.text}"')
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str):
            raise self.error(key, f'"{key}" must be a number in quotes, as {key} = "0.0048"')
        if not _MONEY.fullmatch(value):
            hint = "it is negative" if value.startswith("-") else 'digits and a dot, as "0.0048"'
            raise self.error(key, f'"{key}" cannot be "{value}": {hint}')
        return Decimal(value)

    def positive(self, key: str) -> Decimal:
        """An exact number above 0."""
        value = self.money(key)
        if not value:
            raise self.error(key, f'"{key}" must be above 0')
        return value

    def moment(self, key: str) -> int:
        """Unix seconds of a date with time and offset, or of a date's beginning in UTC."""
        value = self._date(key)
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise self.error(key, f'"{key}" has no time zone: write {value.isoformat()}Z for UTC')
            return int(value.timestamp())
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())

    def day(self, key: str) -> str:
        """A date without time, as ``YYYY-MM-DD``."""
        value = self._date(key)
        if isinstance(value, datetime):
            raise self.error(key, f'"{key}" must be a date without time: {value.date().isoformat()}')
        return value.isoformat()

    def table(self, key: str) -> Table:
        """A table inside this one."""
        value = self.values[key]
        if not isinstance(value, dict):
            raise self.error(key, f'"{key}" must be a table, as [{self._header(key)}]')
        return Table(self.document, (*self.path, key), value)

    def tables(self, key: str) -> list[Table]:
        """A list of tables."""
        value = self.values[key]
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.error(key, f'"{key}" must be a list of tables, each begun with [[{self._header(key)}]]')
        return [Table(self.document, (*self.path, key, index), one) for index, one in enumerate(value)]

    def table_or_tables(self, key: str) -> list[Table]:
        """One table, or several with the same header in two brackets."""
        return self.tables(key) if isinstance(self.values[key], list) else [self.table(key)]

    def _header(self, key: str) -> str:
        return ".".join([*(part for part in self.path if isinstance(part, str)), key])

    def _date(self, key: str) -> date:
        value = self.values[key]
        if isinstance(value, date):
            return value
        if isinstance(value, str):
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                raise self.error(key, f'"{key}" cannot be "{value}": a date is written 2026-10-01') from None
            if not self.document.is_json:
                raise self.error(key, f'"{key}" is a date, which is written without quotes: {key} = {value}')
            return moment if len(value) > len("2026-10-01") else moment.date()
        raise self.error(key, f'"{key}" must be a date, as 2026-10-01 or 2026-10-01T07:00:00Z')


Reader = Callable[[Table, str], Any]


def choice(*options: str) -> Reader:
    """A reader of one of a few words."""

    def read(table: Table, key: str) -> str:
        value = table.text(key)
        if value not in options:
            raise table.error(key, f'unknown {key} "{value}": {nearest(value, options)}')
        return value

    return read


def nearest(word: str, known: Collection[str]) -> str:
    """What to write in place of a word that is not known."""
    near = difflib.get_close_matches(word, known, n=1)
    return f'did you mean "{near[0]}"?' if near else f"known are {', '.join(sorted(known)) or 'none'}"


def parse(text: str, *, file: str) -> Table:
    """The top table of a TOML text, or of a JSON text: one that begins with ``{``.

    Raises `SettingError`, with the line, for what is neither.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if text.lstrip().startswith("{"):
        return Table(Document(file, lines={}, is_json=True), (), _json(text, file=file))
    try:
        values = tomllib.loads(text, parse_float=_Inexact)
    except ValueError as error:
        at = _AT.search(str(error))
        line = int(at[1]) if at and at[1] else text.count("\n") + 1
        column = f" (column {at[2]})" if at and at[2] else ""
        raise SettingError(f"{file} line {line}: not valid TOML: {_AT.sub('', str(error))}{column}") from None
    return Table(Document(file, lines=lines_of(text), is_json=False), (), values)


def lines_of(text: str) -> dict[Path, int]:
    """The line of every table and key of valid TOML, from 1. An element of an array of tables has its index.

    What is inside a value has no line: it stands where its key does. A table that only its parts
    name begins at the first of them.
    """
    lines: dict[Path, int] = {}
    lengths: dict[Path, int] = {}
    table: Path = ()
    position, line = 0, 1
    while position < len(text):
        start = position
        if statement := _STATEMENT.match(text, position):
            position = statement.end()
            if header := statement["header"]:
                table = _opened(_keys(header), lengths, repeats=statement["opens"] == "[[")
                path = table
            else:
                path = (*table, *_keys(statement["key"]))
            for length in range(1, len(path) + 1):
                lines.setdefault(path[:length], line)
        position = _next_statement(text, position)
        line += text.count("\n", start, position)
    return lines


def _opened(keys: list[str], lengths: dict[Path, int], *, repeats: bool) -> Path:
    """The path that a header opens: of each array of tables on the way it is the last element."""
    path: Path = ()
    for depth, key in enumerate(keys, start=1):
        path = (*path, key)
        if repeats and depth == len(keys):
            lengths[path] = lengths.get(path, 0) + 1
        if path in lengths:
            path = (*path, lengths[path] - 1)
    return path


def _keys(dotted: str) -> list[str]:
    """The parts of a dotted key, each unquoted: what the parser itself makes of it."""
    keys = []
    value: Any = tomllib.loads(f"{dotted} = 0")
    while isinstance(value, dict):
        [(key, value)] = value.items()
        keys.append(key)
    return keys


def _next_statement(text: str, position: int) -> int:
    """Where the line ends on which the value ends: brackets and strings may go over several."""
    depth = 0
    while token := _REST.match(text, position):
        position = token.end()
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        elif token[0] == "\n" and depth <= 0:
            return position
    return len(text)


def _json(text: str, *, file: str) -> dict[str, Any]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in pairs:
            if key in values:
                raise SettingError(f'{file}: "{key}" stands twice in one object')
            values[key] = value
        return values

    try:
        values: dict[str, Any] = json.loads(text, parse_float=_Inexact, parse_constant=_Inexact, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise SettingError(f"{file} line {error.lineno}: not valid JSON: {error.msg} (column {error.colno})") from None
    return values


def _spoken(path: Path) -> str:
    """``price 2``, ``discount.twilio``."""
    words = ""
    for part in path:
        words += f" {part + 1}" if isinstance(part, int) else f".{part}" if words else part
    return words
