"""What happened in calls, for who listens, such as `callscope.logs`.

Listeners are called on the writer's thread, after the row was written: they see what is on disk, and must not wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened in a call."""

    ts_ms: int
    """Unix milliseconds of the thing itself."""
    call_id: str
    """As given."""
    type: str
    """An event's type; ``call_started``; ``turn``; ``call_over`` once the outcome is known."""
    data: dict[str, Any]
    """As it was written: what the policy withholds is not in it. Of a turn: ``role``, ``turn_index``, ``characters``,
    ``latency``, ``cost``, ``interrupted``, never its words. Of ``call_over``: ``status``, ``error``, ``reason``,
    ``duration_ms``, ``turns``, ``cost``, ``cost_status``, ``latency``, ``worst_wait_ms``, ``lost``."""


Listener = Callable[[Told], None]

listeners: Final[list[Listener]] = []
"""Added to and removed from by who listens; empty for most."""
