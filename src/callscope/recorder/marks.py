"""One exception is one error: it carries the id under which a call recorded it first.

An exception is met by many: by the framework that reports it, by a log line, by the task that it ends. Who records it
first marks it; the others name that error in ``duplicate_of``. What was raised because of it counts as it.
"""

from __future__ import annotations

import contextlib
import itertools
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from callscope.recorder.call_log import CallLog

_NAME: Final = "__callscope_error__"
_CHAIN: Final = 8
_STATUSES: Final = ("status_code", "status", "code")
_FIRST_STATUS: Final = 400
_LAST_STATUS: Final = 599
_numbers: Final = itertools.count(1)


def new_id() -> str:
    """An id for an error that has none; no other of this process has it."""
    return f"exception-{next(_numbers)}"


def mark(error: BaseException, call: CallLog, error_id: str) -> None:
    """Note under which id a call recorded an exception."""
    try:
        # Past a class's own ``__setattr__``, which may refuse: some exceptions are frozen.
        object.__setattr__(error, _NAME, (call.call_id, call.started_at_ms, error_id))
    except (AttributeError, TypeError):
        return  # without a place for it, it is counted as often as it is told


def found(error: BaseException, call: CallLog) -> str | None:
    """The id under which this call recorded an exception, or one that led to it; None when it did not."""
    for one in _chain(error):
        marked = getattr(one, _NAME, None)
        if isinstance(marked, tuple) and marked[:2] == (call.call_id, call.started_at_ms):
            return str(marked[2])
    return None


def is_marked(error: BaseException) -> bool:
    """Whether any call has recorded an exception, or one that led to it."""
    return any(hasattr(one, _NAME) for one in _chain(error))


def described(error: BaseException) -> dict[str, Any]:
    """What an exception says beside its message: what the provider answered, and who the provider is."""
    from callscope.timeline.error_category import provider_of  # noqa: PLC0415 -- its patterns are for who has errors

    found: dict[str, Any] = {}
    status = None
    with contextlib.suppress(Exception):  # foreign properties, which may raise anything
        status = _status(error)
    if status is not None:
        found["http_status"] = status
    provider = provider_of(type(error).__module__)
    if provider is not None:
        found["provider"] = provider
    return found


def _status(error: BaseException) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        for name in _STATUSES:
            value = getattr(holder, name, None)
            if type(value) is int and _FIRST_STATUS <= value <= _LAST_STATUS:
                return value
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    for _ in range(_CHAIN):
        if one is None:
            return
        yield one
        one = one.__cause__ if one.__cause__ is not None or one.__suppress_context__ else one.__context__
