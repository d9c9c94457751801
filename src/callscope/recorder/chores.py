"""What a recorder does beside its calls, in threads of its own: close what dead writers left, remove old days."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from callscope.archive.prune import prune
from callscope.archive.repair import close_abandoned
from callscope.clock import now_ms
from callscope.config import Settings
from callscope.prices.book import PriceBook
from callscope.recorder import guard
from callscope.recorder.channel import Channel

SWEEP_CHANCE: Final = 0.02


class Chores:
    """Work on an archive that may take a while, and that no row waits for.

    Args:
        root: the archive.
        settings: how long calls are kept.
        channel: where errors are told.
    """

    def __init__(self, root: Path, settings: Settings, channel: Channel) -> None:
        self._root = root
        self._days = settings.retention_days
        self._channel = channel
        self.threads: dict[str, threading.Thread] = {}

    def on_start(self, *, first: bool, book: PriceBook | None) -> None:
        """On a writer's first call, close abandoned ones; on about one call in fifty, remove old days."""
        if first:
            self.begin("repair", lambda: close_abandoned(self._root, now_ms=now_ms(), book=book))
        days = self._days
        if days and random.random() < SWEEP_CHANCE:  # noqa: S311 -- no secret
            self.begin("retention", lambda: prune(self._root, days=days, now_ms=now_ms()))

    def begin(self, name: str, work: Callable[[], object]) -> None:
        """Do it in a thread of its own, one of a name at a time."""
        running = self.threads.get(name)
        if running is not None and running.is_alive():
            return
        shielded = guard.shielded(name, self._channel.warnings)(work)
        self.threads[name] = threading.Thread(target=shielded, name=f"callscope-{name}", daemon=True)
        self.threads[name].start()
