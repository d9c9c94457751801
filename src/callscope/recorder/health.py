"""How the recorder is doing."""

from __future__ import annotations

import msgspec


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A logger's state at one moment. ``accepted`` is always ``written`` + ``lost`` + ``pending``."""

    enabled: bool
    """False: off, nothing is recorded."""
    root: str | None
    """Where calls are kept."""
    accepted: int
    """Rows that methods took, in this process."""
    written: int
    """Rows on disk."""
    lost: dict[str, int]
    """Rows lost, by reason."""
    pending: int
    """Rows that wait for the writer."""
    pending_bytes: int
    """Their content."""
    open_calls: int
    """Calls started and not ended."""
    problems: tuple[str, ...]
    """Settings that were not understood."""
