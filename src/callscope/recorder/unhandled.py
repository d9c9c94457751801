"""Exceptions that nobody caught, as errors of the call in which they happened.

Three hooks tell of them: ``sys.excepthook``, ``threading.excepthook``, and the exception handler of each event loop in
which a call begins. Ours come before the host's, record, and go on to the host's with the same arguments, so that what
is printed and how the process ends stay as they were. A host that puts its own hook in our place later keeps it:
ours is put before it again, within a second while calls are open.

Nothing is installed before the first call of a logger that records. `release` takes away what is still ours.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from callscope.recorder import current, marks

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from types import TracebackType

    from callscope.recorder.call_log import CallLog

    Handler = Callable[[AbstractEventLoop, dict[str, Any]], object]

_lock: Final = threading.Lock()
_loops: Final[weakref.WeakSet[AbstractEventLoop]] = weakref.WeakSet()
_installed: list[Callable[[], Iterable[CallLog]]] = []
"""How to find the calls that are open: of one place, once something is installed."""


class _Process:
    """``sys.excepthook``."""

    def __init__(self, host: Callable[..., object]) -> None:
        self.host = host

    def __call__(self, kind: type[BaseException], error: BaseException, tb: TracebackType | None) -> None:
        _record(error, current.call(), where="process", fatal=True)
        self.host(kind, error, tb)


class _Thread:
    """``threading.excepthook``."""

    def __init__(self, host: Callable[..., object]) -> None:
        self.host = host

    def __call__(self, args: threading.ExceptHookArgs, /) -> None:
        _record(args.exc_value, current.call(), where="thread")
        self.host(args)


class _Loop:
    """The exception handler of an event loop; ``host`` is None where the loop's own is in charge."""

    def __init__(self, host: Handler | None) -> None:
        self.host = host

    def __call__(self, loop: AbstractEventLoop, context: dict[str, Any]) -> None:
        _record(context.get("exception"), _call_of(context), where="task")
        if self.host is None:
            loop.default_exception_handler(context)
        else:
            self.host(loop, context)


def install(open_calls: Callable[[], Iterable[CallLog]]) -> None:
    """Have the hooks of this process, and of the event loop that runs here; again and again is once.

    Args:
        open_calls: the calls that go on in this process.
    """
    with _lock:
        if not _installed:
            _installed.append(open_calls)
        asyncio = sys.modules.get("asyncio")
        loop = None if asyncio is None else asyncio._get_running_loop()  # noqa: SLF001 -- the one that raises nothing
        if loop is not None:
            _loops.add(loop)
        _take_hooks()


def look_after() -> None:
    """Come before hooks that the host has put in our place."""
    if _installed:
        with _lock:
            _take_hooks()


def release() -> None:
    """Take our hooks away where they are still in their place; elsewhere they are in a chain, and do nothing."""
    with _lock:
        _installed.clear()
        hook = sys.excepthook
        if isinstance(hook, _Process):
            sys.excepthook = hook.host
        of_threads: object = threading.excepthook
        if isinstance(of_threads, _Thread):
            threading.excepthook = of_threads.host
        for loop in list(_loops):
            handler: object = loop.get_exception_handler()
            if isinstance(handler, _Loop):
                loop.set_exception_handler(handler.host)
        _loops.clear()


def _take_hooks() -> None:
    if not isinstance(sys.excepthook, _Process):
        sys.excepthook = _Process(sys.excepthook)
    if not isinstance(threading.excepthook, _Thread):
        threading.excepthook = _Thread(threading.excepthook)
    for loop in list(_loops):
        handler = loop.get_exception_handler()
        if not isinstance(handler, _Loop) and not loop.is_closed():
            loop.set_exception_handler(_Loop(handler))


def _call_of(context: dict[str, Any]) -> CallLog | None:
    """The call of the task or callback that failed, not of the code that happens to run when that is noticed."""
    for name in ("task", "future", "handle"):
        one = context.get(name)
        get_context = getattr(one, "get_context", None)  # of tasks, since Python 3.12
        of_it = get_context() if get_context is not None else getattr(one, "_context", None)
        if of_it is not None:
            return of_it.run(current.call) if hasattr(of_it, "run") else None
    return None


def _record(error: object, call: CallLog | None, *, where: str, fatal: bool = False) -> None:
    """Record what went wrong in a call; where that is not known, in the only one that goes on."""
    if not isinstance(error, Exception):  # an interrupt, a cancellation: stopped, not failed
        return
    if call is None:
        if marks.is_marked(error):  # of a call that is over
            return
        going_on = [each for find in _installed for each in find()]
        if len(going_on) != 1:
            return
        call = going_on[0]
    if _installed:
        more = {"fatal": True} if fatal else {}
        call.error(error, stage="application", unhandled=where, **more)
