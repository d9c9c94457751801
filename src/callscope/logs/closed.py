"""Files that nobody writes to any more: numbered, compressed, the newest of each day kept, old days removed.

Any process of a directory may do this, several at once, and each may be killed at any moment. So compressing goes to a
temporary file that is locked and then renamed; where both ``2026-11-22.3.jsonl`` and its ``.gz`` are there, the latter
is whole.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import shutil
from pathlib import Path
from typing import Final

from callscope.archive.prune import LOG_FILE, prune_logs
from callscope.archive.replace import FILE_MODE

try:
    import fcntl
except ImportError:  # Windows: one process a directory there
    fcntl = None  # type: ignore[assignment]

_LEVEL: Final = 6
_PIECE: Final = 1 << 20


def next_name(directory: Path, day: str) -> Path:
    """The name that the next closed file of a day gets. Ask under the lock of the day's open file."""
    numbers = [number for its_day, number, _ in files(directory) if its_day == day]
    return directory / f"{day}.{max(numbers, default=0) + 1}.jsonl"


def files(directory: Path) -> list[tuple[str, int, Path]]:
    """All files of logs as day, number and path, the oldest first; the number of an open one is 0."""
    found = []
    with contextlib.suppress(FileNotFoundError), os.scandir(directory) as entries:
        for entry in entries:
            match = LOG_FILE.fullmatch(entry.name)
            if match is not None and entry.is_file(follow_symlinks=False):
                found.append((match["day"], int(match["number"] or 0), Path(entry.path)))
    return sorted(found)


def open_days(directory: Path, today: str) -> list[str]:
    """Days that are over and have an open file."""
    return [day for day, number, _ in files(directory) if number == 0 and day < today]


def tidy(directory: Path, *, today: str, files_a_day: int, retention_days: int, now_ms: int) -> int:
    """Compress what is closed, and remove what is too much or too old.

    Returns:
        Lines that were removed because their day had more files than are kept.
    """
    for _, number, path in files(directory):
        if number and path.suffix != ".gz":
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                compress(path)
    days: dict[str, list[Path]] = {}
    for day, number, path in files(directory):
        if number:
            days.setdefault(day, []).append(path)
    removed = 0
    for day, paths in days.items():
        keep = files_a_day - 1 if day == today else files_a_day
        for path in paths[: max(0, len(paths) - keep)]:
            removed += _remove(path)
    prune_logs(directory, days=retention_days, now_ms=now_ms)
    return removed


def compress(path: Path) -> None:
    """Put a compressed file in place of a closed one; nothing happens where another process is doing that."""
    target = path.with_name(f"{path.name}.gz")
    if target.exists():  # somebody was killed between the two last steps
        path.unlink()
        return
    temporary = path.with_name(f".tmp.{path.name}.gz")
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(temporary, flags, FILE_MODE)
    with open(fd, "r+b") as out:  # noqa: PTH123 -- a descriptor
        if fcntl is not None:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return
        if not temporary.exists() or temporary.stat().st_ino != os.fstat(fd).st_ino:
            return  # it was put in place while this came to its lock
        try:
            out.truncate(0)
            with path.open("rb") as source, gzip.GzipFile("", "wb", _LEVEL, out, mtime=0) as packed:
                shutil.copyfileobj(source, packed, _PIECE)
            out.flush()
            temporary.rename(target)
            path.unlink()
        except OSError:  # a full disk: it stays as it is
            temporary.unlink(missing_ok=True)
            raise


def _remove(path: Path) -> int:
    """Remove a file; its number of lines, if it was this process that removed it."""
    try:
        count = _lines_of(path)
        path.unlink()
    except (OSError, EOFError):
        return 0
    return count


def _lines_of(path: Path) -> int:
    count = 0
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        while piece := file.read(_PIECE):
            count += piece.count(b"\n")
    return count
