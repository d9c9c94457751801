"""Rows on their way from callers' threads to the writer's, and the exact ledger of what became of them.

Threads. `offer` runs on any thread, concurrently. `queue.SimpleQueue` is implemented in C: its ``put`` takes no Python
lock, cannot block, and wakes the writer for each row, so that at most the row being written is at risk when the
process is killed. (Tried instead: a writer that looks every 0.25 to 5 ms. It changed the cost of a row by less than the
noise, and puts at risk what came since its last look. See docs/performance.md.)

Bound. ``qsize`` is exact and atomic. The byte count is one number that callers add to and one that the writer adds to;
an addition that is lost to a race would make the bound a little looser or tighter, never the ledger wrong.

Ledger. A row is either put (then the writer counts it as written or lost) or dropped here, under a lock. Only a full
buffer, sound, and the few rows that steer pay for it. So accepted = written + lost + pending at every moment, and
pending is 0 after `flush`.

Fork. The child has the parent's queue as it was, maybe with its lock held, and no writer thread. `reset` gives it a new
queue and an empty ledger: the parent still has, and writes, what was in the old one.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from callscope.recorder.call_log import CallLog

Row = tuple[Any, ...]
"""(kind, call, size, monotonic_ns, at_ms, *payload)"""

# Kinds of rows. The writer's table of methods is indexed by them.
START, UPDATE, TURN, ROW, EVENT, ERROR, AUDIO, END, FLUSH, STOP = range(10)
COUNTED: Final = frozenset({TURN, ROW, EVENT, ERROR})
"""Kinds that become a row on disk, and are therefore in the ledger."""

ROW_BYTES: Final = 200
"""What a row costs in memory beside its content: a tuple, its numbers, a dict."""

NOTHING: Final[Counter[str]] = Counter()
FULL: Final = "buffer_full"
CLOSED: Final = "closed"


class Buffer:
    """A bounded queue of rows.

    Args:
        max_rows: rows that may wait.
        max_bytes: bytes of content that may wait.
    """

    def __init__(self, *, max_rows: int, max_bytes: int) -> None:
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self.start: Callable[[], None] = _nobody
        """Starts the writer: called on the first row, and after a fork on the child's first."""
        self.reset()

    def reset(self) -> None:
        """Become empty, as in a new process."""
        self._queue: SimpleQueue[Row] = SimpleQueue()
        # Reentrant: a collected logger orders its writer to stop from wherever the collector happens to run.
        self._lock = threading.RLock()
        self._bytes_in = 0
        self._bytes_out = 0
        self.started = False
        self._dropped: Counter[str] = Counter()
        self._orders_in = 0
        self._orders_out = 0
        self.in_hand = 0
        """Rows that the writer has taken and not yet counted as written or lost: 0 or 1."""
        self.closed = False
        self.written = 0
        self.lost: Counter[str] = Counter()

    def offer(self, row: Row) -> None:
        """Hand one row over, or drop and count it. Never waits."""
        queue = self._queue
        if self.closed:
            self._drop(row, CLOSED)
        elif queue.qsize() >= self._max_rows or self._bytes_in - self._bytes_out > self._max_bytes:
            self._drop(row, FULL)
        else:
            self._bytes_in += row[2]
            if row[0] == AUDIO:
                with self._lock:
                    self._orders_in += 1
            queue.put(row)
            if not self.started:
                self._begin()

    def order(self, row: Row) -> None:
        """Hand over a row that steers (start, end, flush): few, so never dropped for want of room, and locked."""
        if not self.closed:
            with self._lock:
                self._orders_in += 1
            self._queue.put(row)
            if not self.started:
                self._begin()

    def take(self, timeout_seconds: float | None) -> Row | None:
        """The next row, or None when none came in time. Called by the writer only."""
        try:
            row = self._queue.get(timeout=timeout_seconds) if timeout_seconds != 0 else self._queue.get_nowait()
        except Empty:
            return None
        self._bytes_out += row[2]
        if row[0] in COUNTED:
            self.in_hand = 1
        else:
            self._orders_out += 1
        return row

    @property
    def pending(self) -> int:
        """Rows that wait, without what steers and without sound."""
        return max(0, self._queue.qsize() - (self._orders_in - self._orders_out)) + self.in_hand

    @property
    def pending_bytes(self) -> int:
        """Bytes of content that wait."""
        return max(0, self._bytes_in - self._bytes_out)

    def refuse(self, call: CallLog, reason: str) -> None:
        """Count a row that never became one."""
        with self._lock:
            self._dropped[reason] += 1
            call.dropped[reason] += 1

    def lose(self, reason: str) -> None:
        """Count a row that the writer took and could not write."""
        with self._lock:
            self.lost[reason] += 1

    def losses(self) -> Counter[str]:
        """Rows lost so far, by reason."""
        with self._lock:
            return self.lost + self._dropped

    def dropped(self) -> Counter[str]:
        """Rows that never reached the writer, by reason."""
        with self._lock:
            return self._dropped.copy()

    def _begin(self) -> None:
        with self._lock:
            if self.started:
                return
            self.started = True
        self.start()

    def _drop(self, row: Row, reason: str) -> None:
        call: CallLog = row[1]
        with self._lock:
            if row[0] in COUNTED:
                self._dropped[reason] += 1
                call.dropped[reason] += 1
            else:
                call.dropped_audio += 1


def _nobody() -> None:
    """No writer yet."""
