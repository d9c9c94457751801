"""Values that take longer than a page may: made on a thread of their own, kept, and shown with their age.

A page gets what is there at once. Something that was never made is waited for a moment, so that what is quick is there
on the first page already.
"""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from callscope.errors import CallscopeError
from callscope.web import memory

_MOST: Final = 64
"""Values that are kept; the ones asked for longest ago go."""

OLD_MS: Final = 60_000
"""Age from which on a page may not take a value for what is so now."""

T = TypeVar("T")


class Told(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A value, as far as it is known."""

    value: T | None = None
    """None: it was not made yet, or could not be."""
    at_ms: int | None = None
    """When it was made, in Unix milliseconds."""
    trouble: str | None = None
    """Why it could not be made the last time."""
    is_counting: bool = False
    """Whether it is being made right now."""


class Background:
    """Values by name. One is made at a time, so that pages keep most of the processor.

    Args:
        now_ms: what time it is, in Unix milliseconds.
        made: called, on the thread that made it, when a value is there for the first time, or in place of an old one.
        patience_seconds: how long to wait for a value that was never made.
    """

    def __init__(
        self, *, now_ms: Callable[[], int], made: Callable[[], None] | None = None, patience_seconds: float = 0.05
    ) -> None:
        self._made = made
        self.patience_seconds = patience_seconds
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._at_work = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def ask(self, name: str, make: Callable[[], T], *, older_than_seconds: float) -> Told[T]:
        """The value of that name as it is; made anew, for the next to ask, when it is older than that.

        Args:
            name: tells values apart; it holds whatever ``make`` depends on.
            make: makes it. A `CallscopeError` becomes `Told.trouble`; so does a mistake of ours, without its details.
            older_than_seconds: from which age on it is made anew.
        """
        with self._lock:
            entry = self._entries.pop(name, None) or _Entry()
            self._entries[name] = entry  # the newest is last
            for oldest in list(self._entries)[:-_MOST]:
                del self._entries[oldest]
            made_ms = entry.told.at_ms
            is_old = made_ms is None or self._now_ms() - made_ms > older_than_seconds * 1000
            if is_old and not entry.told.is_counting:
                entry.told = msgspec.structs.replace(entry.told, is_counting=True)
                entry.done.clear()
                threading.Thread(target=self._make, args=(entry, make), name="callscope-count", daemon=True).start()
        if made_ms is None:
            entry.done.wait(self.patience_seconds)
        return cast("Told[T]", entry.told)

    def here(self, name: str, make: Callable[[], T], *, older_than_seconds: float) -> Told[T]:  # noqa: ARG002 -- asked as `ask` is
        """The same, made at once on this thread, for who is in the background anyway; nothing is kept."""
        try:
            return Told(value=make(), at_ms=self._now_ms())
        except CallscopeError as error:
            return Told(at_ms=self._now_ms(), trouble=str(error))

    def _make(self, entry: _Entry, make: Callable[[], object]) -> None:
        with self._at_work:
            try:
                told: Told[Any] = Told(value=make(), at_ms=self._now_ms())
            except CallscopeError as error:
                told = Told(at_ms=self._now_ms(), trouble=str(error))
            except Exception as error:  # noqa: BLE001 -- on this thread nobody else would ever hear of it
                traceback.print_exc(file=sys.stderr)
                told = Told(at_ms=self._now_ms(), trouble=f"a mistake of callscope ({type(error).__name__})")
        before_ms = entry.told.at_ms
        is_awaited = before_ms is None or self._now_ms() - before_ms > OLD_MS
        entry.told = told
        entry.done.set()
        memory.give_back()
        if is_awaited and self._made is not None:
            self._made()


class _Entry:
    __slots__ = ("done", "told")

    def __init__(self) -> None:
        self.told: Told[Any] = Told()
        self.done = threading.Event()
