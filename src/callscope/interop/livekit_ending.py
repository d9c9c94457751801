"""How a LiveKit session ended: its close reason as our status, reason and initiator, and the other way."""

from __future__ import annotations

from typing import Final, NamedTuple

from callscope.model import call as calls

HUNG_UP: Final = "the caller hung up"
FAILED: Final = "an error ended the call"
CLOSE_REASONS: Final = {
    "error": "CR_ERROR",
    "job_shutdown": "CR_JOB_SHUTDOWN",
    "participant_disconnected": "CR_PARTICIPANT_DISCONNECTED",
    "user_initiated": "CR_USER_INITIATED",
    "task_completed": "CR_COMPLETED",
}
"""An event's word, and a report's."""
_WORDS: Final = {name: word for word, name in CLOSE_REASONS.items()}


class Ending(NamedTuple):
    """Why a call ended; what nobody told is None."""

    close_reason: str | None
    """LiveKit's own word, as its events have it."""
    reason: str | None
    initiator: str | None
    """``caller``, ``agent`` or ``system``."""
    status: str | None
    """None: what the rest of the call shows."""


def of(close_reason: str | None) -> Ending:
    """The ending that a close reason tells, as an event (``error``) or a report (``CR_ERROR``) has it.

    ``user_initiated`` is also what a job that is shut down closes its session with: it says nothing of the caller.
    """
    word = _WORDS.get(close_reason or "", (close_reason or "").removeprefix("CR_").lower() or None)
    if word == "error":
        return Ending(word, FAILED, "system", calls.FAILED)
    if word == "participant_disconnected":
        return Ending(word, HUNG_UP, "caller", None)
    if word == "job_shutdown":
        return Ending(word, "the job was shut down", "system", None)
    if word == "task_completed":
        return Ending(word, "the agent's task was completed", "agent", None)
    if word == "user_initiated":
        return Ending(word, "the agent ended the call", "agent", None)
    return Ending(word, None, None, None if word else calls.ABANDONED)


def close_reason_of(kept: str | None, *, status: str, initiator: str | None) -> str | None:
    """What a report says of a call of ours: LiveKit's own word where the call has it, else what comes nearest."""
    if kept is not None:
        return CLOSE_REASONS.get(kept, kept if kept.startswith("CR_") else "CR_UNKNOWN")
    if status in {calls.IN_PROGRESS, calls.ABANDONED}:
        return None
    if status == calls.FAILED:
        return "CR_ERROR"
    return "CR_PARTICIPANT_DISCONNECTED" if initiator == "caller" else "CR_USER_INITIATED"
