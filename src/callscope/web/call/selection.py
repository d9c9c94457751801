"""What of a call is selected: a moment, and the exchange whose wait is explained."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final

import msgspec

from callscope.model.exchange import Exchange

_MOST_S: Final = 86_400 * 30


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What an address selects of a call."""

    at_ms: int | None
    """Unix milliseconds; None when no moment is asked for."""
    exchange: Exchange | None
    """The one that was asked for, else the one at the moment, else the slowest; None without exchanges."""
    next_ms: int | None
    """Unix milliseconds at which the exchange after it begins; None: it is the last."""

    def holds(self, ts_ms: int | None) -> bool:
        """Whether a moment is within the selected exchange."""
        if self.exchange is None or ts_ms is None or ts_ms < self.exchange.started_at_ms:
            return False
        return self.next_ms is None or ts_ms < self.next_ms


def selection_of(exchanges: Sequence[Exchange], *, start_ms: int, t: str, exchange: str) -> Selection:
    """What is selected.

    Args:
        exchanges: of the call, in order.
        start_ms: of the call, in Unix milliseconds.
        t: seconds from the start, as in an address; what is no number selects nothing.
        exchange: number of an exchange, as in an address.
    """
    at_ms = _moment(t, start_ms)
    place = next((place for place, each in enumerate(exchanges) if str(each.index) == exchange), None)
    if place is None and at_ms is not None and exchanges:
        place = max(bisect_right(exchanges, at_ms, key=lambda each: each.started_at_ms) - 1, 0)
    if place is None and exchanges:
        place = max(range(len(exchanges)), key=lambda number: _slowness(exchanges[number]))
    if place is None:
        return Selection(at_ms=at_ms, exchange=None, next_ms=None)
    following = exchanges[place + 1].started_at_ms if place + 1 < len(exchanges) else None
    return Selection(at_ms=at_ms, exchange=exchanges[place], next_ms=following)


def waited_ms(exchange: Exchange) -> int | None:
    """How long nothing was heard: until the answer, or, without one, until the silence ended."""
    return exchange.response_ms if exchange.response_ms is not None else exchange.silence_ms


def _slowness(exchange: Exchange) -> tuple[bool, int]:
    """A greeting is the slowest of a call only when there is nothing else to explain."""
    waited = waited_ms(exchange)
    return exchange.kind != "greeting" and waited is not None, waited or 0


def _moment(t: str, start_ms: int) -> int | None:
    try:
        seconds = float(t)
    except ValueError:
        return None
    return start_ms + round(seconds * 1000) if math.isfinite(seconds) and 0 <= seconds <= _MOST_S else None
