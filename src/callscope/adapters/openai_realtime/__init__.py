"""Records sessions of OpenAI's Realtime API, whatever runs them: the events of both directions are all it needs.

With the ``openai`` package, one line::

    async with client.realtime.connect(model="gpt-realtime") as connection, recorded(connection):
        ...

With a socket of one's own::

    with SessionRecorder(process_logger()) as recorder:
        recorder.sent(event)  # what went to the server
        recorder.received(event)  # what came from it

A logger has a thread and open files, so all sessions of a process share one. Nothing here raises into the session or
waits, and a logger that is off costs nothing.
"""

from __future__ import annotations

from callscope.adapters.openai_realtime.connection import recorded
from callscope.adapters.openai_realtime.recorder import SessionRecorder, process_logger

__all__ = ["SessionRecorder", "process_logger", "recorded"]
