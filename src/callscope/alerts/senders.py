"""Threads that send, one a target: a receiver that hangs holds up nobody but itself.

Results wait until they are fetched by the one thread that changes the state.
"""

from __future__ import annotations

import queue
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

from callscope.alerts import deliver
from callscope.alerts.deliver.delivery_error import DeliveryError
from callscope.alerts.deliver.filled import Filled
from callscope.alerts.queue import Outcome
from callscope.alerts.store import Delivery
from callscope.clock import monotonic_ns
from callscope.errors import CallscopeError

__all__ = ["Senders"]


class Senders:
    """Sends deliveries, each on a thread of its own that does not keep the process alive.

    Args:
        root: the archive.
        done: called, on the thread that sent, when there is something to fetch.
    """

    def __init__(self, root: Path, *, done: Callable[[], None]) -> None:
        self._root = root
        self._done = done
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._threads: dict[str, threading.Thread] = {}

    @property
    def busy(self) -> frozenset[str]:
        """Names of targets that something is on its way to, or whose outcome was not fetched yet."""
        return frozenset(self._threads)

    def start(self, delivery: Delivery, target: Filled) -> None:
        """Send it; the target must not be busy."""
        thread = threading.Thread(
            target=self._send, args=(delivery, target), name=f"callscope-alert-{target.name}", daemon=True
        )
        self._threads[target.name] = thread
        thread.start()

    def fetch(self) -> list[Outcome]:
        """What came to its end since the last time."""
        found = []
        while not self._outcomes.empty():
            outcome = self._outcomes.get()
            self._threads.pop(outcome.target).join()
            found.append(outcome)
        return found

    def wait(self, seconds: float) -> None:
        """Wait until nothing is on its way, no longer than that."""
        end_ns = monotonic_ns() + round(seconds * 1_000_000_000)
        for thread in list(self._threads.values()):
            thread.join(max(0, end_ns - monotonic_ns()) / 1_000_000_000)

    def _send(self, delivery: Delivery, target: Filled) -> None:
        error: str | None = None
        is_final, retry_after_ms = False, None
        try:
            deliver.send(target, delivery.notice, root=self._root)
        except DeliveryError as failed:
            error, is_final, retry_after_ms = str(failed), failed.is_final, failed.retry_after_ms
        except CallscopeError as failed:
            error = str(failed)
        except Exception as failed:  # noqa: BLE001 -- on this thread nobody else would ever hear of it
            print(target.without_secrets(traceback.format_exc()), file=sys.stderr)  # noqa: T201 -- likewise
            error = f"{target.name}: a mistake of callscope ({type(failed).__name__})"
        self._outcomes.put(
            Outcome(
                notice=delivery.notice,
                target=target.name,
                error=error,
                is_final=is_final,
                retry_after_ms=retry_after_ms,
            )
        )
        self._done()
