"""Which call came from which source, found without an index.

A call that came from elsewhere says so in its metadata (``callscope.source.key``: a hash of the source's format and
id). Beside the calls of its day there is a small file ``.sources/<key>`` that holds the name of its directory. So a
source is found by reading one or two files on the day that its call began, the day before and the day after (a start
may become known better). Where the small files are gone, the directories that the call's id leads to are looked at.
The metadata decides; a small file that is wrong is only slow.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from callscope.archive import directory_lock, paths
from callscope.archive.listing import DAY_MS
from callscope.archive.reader import read_file, read_metadata
from callscope.archive.replace import FILE_MODE, make_dir, write_all

SOURCE_DIR: Final = "source"
"""In a call's directory: what it was made from."""
_MARKS: Final = ".sources"
_KEY_DIGITS: Final = 32
_MAX_TWINS: Final = 100
_ID: Final = re.compile(r"[\w.:@/+-]+", re.ASCII)
"""A name as it was; one that the privacy policy has changed, as ``[phone]``, says nothing."""


def key_of(source_format: str, source_id: str) -> str:
    """The name of a source in files."""
    return sha256(f"{source_format}\0{source_id}".encode("utf-8", "surrogatepass")).hexdigest()[:_KEY_DIGITS]


def source_of(metadata: dict[str, Any] | None) -> dict[str, Any]:
    """What metadata says about where its call comes from; empty for a call that was recorded here."""
    ours = (metadata or {}).get("callscope")
    source = ours.get("source") if isinstance(ours, dict) else None
    return source if isinstance(source, dict) else {}


def find(root: Path, key: str, *, call_id: str, started_at_ms: int) -> Path | None:
    """The directory of the call that came from this source; None when there is none."""
    for candidate in _candidates(root, key, call_id, started_at_ms):
        if not candidate.is_symlink() and source_of(read_metadata(str(candidate))).get("key") == key:
            return candidate
    return None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A session that may be told in several ways, each a source of its own."""

    framework: str
    """Whose it is, as ``callscope.framework`` names it."""
    names: dict[str, str]
    """What names it, by kind. Two tellings are of one session that share a name, and do not differ in another kind."""
    call_id: str
    started_at_ms: int

    @property
    def keys(self) -> list[str]:
        """Its names in files."""
        return [key_of(f"session of {self.framework}", name) for name in self.names.values()]

    def is_of(self, metadata: dict[str, Any] | None) -> bool:
        """Whether a call's metadata says that it is of this session."""
        ours = _mapping((metadata or {}).get("callscope"))
        source = source_of(metadata)
        if _mapping(ours.get("framework")).get("name") != self.framework:
            return False
        names = _mapping(source.get("session")) if source else _mapping(ours.get("labels"))
        told = {kind: name for kind in self.names if _ID.fullmatch(str(name := names.get(kind) or ""))}
        if any(told[kind] != self.names[kind] for kind in told):
            return False
        id_ = source.get("id") if source else (metadata or {}).get("call_id")
        return bool(told) or id_ in self.names.values()


def find_session(root: Path, session: Session) -> list[Path]:
    """The directories of all calls that tell of a session, also those that were recorded here, in a fixed order."""
    days = _days(root, session.started_at_ms)
    candidates = [
        *(path for key in session.keys for path in _marked(days, key)),
        *(path for name in dict.fromkeys([session.call_id, *session.names.values()]) for path in _named(days, name)),
    ]
    return [
        path for path in dict.fromkeys(candidates) if not path.is_symlink() and session.is_of(read_metadata(str(path)))
    ]


@contextmanager
def locked(day: Path) -> Iterator[None]:
    """Keep others out who put calls of sources into a day, so that none is there twice; raises `OSError`."""
    marks = day / _MARKS
    make_dir(marks)
    with directory_lock.locked(marks):
        yield


def remember(path: Path, key: str) -> None:
    """Leave the small file that leads to a call; never raises: without it the call is found by its id."""
    with contextlib.suppress(OSError):
        mark = path.parent / _MARKS / key
        make_dir(mark.parent)
        temporary = mark.with_name(f".{key}.{os.urandom(6).hex()}")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        try:
            write_all(fd, os.fsencode(path.name))
        finally:
            os.close(fd)
        temporary.replace(mark)


def forget(day: Path, key: str) -> None:
    """Remove the small file of a call that went to another day."""
    with contextlib.suppress(OSError):
        (day / _MARKS / key).unlink()


def _candidates(root: Path, key: str, call_id: str, started_at_ms: int) -> Iterator[Path]:
    days = _days(root, started_at_ms)
    yield from _marked(days, key)
    yield from _named(days, call_id)


def _days(root: Path, started_at_ms: int) -> list[Path]:
    return [paths.day_dir(root, max(0, started_at_ms + shift)) for shift in (0, -DAY_MS, DAY_MS)]


def _marked(days: list[Path], key: str) -> Iterator[Path]:
    """What the small files of a key lead to."""
    for day in days:
        name = os.fsdecode(read_file(f"{day}/{_MARKS}/{key}").data or b"")
        if name and "/" not in name and os.sep not in name and not name.startswith("."):
            yield day / name


def _named(days: list[Path], call_id: str) -> Iterator[Path]:
    """The directories that a call's id leads to."""
    name = paths.safe_name(call_id)
    for day in days:
        for number in range(1, _MAX_TWINS):
            candidate = day / (name if number == 1 else f"{name}~{number}")
            if not candidate.exists():
                break
            yield candidate


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
