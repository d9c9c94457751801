"""Files and directories as originals: each JSON document, or each file, by itself.

What cannot be read is yielded as an error in its place, so that one bad line does not keep the others out.
"""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from callscope.errors import UnreadableError
from callscope.importers.base.formats import Unit
from callscope.importers.base.original import Original
from callscope.model import wire

STDIN: Final = "-"
_SUFFIXES: Final = (".json", ".jsonl", ".ndjson")
_MAX_BYTES: Final = 1 << 30
_NOTHING: Final = (b"", b"[]", b"{}")
"""Without white space."""
_SHORT: Final = 100
_GZIP: Final = b"\x1f\x8b"
_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read(path: str, *, unit: Unit) -> Iterator[Original | UnreadableError]:
    """The originals of a file, of all ``.json`` and ``.jsonl`` files of a directory in order, or of ``-``."""
    if path == STDIN:
        yield from _split("standard input", "stdin.json", sys.stdin.buffer.read(_MAX_BYTES + 1), unit)
        return
    for file in _files(Path(path)):
        if isinstance(file, UnreadableError):
            yield file
            continue
        try:
            content = read_file(file)
        except UnreadableError as error:
            yield error
        else:
            yield from _split(str(file), file.name.removesuffix(".gz"), content, unit)


def read_file(path: Path) -> bytes:
    """A file's content, unpacked where it is a ``.gz``; raises `UnreadableError`."""
    try:
        content = path.read_bytes() if path.stat().st_size <= _MAX_BYTES else b""
        if path.stat().st_size > _MAX_BYTES:
            raise UnreadableError(f"{path} is longer than {_MAX_BYTES >> 20} MB: split it")
        if content.startswith(_GZIP):
            with gzip.open(path, "rb") as packed:
                content = packed.read(_MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(f"{path} cannot be read ({getattr(error, 'strerror', None) or error})") from error
    return content


def _files(path: Path) -> Iterator[Path | UnreadableError]:
    if not path.is_dir():
        yield path
        return
    found = 0
    for directory, names, files in os.walk(path):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            if name.removesuffix(".gz").endswith(_SUFFIXES) and not name.startswith("."):
                found += 1
                yield Path(directory) / name
    if not found:
        yield UnreadableError(f"{path} holds no file that ends in {', '.join(_SUFFIXES)}")


def _split(place: str, name: str, content: bytes, unit: Unit) -> Iterator[Original | UnreadableError]:
    if len(content) > _MAX_BYTES:
        yield UnreadableError(f"{place} is longer than {_MAX_BYTES >> 20} MB: split it")
        return
    stripped = content.strip()
    if len(stripped) < _SHORT and b"".join(stripped.split()) in _NOTHING:
        yield UnreadableError(f"{place} is empty: it holds no call")
        return
    whole = Original(place=place, name=name, content=content)
    if unit == "file":
        yield whole
        return
    try:
        value = wire.decode(content)
    except _ERRORS as error:
        yield from _lines(whole, str(error))
        return
    if isinstance(value, list):
        stem = Path(name).stem
        for number, each in enumerate(value, 1):
            yield Original(place=f"{place}, element {number}", name=f"{stem}.json", content=_document(each))
    else:
        yield whole


def _lines(whole: Original, why: str) -> Iterator[Original | UnreadableError]:
    """Each line by itself; where the first is no JSON either, the file is simply none."""
    lines = [(number, line) for number, line in enumerate(whole.content.split(b"\n"), 1) if line.strip()]
    if len(lines) < 2 or not _is_json(lines[0][1]):  # noqa: PLR2004 -- one line is the document that was no JSON
        yield UnreadableError(f"{whole.place} is no JSON ({why})")
        return
    stem = Path(whole.name).stem
    for number, line in lines:
        if _is_json(line):
            yield Original(place=f"{whole.place}:{number}", name=f"{stem}.json", content=line)
        else:
            yield UnreadableError(f"{whole.place}:{number} is no JSON")


def _is_json(line: bytes) -> bool:
    try:
        wire.decode(line)
    except _ERRORS:
        return False
    return True


def _document(value: Any) -> bytes:
    return msgspec.json.format(wire.encode(value), indent=2) + b"\n"
