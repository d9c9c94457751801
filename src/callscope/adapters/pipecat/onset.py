"""Which of the output transport's starts are the agent's first sound."""

from __future__ import annotations

from typing import Final

_IN_FLIGHT_MS: Final = 1_000
"""A chunk that was on its way is played at once; what starts later than this is something new."""


class Onset:
    """Tells an answer's first sound from the last chunk of one that was cut off.

    The output transport drops what waits when it is interrupted, and tells that the agent stopped. A chunk that
    it had taken before is played all the same, and with it comes a start, which is nobody's. The transport then
    holds the agent to be speaking, so the next answer, if it comes soon, gets no start: its first sound on the way
    into the transport, where nothing waits before it, stands in.
    """

    __slots__ = ("_cut_at_ms", "_hidden")

    def __init__(self) -> None:
        self._cut_at_ms: float | None = None
        self._hidden = False

    def cut(self, at_ms: float) -> None:
        """The agent was cut off: until another response has sound, nothing starts."""
        self._cut_at_ms = at_ms

    def response(self) -> None:
        """Another response is about to sound."""
        self._cut_at_ms = None

    def starts(self, at_ms: float) -> bool:
        """The transport tells a start: whether it is the agent's."""
        self._hidden = self._cut_at_ms is not None and at_ms - self._cut_at_ms <= _IN_FLIGHT_MS
        return not self._hidden

    def stops(self) -> None:
        """The transport tells a stop: it will tell the next start itself."""
        self._hidden = False

    def sounds(self) -> bool:
        """Sound goes into the transport: whether it begins a response that the transport tells no start of."""
        begins = self._hidden and self._cut_at_ms is None
        if begins:
            self._hidden = False
        return begins
