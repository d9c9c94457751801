"""The end of a process that has no ``atexit``."""

from __future__ import annotations

import sys
from collections.abc import Callable


def end_with_worker(last: Callable[[], object]) -> None:
    """Workers of ``multiprocessing`` end without ``atexit``; they have their own list of last things to do."""
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None:
        return
    from multiprocessing.util import Finalize  # noqa: PLC0415 -- only where it is loaded anyway

    Finalize(None, last, exitpriority=0)
