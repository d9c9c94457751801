"""What the handles of a logger's calls share with its writer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from callscope.archive.paths import call_dir
from callscope.recorder.buffer import Buffer
from callscope.recorder.guard import Warnings

if TYPE_CHECKING:
    from callscope.recorder.call_log import CallLog

INVALID: Final = "invalid"


class Channel:
    """The way from a call's handle to the disk."""

    __slots__ = ("buffer", "root", "warnings")

    def __init__(self, root: Path, buffer: Buffer, warnings: Warnings) -> None:
        self.root = root
        self.buffer = buffer
        self.warnings = warnings

    def planned_path(self, call_id: str, started_at_ms: int) -> Path:
        """Where a call's files go unless another call has that name."""
        return call_dir(self.root, call_id, started_at_ms)

    def invalid(self, call: CallLog) -> None:
        """Count a row that could not be taken because of what it was given, or because of an error of ours."""
        self.buffer.refuse(call, INVALID)
