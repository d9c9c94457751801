"""Whole directories, put in place in one step: a reader sees the old call or the new one.

A call's directory is made beside its place, under a name that begins with a dot and is nobody's call, and then renamed.
Where a call is there already the two are exchanged by the kernel. Where the kernel or the file system cannot exchange,
the old one is moved aside first; what a process leaves that is killed in between, `sweep` puts back.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from callscope.archive.replace import DIR_MODE, make_dir

_PREFIX: Final = ".keep~"
_WAS: Final = "~was~"
_AT_FDCWD: Final = -100
_EXCHANGE: Final = 2
"""``RENAME_EXCHANGE`` of Linux and ``RENAME_SWAP`` of macOS alike."""
_TAKEN: Final = frozenset({errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR})
_UNABLE: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM})
_MAX_TWINS: Final = 10_000


def make_beside(day: Path, writer_id: str) -> Path:
    """Make a directory in which a call of this day can be made; raises `OSError`."""
    make_dir(day)
    made = day / f"{_PREFIX}{writer_id}~{os.urandom(6).hex()}"
    made.mkdir(DIR_MODE)
    return made


def place(made: Path, planned: Path) -> Path:
    """Put a directory in a place where no call is, and give the place back: ``~2``, ``~3`` where others are.

    Raises:
        OSError: it cannot be put anywhere.
    """
    for number in range(1, _MAX_TWINS):
        candidate = planned if number == 1 else planned.with_name(f"{planned.name}~{number}")
        if candidate.is_symlink():
            continue
        try:
            made.rename(candidate)  # takes an empty directory's place, never that of one with something in it
        except OSError as error:
            if error.errno in _TAKEN:
                continue
            raise
        return candidate
    raise FileExistsError(errno.EEXIST, "too many calls with one id on one day", str(planned))


def exchange(made: Path, there: Path) -> None:
    """Put a directory in the place of another one, which is gone afterwards; raises `OSError`."""
    if _swap(made, there):
        discard(made)
        return
    aside = made.with_name(f"{made.name}{_WAS}{there.name}")
    there.rename(aside)
    try:
        made.rename(there)
    except OSError:
        aside.rename(there)
        raise
    discard(aside)


def discard(made: Path) -> None:
    """Remove a directory that is no call; never raises: what stays is swept later."""
    shutil.rmtree(made, ignore_errors=True)


def sweep(day: Path, *, is_alive: Callable[[str], bool]) -> None:
    """Remove what killed processes left in a day, and put back what they had moved aside. Never raises.

    Args:
        day: the day's directory.
        is_alive: whether the writer of this id may still be at work.
    """
    with contextlib.suppress(OSError):
        for left in sorted(day.glob(f"{_PREFIX}*")):
            ours, _, name = left.name.partition(_WAS)
            if is_alive(ours.removeprefix(_PREFIX).partition("~")[0]):
                continue
            if name and not (day / name).exists():
                with contextlib.suppress(OSError):
                    left.rename(day / name)
                    continue
            discard(left)


def _swap(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where that cannot be done. Raises `OSError` for what is wrong with them."""
    library = _library()
    if library is None:
        return False
    first, second = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin":
        done = library.renamex_np(first, second, _EXCHANGE)
    else:
        done = library.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _EXCHANGE)
    if done == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNABLE:
        return False
    raise OSError(code, os.strerror(code), str(other))


def _library() -> ctypes.CDLL | None:
    name = "renamex_np" if sys.platform == "darwin" else "renameat2"
    try:
        library = ctypes.CDLL(None, use_errno=True)
    except (OSError, TypeError):  # Windows has no such thing
        return None
    return library if hasattr(library, name) else None
