"""What of a record may wait on the disk: the privacy policy, before a call is made of it.

Secrets are masked and phone numbers are as the policy has them, whatever is kept of the words. Under ``off`` no text is
kept but the machinery's own names: a call that a killed receiver finds again then has no words and not their lengths.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec

from callscope.interop import aliases, gen_ai
from callscope.interop.spans import LogRecord, Point, Record
from callscope.model import wire
from callscope.redaction import policy as redaction
from callscope.redaction.policy import Policy

_PARTIES: Final = frozenset({*aliases.CALLER, *aliases.CALLEE, gen_ai.CALLER, gen_ai.CALLEE})
_OWN: Final = "callscope."
_SHORT: Final = 64
_PLAIN: Final = frozenset({bool, int, float, type(None)})


class Fitter:
    """Makes records fit to be written.

    Args:
        policy: what may be written.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        # The same few names and short texts are in span after span.
        self._machine = lru_cache(maxsize=4096)(self._of_machine)
        self._short = lru_cache(maxsize=4096)(self._words)
        self._resource: tuple[dict[str, Any], dict[str, Any]] = ({}, {})

    def fit(self, record: Record) -> Record:
        """A record as it may be written."""
        attributes = self._attributes(record.attributes)
        if record.resource is not self._resource[0]:  # one for all spans of a batch
            self._resource = record.resource, self._attributes(record.resource)
        resource = self._resource[1]
        if isinstance(record, Point):
            return msgspec.structs.replace(record, attributes=attributes, resource=resource)
        if isinstance(record, LogRecord):
            body = self._value("body", record.body)
            return msgspec.structs.replace(record, attributes=attributes, resource=resource, body=body)
        events = tuple(
            msgspec.structs.replace(each, attributes=self._attributes(each.attributes)) for each in record.events
        )
        message = (self._words(record.status_message) or "") if record.status_message else ""
        return msgspec.structs.replace(
            record, attributes=attributes, resource=resource, events=events, status_message=message
        )

    def _attributes(self, attributes: dict[str, Any]) -> dict[str, Any]:
        kept = {}
        for name, value in attributes.items():
            new = self._value(name, value) if type(value) not in _PLAIN else value
            if new is not None:
                kept[name] = new
        return kept

    def _value(self, name: str, value: Any) -> Any:
        """A value as it may be written; None for what may not."""
        if type(value) in _PLAIN:
            return value
        if name.startswith(gen_ai.DATA):
            key = name.removeprefix(gen_ai.DATA)
            return redaction.event_data("usage", {key: value}, self._policy).get(key)
        if not isinstance(value, str):
            return redaction.event_data("received", {"text": value}, self._policy).get("text")
        if name in aliases.MACHINE or (name.startswith(_OWN) and self._policy.transcript == "off"):
            return self._machine(value)
        if name in _PARTIES:
            return redaction.phone_number(value, self._policy)
        if value.startswith(("{", "[")):
            return self._structure(value)
        return self._short(value) if len(value) <= _SHORT else self._words(value)

    def _structure(self, value: str) -> Any:
        """A text; one that is a document is looked into: as a text its figures would be taken for numbers of people."""
        try:
            told = wire.decode(value.encode())
        except (ValueError, RecursionError):
            return self._words(value)
        new = redaction.event_data("received", {"text": told}, self._policy).get("text")
        if self._policy.transcript == "off" or not isinstance(new, dict | list):
            return self._words(value)
        return value if new == told else wire.encode(new).decode()

    def _of_machine(self, value: str) -> Any:
        return redaction.event_data("usage", {"id": value}, self._policy).get("id")

    def _words(self, value: str) -> str | None:
        return redaction.words(value, self._policy)
