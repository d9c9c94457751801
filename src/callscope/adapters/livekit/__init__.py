"""Records the sessions of LiveKit Agents (1.3 and later).

One line in the entrypoint, before the session starts::

    record(session, ctx)

A logger has a thread and open files, so all sessions of a process share one: never make it in the entrypoint.
Nothing here raises into the session or waits, and a logger that is off costs nothing.
"""

from __future__ import annotations

from callscope.errors import MissingExtraError

try:
    import livekit.agents  # noqa: F401 -- asked for here, so that a missing one is told in one line
except ModuleNotFoundError as error:
    raise MissingExtraError("livekit", what="recording a LiveKit session") from error

from callscope.adapters.livekit.session import SessionRecorder, on_session_end, process_logger, record

__all__ = ["SessionRecorder", "on_session_end", "process_logger", "record"]
