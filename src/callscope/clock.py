"""The only place that reads the time.

A call's moments come from one anchor: the wall clock is read once, later moments add what the monotonic
clock has gone on since. So a wall clock that is set back in the middle of a call cannot make a negative wait.
"""

from __future__ import annotations

from time import monotonic_ns, time_ns

_NS_PER_MS = 1_000_000


def now_ms() -> int:
    """Unix milliseconds by the wall clock."""
    return time_ns() // _NS_PER_MS


def anchor_ns() -> int:
    """What to add to ``monotonic_ns()`` to get Unix nanoseconds, as of now."""
    return time_ns() - monotonic_ns()


__all__ = ["anchor_ns", "monotonic_ns", "now_ms"]
