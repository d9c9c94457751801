"""The writer's side of one call: where it goes, what has been written, and the envelope that tells of it.

Only the writer's thread touches these objects, so nothing here is locked.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Final

import msgspec

from callscope.archive import paths, replace
from callscope.archive.audio import Recording
from callscope.archive.reader import read_call
from callscope.model import call as words
from callscope.model import event as events
from callscope.model import wire
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.model.usage import UsageSum
from callscope.model.wire import format_ts
from callscope.redaction import policy as redaction
from callscope.redaction.policy import Policy
from callscope.timeline.fold import Fold
from callscope.timeline.outcome import decide
from callscope.timeline.summary import Summary
from callscope.version import __version__

_INHERITED: Final = (
    "trace_id", "started_at", "caller", "callee", "direction", "telephony_provider", "provider_mode", "agent",
)  # fmt: skip
_MAX_DRIFT_MS: Final = 250
"""How much later than the sound before it a chunk may come before silence is put between them."""
_WITHHELD: Final = "withheld by the transcript policy"
_MERGED: Final = frozenset({"agent", "labels"})
_PHONES: Final = ("caller", "callee")


class CallFile:
    """One call on its way to the disk.

    Args:
        call_id: as given.
        started_at_ms: Unix milliseconds.
        planned: the directory to claim.
        policy: what may be written.
        writer: the writer's identity, for metadata.
    """

    def __init__(
        self,
        call_id: str,
        started_at_ms: int,
        *,
        planned: Path,
        policy: Policy,
        writer: dict[str, Any],
    ) -> None:
        self.call_id = call_id
        self.started_at_ms = started_at_ms
        self.planned = planned
        self.policy = policy
        self.path: Path | None = None
        self.transcript = ""
        self.events = ""
        self.retry_at_ns = 0
        self.claim_errno = 0
        self.ended: dict[str, Any] | None = None
        self.ended_at_ms: int | None = None
        self.lost_audio = 0
        self.next_turn = 0
        self.turns = 0
        self.written = 0
        self.lost: Counter[str] = Counter()
        self.usage = UsageSum()
        self.fold = Fold(started_at_ms=started_at_ms)
        self.summary = Summary()
        self.writer = writer
        self._recording: Recording | None = None
        self._recording_info: dict[str, Any] = {}
        self._inherited: dict[str, Any] = {}
        self._fields: dict[str, Any] = {"agent": {}, "labels": {}}

    def opened(self, path: Path) -> None:
        """Take the directory that was claimed."""
        self.path = path
        self.transcript = str(path / paths.TRANSCRIPT)
        self.events = str(path / paths.EVENTS)

    def adopt(self, now_ms: int) -> None:
        """Go on with a call that the parent process began: take what is on disk into the sums.

        Raises:
            OSError: the directory is not there (yet).
        """
        record = read_call(self.planned, now_ms=now_ms)
        metadata = wire.decode((self.planned / paths.METADATA).read_bytes())
        self._inherited = metadata if isinstance(metadata, dict) else {}
        for event in record.events:
            self.count_event(event)
        for turn in record.turns:
            self.count_turn(turn)
            self.turns += 1
            self.next_turn = max(self.next_turn, (turn.turn_index or 0) + 1)
        self.written = len(record.events) + len(record.turns)
        self.opened(self.planned)

    def update(self, fields: dict[str, Any]) -> None:
        """Take what became known about the call."""
        for name, value in fields.items():
            if name in _MERGED and isinstance(value, dict):
                self._fields[name] = {**self._fields[name], **value}
            else:
                self._fields[name] = value

    def count_turn(self, turn: Turn) -> None:
        """Take one turn that is on disk into the sums."""
        self.fold.turn(turn)
        self.summary.add(self.fold.drain())

    def count_event(self, event: Event) -> None:
        """Take one event that is on disk into the sums."""
        if event.type == events.USAGE:
            self.usage.add(event.data)
        self.fold.event(event)
        self.summary.add(self.fold.drain())

    def finish(self, given: dict[str, Any], ended_at_ms: int) -> None:
        """Take how the call ended."""
        self.ended = {**given, "error": self._words(given.get("error")), "reason": self._words(given.get("reason"))}
        if given.get("error") and not self.ended["error"]:
            self.ended["error"] = _WITHHELD
        self.ended_at_ms = max(ended_at_ms, self.started_at_ms)
        self.summary.add(self.fold.finish(self.ended_at_ms))
        if self._recording is not None:
            self._recording_info["duration_ms"] = round(self._recording.duration_ms)
            self._recording.close()
            self._recording = None

    def add_audio(self, ts_ms: int, pcm: bytes, *, sample_rate: int, channels: int) -> bool:
        """Add sound, and tell whether it was the first; raises `OSError` when it cannot be kept."""
        first = self._recording is None
        if self.path is None or (first and self.lost_audio):
            self.lost_audio += 1
            return False
        if self._recording is None:
            path = self.path / paths.RECORDING
            self._recording = Recording(path, sample_rate=sample_rate, channels=channels)
            self._recording_info = {
                "offset_ms": ts_ms - self.started_at_ms,
                "sample_rate": sample_rate,
                "channels": channels,
            }
        recording = self._recording
        if (recording.sample_rate, recording.channels) != (sample_rate, channels):
            self.lost_audio += 1
            return False
        due_ms = ts_ms - self.started_at_ms - self._recording_info["offset_ms"]
        if due_ms - recording.duration_ms > _MAX_DRIFT_MS:
            recording.pad_to(due_ms)
        recording.append(pcm)
        return first

    def write_metadata(self, dropped: Counter[str], dropped_audio: int) -> None:
        """Put metadata.json in place as of now; raises `OSError`."""
        if self.path is None:
            return
        document = self.envelope(dropped, dropped_audio)
        try:
            replace.write_json(self.path / paths.METADATA, document)
        except FileNotFoundError:  # somebody removed the directory of a call in progress
            replace.make_dir(self.path)
            replace.write_json(self.path / paths.METADATA, document)

    def envelope(self, dropped: Counter[str], dropped_audio: int) -> dict[str, Any]:
        """metadata.json as of now; ``dropped`` is what never reached the writer."""
        fields = self._fields
        lost = self.lost + dropped
        given = self.ended or {}
        outcome = self._outcome() if self.ended is not None else None
        latency = given.get("latency") or self.summary.latency
        turns = given.get("turns")
        envelope: dict[str, Any] = {
            "schema_version": words.SCHEMA_VERSION,
            "call_id": self.call_id,
            "trace_id": fields.get("trace_id"),
            "started_at": format_ts(self.started_at_ms),
            "ended_at": format_ts(self.ended_at_ms) if self.ended_at_ms is not None else None,
            "duration_ms": self._duration_ms(),
            "status": words.IN_PROGRESS if outcome is None else outcome.status,
            **{name: redaction.phone_number(str(fields.get(name) or ""), self.policy) for name in _PHONES},
            "direction": fields.get("direction") or "inbound",
            "telephony_provider": fields.get("telephony_provider") or "",
            "provider_mode": fields.get("provider_mode") or "",
            "agent": redaction.fields(fields["agent"], self.policy),
            "turns": turns if turns is not None else self.turns,
            "cost": given.get("cost"),
            "latency": None if outcome is None else latency,
            "error": None if outcome is None else outcome.error,
        }
        recording = given.get("recording_path") or (paths.RECORDING if self._recording_info else None)
        if recording:
            envelope["recording_path"] = recording
        envelope["callscope"] = {
            "version": __version__,
            "writer": self.writer,
            "framework": fields.get("framework"),
            "end_reason": None if outcome is None else outcome.reason,
            "labels": redaction.fields(fields["labels"], self.policy),
            "usage": [msgspec.to_builtins(line) for line in self.usage.lines()],
            **self._sums(),
            "accepted": self.written + lost.total(),
            "written": self.written,
            "lost": dict(sorted(lost.items())),
            **self._sound(dropped_audio),
            "privacy": {"phone": self.policy.phone, "transcript": self.policy.transcript},
        }
        return self._keep_inherited(envelope)

    def _sound(self, dropped_audio: int) -> dict[str, Any]:
        lost = self.lost_audio + dropped_audio
        if not self._recording_info and not lost:
            return {}
        return {"recording": {**self._recording_info, "lost_chunks": lost}}

    def _keep_inherited(self, envelope: dict[str, Any]) -> dict[str, Any]:
        """In a forked child: what the parent wrote about the call, which is already redacted, stays as it is."""
        before = self._inherited
        if not before:
            return envelope
        envelope.update({name: before[name] for name in _INHERITED if name in before})
        added = before.get("callscope")
        if isinstance(added, dict):
            envelope["callscope"].update({name: added[name] for name in ("framework", "labels") if name in added})
        return envelope

    def _words(self, text: str | None) -> str | None:
        return redaction.words(text, self.policy)

    def _outcome(self) -> Any:
        given = self.ended or {}
        status = given.get("status")
        error = given.get("error")
        if status not in words.STATUSES:
            status = None
        if error and status == words.COMPLETED:
            status = words.FAILED  # other writers' "completed" means "ended"
        return decide(self.fold.facts, status=status, error=error, reason=given.get("reason"))

    def _duration_ms(self) -> float | None:
        if self.ended is None or self.ended_at_ms is None:
            return None
        duration = self.ended.get("duration_ms")
        return duration if duration is not None else self.ended_at_ms - self.started_at_ms

    def _sums(self) -> dict[str, Any]:
        return {
            "exchanges": self.summary.exchanges,
            "unanswered": self.summary.unanswered,
            "interruptions": self.summary.interruptions,
            "errors": self.fold.facts.errors,
            "worst_wait_ms": self.summary.worst_wait_ms,
        }
