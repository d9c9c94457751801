"""Files put in place in one step: a reader finds the old one or the new one, never half of one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from callscope.archive.replace import FILE_MODE, make_dir
from callscope.errors import SettingError

TEMPORARY: Final = ".tmp."
_NAME: Final = 100
"""Characters of the name that a temporary file keeps: with the rest it stays below what file systems take."""


@contextlib.contextmanager
def new_file(path: Path, *, force: bool, mode: int = FILE_MODE) -> Iterator[BinaryIO]:
    """A file to write to, which takes its place when the block ends without an error.

    Args:
        path: where; its directory exists.
        force: replace a file that is there.
        mode: who may read it; its owner only, unless told otherwise: it may hold words of callers.

    Raises:
        SettingError: it is there already, or cannot be written.
    """
    temporary = path.with_name(f".{path.name[:_NAME]}.{os.urandom(6).hex()}")
    is_ours = False
    try:
        if not force:  # the name is taken first, so that two who write at once do not replace each other's
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
            is_ours = True
        with opened(temporary, mode) as file:
            yield file
        temporary.replace(path)
        is_ours = False
    except FileExistsError:
        raise SettingError(f"{path} is there already: give another --output, or --force to replace it") from None
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        for left in (temporary, *((path,) if is_ours else ())):
            with contextlib.suppress(OSError):
                left.unlink()


@contextlib.contextmanager
def replaced(path: Path, *, aside: Path) -> Iterator[BinaryIO]:
    """The same of a file of a directory that is ours alone, with its directories made.

    Args:
        path: where; what is there is replaced.
        aside: a directory on the same disk in which the file is written; nobody takes what is in it for data.

    Raises:
        SettingError: it cannot be written.
    """
    temporary = aside / f"{TEMPORARY}{os.urandom(6).hex()}"
    try:
        make_dir(path.parent)
        with opened(temporary, FILE_MODE) as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def opened(path: Path, mode: int) -> Iterator[BinaryIO]:
    """A new file of that mode, whatever the umask leaves of it."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, mode), "wb") as file:
        yield file


def _not_written(path: Path, error: OSError) -> SettingError:
    return SettingError(f"{path} cannot be written ({error.strerror or error}): give another --output")
