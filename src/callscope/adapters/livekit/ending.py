"""How a session ended, and why: its own close reason, and the job's where that is behind it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from callscope.adapters.livekit import errors
from callscope.adapters.livekit.line import HUNG_UP

_USER_REQUESTED: Final = "user requested"
_FAILED: Final = "an error ended the call"
_CALLER_LEFT: Final = ("participant", "hang up", "hung up", "hangup")
_SYSTEM: Final = ("room disconnected", "parent process", "crash", "timeout", "timed out", "worker", "drain")
"""What LiveKit gives as a job's reason when it was not the agent's own code that shut it down."""


class Ending(NamedTuple):
    """Why a call ended."""

    reason: str
    initiator: str
    """``caller``, ``agent`` or ``system``."""
    close_reason: str
    """LiveKit's own word."""
    error: str | None = None


def of(event: Any) -> Ending:
    """The ending that a session's close event tells."""
    close_reason = str(getattr(event.reason, "value", event.reason))
    error = errors.words(getattr(event, "error", None))
    if close_reason == "error":
        return Ending(_FAILED, "system", close_reason, error or _FAILED)
    if close_reason == "participant_disconnected":
        return Ending(HUNG_UP, "caller", close_reason)
    if close_reason == "job_shutdown":
        return Ending("the job was shut down", "system", close_reason)
    if close_reason == "task_completed":
        return Ending("the agent's task was completed", "agent", close_reason)
    return Ending("the agent ended the call", "agent", close_reason)


def with_job(ending: Ending, reason: str) -> Ending:
    """The same ending when the job told its reason: LiveKit closes the session as if the user had asked for it."""
    if ending.close_reason not in {"user_initiated", "job_shutdown"} or not reason:
        return ending
    lowered = reason.lower()
    if any(word in lowered for word in _CALLER_LEFT):
        return ending._replace(reason=HUNG_UP, initiator="caller")
    if reason == _USER_REQUESTED:  # `ctx.shutdown()` without a reason
        return ending
    return ending._replace(reason=reason, initiator="system" if any(word in lowered for word in _SYSTEM) else "agent")


def may_change(ending: Ending) -> bool:
    """Whether the job, which is shut down later, may know better."""
    return ending.close_reason in {"user_initiated", "job_shutdown"}
