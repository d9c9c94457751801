"""Which exchange a row of a call is of."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

from callscope.model import event as events
from callscope.model.event import Event
from callscope.model.exchange import Exchange
from callscope.model.turn import Turn

_OF_THE_ANSWER: Final = frozenset(
    {
        events.AGENT_STARTED_SPEAKING,
        events.AGENT_STOPPED_SPEAKING,
        events.AGENT_TEXT,
        events.AGENT_BACKCHANNEL,
        events.BARGE_IN,
    }
)
"""They are of the exchange that was answered, though the next one may have begun: the caller speaks over the agent."""


class Places:
    """The exchanges of a call, as places for its rows.

    Args:
        exchanges: in their order.
        turns: the call's turns.
        moments_ms: Unix milliseconds at which each of them stands.
    """

    def __init__(self, exchanges: Sequence[Exchange], turns: Sequence[Turn], moments_ms: Sequence[int]) -> None:
        self._exchanges = exchanges
        self._starts = [each.started_at_ms for each in exchanges]
        self._answers = [each for each in exchanges if each.answered_at_ms is not None]
        self._answered = [each.answered_at_ms or 0 for each in self._answers]
        self._by_turn = {
            index: each
            for each in exchanges
            for index in (each.user_turn_index, each.agent_turn_index)
            if index is not None
        }
        self._turns: dict[int, list[Turn]] = {}
        for turn, at_ms in zip(turns, moments_ms, strict=True):
            owner = self.of_turn(turn, at_ms)
            if owner is not None:
                self._turns.setdefault(owner.index, []).append(turn)

    def at(self, at_ms: int) -> Exchange | None:
        """The exchange that goes on at a moment; None before the first."""
        place = bisect_right(self._starts, at_ms)
        return self._exchanges[place - 1] if place else None

    def of_event(self, event: Event, at_ms: int) -> Exchange | None:
        """The exchange that an event is of."""
        if event.type in _OF_THE_ANSWER:
            place = bisect_right(self._answered, at_ms)
            if place:
                return self._answers[place - 1]
        return self.at(at_ms)

    def of_turn(self, turn: Turn, at_ms: int) -> Exchange | None:
        """The exchange that a turn is of."""
        known = None if turn.turn_index is None else self._by_turn.get(turn.turn_index)
        return known if known is not None else self.at(at_ms)

    def turns_of(self, exchange: Exchange) -> list[Turn]:
        """The turns of an exchange, in their order."""
        return self._turns.get(exchange.index, [])
