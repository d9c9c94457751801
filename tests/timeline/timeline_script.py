"""A call written down as a test reads it: moments in milliseconds after its start, one event a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from callscope.model.event import Event
from callscope.timeline.fold import Fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from callscope.model.exchange import Exchange

START = 1_790_000_000_000
"""Unix milliseconds of every scripted call's start."""


def at(ms: int, kind: str, **data: Any) -> Event:
    return Event(ts_ms=START + ms, type=kind, data=data)


def fold_of(events: Iterable[Event]) -> Fold:
    fold = Fold(started_at_ms=START)
    for event in events:
        fold.event(event)
    return fold


def exchanges_of(events: Iterable[Event], *, ended: int | None = None) -> list[Exchange]:
    return fold_of(events).finish(None if ended is None else START + ended)


def caller(start: int, stop: int, *, delay: int = 200, turn_after: int | None = None) -> list[Event]:
    """The caller speaks; with ``turn_after`` the framework reports the turn, too, that long after the last sound."""
    edges = [at(start, "user_started_speaking")]
    if turn_after is not None:
        edges.append(at(start + 200, "user_turn_started"))
    edges.append(at(stop, "user_stopped_speaking", delay_ms=delay))
    if turn_after is not None:
        edges.append(at(stop + turn_after, "user_turn_stopped", strategy="smart turn"))
    return edges


def agent(start: int, stop: int, *, interrupted: bool = False) -> list[Event]:
    return [
        at(start, "agent_started_speaking"),
        at(stop, "agent_stopped_speaking", **({"interrupted": True} if interrupted else {})),
    ]


def parts_of(exchange: Exchange) -> list[tuple[str, int]]:
    return [(part.label, part.duration_ms) for part in exchange.parts]
