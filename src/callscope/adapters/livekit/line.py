"""The caller's line: who comes into the room, who leaves it, by telephone or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.livekit import identity
from callscope.clock import now_ms
from callscope.model import event as events

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from callscope.recorder.call_log import CallLog

HUNG_UP: Final = "the caller hung up"
_AGENT: Final = "AGENT"


class Line:
    """Callers of a room; without a room, the caller is there when the session starts.

    Args:
        log: the call.
        room: LiveKit's room, or None.
        given: what the application said about the parties, which no attribute changes.
        caught: told of an error of ours, in an ``except`` block.
    """

    def __init__(self, log: CallLog, room: Any, *, given: Mapping[str, Any], caught: Callable[[str], None]) -> None:
        self._log = log
        self._room = room
        self._given = given
        self._caught = caught
        self._connected_ms: float | None = None
        self._left = False
        self._telephony: str | None = given.get("telephony_provider")
        self._listeners: list[tuple[str, Callable[..., None]]] = []
        self.parties: set[str] = {number for name in ("caller", "callee") if (number := given.get(name))}
        """Numbers of both sides, as they came."""
        if room is not None:
            self._listen("participant_connected", self._on_connected)
            self._listen("participant_attributes_changed", self._on_attributes)
            self._listen("participant_disconnected", self._on_disconnected)
            self._listen("sip_dtmf_received", self._on_key)

    def session_started(self) -> None:
        """The session runs: callers who are in the room already are connected now, and so is one without a room."""
        participants = getattr(self._room, "remote_participants", None) if self._room is not None else None
        for participant in list(participants.values()) if isinstance(participants, dict) else ():
            self._on_connected(participant)
        if self._room is None:
            self._connect()

    def hung_up(self, at_ms: float) -> None:
        """The caller's side left."""
        if not self._left:
            self._left = True
            self._log.event(events.CLIENT_DISCONNECTED, {"reason": HUNG_UP}, at_ms=at_ms)

    def finish(self, at_ms: float) -> None:
        """The call is over: count its minutes, and listen no more."""
        for name, listener in self._listeners:
            self._room.off(name, listener)
        self._listeners.clear()
        if self._telephony and self._connected_ms is not None:
            seconds = round(max(0.0, at_ms - self._connected_ms) / 1000, 3)
            self._log.usage("telephony", provider=self._telephony, at_ms=at_ms, call_seconds=seconds)

    def _listen(self, name: str, handle: Callable[[Any], None]) -> None:
        def listener(*args: Any) -> None:
            try:
                handle(args[-1] if name == "participant_attributes_changed" else args[0])
            except Exception:  # noqa: BLE001 -- never into the call; see guard
                self._caught(f"livekit {name}")

        self._room.on(name, listener)
        self._listeners.append((name, listener))

    def _connect(self) -> None:
        if self._connected_ms is None:
            self._connected_ms = now_ms()
            self._log.event(events.CLIENT_CONNECTED, {"transport": "livekit"}, at_ms=self._connected_ms)

    def _on_connected(self, participant: Any) -> None:
        if not _is_agent(participant):
            self._on_attributes(participant)
            self._connect()

    def _on_attributes(self, participant: Any) -> None:
        found = identity.party(participant)
        if found is None:
            return
        told = {
            "caller": found.caller,
            "callee": found.callee,
            "direction": found.direction,
            "telephony_provider": found.telephony_provider,
        }
        self.parties.update(number for number in (found.caller, found.callee) if number)
        self._telephony = self._given.get("telephony_provider") or found.telephony_provider
        new: dict[str, Any] = {name: value for name, value in told.items() if value and not self._given.get(name)}
        self._log.update(labels=found.labels, **new)

    def _on_disconnected(self, participant: Any) -> None:
        others = getattr(self._room, "remote_participants", None) or {}
        alone = not any(not _is_agent(each) for each in others.values() if each is not participant)
        if not _is_agent(participant) and alone:
            self.hung_up(now_ms())

    def _on_key(self, _key: Any) -> None:
        """Which key it was is not kept: it may be of a card's number."""
        self._log.event(events.DTMF, {"by": "caller"}, at_ms=now_ms())


def _is_agent(participant: Any) -> bool:
    """Whether a participant is another agent. Its kind is a number; its name comes from LiveKit's own table."""
    from livekit import rtc  # noqa: PLC0415 -- loaded long before by the application

    try:
        return bool(rtc.ParticipantKind.Name(participant.kind).endswith(_AGENT))
    except (AttributeError, TypeError, ValueError):
        return False
