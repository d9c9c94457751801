"""The handle of a call that is not recorded."""

from __future__ import annotations

from collections import Counter
from typing import Any

from callscope.recorder.call_log import CallLog


class OffCallLog(CallLog):
    """Takes everything a `CallLog` takes and does nothing: each method costs what an empty one costs."""

    __slots__ = ()

    def __init__(self, call_id: str) -> None:
        self.call_id = call_id
        self.file = None
        self.dropped = Counter()
        self.dropped_audio = 0
        self.owner = None
        self.shared = False
        self.started_at_ms = 0
        self.planned_path = None
        self._ended = True
        self._entered = None

    @property
    def enabled(self) -> bool:
        """Nothing is recorded."""
        return False

    def turn(self, role: Any = None, text: Any = None, **_: Any) -> None:  # names cost less than a tuple of all
        """Do nothing."""

    def event(self, type: Any = None, data: Any = None, **_: Any) -> None:  # noqa: A002 -- as in `CallLog`
        """Do nothing."""

    def usage(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    def error(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    def row(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    def audio(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    def update(self, **_: Any) -> None:
        """Do nothing."""

    def end(self, **_: Any) -> None:
        """Do nothing."""
