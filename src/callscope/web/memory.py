"""Memory of the process: all threads take it from one place, and what work in the background took is given back.

Both are glibc's; other C libraries have no such setting, and nothing happens.
"""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

_ARENA_MAX: Final = -8
"""``M_ARENA_MAX`` of ``malloc.h``."""
_NO_SUCH: Final = (AttributeError, OSError, TypeError)


def share() -> None:
    """Let all threads take memory from one place: glibc gives each its own, which keeps what it was once given.

    To be called before there are threads.
    """
    with contextlib.suppress(*_NO_SUCH):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def give_back() -> None:
    """Let the system have what is free: glibc keeps it below whatever was taken last, for good."""
    with contextlib.suppress(*_NO_SUCH):
        ctypes.CDLL(None).malloc_trim(0)
