"""A time limit for questions to SQLite, and what to say when it is over."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from typing import Final

from callscope.clock import monotonic_ns
from callscope.errors import SettingError

_STEPS: Final = 2_000
"""Steps of SQLite's machine after which the time is looked at: well under a millisecond."""
_NS: Final = 1_000_000_000
_TOO_LONG: Final = "narrow it by time (since:1d) or by another condition"


class Deadline:
    """A moment after which nothing is begun any more."""

    def __init__(self, seconds: float) -> None:
        self._end_ns = monotonic_ns() + int(seconds * _NS)

    @property
    def passed(self) -> bool:
        """Whether the time is over."""
        return monotonic_ns() >= self._end_ns

    @property
    def seconds_left(self) -> float:
        """How long it is until then; 0 when it is over."""
        return max(0, self._end_ns - monotonic_ns()) / _NS


@contextlib.contextmanager
def interrupting(db: sqlite3.Connection, deadline: Deadline) -> Iterator[None]:
    """Whatever the connection does inside ends at the deadline, with the error of which `was_interrupted` is true."""
    db.set_progress_handler(lambda: deadline.passed, _STEPS)
    try:
        yield
    except sqlite3.OperationalError as error:
        if was_interrupted(error) and not deadline.passed:  # Ctrl-C came while the time was looked at
            raise KeyboardInterrupt from None
        raise
    finally:
        db.set_progress_handler(None, 0)


@contextlib.contextmanager
def limited(db: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """The same for a question that has one answer or none.

    Raises:
        SettingError: the time is over; says what to ask instead.
    """
    try:
        with interrupting(db, Deadline(seconds)):
            yield
    except sqlite3.OperationalError as error:
        if was_interrupted(error):
            raise SettingError(f"the question took more than {seconds:g} s: {_TOO_LONG}") from None
        if is_of_a_function(error):
            raise SettingError(f"a regular expression of the question takes too long: {_TOO_LONG}") from None
        raise


def was_interrupted(error: sqlite3.Error) -> bool:
    """Whether an error says that the time was over."""
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT


def is_of_a_function(error: sqlite3.Error) -> bool:
    """Whether an error was raised by a function of ours that SQL called: a match that took too long."""
    return str(error).startswith("user-defined function raised")
