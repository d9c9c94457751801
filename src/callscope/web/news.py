"""What is new, told to every browser that listens: the index changed, a call began, went on, ended.

A thread looks at the calls in progress four times a second, as long as somebody listens; the refresher tells when the
index changed. A listener is told that something is new, never what: it asks for its page again, with its own filter.
What nobody took yet is merged, so that a slow browser costs a few names and not a queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from callscope.archive.paths import CALLS
from callscope.errors import CallscopeError
from callscope.report.follow import ArchiveFollower

LISTENERS: Final = 64
"""At once; a browser needs one, however many tabs."""
_LOOK_SECONDS: Final = 0.25
_HEARTBEAT_SECONDS: Final = 15.0
_MERGE_SECONDS: Final = 0.1
"""What comes within this time is told at once."""
_MOST_CALLS: Final = 200
"""Calls that are named in one message; of more, all are meant."""


class _Listener:
    """One stream: what it has not been told yet."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.wake = asyncio.Event()
        self.generation: int | None = None
        self.calls: dict[str, str] = {}
        self.counted = False
        self.closed = False

    def note(self, change: Callable[[_Listener], None]) -> None:
        """Of any thread: note something and wake the stream."""
        with contextlib.suppress(RuntimeError):  # its loop is closed: nobody listens any more
            self.loop.call_soon_threadsafe(self._note, change)

    def _note(self, change: Callable[[_Listener], None]) -> None:
        change(self)
        self.wake.set()


class News:
    """Streams of one dashboard.

    Args:
        root: the archive.
        now_ms: what time it is, in Unix milliseconds.
        began_or_ended: called on the thread when a call began or ended, so that the index can take it in at once.
    """

    def __init__(self, root: Path, *, now_ms: Callable[[], int], began_or_ended: Callable[[], None]) -> None:
        self._root = root
        self._now_ms = now_ms
        self._began_or_ended = began_or_ended
        self._listeners: set[_Listener] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._idle = threading.Event()

    def index_changed(self, generation: int) -> None:
        """Of any thread: the index has something new."""

        def change(listener: _Listener) -> None:
            listener.generation = generation

        for listener in self._all():
            listener.note(change)

    def counted(self) -> None:
        """Of any thread: a page that was shown without some figure has it now."""

        def change(listener: _Listener) -> None:
            listener.counted = True

        for listener in self._all():
            listener.note(change)

    def close(self) -> None:
        """End every stream; of any thread."""

        def change(listener: _Listener) -> None:
            listener.closed = True

        for listener in self._all():
            listener.note(change)

    @property
    def is_full(self) -> bool:
        """Whether as many listen as may."""
        with self._lock:
            return len(self._listeners) >= LISTENERS

    async def stream(self, generation: int) -> AsyncIterator[bytes]:
        """Messages of ``text/event-stream``; begins with the index's generation."""
        listener = _Listener(asyncio.get_running_loop())
        with self._lock:
            self._listeners.add(listener)
            self._look_on()
        try:
            yield b"retry: 1000\n" + _message("index", {"generation": generation})
            while not listener.closed:
                try:
                    await asyncio.wait_for(listener.wake.wait(), _HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                await asyncio.sleep(_MERGE_SECONDS)
                listener.wake.clear()
                for message in _told(listener):
                    yield message
        finally:
            with self._lock:
                self._listeners.discard(listener)
                if not self._listeners:
                    self._idle.set()

    def _all(self) -> list[_Listener]:
        with self._lock:
            return list(self._listeners)

    def _look_on(self) -> None:
        """Have a thread look at the calls; with the lock held."""
        self._idle.clear()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._look, name="callscope-news", daemon=True)
            self._thread.start()

    def _look(self) -> None:
        follower: ArchiveFollower | None = None
        while True:
            # The archive may be gone, come back, or not be there yet: the next look is a new beginning.
            try:
                if follower is None:
                    follower = ArchiveFollower(self._root, now_ms=self._now_ms())
                else:
                    self._tell(follower)
            except (CallscopeError, OSError):
                follower = None
            self._idle.wait(_LOOK_SECONDS)
            with self._lock:
                if not self._listeners:
                    self._thread = None
                    return

    def _tell(self, follower: ArchiveFollower) -> None:
        calls: dict[str, str] = {}
        for news in follower.look(now_ms=self._now_ms()):
            kind = "rows" if news.kind in {"turn", "event"} else news.kind
            path = Path(news.call.path).relative_to(self._root / CALLS).as_posix()
            if calls.get(path, "rows") == "rows":
                calls[path] = kind
        if not calls:
            return
        if any(kind != "rows" for kind in calls.values()):
            self._began_or_ended()

        def change(listener: _Listener) -> None:
            listener.calls |= calls

        for listener in self._all():
            listener.note(change)


def _told(listener: _Listener) -> Iterator[bytes]:
    calls, listener.calls = listener.calls, {}
    generation, listener.generation = listener.generation, None
    counted, listener.counted = listener.counted, False
    if calls:
        named = calls if len(calls) <= _MOST_CALLS else {}
        yield _message("call", {"calls": named, "all": not named})
    if counted:
        yield _message("counted", {})
    if generation is not None:
        yield _message("index", {"generation": generation})


def _message(name: str, value: dict[str, object]) -> bytes:
    return f"event: {name}\ndata: {msgspec.json.encode(value).decode()}\n\n".encode()
