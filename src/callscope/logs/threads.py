"""Threads that a call starts run for that call, and so does work that it gives to a pool.

Tasks inherit what a `ContextVar` says, threads do not (before Python 3.14). So `threading.Thread.start` and
`ThreadPoolExecutor.submit` are wrapped: chained with what was there, undone where nobody wrapped them again since.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from callscope.recorder import current
from callscope.recorder.call_log import CallLog

_Call = CallLog | current.Coming
_OURS: Final = "callscope-"
"""Threads of this package belong to no call."""


class Threads:
    """The two wrapped methods."""

    def __init__(self) -> None:
        self._active = False
        self._start: Any = None
        self._submit: Any = None
        self._wrapped: tuple[Any, Any] = (None, None)

    def attach(self) -> None:
        """Carry calls over from now on."""
        self._active = True
        self._start, self._submit = threading.Thread.start, ThreadPoolExecutor.submit
        start, submit = self._start, self._submit

        @functools.wraps(start)
        def start_for_call(thread: threading.Thread) -> None:
            call = _entered() if self._active else None
            if call is not None and not thread.name.startswith(_OURS):
                thread.run = functools.partial(_run, thread, call, thread.run)  # type: ignore[method-assign]  # only this thread's
            start(thread)

        @functools.wraps(submit)
        def submit_for_call(pool: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
            if not self._active:
                return submit(pool, fn, *args, **kwargs)
            # Also where there is no call: the thread that does it may have been started by one.
            return submit(pool, _work, _entered(), fn, *args, **kwargs)

        self._wrapped = (start_for_call, submit_for_call)
        threading.Thread.start = start_for_call  # type: ignore[method-assign, assignment]
        ThreadPoolExecutor.submit = submit_for_call  # type: ignore[method-assign]

    def detach(self) -> None:
        """Carry nothing over any more."""
        self._active = False
        if threading.Thread.start is self._wrapped[0]:
            threading.Thread.start = self._start  # type: ignore[method-assign]
        if ThreadPoolExecutor.submit is self._wrapped[1]:
            ThreadPoolExecutor.submit = self._submit  # type: ignore[method-assign]


def _entered() -> _Call | None:
    """What `current.enter` was given: also a call that is only coming, which `current.call` does not know yet."""
    return current._call.get()  # noqa: SLF001 -- to be given to `current.enter` again


def _run(thread: threading.Thread, call: _Call, run: Callable[[], None]) -> None:
    thread.__dict__.pop("run", None)  # else the thread would hold itself
    current.enter(call)
    run()


def _work(call: _Call | None, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    token = current.enter(call)
    try:
        return fn(*args, **kwargs)
    finally:
        current.leave(token)
