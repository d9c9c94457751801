"""What came, on the disk before its sender is answered: a killed receiver finds it at its next start.

``<root>/.callscope/received/<bucket>.jsonl`` holds the records of one trace, or the figures and log lines of one
conversation, one a line; under ``source/spans.jsonl`` of the call all of it is kept for good. A bucket is removed when
nothing more is expected. Its name is made of digits, never of what a sender chose. One process at a time has the inbox:
the lock goes with it however it ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from callscope.archive.append import Appender
from callscope.archive.replace import FILE_MODE, make_dir
from callscope.interop import conversations, spans
from callscope.interop.spans import Record, Span
from callscope.receivers.place import SUFFIX, BusyError, holds_anything, place
from callscope.receivers.private import Fitter
from callscope.redaction.policy import Policy

try:
    import fcntl
except ImportError:  # Windows: whoever starts two receivers of one archive there has their calls told by both
    fcntl = None  # type: ignore[assignment]

__all__ = ["BusyError", "Found", "Inbox", "bucket_of", "holds_anything", "place", "read_lines"]

_LOCK: Final = "lock"
_MAX_OPEN: Final = 128
_DIGITS: Final = 32


class Found(msgspec.Struct, frozen=True):
    """A bucket that another run left."""

    bucket: str
    records: list[Record]
    bytes: int
    unreadable: int
    """Lines that are none."""
    last_ms: int
    """Unix milliseconds at which something came last."""


def bucket_of(record: Record) -> str | None:
    """Where a record is kept; None for a figure or a line of a log that tells no conversation."""
    if isinstance(record, Span):
        return record.trace_id
    names = conversations.names_of(record)
    if names:
        return "n-" + sha256(names[0].encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS]
    return getattr(record, "trace_id", None)


class Inbox:
    """The inbox of an archive, for one thread at a time.

    Args:
        root: the archive.
        policy: what may be written.

    Raises:
        BusyError: another process has it.
        OSError: it cannot be made.
    """

    def __init__(self, root: Path, policy: Policy) -> None:
        self._place = place(root)
        self._fitter = Fitter(policy)
        make_dir(self._place)
        self._lock = os.open(self._place / _LOCK, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), FILE_MODE)
        if fcntl is not None:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                os.close(self._lock)
                raise BusyError(
                    f"another process receives into {root}: stop it, or send to that one (`callscope serve` and"
                    " `callscope receive` both receive)"
                ) from error
        self._files = Appender(max_open=_MAX_OPEN)

    def add(self, bucket: str, records: Iterable[Record]) -> int:
        """Keep records, in one write; how many bytes they take.

        Raises:
            OSError: the disk does not take them; what was there is unharmed.
        """
        lines = b"".join(spans.encode(self._fitter.fit(each)) + b"\n" for each in records)
        self._files.append(str(self._path(bucket)), lines)
        return len(lines)

    def drop(self, bucket: str) -> None:
        """Forget a bucket."""
        path = self._path(bucket)
        self._files.close(str(path))
        path.unlink(missing_ok=True)

    def found(self) -> Iterator[Found]:
        """What another run left."""
        for path in sorted(self._place.glob(f"*{SUFFIX}")):
            if path.is_symlink() or not path.is_file():
                continue
            content = path.read_bytes()
            records, unreadable = read_lines(content)
            last_ms = round(path.stat().st_mtime * 1000)
            yield Found(path.name.removesuffix(SUFFIX), records, len(content), unreadable, last_ms)

    def close(self) -> None:
        """Let another process have it."""
        self._files.close_all()
        os.close(self._lock)

    def _path(self, bucket: str) -> Path:
        return self._place / f"{bucket}{SUFFIX}"


def read_lines(content: bytes) -> tuple[list[Record], int]:
    """The records of some lines, and how many lines are none: torn ones, and those that a policy left nothing of."""
    records, unreadable = [], 0
    for line in content.split(b"\n"):
        if not line.strip():
            continue
        try:
            records.append(spans.decode(line))
        except (ValueError, RecursionError):
            unreadable += 1
    return records, unreadable
