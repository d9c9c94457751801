"""Lines that wait for the thread that writes them, and the exact ledger of what became of all.

As in the recorder's buffer: `queue.SimpleQueue` neither blocks nor takes a lock of Python's, ``qsize`` is exact, and a
line is either put or counted as lost, so that accepted = written + lost + pending at every moment.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

from callscope.logs.line import Line

FULL: Final = "buffer_full"
CLOSED: Final = "closed"

Order = Callable[[], object]
"""What the thread does when it gets there."""


class Waiting:
    """A bounded queue of lines, and of orders to the thread."""

    def __init__(self, *, max_lines: int, max_bytes: int) -> None:
        self._max_lines = max_lines
        self._max_bytes = max_bytes
        self.start: Callable[[], None] = _nobody
        """Starts the thread: called on the first line, and after a fork on the child's first."""
        self.reset()

    def reset(self) -> None:
        """Become empty, as in a new process."""
        self._queue: SimpleQueue[Line | Order] = SimpleQueue()
        self._lock = threading.RLock()
        self._bytes_in = 0
        self._bytes_out = 0
        self._orders_in = 0
        self._orders_out = 0
        self.started = False
        self.closed = False
        self.in_hand = 0
        """Lines that the thread took and has not counted yet."""
        self.written = 0
        self._lost: Counter[str] = Counter()

    def offer(self, line: Line) -> None:
        """Hand a line over, or count it as lost. Never waits."""
        if self.closed:
            self.lose(CLOSED, line.weight)
        elif self._queue.qsize() >= self._max_lines or self._bytes_in - self._bytes_out > self._max_bytes:
            self.lose(FULL, line.weight)
        else:
            self._bytes_in += line.size
            self._queue.put(line)
            if not self.started:
                self._begin()

    def order(self, order: Order) -> None:
        """Have the thread do something after all that waits."""
        with self._lock:
            self._orders_in += 1
        self._queue.put(order)
        if not self.started:
            self._begin()

    def take(self, timeout_seconds: float | None) -> Line | Order | None:
        """The next line or order; None when none came in time. For the thread alone."""
        try:
            item = self._queue.get(timeout=timeout_seconds) if timeout_seconds != 0 else self._queue.get_nowait()
        except Empty:
            return None
        if isinstance(item, Line):
            self.in_hand += item.weight
            self._bytes_out += item.size
        else:
            self._orders_out += 1
        return item

    def lose(self, reason: str, count: int) -> None:
        """Count lines that are nowhere."""
        if count:
            with self._lock:
                self._lost[reason] += count

    def lost(self) -> Counter[str]:
        """Lines lost so far, by reason."""
        with self._lock:
            return self._lost.copy()

    @property
    def pending(self) -> int:
        """Lines that wait."""
        return max(0, self._queue.qsize() - (self._orders_in - self._orders_out)) + self.in_hand

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait, about."""
        return max(0, self._bytes_in - self._bytes_out)

    def _begin(self) -> None:
        with self._lock:
            if self.started:
                return
            self.started = True
        self.start()


def _nobody() -> None:
    """No thread yet."""
