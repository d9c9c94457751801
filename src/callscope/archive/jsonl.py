r"""Lines of JSON as any writer, full disk or killed process left them.

Lines end in ``\n`` and nothing else: U+2028, U+0085 and their like are text. A line that is no JSON for a strict
reader is tried again with everything forgiven that writers are known to leave (bare NaN, lone surrogates, bytes that
are not UTF-8, a byte order mark, control characters, NULs from a power cut), and then searched for whole rows that are
glued to what is left of a torn one.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

import msgspec

from callscope.model import wire
from callscope.model.call import Problem

_BOM: Final = b"\xef\xbb\xbf"
_BLANK: Final = b" \t\r\v\f"
_MAX_PROBLEMS: Final = 50
"""Problems told for one file; the rest is counted."""
_MAX_TRIES: Final = 200
"""Places in one line that are tried as the beginning of a row: bounds the time that a hostile line can take."""
_ROW_START: Final = '{"schema_version"'
_ROW_MARKS: Final = ("role", "user_text", "agent_text", "type")
_LONG_NUMBER: Final = re.compile(rb"[:,\[ \t-][0-9]{19}")
_DIGITS: Final = bytes(b"0"[0] if byte in b"0123456789" else 32 for byte in range(256))
_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_decoder = msgspec.json.Decoder()
_forgiving = json.JSONDecoder(strict=False)


class Rows(NamedTuple):
    """What a file of rows held."""

    rows: list[tuple[int, dict[str, Any]]]
    """1-based line and its object, in the order of the file."""
    problems: list[Problem]


def decode_object(data: bytes) -> dict[str, Any] | None:
    """The object that a JSON document holds; None when it holds none. Never raises."""
    value = _strict(data, huge=_has_huge_number(data))
    if value is None:
        value = _forgive(data.removeprefix(_BOM).strip(b"\0" + _BLANK + b"\n"))
    return value if isinstance(value, dict) else None


def parse_rows(data: bytes, *, file: str, growing: bool) -> Rows:
    """The rows of a file, whatever is in it. Never raises.

    Args:
        data: the whole file.
        file: its name, for the problems.
        growing: a last line without its end is being written just now, and no problem.
    """
    rows: list[tuple[int, dict[str, Any]]] = []
    reader = _Reader(file)
    lines = data.removeprefix(_BOM).split(b"\n")
    last = len(lines)
    huge = _has_huge_number(data)
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        row = _strict(line, huge=huge)
        if row is not None:
            rows.append((number, row))
        else:
            found = reader.second_look(number, line, silent=growing and number == last)
            rows.extend((number, item) for item in found)
    return Rows(rows, reader.told())


class _Reader:
    """Looks again at lines that are no plain rows, and notes what was wrong."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._problems: list[Problem] = []
        self._more = 0

    def second_look(self, number: int, line: bytes, *, silent: bool) -> list[dict[str, Any]]:
        """The rows that are in the line after all."""
        content = line.strip(b"\0" + _BLANK)
        if not content:
            if b"\0" in line:
                self._note(number, f"{line.count(0)} null bytes where a row was: nothing can be read")
            return []
        value = _forgive(content)
        if isinstance(value, dict):
            if not _is_utf8(content):
                self._note(number, "bytes that are no UTF-8 were replaced")
            return [value]
        if value is not msgspec.UNSET:
            self._note(number, f"the row is {_kind(value)}, not an object: skipped")
            return []
        found, torn = _dig(content.decode("utf-8", "replace"))
        if torn and not (silent and not found):
            kept = f"; {_count(len(found), 'whole row')} on the same line kept" if found else ""
            self._note(number, f"a torn row of {len(line)} bytes cannot be read{kept}")
        elif not torn:
            self._note(number, f"{len(found)} rows on one line: all kept")
        return found

    def told(self) -> list[Problem]:
        """The problems, with the ones beyond the bound as one."""
        if self._more:
            message = f"{_count(self._more, 'more line')} with problems"
            self._problems.append(Problem(file=self._file, line=None, message=message))
        return self._problems

    def _note(self, number: int, message: str) -> None:
        if len(self._problems) < _MAX_PROBLEMS:
            self._problems.append(Problem(file=self._file, line=number, message=message))
        else:
            self._more += 1


def _has_huge_number(data: bytes) -> bool:
    """Whether a number may be beyond 64 bits: arithmetic with floats and every strict encoder choke on those.

    The pattern alone would be right, and takes longer than decoding; the run of digits is rare and found faster.
    """
    return b"0" * 19 in data.translate(_DIGITS) and _LONG_NUMBER.search(data) is not None


def _strict(data: bytes, *, huge: bool) -> dict[str, Any] | None:
    """The object that is in ``data`` by the rules; None leaves it to the second look."""
    try:
        value = _decoder.decode(data)
    except _ERRORS:
        return None
    if type(value) is not dict:
        return None
    return wire.plain(value) if huge else value


def _forgive(data: bytes) -> Any:
    """The JSON value in ``data`` by the forgiving rules; UNSET when there is none."""
    text = data.decode("utf-8", "replace")
    try:
        value, end = _forgiving.raw_decode(text)
    except (ValueError, RecursionError):
        return msgspec.UNSET
    return wire.plain(value) if end == len(text) else msgspec.UNSET


def _dig(text: str) -> tuple[list[dict[str, Any]], bool]:
    """Whole rows in a line that as a whole is none, and whether anything else was in it."""
    found: list[dict[str, Any]] = []
    torn = False
    at = 0
    for _ in range(_MAX_TRIES):
        start = text.find("{", at)
        if start < 0:
            break
        torn = torn or (start > at and not text[at:start].isspace())
        try:
            value, at = _forgiving.raw_decode(text, start)
        except (ValueError, RecursionError):
            torn = True
            marked = text.find(_ROW_START, start + 1)
            at = marked if marked >= 0 else text.find('{"', start + 1)
            if at < 0:
                return found, torn
        else:
            if isinstance(value, dict) and _is_row(value):
                found.append(wire.plain(value))
            else:
                torn = True
    return found, torn or bool(text[at:].strip())


def _is_row(value: dict[str, Any]) -> bool:
    """Whether an object is a row rather than a part of the torn one before it."""
    return "schema_version" in value or ("ts" in value and any(mark in value for mark in _ROW_MARKS))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return {bool: "a truth value", str: "a text", list: "a list"}.get(type(value), "a number")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
