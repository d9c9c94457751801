"""One session of the OpenAI Realtime API, from a log of its events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callscope.importers.base.shapes import Unknown
from callscope.interop.realtime.session import EXPIRED, MODE, Session
from callscope.model import call as words
from callscope.model.event import Event
from callscope.model.whole import WholeTurn


class RealtimeSession:
    """What the events of one session come to.

    Args:
        at_ms: Unix milliseconds of its first event.
    """

    def __init__(self, at_ms: int) -> None:
        self.started_at_ms = at_ms
        self.is_begun = False
        self._rows = _Rows(at_ms)
        self._session = Session(self._rows, at_ms)

    @property
    def last_ms(self) -> int:
        """Unix milliseconds of the last thing that is known."""
        return round(self._session.last_ms)

    @property
    def session_id(self) -> str | None:
        """As the server names it."""
        return self._session.settings.session_id

    @property
    def computed(self) -> set[str]:
        """Names of what the log does not say and was worked out."""
        return {"ended_at", *self._session.computed}

    @property
    def unknown(self) -> Unknown:
        """What was not understood."""
        found = Unknown()
        for kind, count in self._session.not_understood.items():
            for _ in range(count):
                found.add(f"event {kind}")
        return found

    def take(self, at_ms: int, event: dict[str, Any]) -> None:
        """Take an event that came or went at a moment, in the order of the log."""
        self.is_begun = True
        self._rows.now_ms = max(self._rows.now_ms, at_ms)
        self._session.take(at_ms, event)

    def rows(self) -> tuple[WholeTurn | Event, ...]:
        """All rows in the order of their moments; once."""
        self._session.finish(None)
        return self._rows.sorted()

    def fields(self) -> dict[str, Any]:
        """What is known of the call beside its rows."""
        agent = self._session.settings.agent
        return {"provider_mode": MODE, "agent": agent, "framework": {"name": "openai-realtime"}}

    def end(self) -> dict[str, Any]:
        """How it ended: but for a session that expired, the log does not say why."""
        session = self._session
        if session.error is not None and not session.has_spoken:
            return {"status": words.FAILED, "error": session.error}
        return {"reason": EXPIRED if session.is_expired else "the log of the session ends here"}


class _Rows:
    """Rows as they are told. An event stands at its moment; a turn where it was over, as it is told then."""

    def __init__(self, now_ms: float) -> None:
        self.now_ms = now_ms
        self._rows: list[tuple[float, WholeTurn | Event]] = []

    def turn(
        self,
        role: str,
        text: str | None,
        *,
        at_ms: float | None = None,
        duration_ms: float | None = None,
        latency: Mapping[str, Any] | None = None,
        interrupted: bool = False,
        heard: str | None = None,
    ) -> None:
        began_ms = round(self.now_ms if at_ms is None else at_ms)
        row = WholeTurn(
            role=role,
            text=text,
            at_ms=began_ms,
            duration_ms=duration_ms,
            latency=None if latency is None else dict(latency),
            interrupted=interrupted,
            heard=heard,
        )
        self._rows.append((max(self.now_ms, began_ms + (duration_ms or 0)), row))

    def event(self, type: str, data: Mapping[str, Any] | None = None, *, at_ms: float | None = None) -> None:  # noqa: A002 -- the field's own word
        moment_ms = round(self.now_ms if at_ms is None else at_ms)
        self._rows.append((moment_ms, Event(ts_ms=moment_ms, type=type, data=dict(data or {}))))

    def update(self, *, provider_mode: str | None = None, agent: Mapping[str, Any] | None = None) -> None:
        """What a log tells of the call is asked for at its end."""

    def sorted(self) -> tuple[WholeTurn | Event, ...]:
        return tuple(row for _, row in sorted(self._rows, key=lambda item: item[0]))
