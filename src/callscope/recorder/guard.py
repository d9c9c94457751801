"""The only place that catches `Exception`: no error of ours reaches a call.

What is caught is kept as text and told by the writer's thread, once per cause and minute, so that neither a log
handler nor a flood of errors gets in a call's way. Tests set `reraise`, so that nothing is hidden from us.
"""

from __future__ import annotations

import functools
import logging
import threading
import traceback
from collections.abc import Callable
from typing import Any, Final, ParamSpec

from callscope.clock import monotonic_ns

P = ParamSpec("P")

log: Final = logging.getLogger("callscope")

_MINUTE_NS: Final = 60_000_000_000
_MAX_CAUSES: Final = 256

reraise = False
"""Set by callscope's own tests: what is caught is raised again."""


class Warnings:
    """Says each thing once a minute, with how often it happened since it was last said. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._causes: dict[str, tuple[int, int]] = {}
        self._waiting: dict[str, tuple[str, int]] = {}

    def add(self, cause: str, message: str, *, count: int = 1) -> None:
        """Note that something happened; the newest message of a cause is the one that is told."""
        with self._lock:
            before = self._waiting.get(cause)
            if before is None and len(self._waiting) >= _MAX_CAUSES:
                return
            self._waiting[cause] = (message, count + (before[1] if before else 0))

    def tell(self, *, all_now: bool = False) -> None:
        """Log what is due. Called by the writer's thread only."""
        if not self._waiting:
            return
        now = monotonic_ns()
        due: list[tuple[str, int]] = []
        with self._lock:
            for cause, (message, count) in list(self._waiting.items()):
                told_ns, _ = self._causes.get(cause, (-_MINUTE_NS, 0))
                if now - told_ns < _MINUTE_NS and not all_now:
                    continue
                if len(self._causes) >= _MAX_CAUSES:
                    self._causes.clear()
                self._causes[cause] = (now, count)
                del self._waiting[cause]
                due.append((message, count))
        for message, count in due:
            log.warning("%s%s", message, f" ({count} times)" if count > 1 else "")


def caught(where: str, warnings: Warnings) -> None:
    """Deal with the exception being handled: keep it to be told, and let the call go on."""
    if reraise:
        raise  # noqa: PLE0704 -- called from except blocks only
    text = traceback.format_exc(limit=8)
    warnings.add(
        f"internal:{where}",
        f"callscope has an error of its own in {where}; the call goes on, what it was writing is lost. "
        f"Please report it:\n{text}",
    )


def shielded(where: str, warnings: Warnings) -> Callable[[Callable[P, Any]], Callable[P, None]]:
    """Decorate a function of ours that foreign code calls, so that it never raises there. Its result is dropped."""

    def decorate(function: Callable[P, Any]) -> Callable[P, None]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> None:
            try:
                function(*args, **kwargs)
            except Exception:  # noqa: BLE001 -- this is the place
                caught(where, warnings)

        return call

    return decorate
