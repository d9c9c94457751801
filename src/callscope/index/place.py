"""Where the index of an archive is: beside the calls, unless a setting or a read-only disk says otherwise."""

from __future__ import annotations

import os
import stat
import tempfile
from hashlib import blake2b
from pathlib import Path
from typing import Final

from callscope.archive.paths import CALLS, STATE
from callscope.errors import SettingError

NAME: Final = "index.sqlite"
_PROGRAM: Final = "callscope"


def place_of(root: Path, setting: str | None) -> Path:
    """The file of the index of an archive; nothing is made.

    Args:
        root: the archive.
        setting: ``CALLSCOPE_INDEX``: a file, or a directory in which every archive gets a file of its own. Without it,
            ``<root>/.callscope/index.sqlite``; where that cannot be written, in the platform's cache directory; where
            that cannot either, in the temporary directory. Where none can, it is the first of these, which cannot be
            used: see `callscope.index.index.Index.refresh`.

    Raises:
        SettingError: the setting is a place among the calls of the archive.
    """
    if setting:
        given = Path(setting).expanduser()
        place = given / _own_name(root) if given.is_dir() or setting.endswith(("/", os.sep)) else given
        if place.resolve().is_relative_to((root / CALLS).resolve()):
            raise SettingError(
                f"the index cannot be at {place}, among the calls of the archive: set CALLSCOPE_INDEX to another place"
            )
        return place
    inside = root / STATE / NAME
    if _can_be_written(inside):
        return inside
    for directory in (_cache(), _temporary()):
        if directory is not None and _can_be_written(directory / NAME):
            return directory / _own_name(root)
    return inside


def _own_name(root: Path) -> str:
    """A file name that no other archive has."""
    whole = os.fsencode(root.absolute())
    return f"{root.absolute().name or 'root'}-{blake2b(whole, digest_size=8).hexdigest()}.sqlite"


def _can_be_written(place: Path) -> bool:
    """Whether the file can be written, or made, with the directories that it is to be in."""
    if place.exists():
        return os.access(place, os.W_OK) and os.access(place.parent, os.W_OK)
    existing = next((parent for parent in place.parents if parent.exists()), None)
    return existing is not None and existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _cache() -> Path:
    from platformdirs import user_cache_path  # noqa: PLC0415 -- needed where the archive is read-only alone

    return user_cache_path(_PROGRAM, appauthor=False) / "index"


def _temporary() -> Path | None:
    """A directory that is this user's alone; None when somebody else has taken its name."""
    directory = Path(tempfile.gettempdir()) / f"{_PROGRAM}-{getattr(os, 'getuid', int)()}"
    try:
        found = directory.lstat()
    except OSError:
        return directory
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == getattr(os, "getuid", int)() and not found.st_mode & 0o022
    return directory if ours else None
