"""Watches the archive while the dashboard runs, on a thread of its own, unless another process does it.

It waits until there is an archive, the index holds all of it, and there is a file of rules; until then nobody's lock is
taken, so that `callscope watch` can be started at any time.
"""

from __future__ import annotations

import secrets
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from callscope.errors import CallscopeError
from callscope.index.index import Index
from callscope.web.refresher import Refresher

if TYPE_CHECKING:
    from callscope.alerts.watch import Told, Watch

WHO: Final = "callscope serve"
_LOOK_SECONDS: Final = 5.0
"""Between two looks whether there is something to watch."""
_STOP_SECONDS: Final = 6.0


class Watcher:
    """A thread that watches until it is stopped.

    Args:
        root: the archive.
        index: its index.
        refresher: keeps the index up to date.
        rules_file: the rules; the file need not be there yet.
        now_ms: what time it is, in Unix milliseconds.
        changed: called on the thread when something happened that pages show.
    """

    def __init__(
        self,
        root: Path,
        index: Index,
        *,
        refresher: Refresher,
        rules_file: Path,
        now_ms: Callable[[], int],
        changed: Callable[[], None],
    ) -> None:
        self._root = root
        self._index = index
        self._refresher = refresher
        self._file = rules_file
        self._now_ms = now_ms
        self._changed = changed
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._watch: Watch | None = None
        self.trouble = ""
        """Why nothing is watched, though there are rules; empty: something is, or there is nothing to say."""

    def start(self) -> None:
        """Begin, on a thread that does not keep the process alive."""
        self._thread = threading.Thread(target=self._run, name="callscope-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End it, once what is on its way had a moment."""
        self._stopped.set()
        if (watch := self._watch) is not None:
            watch.stop()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    @property
    def _is_time(self) -> bool:
        return self._refresher.progress.complete_ms is not None and self._root.is_dir() and self._file.is_file()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                if self._is_time:
                    self._hold()
            except CallscopeError as error:
                self.trouble = str(error)
            except Exception as error:  # noqa: BLE001 -- on this thread nobody else would ever hear of it
                traceback.print_exc(file=sys.stderr)
                self.trouble = f"a mistake of callscope ({type(error).__name__})"
            self._stopped.wait(_LOOK_SECONDS)

    def _hold(self) -> None:
        """Watch, if nobody else does."""
        # A dashboard without rules starts without.
        from callscope.alerts import store  # noqa: PLC0415
        from callscope.alerts.watch import EVERY_MS, Watch  # noqa: PLC0415

        with store.held(self._root) as is_ours:
            if not is_ours:
                self.trouble = ""
                return
            self._watch = Watch(
                self._root,
                self._index,
                rules_file=self._file,
                who=WHO,
                ready=self._why_not,
                now_ms=self._now_ms,
                jitter=secrets.SystemRandom().random,
                every_ms=EVERY_MS,
                tell=self._tell,
                looked=self._changed,
            )
            self.trouble = ""
            if not self._stopped.is_set():
                self._watch.run()

    def _why_not(self) -> str | None:
        """What the index does not hold no rule can tell of: calls that are not read would look like no calls."""
        trouble = self._refresher.progress.trouble
        return None if trouble is None else f"the archive cannot be read, so no rule is looked at: {trouble}"

    def _tell(self, _: Told) -> None:
        self._changed()
