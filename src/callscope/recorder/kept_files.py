"""Files of a call's directory that outlive it: what others put beside a call, when it is made anew or told elsewhere.

They are linked, not copied: who goes on appending to one of them (a receiver's inbox) loses nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from callscope.archive import exchange, paths
from callscope.archive.reader import is_orphan, read_file
from callscope.archive.replace import FILE_MODE, make_dir, touch_day, write_all
from callscope.archive.sources import SOURCE_DIR

_OURS: Final = frozenset({paths.METADATA, paths.TRANSCRIPT, paths.EVENTS, SOURCE_DIR})
"""What is made anew with a call; other files in its directory are kept."""


def carry(there: Path, made: Path, *, originals: Mapping[str, bytes], has_sound: bool) -> None:
    """Have in a new directory what others put into an old one, and originals that are not told anew.

    Args:
        there: the old one.
        made: the new one; a file that it has already stays.
        originals: those that are told anew.
        has_sound: whether the sound is.
    """
    told_anew = {paths.safe_name(name) for name in originals}
    skipped = _OURS | ({paths.RECORDING} if has_sound else set())
    _link(there, made, lambda name: name in skipped or is_orphan(name))
    if (there / SOURCE_DIR).is_dir() and not (there / SOURCE_DIR).is_symlink():
        make_dir(made / SOURCE_DIR)
        _link(there / SOURCE_DIR, made / SOURCE_DIR, lambda name: name in told_anew)


def originals_of(call: Path) -> dict[str, bytes]:
    """What a call was made from, as it is kept, by file name."""
    directory = call / SOURCE_DIR
    if directory.is_symlink():
        return {}
    try:
        names = sorted(os.listdir(directory))  # noqa: PTH208 -- names alone
    except OSError:
        return {}
    found = {name: read_file(str(directory / name)).data for name in names if not name.startswith(".")}
    return {name: content for name, content in found.items() if content is not None}


def write(path: Path, content: bytes) -> None:
    """Write a new file; raises `OSError`."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        write_all(fd, content)
    finally:
        os.close(fd)


def replace(path: Path, content: bytes) -> None:
    """Put a file in place in one step, where it does not have that content already; raises `OSError`."""
    if read_file(str(path)).data == content:
        return
    temporary = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        write(temporary, content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove(call: Path, writer_id: str) -> None:
    """Take a call away in one step; raises `OSError`, and the call is still there."""
    aside = exchange.make_beside(call.parent, writer_id)
    try:
        call.rename(aside)  # takes the empty directory's place
    finally:
        exchange.discard(aside)
    touch_day(call)


def notes_of(metadatas: list[dict[str, Any]]) -> list[Any]:
    """All notes that people added to some calls, by their time."""
    ours = (each.get("callscope") for each in metadatas)
    found = [note for each in ours if isinstance(each, dict) for note in _list(each.get("notes"))]
    distinct = {repr(note): note for note in found}.values()
    return sorted(distinct, key=lambda note: str(note.get("at")) if isinstance(note, dict) else "")


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _link(there: Path, made: Path, is_skipped: Callable[[str], bool]) -> None:
    with os.scandir(there) as entries:
        names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
    for name in names:
        if is_skipped(name):
            continue
        try:
            (made / name).hardlink_to(there / name)
        except FileExistsError:
            continue
        except OSError:  # a file system without links
            shutil.copy2(there / name, made / name, follow_symlinks=False)
