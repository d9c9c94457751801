"""A call that somebody else recorded, told as a whole: what every way in makes of its source.

An importer or a receiver translates; `callscope.recorder.keeper.Keeper` puts the result on disk. The whole call is told
anew each time something of it comes, so that order and repetition of what comes do not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from callscope.model.event import Event

if TYPE_CHECKING:
    from pathlib import Path

UNKNOWN_LENGTH: Final = "unknown"
"""As ``duration_ms`` in `WholeCall.end`: the call is over, and nobody knows when it ended."""


class WholeTurn(msgspec.Struct, frozen=True, kw_only=True):
    """One side's contribution, as `CallLog.turn` takes it."""

    role: str
    """``user``, ``assistant``, ``system`` or ``tool``."""
    text: str | None
    """What was said; for the agent, what was generated. None: nobody knows."""
    at_ms: int
    """Unix milliseconds at which it began."""
    turn_index: int | None = None
    """0-based place in the call; counted when None."""
    duration_ms: float | None = None
    """How long it was spoken."""
    latency: dict[str, Any] | None = None
    """Milliseconds by name, as the source has them; measured from the speaking events when None."""
    cost: dict[str, Any] | None = None
    """US dollars by part, as the source has them; priced from the usage when None."""
    interrupted: bool = False
    """The caller cut it off."""
    heard: str | None = None
    """The part of ``text`` that was played, when it was cut off; None: nobody knows."""
    extra: dict[str, Any] = {}
    """What else the source says of it, kept in its row."""


class WholeCall(msgspec.Struct, frozen=True, kw_only=True):
    """All that a source tells of one call."""

    call_id: str
    """As the source has it."""
    started_at_ms: int
    """Unix milliseconds."""
    ended_at_ms: int | None
    """Unix milliseconds; None: it goes on."""
    fields: dict[str, Any] = {}
    """As `CallLogger.start_call` takes them: caller, callee, direction, telephony_provider, provider_mode, agent,
    trace_id, labels, framework."""
    rows: tuple[WholeTurn | Event, ...] = ()
    """In the order of their moments. A row that tells no moment stands where it belongs."""
    end: dict[str, Any] = {}
    """As `CallLog.end` takes it: status, error, reason, duration_ms, turns, cost, latency, recording_path.
    See also `UNKNOWN_LENGTH`."""
    source: dict[str, Any]
    """Where it comes from: ``format`` and ``id``, which name it for ever; ``version``; ``computed``, the names of what
    the source does not say and was worked out; ``not_understood``, counts by what it was; ``revision``, a whole number
    that grows with each telling of one source; anything else."""
    originals: dict[str, bytes] = {}
    """What it was made from, by file name; kept in ``source/`` as far as the privacy policy lets it."""
    sound: Path | None = None
    """A WAV file of 16-bit PCM with one or two channels."""
    sound_started_at_ms: int | None = None
    """Unix milliseconds of its first sample; None: the call's start."""
