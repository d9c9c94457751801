"""Keeps the index up to date while the dashboard runs, on a thread of its own: no page waits for the files.

A look at an archive in which nothing changed costs a millisecond or two, so it is looked at once a second; a refresh
that took long is followed by a pause of the same length, so that it never has more than half of a processor.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from typing import Final

import msgspec

from callscope.errors import CallscopeError
from callscope.index.index import Index
from callscope.index.refresh import LOCKED

_EVERY_SECONDS: Final = 1.0
_SLICE_SECONDS: Final = 5.0
"""After which a long refresh shows what it has so far."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the index is."""

    generation: int = 0
    """Grows with every refresh that changed something."""
    read: int = 0
    """Calls read by the refresh that goes on."""
    to_read: int = 0
    """Calls that it is to read; 0: none goes on, or nothing has changed."""
    complete_ms: int | None = None
    """When the index last held all of the archive, in Unix milliseconds."""
    trouble: str | None = None
    """Why the last refresh failed."""
    problems: tuple[str, ...] = ()
    """Places of the archive that could not be listed."""


class Refresher:
    """A thread that refreshes an index until it is stopped.

    Args:
        index: whose.
        now_ms: what time it is, in Unix milliseconds.
        changed: called on the thread after each refresh that changed something.
    """

    def __init__(self, index: Index, *, now_ms: Callable[[], int], changed: Callable[[], None] | None = None) -> None:
        self._index = index
        self._now_ms = now_ms
        self._changed = changed
        self._stopped = threading.Event()
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None
        self._changes = 0
        self.progress = Progress()

    def start(self) -> None:
        """Begin, on a thread that does not keep the process alive."""
        self._thread = threading.Thread(target=self._run, name="callscope-index", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it. A refresh that goes on ends after its slice of time."""
        self._stopped.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join(_SLICE_SECONDS)

    def look(self) -> None:
        """Look at the archive at once."""
        self._wanted.set()

    def refresh(self) -> bool:
        """One refresh, here and now; whether it is done with the archive as it is."""
        before = self.progress
        try:
            report = self._index.refresh(budget_seconds=_SLICE_SECONDS, progress=self._tell)
        except CallscopeError as error:
            is_news = before.trouble is None  # pages that are open say so, too
            self.progress = msgspec.structs.replace(
                before, generation=before.generation + is_news, read=0, to_read=0, trouble=str(error)
            )
            if is_news and self._changed is not None:
                self._changed()
            return True
        is_done = report.complete or report.skipped == LOCKED  # then another process does it
        complete_ms = self._now_ms() if report.complete else before.complete_ms
        if report.skipped == LOCKED:
            complete_ms = self._index.freshness.complete_ms
        changes = self._index.changes
        is_built = (
            complete_ms is not None and before.complete_ms is None
        )  # pages that said so have something else to say
        is_new = changes != self._changes or is_built or before.trouble is not None
        self._changes = changes
        self.progress = Progress(
            generation=before.generation + is_new, complete_ms=complete_ms, problems=report.problems
        )
        if is_new and self._changed is not None:
            self._changed()
        return is_done

    def _tell(self, read: int, to_read: int) -> None:
        self.progress = msgspec.structs.replace(self.progress, read=read, to_read=to_read)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wanted.clear()
            is_done = True
            # A mistake of ours must not end the looking: it would go on with an old index without a word.
            try:
                is_done = self.refresh()
            except Exception as error:  # noqa: BLE001 -- as said
                traceback.print_exc(file=sys.stderr)
                self.progress = msgspec.structs.replace(self.progress, trouble=f"{type(error).__name__}: {error}")
            if is_done:
                self._wanted.wait(_EVERY_SECONDS)
