"""Which call the running code belongs to, for what is not told: log lines, and exceptions that nobody caught.

Tasks inherit it from who starts them, threads do not: `callscope.logs` carries it over where it is configured.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

    from callscope.recorder.call_log import CallLog


class Coming:
    """A call that is not there yet, entered all the same: what a framework starts meanwhile belongs to it."""

    __slots__ = ("call",)

    def __init__(self) -> None:
        self.call: CallLog | None = None


Entered = Token["CallLog | Coming | None"]
"""What `enter` gives for `leave`."""

_call: Final[ContextVar[CallLog | Coming | None]] = ContextVar("callscope_call", default=None)


def call() -> CallLog | None:
    """The call that this code runs for; None outside of calls."""
    found = _call.get()
    return found.call if type(found) is Coming else found  # type: ignore[return-value]  # no other has that type


def enter(one: CallLog | Coming | None) -> Entered:
    """From here on this task, and what it starts, runs for a call (None: for none). Give the token to `leave`."""
    return _call.set(one)


def leave(token: Entered) -> None:
    """Go back to what was before `enter`. In another context than that of `enter` there is nothing to go back to."""
    try:
        _call.reset(token)
    except ValueError:
        _call.set(None)


class Bound:
    """A block that runs for a call; see `CallLog.bind`."""

    __slots__ = ("_call", "_token")

    def __init__(self, one: CallLog) -> None:
        self._call = one
        self._token: Entered | None = None

    def __enter__(self) -> CallLog:
        self._token = enter(self._call)
        return self._call

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._token is not None:
            leave(self._token)
            self._token = None
