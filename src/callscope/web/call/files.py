"""Files of a call as a browser gets them: found by the parts of an address, and nothing else of the disk.

An address names a day, a call and a file. Each name is one name of a directory, no symbolic link is followed below the
archive's root, and only regular files are opened. A file may grow while it is sent: what was promised is sent, no more.
"""

from __future__ import annotations

import datetime as dt
import os
import re
import stat
from collections.abc import Iterator, Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from callscope.archive.paths import CALLS, EVENTS, METADATA, RECORDING, TRANSCRIPT
from callscope.archive.reader import regular_file
from callscope.errors import NotFoundError
from callscope.model.call import Call

ROWS: Final = (METADATA, TRANSCRIPT, EVENTS)
"""The files that every call has."""
_TEXTS: Final = (".json", ".jsonl", ".txt", ".log", ".csv", ".md")
_SOUND: Final = ".wav"
_CHUNK_BYTES: Final = 256 * 1024
_DAY: Final = (re.compile(r"[0-9]{4}"), re.compile(r"[0-9]{2}"), re.compile(r"[0-9]{2}"))
_NO_NAME: Final = {"/", "\0", os.sep, os.altsep or os.sep}
_RANGE: Final = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def call_directory(root: Path, parts: Mapping[str, str]) -> Path:
    """The directory of a call.

    Args:
        root: the archive.
        parts: ``year``, ``month``, ``day`` and ``name`` of the address.

    Raises:
        NotFoundError: there is no such call in the archive.
    """
    day, name = [parts["year"], parts["month"], parts["day"]], parts["name"]
    path = root / CALLS
    if _is_day(day) and _is_name(name):
        steps = [path := path / part for part in (*day, name)]
        if all(_is_directory(step) for step in steps):
            return path
    raise NotFoundError(f"there is no call {name!r} on {'-'.join(day)}: it was deleted, or the address is mistyped")


def address_of(directory: Path | str) -> str:
    """The address of a call's page."""
    return "/calls/" + "/".join(quote(os.fsencode(part), safe="") for part in Path(directory).parts[-4:])


def recording_of(call: Call) -> Path | None:
    """The sound of a call, when its directory holds any; what the metadata says about other places is not followed."""
    named = call.recording_path or ""
    for name in dict.fromkeys((named, RECORDING)):
        path = Path(call.path, name) if _is_name(name) and name.lower().endswith(_SOUND) else None
        if path is not None and is_regular(path):
            return path
    return None


def text_file(directory: Path, name: str) -> Path:
    """A text file of a call by its name.

    Raises:
        NotFoundError: the directory has none of this name.
    """
    path = directory / name if _is_name(name) and name.endswith(_TEXTS) else None
    if path is None or not is_regular(path):
        raise NotFoundError(f"the call {directory.name} has no text file {name!r}")
    return path


def text_files(directory: Path) -> tuple[str, ...]:
    """Names of a call's text files, those that every call has first."""
    try:
        with os.scandir(directory) as entries:
            found = {entry.name for entry in entries if entry.is_file(follow_symlinks=False)}
    except OSError:
        return ()
    others = sorted(name for name in found.difference(ROWS) if _is_name(name) and name.endswith(_TEXTS))
    return (*(name for name in ROWS if name in found), *others)


def is_regular(path: Path) -> bool:
    """Whether a regular file is there that may be read."""
    with regular_file(str(path)) as fd:
        return fd is not None


def send(request: Request, path: Path, *, media_type: str, headers: Mapping[str, str] | None = None) -> Response:
    """A file, or the part of it that was asked for with ``Range``.

    One range is answered; who asks for several gets the whole file, as RFC 9110 allows.

    Raises:
        NotFoundError: it is gone.
    """
    with regular_file(str(path)) as fd:
        if fd is None:
            raise NotFoundError(f"{path.name} is not there any more")
        status = os.fstat(fd)
    size, tag = status.st_size, f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
    told = {
        "Accept-Ranges": "bytes",
        "ETag": tag,
        "Last-Modified": formatdate(status.st_mtime, usegmt=True),
        **(headers or {}),
    }
    wanted = request.headers.get("range")
    if wanted is not None and request.headers.get("if-range", tag) != tag:
        wanted = None
    piece = None if wanted is None else _piece(wanted, size)
    if piece is None:
        start, end, code = 0, size, 200
    else:
        start, end = piece
        if start >= end:
            return Response(status_code=416, headers={**told, "Content-Range": f"bytes */{size}"})
        told["Content-Range"], code = f"bytes {start}-{end - 1}/{size}", 206
    told["Content-Length"] = str(end - start)
    body = () if request.method == "HEAD" else _pieces(path, start, end)
    return StreamingResponse(iter(body), code, headers=told, media_type=media_type)


def kept_as(name: str) -> str:
    """``Content-Disposition`` of what is kept as a file rather than shown."""
    return f"attachment; filename*=utf-8''{quote(os.fsencode(name), safe='')}"


def _piece(wanted: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; None for a range that is not understood, which is as good as none."""
    match = _RANGE.fullmatch(wanted.strip().lower())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return max(size - int(match[2]), 0), size
    start, last = int(match[1]), int(match[2]) if match[2] else size - 1
    if match[2] and last < start:
        return None
    return start, min(last + 1, size)


def _pieces(path: Path, start: int, end: int) -> Iterator[bytes]:
    with regular_file(str(path)) as fd:
        while fd is not None and start < end:
            data = os.pread(fd, min(_CHUNK_BYTES, end - start), start)
            if not data:
                return  # it was cut: the connection ends early, which a browser takes for what it is
            start += len(data)
            yield data


def _is_directory(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except (OSError, ValueError):  # also a name that is too long, or that no file can have
        return False


def _is_day(parts: list[str]) -> bool:
    if not all(pattern.fullmatch(part) for pattern, part in zip(_DAY, parts, strict=True)):
        return False
    try:
        dt.date(*map(int, parts))
    except ValueError:
        return False
    return True


def _is_name(name: str) -> bool:
    """Whether this is the name of one thing in a directory, and none that begins with a dot."""
    return bool(name) and not name.startswith(".") and not any(sign in name for sign in _NO_NAME)
