"""Usage records as a file holds them: a JSON array, one object, or an object a line. Numbers keep their digits."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final, TextIO, cast

from callscope.errors import UnreadableError

STANDARD_INPUT: Final = "-"
_DECODER: Final = json.JSONDecoder(parse_float=Decimal)
_DIGITS: Final = re.compile(r"[0-9]+")

Record = dict[str, Any]


@contextmanager
def opened(name: str) -> Iterator[tuple[Iterator[Record], bool]]:
    """The records in order, and whether the file is one object by itself.

    All of the file is checked before the first record is given, so that a mistake at its end leaves nothing half done.
    Of an object a line no more than a line is held.

    Args:
        name: a path; ``-`` is standard input.

    Raises:
        UnreadableError: it cannot be read, is no JSON, or holds something that is no object; says file and line.
    """
    shown = "standard input" if name == STANDARD_INPUT else name
    with ExitStack() as stack:
        try:
            text = TextIOWrapper(_seekable(stack, name), encoding="utf-8-sig", newline="\n")
            found = _records(text, shown)
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableError(f"{shown} cannot be read: {error}") from error
        yield found


def _seekable(stack: ExitStack, name: str) -> BinaryIO:
    """The file, in a form that can be read twice: what comes through a pipe is put into a file first."""
    file: BinaryIO = sys.stdin.buffer if name == STANDARD_INPUT else stack.enter_context(_path(name).open("rb"))
    if name != STANDARD_INPUT and file.seekable():
        return file
    kept: BinaryIO = stack.enter_context(cast("BinaryIO", TemporaryFile()))  # noqa: SIM115 -- the stack closes it
    shutil.copyfileobj(file, kept)
    return kept


def _path(name: str) -> Path:
    return Path(name).expanduser()


def _records(text: TextIO, shown: str) -> tuple[Iterator[Record], bool]:
    text.seek(0)
    first = next((line for line in text if line.strip()), "")
    if not first:
        raise UnreadableError(f"{shown} is empty: write usage records, see docs/usage-keys.md")
    if first.lstrip().startswith("["):
        return iter(_array(_whole(text), shown)), False
    if not _is_json(first):
        return iter([_alone(_whole(text), shown)]), True
    text.seek(0)
    known = sum(1 for _ in _lines(text, shown))
    text.seek(0)
    return _lines(text, shown), known == 1


def _whole(text: TextIO) -> str:
    text.seek(0)
    return text.read()


def _is_json(line: str) -> bool:
    try:
        _decoded(line)
    except ValueError:
        return False
    return True


def _decoded(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # an integer that Python does not read; it does not say where
        longest = max(_DIGITS.finditer(text), key=lambda found: len(found[0]))
        raise json.JSONDecodeError(f"A number of {len(longest[0]):,} digits", text, longest.start()) from error


def _alone(text: str, shown: str) -> Record:
    """One object over several lines."""
    try:
        value = _decoded(text)
    except ValueError as error:
        raise UnreadableError(_malformed(error, shown, 0)) from error
    return _object(value, shown, 1 + text[: len(text) - len(text.lstrip())].count("\n"))


def _array(text: str, shown: str) -> list[Record]:
    try:
        values = _decoded(text)
    except ValueError as error:
        raise UnreadableError(_malformed(error, shown, 0)) from error
    if all(isinstance(value, dict) for value in values):
        return list(values)
    return [_object(value, shown, line) for line, value in _elements(text)]


def _elements(text: str) -> list[tuple[int, Any]]:
    """The elements of an array that is known to be well-formed, with the line that each begins on."""
    found: list[tuple[int, Any]] = []
    at = text.index("[") + 1
    while True:
        while text[at] in " \t\r\n,":
            at += 1
        if text[at] == "]":
            return found
        value, end = _DECODER.raw_decode(text, at)
        found.append((1 + text.count("\n", 0, at), value))
        at = end


def _lines(text: TextIO, shown: str) -> Iterator[Record]:
    """An object a line."""
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            value = _decoded(line)
        except ValueError as error:
            raise UnreadableError(_malformed(error, shown, number)) from error
        yield _object(value, shown, number)


def _object(value: object, shown: str, line: int) -> Record:
    if not isinstance(value, dict):
        raise UnreadableError(f"{shown} line {line}: a record is an object as in docs/usage-keys.md, this is none")
    return value


def _malformed(error: ValueError, shown: str, line: int) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{shown} line {line or error.lineno}: not valid JSON: {error.msg} (column {error.colno})"
    return f"{shown}{f' line {line}' if line else ''}: not valid JSON: {error}"
