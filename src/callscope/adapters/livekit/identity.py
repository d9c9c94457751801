"""Which call this is: what a job and its room tell."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import msgspec

_SIP: Final = "sip."


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A caller who came by telephone, by the attributes of the SIP participant; unknown is None."""

    caller: str | None
    callee: str | None
    direction: str
    telephony_provider: str
    labels: dict[str, str]


def job_facts(ctx: Any) -> tuple[str | None, dict[str, str]]:
    """A call's id and labels from its job.

    The id is the room's sid, which is also ``room_id`` of LiveKit's own report and ``gen_ai.conversation.id`` of its
    traces; of a job without one, the job's id.
    """
    job = getattr(ctx, "job", None)
    room = getattr(job, "room", None)
    sid, job_id = _text(getattr(room, "sid", None)), _text(getattr(job, "id", None))
    agent_name = _text(getattr(job, "agent_name", None))
    told = {
        "room": _text(getattr(room, "name", None)),
        "job_id": job_id,
        "agent_name": agent_name,
        "agent": agent_name,  # what totals by agent go by, as of LiveKit's traces and reports
    }
    return sid or job_id, {name: value for name, value in told.items() if value}


def party(participant: Any) -> Party | None:
    """Who calls whom, where a participant is a telephone; None for any other.

    LiveKit gives the number of the other side as ``sip.phoneNumber``, its own as ``sip.trunkPhoneNumber``; a dispatch
    rule (``sip.ruleID``) is there only where the call came in.
    """
    attributes = getattr(participant, "attributes", None)
    if not isinstance(attributes, Mapping):
        return None
    sip = {str(key).removeprefix(_SIP): str(value) for key, value in attributes.items() if str(key).startswith(_SIP)}
    if not sip:
        return None
    theirs, ours = sip.get("phoneNumber") or None, sip.get("trunkPhoneNumber") or None
    inbound = bool(sip.get("ruleID"))
    labels = {"sip_call_id": sip.get("callIDFull") or sip.get("callID"), "sip_trunk_id": sip.get("trunkID")}
    carrier = next((name for name in ("twilio", "telnyx", "plivo") if any(key.startswith(name) for key in sip)), None)
    return Party(
        caller=theirs if inbound else ours,
        callee=ours if inbound else theirs,
        direction="inbound" if inbound else "outbound",
        telephony_provider=carrier or "livekit_sip",
        labels={name: value for name, value in labels.items() if value},
    )


def trace_id(session: Any) -> str | None:
    """The trace that the session's spans are in; None where nobody traces."""
    try:
        from opentelemetry import trace  # noqa: PLC0415 -- LiveKit brings it since 1.2
    except ImportError:
        return None
    for span in (getattr(session, "_session_span", None), trace.get_current_span()):
        context = span.get_span_context() if span is not None else None
        if context is not None and context.is_valid:
            return str(trace.format_trace_id(context.trace_id))
    return None


@cache
def livekit_version() -> str | None:
    """Of livekit-agents, as installed."""
    try:
        return version("livekit-agents")
    except PackageNotFoundError:
        return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
