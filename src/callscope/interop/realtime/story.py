"""To whom a session is told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Story(Protocol):
    """Takes turns, events and facts, as `callscope.recorder.call_log.CallLog` does."""

    def turn(
        self,
        role: str,
        text: str | None,
        *,
        at_ms: float | None = None,
        duration_ms: float | None = None,
        latency: Mapping[str, Any] | None = None,
        interrupted: bool = False,
        heard: str | None = None,
    ) -> None:
        """One side's contribution."""

    def event(self, type: str, data: Mapping[str, Any] | None = None, *, at_ms: float | None = None) -> None:  # noqa: A002 -- the field's own word
        """An operational event."""

    def update(self, *, provider_mode: str | None = None, agent: Mapping[str, Any] | None = None) -> None:
        """What became known of the call."""
