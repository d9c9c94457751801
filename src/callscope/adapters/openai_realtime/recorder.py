"""One session, from its first event to its end."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from types import TracebackType
from typing import Any, Final, Self

from callscope.clock import now_ms
from callscope.interop.realtime.session import EXPIRED, MODE, Session
from callscope.interop.realtime.values import known, mapping, text
from callscope.model import event as kinds
from callscope.model import wire
from callscope.recorder import current
from callscope.recorder.call_log import CallLog
from callscope.recorder.logger import CallLogger

_FRAMEWORK: Final = "openai-realtime"
_CLOSED: Final = "the session was closed"
_STOPPED: Final = "the agent's code failed"
_LOST: Final = "the connection to the model was lost"
_CONNECTION: Final = "ConnectionClosed"
_CLOSED_WELL: Final = "ConnectionClosedOK"
"""Of the ``websockets`` package, by name, so that it need not be there."""


class SessionRecorder:
    """Records one session of the Realtime API. The call begins with its first event, or with `begin`.

    Any thread may tell events. They are told in the order in which they came and went, when they came and went.

    Args:
        logger: where the call goes; one for a whole process, as `process_logger` is.
        call_id: the call's name; left out, the session's id, else made up.
        caller: who calls.
        callee: who is called.
        direction: ``inbound`` (the default) or ``outbound``.
        telephony_provider: ``twilio``, ``telnyx``, ...
        agent: what describes the agent, over what the session says (provider, model, voice).
        labels: agent version, environment, anything to tell calls apart by.
        trace_id: the trace that this call belongs to.
    """

    def __init__(
        self,
        logger: CallLogger,
        *,
        call_id: str | None = None,
        caller: str = "",
        callee: str = "",
        direction: str = "",
        telephony_provider: str = "",
        agent: Mapping[str, Any] | None = None,
        labels: Mapping[str, Any] | None = None,
        trace_id: str | None = None,
    ) -> None:
        self._logger = logger
        self._call_id = call_id
        self._agent = dict(agent or {})
        self._given: dict[str, Any] = {
            "caller": caller,
            "callee": callee,
            "direction": direction,
            "telephony_provider": telephony_provider,
            "labels": labels,
            "trace_id": trace_id,
        }
        self._lock = threading.Lock()
        self._log: CallLog | None = None
        self._session: Session | None = None
        self._coming = current.Coming()
        self._entered: current.Entered | None = None

    @property
    def enabled(self) -> bool:
        """Whether anything is recorded."""
        return self._logger.enabled

    @property
    def call(self) -> CallLog | None:
        """The call, to add turns, events and labels to; None before it began, and when nothing is recorded."""
        return self._log

    def begin(self) -> None:
        """Begin the call now, under the name that was given or one that is made up."""
        if not self._logger.enabled:
            return
        try:
            with self._lock:
                self._begin({}, now_ms())
        except Exception:  # noqa: BLE001 -- never into the session; see guard
            self._logger.caught("openai_realtime begin")

    def sent(self, event: Any, *, at_ms: float | None = None) -> None:
        """Take an event that was sent to the server.

        Args:
            event: a dict, its JSON as text or bytes, or an object of the ``openai`` package.
            at_ms: Unix milliseconds at which it went; now when left out.
        """
        self._take(event, at_ms)

    def received(self, event: Any, *, at_ms: float | None = None) -> None:
        """Take an event that came from the server; as `sent`."""
        self._take(event, at_ms)

    def end(
        self,
        *,
        reason: str | None = None,
        error: BaseException | str | None = None,
        status: str | None = None,
        at_ms: float | None = None,
    ) -> None:
        """End the call; only the first time counts.

        Args:
            reason: how it ended, in words ("the caller hung up").
            error: why it failed.
            status: as of `CallLog.end`; found from what happened when left out.
            at_ms: Unix milliseconds of the end; now when left out.
        """
        try:
            with self._lock:
                self._end(reason, error, status, now_ms() if at_ms is None else at_ms)
        except Exception:  # noqa: BLE001 -- never into the session; see guard
            self._logger.caught("openai_realtime end")

    def __enter__(self) -> Self:
        if self._logger.enabled:
            self._entered = current.enter(self._coming)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        name = "" if kind is None else kind.__name__
        if not isinstance(error, Exception) or name == _CLOSED_WELL or self._log is None or self._log.ended:
            self.end()
        else:
            lost = name.startswith(_CONNECTION)
            self._log.error(error, fatal=True, stage="llm" if lost else "application")
            self.end(reason=_LOST if lost else _STOPPED, error=error)
        entered, self._entered = self._entered, None
        if entered is not None:
            current.leave(entered)

    def _take(self, told: Any, at_ms: float | None) -> None:
        if not self._logger.enabled:
            return
        try:
            event = _event(told)
            with self._lock:
                moment_ms = now_ms() if at_ms is None else at_ms
                session = self._begin(event, moment_ms)
                if self._log is None or not self._log.ended:
                    session.take(moment_ms, event)
        except Exception:  # noqa: BLE001 -- never into the session; see guard
            self._logger.caught("openai_realtime event")

    def _begin(self, event: dict[str, Any], at_ms: float) -> Session:
        if self._session is not None:
            return self._session
        session_id = text(mapping(event.get("session")).get("id"))
        log = self._log = self._logger.start_call(
            self._call_id or session_id,
            provider_mode=MODE,
            agent=self._agent,
            framework=known(name=_FRAMEWORK),
            at_ms=at_ms,
            **{name: value for name, value in self._given.items() if value},
        )
        self._coming.call = log
        self._session = Session(_Told(log, self._agent), at_ms)
        return self._session

    def _end(self, reason: str | None, error: BaseException | str | None, status: str | None, at_ms: float) -> None:
        log, session = self._log, self._session
        if log is None or session is None or log.ended:
            return
        session.finish(at_ms)
        said = reason or (EXPIRED if session.is_expired else _CLOSED)
        log.event(kinds.CALL_ENDED, {"reason": said}, at_ms=at_ms)
        log.end(status=status, error=error, reason=said, at_ms=at_ms)


class _Told:
    """A call to which a session tells; what the application says of its agent holds."""

    def __init__(self, log: CallLog, agent: Mapping[str, Any]) -> None:
        self.turn = log.turn
        self.event = log.event
        self._log = log
        self._agent = agent

    def update(self, *, provider_mode: str | None = None, agent: Mapping[str, Any] | None = None) -> None:
        self._log.update(provider_mode=provider_mode, agent={**(agent or {}), **self._agent})


@cache
def process_logger() -> CallLogger:
    """The logger that this process shares where nobody gives one; made from the environment once."""
    return CallLogger.from_env()


def _event(told: Any) -> dict[str, Any]:
    """An event as a dict, of whatever the application has."""
    if isinstance(told, str):
        told = told.encode("utf-8", "replace")
    if isinstance(told, bytes | bytearray):
        told = wire.decode(bytes(told))
    elif not isinstance(told, dict) and hasattr(told, "model_dump"):
        told = told.model_dump(mode="python", exclude_unset=True)
    if not isinstance(told, dict):
        raise TypeError(f"an event is a dict, JSON or an object of the openai package, not {type(told).__name__}")
    return told
