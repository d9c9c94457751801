"""What of a record may wait on the disk: the privacy policy, before a call is made of it.

Secrets are masked and phone numbers are as the policy has them, whatever is kept of the words. Under ``off`` no text is
kept but the machinery's own names: a call that a killed receiver finds again then has no words and not their lengths.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec

from callscope.interop import aliases, gen_ai
from callscope.interop.spans import LogRecord, Point, Record, Span
from callscope.redaction import policy as redaction
from callscope.redaction.policy import Policy

_PARTIES: Final = frozenset({*aliases.CALLER, *aliases.CALLEE, gen_ai.CALLER, gen_ai.CALLEE})
_OWN: Final = "callscope."
_SHORT: Final = 64


def fit(record: Record, policy: Policy) -> Record:
    """A record as it may be written."""
    attributes = _attributes(record.attributes, policy)
    resource = _attributes(record.resource, policy)
    if isinstance(record, Point):
        return msgspec.structs.replace(record, attributes=attributes, resource=resource)
    if isinstance(record, LogRecord):
        body = _value("body", record.body, policy)
        return msgspec.structs.replace(record, attributes=attributes, resource=resource, body=body)
    events = tuple(
        msgspec.structs.replace(each, attributes=_attributes(each.attributes, policy)) for each in record.events
    )
    message = redaction.words(record.status_message, policy) or "" if record.status_message else ""
    return _span(record, attributes=attributes, resource=resource, events=events, status_message=message)


@lru_cache(maxsize=4096)
def _machine(value: str, policy: Policy) -> Any:
    return redaction.event_data("usage", {"id": value}, policy).get("id")


@lru_cache(maxsize=4096)
def _short(value: str, policy: Policy) -> str | None:
    """The same few short texts are in span after span."""
    return redaction.words(value, policy)


def _span(record: Span, **changes: Any) -> Span:
    same = all(getattr(record, name) == value for name, value in changes.items())
    return record if same else msgspec.structs.replace(record, **changes)


def _attributes(attributes: dict[str, Any], policy: Policy) -> dict[str, Any]:
    kept = {}
    for name, value in attributes.items():
        new = _value(name, value, policy)
        if new is not None:
            kept[name] = new
    return kept


def _value(name: str, value: Any, policy: Policy) -> Any:
    """A value as it may be written; None for what may not."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if name.startswith(gen_ai.DATA):
        key = name.removeprefix(gen_ai.DATA)
        return redaction.event_data("usage", {key: value}, policy).get(key)
    if name in _PARTIES and isinstance(value, str):
        return redaction.phone_number(value, policy)
    if name in aliases.MACHINE or (name.startswith(_OWN) and policy.transcript == "off"):
        return _machine(value, policy) if isinstance(value, str) else value
    if isinstance(value, str):
        return _short(value, policy) if len(value) <= _SHORT else redaction.words(value, policy)
    held = redaction.event_data("received", {"text": value}, policy)
    return held.get("text")
