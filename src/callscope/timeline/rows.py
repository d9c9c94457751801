"""Exchanges of a call of which only turns are known: a caller's turns, then the agent's answer to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from callscope.model.exchange import UNEXPLAINED, Exchange, Part
from callscope.timeline.latency import response_of_row

if TYPE_CHECKING:
    from callscope.model.turn import Turn


class Rows:
    """Folds turns into exchanges; holds the open one only.

    Args:
        started_at_ms: the call's start, for turns that do not say when they were.
    """

    __slots__ = ("_answer", "_caller_spoke", "_first_ms", "_interrupted", "_last_ms", "_said")

    def __init__(self, started_at_ms: int | None) -> None:
        self._last_ms = started_at_ms or 0
        self._caller_spoke = False
        self._said: Turn | None = None
        self._answer: Turn | None = None
        self._first_ms = self._last_ms
        self._interrupted = False

    def turn(self, turn: Turn, *, index: int) -> Exchange | None:
        """Take a turn; the exchange that it closes, numbered ``index``, if it closes one."""
        ts_ms = turn.ts_ms if turn.ts_ms is not None else self._last_ms
        self._last_ms = ts_ms
        closed = None
        if turn.role == "user":
            if self._answer is not None:
                closed = self.close(index=index)
            self._caller_spoke = True
            if self._said is None:
                self._first_ms = ts_ms
            self._said = turn
        elif turn.role == "assistant":
            if self._answer is None:
                self._answer = turn
                if self._said is None:
                    self._first_ms = ts_ms
            self._interrupted = self._interrupted or turn.interrupted
        return closed

    def close(self, *, index: int) -> Exchange | None:
        """The open exchange, numbered ``index``, as it stands; None when there is none."""
        said, answer = self._said, self._answer
        if said is None and answer is None:
            return None
        response_ms = response_of_row(answer.latency) if answer is not None else None
        answered_at_ms = None
        if answer is not None:
            answered_at_ms = max(answer.ts_ms if answer.ts_ms is not None else self._first_ms, self._first_ms)
        exchange = Exchange(
            index=index,
            kind="exchange" if said is not None or self._caller_spoke else "greeting",
            started_at_ms=self._first_ms,
            wait_from_ms=_wait_from(answered_at_ms, response_ms),
            wait_from="row" if response_ms is not None else None,
            answered_at_ms=answered_at_ms,
            response_ms=response_ms,
            parts=_parts(response_ms),
            interrupted=self._interrupted,
            user_turn_index=said.turn_index if said is not None else None,
            agent_turn_index=answer.turn_index if answer is not None else None,
        )
        self._said = self._answer = None
        self._interrupted = False
        return exchange


def _wait_from(answered_at_ms: int | None, response_ms: int | None) -> int | None:
    return None if answered_at_ms is None or response_ms is None else answered_at_ms - response_ms


def _parts(response_ms: int | None) -> tuple[Part, ...]:
    """A row tells how long the wait was; its stages' figures may overlap, and have no moments."""
    if not response_ms:
        return ()
    return (
        Part(
            stage=UNEXPLAINED,
            label="Unexplained",
            owner="",
            owner_kind="unknown",
            start_ms=0,
            duration_ms=response_ms,
        ),
    )
