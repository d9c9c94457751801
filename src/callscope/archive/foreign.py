"""What writers without a privacy policy left, without the keys, tokens and passwords in it.

Our writers mask these before anything is written, and say under which policy. Patter's do not, and may leave a
provider's key in an error or in what a caller spelled out. It is masked here, as it is read: whatever shows, indexes or
exports a call has it from the reader. The files stay as they are, and so do numbers and words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callscope.model.call import Call
    from callscope.model.event import Event
    from callscope.model.turn import Turn

# redaction is imported where it is used: a fleet of our own writers never needs it here


def is_masked(callscope: Mapping[str, Any]) -> bool:
    """Whether a call's writer has masked what it wrote, by what callscope added to the envelope."""
    return isinstance(callscope.get("privacy"), dict)


def masked_call(call: Call) -> Call:
    """An envelope."""
    if is_masked(call.callscope):
        return call
    error = call.error if call.error is None else _text(call.error)
    agent = _object(call.agent) if call.agent else call.agent
    if error is call.error and agent is call.agent:
        return call
    return msgspec.structs.replace(call, error=error, agent=agent)


def masked_turn(turn: Turn) -> Turn:
    """A turn of a call that is not masked."""
    text = turn.text and _text(turn.text)
    heard = turn.heard and _text(turn.heard)
    extra = turn.extra and _object(turn.extra)
    if text is turn.text and heard is turn.heard and extra is turn.extra:
        return turn
    return msgspec.structs.replace(turn, text=text, heard=heard, extra=extra)


def masked_event(event: Event) -> Event:
    """An event of a call that is not masked."""
    data = _object(event.data)
    return event if data is event.data else msgspec.structs.replace(event, data=data)


def masked_document(document: dict[str, Any]) -> dict[str, Any]:
    """A metadata document; what callscope added to it is left as it is."""
    ours = document.get("callscope")
    if not isinstance(ours, dict):
        return _object(document)
    if is_masked(ours):
        return document
    others = _object({key: value for key, value in document.items() if key != "callscope"})
    return {**others, "callscope": ours}


def _text(text: str) -> str:
    from callscope.redaction import secrets  # noqa: PLC0415

    return secrets.mask(text)


def _object(value: dict[str, Any]) -> dict[str, Any]:
    from callscope.redaction.policy import Policy, fields  # noqa: PLC0415

    return fields(value, Policy(phone="full", transcript="full"))
