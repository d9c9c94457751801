"""Which frame is handled by whom: found once per frame class, by the names of the class and its bases."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

Handler = Callable[[Any, float], None]
"""Takes Pipecat's `FramePushed` and its moment in Unix milliseconds."""
Handlers = dict[str, Handler]
"""Handlers by the name of the frame's class."""

_MAX_IDS: Final = 4096


class Dispatch:
    """The handlers of one call.

    Args:
        first: tables for a frame's first push; of a frame that is broadcast both ways, the downstream one.
        every: tables for every push.
    """

    def __init__(self, first: list[Handlers], every: list[Handlers]) -> None:
        self._first = first
        self._every = every
        self._known: dict[type, tuple[tuple[Handler, ...], tuple[Handler, ...]] | None] = {}
        self._ids: OrderedDict[int, None] = OrderedDict()

    def wants(self, kind: type) -> tuple[tuple[Handler, ...], tuple[Handler, ...]] | None:
        """The handlers of a frame class, for the first and for every push; None when nobody cares."""
        try:
            return self._known[kind]
        except KeyError:
            pair = (_resolve(kind, self._first), _resolve(kind, self._every))
            found = self._known[kind] = pair if any(pair) else None
            return found

    def is_first(self, data: Any) -> bool:
        """Whether a frame is pushed for the first time and is not the upstream twin of a broadcast."""
        frame = data.frame
        first = getattr(data, "first_push", None)
        if first is None:  # before 1.12; only frames that somebody cares about come here, so few ids suffice
            first = frame.id not in self._ids
            if first:
                self._ids[frame.id] = None
                if len(self._ids) > _MAX_IDS:
                    self._ids.popitem(last=False)
        return bool(first) and (frame.broadcast_sibling_id is None or not is_upstream(data))


def is_upstream(data: Any) -> bool:
    """Whether a frame travels towards the caller's input."""
    return bool(data.direction.name == "UPSTREAM")


def _resolve(kind: type, tables: list[Handlers]) -> tuple[Handler, ...]:
    found: list[Handler] = []
    for table in tables:
        for cls in kind.__mro__:
            if cls.__name__ in table and cls.__module__.startswith("pipecat."):
                found.append(table[cls.__name__])
                break
    return tuple(found)
