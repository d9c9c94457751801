"""One line on its way from who wrote it to the thread that writes it down."""

from __future__ import annotations

from traceback import TracebackException
from typing import Final

import msgspec

from callscope.recorder.snapshot import Snapshot

LINE_BYTES: Final = 600
"""What a line costs in memory beside its texts."""
LONGEST: Final = 32_768
"""Characters of a line that are kept."""


class Line(msgspec.Struct, frozen=True):
    """One line, as it was stamped; nothing in it belongs to anybody else."""

    at_ns: int
    """Unix nanoseconds."""
    level: int
    logger: str
    text: str
    origin: str
    """``logging``, ``structlog``, ``loguru``, ``call`` (the recorder told it), ``logs`` (about the logs themselves)."""
    template: str | None = None
    """What the code says before anything was put into it, where that is known."""
    call_id: str | None = None
    failure: TracebackException | None = None
    failure_type: str | None = None
    path: str | None = None
    number: int = 0
    function: str | None = None
    thread: str | None = None
    data: Snapshot | None = None
    size: int = LINE_BYTES
    repeated: int = 0
    """This line stands for so many that were folded; 0: it is one itself."""
    weight: int = 1
    """Lines that it stands for in the ledger; 0 for what is said about the ledger."""
