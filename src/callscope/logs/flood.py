"""The same line a thousand times a second is one line and a count.

Lines are alike when logger, level, call and template are; where no template is known (an f-string), when the text is.
Within a second the first of each wording passes (its text and its fields), and as many wordings of one template as the
settings allow; the others are counted. When the second is over, one line says how many there were: exactly, whatever
threads wrote them.
"""

from __future__ import annotations

import threading
from typing import Final

import msgspec

from callscope.logs.line import Line

SECOND_NS: Final = 1_000_000_000
_MAX_KINDS: Final = 4096

Key = tuple[object, ...]


class _Kind:
    """What came of one kind of line within the last second."""

    __slots__ = ("begun_ns", "folded", "last", "wordings")

    def __init__(self, line: Line) -> None:
        self.begun_ns = line.at_ns
        self.folded = 0
        self.last = line
        self.wordings = {_wording(line)}


class Flood:
    """Counts what is folded. Safe for threads.

    Args:
        wordings: lines of one kind that may pass within a second.
    """

    def __init__(self, wordings: int) -> None:
        self._wordings = wordings
        self.reset()

    def reset(self) -> None:
        """Know nothing, as in a new process."""
        # Reentrant: a signal's handler, or an object that is collected, may write a line in the middle of this.
        self._lock = threading.RLock()
        self._kinds: dict[Key, _Kind] = {}
        self._due: list[Line] = []
        self.waiting = 0
        """Lines that were counted and are not told yet."""

    @property
    def busy(self) -> bool:
        """Whether there is something to look after when a second is over."""
        return bool(self._kinds or self._due)

    def passes(self, key: Key, line: Line) -> bool:
        """Whether a line goes on as itself; else it was counted."""
        with self._lock:
            kind = self._kinds.get(key)
            if kind is None or not 0 <= line.at_ns - kind.begun_ns < SECOND_NS:
                if kind is not None:
                    self._tell(kind)
                elif len(self._kinds) >= _MAX_KINDS:
                    return True  # thousands of different lines are no flood of one
                self._kinds[key] = _Kind(line)
                return True
            if len(kind.wordings) < self._wordings and (wording := _wording(line)) not in kind.wordings:
                kind.wordings.add(wording)
                return True
            kind.folded += 1
            kind.last = line
            self.waiting += 1
            return False

    def due(self, now_ns: int, *, everything: bool = False) -> list[Line]:
        """Lines that say how many were folded, once their second is over."""
        with self._lock:
            for key, kind in list(self._kinds.items()):
                if everything or not 0 <= now_ns - kind.begun_ns < SECOND_NS:
                    del self._kinds[key]
                    self._tell(kind)
            due, self._due = self._due, []
            self.waiting -= sum(line.weight for line in due)
            return due

    def _tell(self, kind: _Kind) -> None:
        if kind.folded:
            count = kind.folded
            self._due.append(msgspec.structs.replace(kind.last, repeated=count, weight=count))


def _wording(line: Line) -> Key:
    """What makes a line another one than the one before, of one template."""
    data = line.data
    return (line.text, tuple(data.items()) if isinstance(data, dict) else data)
