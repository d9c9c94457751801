"""Where what was received waits until it is over. Imports next to nothing: whoever may receive looks here at start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from callscope.errors import CallscopeError

SUFFIX: Final = ".jsonl"


class BusyError(CallscopeError):
    """Another process receives into this archive."""


def place(root: Path) -> Path:
    """The inbox's directory in an archive."""
    return root / ".callscope" / "received"


def holds_anything(root: Path) -> bool:
    """Whether a run before left something to be told."""
    try:
        with os.scandir(place(root)) as entries:
            return any(each.name.endswith(SUFFIX) for each in entries)
    except OSError:
        return False
