"""Usage records as a file holds them: a JSON array, one object, or an object a line. Numbers keep their digits."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from callscope.errors import UnreadableError

STANDARD_INPUT: Final = "-"
_DECODER: Final = json.JSONDecoder(parse_float=Decimal)

Record = dict[str, Any]


def records(name: str) -> tuple[list[Record], bool]:
    """The records in order, and whether the file is one object by itself.

    Args:
        name: a path; ``-`` is standard input.

    Raises:
        UnreadableError: it cannot be read, is no JSON, or holds something that is no object; says file and line.
    """
    shown = "standard input" if name == STANDARD_INPUT else name
    text = _text(name, shown)
    start = text.lstrip()
    if start.startswith("["):
        return _array(text, shown), False
    try:
        value = _decoded(text)
    except ValueError as error:
        return _lines(text, shown, error), False
    return [_object(value, shown, 1 + text[: len(text) - len(start)].count("\n"))], True


def _text(name: str, shown: str) -> str:
    try:
        data = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).expanduser().read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableError(f"{shown} cannot be read: {error}") from error
    if not text.strip():
        raise UnreadableError(f"{shown} is empty: write usage records, see docs/usage-keys.md")
    return text


def _decoded(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


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


def _lines(text: str, shown: str, whole: ValueError) -> list[Record]:
    """An object a line. When already the first line is none, the text was meant as one document."""
    found: list[Record] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = _decoded(line)
        except ValueError as error:
            wrong = _malformed(error, shown, number) if found else _malformed(whole, shown, 0)
            raise UnreadableError(wrong) from error
        found.append(_object(value, shown, number))
    return found


def _object(value: object, shown: str, line: int) -> Record:
    if not isinstance(value, dict):
        raise UnreadableError(f"{shown} line {line}: a record is an object as in docs/usage-keys.md, this is none")
    return value


def _malformed(error: ValueError, shown: str, line: int) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{shown} line {line or error.lineno}: not valid JSON: {error.msg} (column {error.colno})"
    return f"{shown}{f' line {line}' if line else ''}: not valid JSON: {error}"
