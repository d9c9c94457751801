"""What happened in calls, for who listens, such as `callscope.logs`.

Listeners are called on the writer's thread, after the row was written: they see what is on disk, and must not wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from callscope.recorder import guard
from callscope.recorder.guard import Warnings


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened in a call."""

    ts_ms: int
    """Unix milliseconds of the thing itself."""
    call_id: str
    """As given."""
    type: str
    """An event's type; ``call_started``; ``turn``; ``call_over`` once the outcome is known."""
    data: dict[str, Any]
    """As it was written, not to be changed: what the policy withholds is not in it.

    Of ``call_started``: ``direction``, ``telephony_provider``, ``provider_mode``, ``agent``, ``labels``,
    ``framework``. Of a turn: ``role``, ``turn_index``, ``characters``, ``latency``, ``cost``, ``interrupted``, never
    its words. Of ``call_over``: ``status``, ``error``, ``reason``, ``duration_ms``, ``turns``, ``cost``,
    ``cost_status``, ``latency``, ``worst_wait_ms``, ``lost``."""


Listener = Callable[[Told], None]

listeners: Final[list[Listener]] = []
"""Added to and removed from by who listens; empty for most."""


def tell(ts_ms: int, call_id: str, type: str, data: dict[str, Any], warnings: Warnings) -> None:  # noqa: A002 -- the field's own word
    """Tell all listeners; the others hear it also when one raises. Ask whether there are `listeners` first."""
    told = Told(ts_ms=ts_ms, call_id=call_id, type=type, data=data)
    for listener in tuple(listeners):
        try:
            listener(told)
        except Exception:  # noqa: BLE001 -- foreign code on the writer's thread; see guard
            guard.caught("a listener to calls", warnings)
