"""metadata.json of one call: what was told about it, made fit to be written the moment it is told.

Everything in it passes the policy here, whatever type it was given with: a value of a wrong type is written as what
it says, or left out where only a number will do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from callscope.archive import paths
from callscope.archive.envelope import status_of
from callscope.model import call as words
from callscope.model import wire
from callscope.model.whole import UNKNOWN_LENGTH
from callscope.model.wire import format_ts
from callscope.prices.call_cost import Line
from callscope.redaction import policy as redaction
from callscope.redaction.policy import Policy
from callscope.timeline.outcome import Facts, Outcome, decide
from callscope.version import __version__

_PHONES: Final = ("caller", "callee")
_WORDS: Final = ("trace_id", "direction", "telephony_provider", "provider_mode")
_OBJECTS: Final = {"agent": "model", "labels": "label", "framework": "name"}
"""Fields that are objects, and the key that a value which is none gets."""
_WITHHELD: Final = "withheld by the transcript policy"
_MAX_MS: Final = 10**12


class Envelope:
    """What is known about a call beside its rows.

    Args:
        call_id: as given.
        started_at_ms: Unix milliseconds.
        policy: what may be written.
        writer: the writer's identity.
    """

    def __init__(self, call_id: str, started_at_ms: int, *, policy: Policy, writer: dict[str, Any]) -> None:
        self.writer = writer
        self.ended_at_ms: int | None = None
        self._call_id = call_id
        self._started_at_ms = started_at_ms
        self._policy = policy
        self._fields: dict[str, Any] = {"agent": {}, "labels": {}, "framework": None}
        self._end: dict[str, Any] = {}

    def update(self, fields: Mapping[str, Any]) -> None:
        """Take what became known; objects are merged, other values replaced."""
        for name, value in fields.items():
            if name in _OBJECTS:
                if value:
                    self._fields[name] = {**(self._fields[name] or {}), **self._object(value, _OBJECTS[name])}
            elif name in _PHONES:
                number = wire.name(value) if value is not None else ""
                self._fields[name] = redaction.phone_number(number, self._policy)
            elif name in _WORDS:
                self._fields[name] = None if value is None else self._word(value, name)

    def end(self, given: Mapping[str, Any], ended_at_ms: int) -> None:
        """Take how the call ended."""
        error, reason = given.get("error"), given.get("reason")
        path = given.get("recording_path")
        self._end = {
            "status": _status(given.get("status")),
            "error": (redaction.words(error, self._policy) or _WITHHELD) if error else None,
            "reason": redaction.words(reason, self._policy),
            "duration_ms": _number(given.get("duration_ms")),
            "has_no_length": given.get("duration_ms") == UNKNOWN_LENGTH,
            "turns": _whole(given.get("turns")),
            "cost": self._figures(given.get("cost")),
            "latency": self._figures(given.get("latency")),
            "recording_path": None if path is None else self._word(path),
        }
        self.ended_at_ms = max(ended_at_ms, self._started_at_ms)

    def adopt(self, document: Mapping[str, Any]) -> None:
        """Take what another process wrote about the call, which has passed the policy already; also its end."""
        added = document.get("callscope")
        added = added if isinstance(added, dict) else {}
        for name in (*_PHONES, *_WORDS, "agent"):
            if name in document:
                self._fields[name] = document[name]
        for name in ("labels", "framework"):
            if name in added:
                self._fields[name] = added[name]
        ended_at_ms = wire.parse_ts(document.get("ended_at"))
        if ended_at_ms is not None:
            self._end = {name: document.get(name) for name in ("status", "error", "duration_ms", "recording_path")}
            if "cost_lines" not in added:  # else it was summed up, and is summed up anew
                self._end["cost"] = document.get("cost")
            self._end["reason"] = added.get("end_reason")
            self.ended_at_ms = ended_at_ms

    @property
    def direction(self) -> str | None:
        """``inbound`` or ``outbound``; None when nobody said."""
        return self._fields.get("direction") or None

    @property
    def reports_sound(self) -> bool:
        """Whether a framework runs the agent, whose adapter reports what is heard; a typed call has no sound."""
        return bool(self._fields.get("framework")) and self._fields.get("provider_mode") != words.TEXT_MODE

    def described(self) -> dict[str, Any]:
        """What a call is, for who is told of its start: as it is written, without the parties."""
        names = ("direction", "telephony_provider", "provider_mode", "agent", "labels", "framework")
        return {name: self._fields[name] for name in names if self._fields.get(name)}

    @property
    def agent_name(self) -> str | None:
        """What the agent is called; None when it has no name."""
        name = self._fields["agent"].get("name")
        return name if isinstance(name, str) and name else None

    @property
    def line(self) -> Line:
        """What the call comes over."""
        duration_ms = self._duration_ms()
        return Line(
            provider=self._fields.get("telephony_provider") or None,
            direction=self.direction,
            seconds=None if duration_ms is None else duration_ms / 1000,
            at_ms=self._started_at_ms,
        )

    def document(
        self,
        *,
        turns: int,
        latency: dict[str, float] | None,
        cost: dict[str, float] | None,
        facts: Facts,
        added: dict[str, Any],
    ) -> dict[str, Any]:
        """The envelope as of now; ``added`` is what stands under ``callscope`` beside what is known here."""
        fields, end = self._fields, self._end
        outcome = self._outcome(facts) if self.ended_at_ms is not None else None
        given_turns = end.get("turns")
        document: dict[str, Any] = {
            "schema_version": words.SCHEMA_VERSION,
            "call_id": self._call_id,
            "trace_id": fields.get("trace_id"),
            "started_at": format_ts(self._started_at_ms),
            "ended_at": None if self._ends_unknown() else format_ts(self.ended_at_ms or 0),
            "duration_ms": self._duration_ms(),
            "status": words.IN_PROGRESS if outcome is None else outcome.status,
            "caller": fields.get("caller") or "",
            "callee": fields.get("callee") or "",
            "direction": fields.get("direction") or "inbound",
            "telephony_provider": fields.get("telephony_provider") or "",
            "provider_mode": fields.get("provider_mode") or "",
            "agent": fields["agent"],
            "turns": turns if given_turns is None else given_turns,
            "cost": end.get("cost") or cost,
            "latency": None if outcome is None else end.get("latency") or latency,
            "error": None if outcome is None else outcome.error,
        }
        recording = end.get("recording_path") or (
            paths.RECORDING if "offset_ms" in added.get("recording", {}) else None
        )
        if recording:
            document["recording_path"] = recording
        document["callscope"] = {
            "version": __version__,
            "writer": self.writer,
            "framework": fields["framework"],
            "end_reason": None if outcome is None else outcome.reason,
            "labels": fields["labels"],
            **added,
            "privacy": {"phone": self._policy.phone, "transcript": self._policy.transcript},
        }
        return document

    def _outcome(self, facts: Facts) -> Outcome:
        status, error, reason = (self._end.get(name) for name in ("status", "error", "reason"))
        if status != words.COMPLETED:
            return decide(facts, status=status, error=error, reason=reason)
        # "Completed" is a claim that what happened may contradict: nothing was heard, or there was an error.
        found = decide(facts, status=None, error=error, reason=reason)
        return found if found.status == words.FAILED else decide(facts, status=status, error=error, reason=reason)

    def _ends_unknown(self) -> bool:
        """Whether nobody knows when the call ended: it goes on, or its source does not say."""
        return self.ended_at_ms is None or self._end.get("has_no_length", False)

    def _duration_ms(self) -> float | None:
        if self.ended_at_ms is None or self._ends_unknown():
            return None
        given: float | None = self._end.get("duration_ms")
        return self.ended_at_ms - self._started_at_ms if given is None else given

    def _object(self, value: object, key: str) -> dict[str, Any]:
        return redaction.fields(value if isinstance(value, dict) else {key: value}, self._policy)

    def _word(self, value: object, name: str = "value") -> str:
        """A text as it may be written; its name tells what is usual: a trace's id looks like a secret."""
        kept = redaction.fields({name: wire.name(value)}, self._policy)[name]
        return kept if isinstance(kept, str) else ""

    def _figures(self, value: object) -> dict[str, Any] | None:
        return redaction.fields(value, self._policy) if isinstance(value, dict) else None


def losses(counts: Counter[str]) -> dict[str, int]:
    """Losses by reason, in a fixed order."""
    return dict(sorted(counts.items()))


def _status(given: object) -> str | None:
    """The schema's word for an end; None for one that means nothing, or no end: it is found from what happened."""
    found = status_of(given) if isinstance(given, str) else None
    return None if found == words.IN_PROGRESS else found


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value <= _MAX_MS else None


def _whole(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= _MAX_MS else None
