"""Calls for tests of pages, written by the recorder itself."""

from __future__ import annotations

from pathlib import Path

from callscope import CallLogger

HOSTILE = "<script>alert(1)</script> {{7*7}} \x1b[31mred\x1b[0m \u202egnp.exe =cmd()"
"""What a caller may say: markup, a template, a terminal's colour, a turned direction, a formula."""


def record_call(
    root: Path, call_id: str = "a-call", *, said: str = "Where is my order?", ends: bool = True
) -> CallLogger:
    """One call with one exchange; the logger stays open when the call does not end."""
    logger = CallLogger(root=root)
    call = logger.start_call(call_id, caller="+15551234567", labels={"agent": "front-desk", "agent_version": "2.4"})
    call.event("user_started_speaking")
    call.event("user_stopped_speaking")
    call.turn("user", said)
    call.event("agent_started_speaking")
    call.turn("assistant", "It is on its way.")
    call.event("agent_stopped_speaking")
    if ends:
        call.end(status="completed")
        logger.close()
    return logger
