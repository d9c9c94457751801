"""One side's contribution to a call."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Role = Literal["user", "assistant", "system", "tool"]

ROLES: tuple[Role, ...] = ("user", "assistant", "system", "tool")


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A turn as it is read back, whatever writer left it."""

    ts_ms: int | None
    """Unix milliseconds at which the turn began (the speaker's first sound where that is known, else
    the moment it was written); None when the row does not say."""
    turn_index: int | None
    """0-based place in the call as the writer counted it; None when the row does not say."""
    role: str
    """One of `ROLES`; other writers' words are kept as they are."""
    text: str | None
    """What was said. For the agent: what was generated. None when the transcript policy kept it off the disk."""
    latency: dict[str, Any] | None = None
    """Milliseconds by name, as the writer gave them; ``response_ms`` is what the caller waited."""
    cost: dict[str, Any] | None = None
    """US dollars by part, as the writer gave them."""
    interrupted: bool = False
    """True when the caller cut this turn off."""
    heard: str | None = None
    """The part of ``text`` that was played, on an interrupted turn; None where nobody knows."""
    duration_ms: float | None = None
    """How long the turn was spoken; None when unknown."""
    text_length: int | None = None
    """Characters of ``text`` when the text itself was kept off the disk."""
    extra: dict[str, Any] | None = None
    """Keys of the row that have no field here."""
