"""Whole files, put in place in one step: a reader sees the old or the new, never half.

Nothing is forced to the platter (no ``fsync``): that would make every call wait for one call's disk, and a killed
process loses nothing without it. A power cut may lose the last seconds.

Files are made with mode 0600 and directories with 0700: they hold words of callers.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path
from typing import Any, Final

import msgspec

from callscope.archive.paths import METADATA
from callscope.model import wire

DIR_MODE: Final = 0o700
FILE_MODE: Final = 0o600
_NO_LINKS: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES})
_MAX_TWINS: Final = 10_000


def make_dir(path: Path) -> None:
    """Make a directory and its parents, readable by their owner only; what exists is left as it is.

    Raises:
        OSError: it cannot be made.
    """
    try:
        _mkdir(path)
    except FileNotFoundError:
        if path.parent == path:
            raise
        make_dir(path.parent)
        _mkdir(path)


def _mkdir(path: Path) -> None:
    try:
        os.mkdir(path, DIR_MODE)  # noqa: PTH102 -- Path.mkdir gives parents the umask's mode
    except FileExistsError:
        if not path.is_dir():  # a file, or a link that leads nowhere
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from None


def touch_day(call: Path) -> None:
    """Show who looks at the day's directory alone that a call in it changed after its end; never raises."""
    with contextlib.suppress(OSError):
        os.utime(call.parent)


def write_json(path: Path, payload: dict[str, Any], *, exclusive: bool = False) -> None:
    """Write a JSON document and put it in place.

    Args:
        path: where; its directory exists.
        payload: any data; what JSON cannot hold is made plain. Keys keep their order.
        exclusive: raise `FileExistsError` where the file exists, instead of replacing it.

    Raises:
        OSError: it could not be written; what was there is still there, and no temporary file is left.
    """
    document = msgspec.json.format(wire.encode(payload), indent=2) + b"\n"
    temporary = path.parent / f".tmp.{os.urandom(6).hex()}.json"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), FILE_MODE)
    try:
        try:
            write_all(fd, document)
        finally:
            os.close(fd)
        if exclusive:
            _link(temporary, path)
        else:
            os.replace(temporary, path)  # noqa: PTH105 -- atomic by definition; the same call either way
    finally:
        _remove(temporary)


def try_writing(directory: Path) -> None:
    """Raise `OSError` when files cannot be made in a directory. A disk that is full now may have room later."""
    probe = directory / f".tmp.{os.urandom(6).hex()}.probe"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
    finally:
        _remove(probe)


def write_all(fd: int, data: bytes) -> None:
    """Write all of ``data``; raises `OSError` when the disk takes no more (a full disk first gives a short write)."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def claim(directory: Path, payload: dict[str, Any]) -> Path:
    """Make a call's directory its own by putting its first metadata there, and give the directory back.

    Where another call has the name, ``~2``, ``~3`` and so on are tried. The file's own exclusive creation decides, so
    two processes that start the same id at once get two directories. A directory without metadata is taken.

    Raises:
        OSError: nothing could be written.
    """
    for number in range(1, _MAX_TWINS):
        candidate = directory if number == 1 else directory.with_name(f"{directory.name}~{number}")
        if candidate.is_symlink() or (candidate / METADATA).exists():
            continue  # nothing is written into another call's directory, not even for a moment
        make_dir(candidate)
        try:
            write_json(candidate / METADATA, payload, exclusive=True)
        except FileExistsError:
            continue
        return candidate
    raise FileExistsError(errno.EEXIST, "too many calls with one id on one day", str(directory))


def _link(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError as error:
        # File systems without hard links: the check and the rename are two steps there, which only matters
        # for two processes that start the same id in the same instant.
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(errno.EEXIST, "exists", str(path)) from None
        os.replace(temporary, path)  # noqa: PTH105 -- as above


def _remove(path: Path) -> None:
    try:
        os.unlink(path)  # noqa: PTH108 -- the hot path of call starts
    except OSError:
        return
