"""Which call the running code belongs to, for what is not told: log lines, and exceptions that nobody caught.

Tasks inherit it from who starts them, threads do not: `callscope.logs` carries it over where it is configured.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from callscope.recorder.call_log import CallLog

_call: Final[ContextVar[CallLog | None]] = ContextVar("callscope_call", default=None)


def call() -> CallLog | None:
    """The call that this code runs for; None outside of calls."""
    return _call.get()


def enter(one: CallLog | None) -> Token[CallLog | None]:
    """From here on this task, and what it starts, runs for a call (None: for none). Give the token to `leave`."""
    return _call.set(one)


def leave(token: Token[CallLog | None]) -> None:
    """Go back to what was before `enter`. In another context than that of `enter` there is nothing to go back to."""
    try:
        _call.reset(token)
    except ValueError:
        _call.set(None)
