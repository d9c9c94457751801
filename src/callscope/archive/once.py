"""Something that several processes may notice, and one of them tells."""

from __future__ import annotations

import os
from pathlib import Path

from callscope.archive import paths
from callscope.archive.replace import FILE_MODE, make_dir


def is_first(root: Path, kind: str, name: str) -> bool:
    """Whether nobody has asked this before, on this archive, in any process; true too when nobody can know.

    Args:
        root: the archive.
        kind: a directory for things of one kind.
        name: what is asked about.
    """
    directory = root / paths.STATE / kind
    try:
        make_dir(directory)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        os.close(os.open(directory / paths.safe_name(name), flags, FILE_MODE))
    except FileExistsError:
        return False
    except OSError:
        return True  # told twice is better than not told
    return True
