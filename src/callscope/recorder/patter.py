"""The methods of Patter's logger, so that an application moves over by one import line.

Differences that an application may see, all on purpose: nothing is written before the method returns (`flush`
waits for it); phone numbers are masked unless ``PATTER_LOG_REDACT_PHONE`` says otherwise; an ``error`` makes the
status ``failed`` even where the caller passed Patter's default ``completed``; nothing raises, whatever it is given.
Source of the signatures: ``getpatter.services.call_log``, version 0.7.0.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from callscope.clock import now_ms
from callscope.model.wire import plain

if TYPE_CHECKING:
    from callscope.recorder.call_log import CallLog
    from callscope.recorder.channel import Channel
    from callscope.recorder.logger import CallLogger

_KEPT: Final = 1024
"""Handles kept by call id. Ended ones go first: rows that come late still find their call."""


class PatterMethods:
    """What `CallLogger` has in common with Patter's logger of the same name."""

    _channel: Channel | None

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, CallLog] = OrderedDict()

    start_call: Callable[..., CallLog]

    def call_dir(self, call_id: str) -> Path | None:
        """The directory of a call, None when recording is off. For an unknown id: where it would go if it began now."""
        if self._channel is None:
            return None
        name = _name(call_id)
        call = self._by_id.get(name)
        return self._channel.planned_path(name, now_ms()) if call is None else call.path

    def log_call_start(
        self,
        call_id: str,
        *,
        caller: str = "",
        callee: str = "",
        direction: str = "",
        telephony_provider: str = "",
        provider_mode: str = "",
        agent: dict[str, Any] | None = None,
        trace_id: str | None = None,
    ) -> None:
        """Begin a call; an id whose call is in progress goes on with it."""
        if self._channel is None:
            return
        known = self._by_id.get(_name(call_id))
        fields: dict[str, Any] = {
            "caller": caller,
            "callee": callee,
            "direction": direction,
            "telephony_provider": telephony_provider,
            "provider_mode": provider_mode,
            "agent": agent,
            "trace_id": trace_id,
        }
        if known is not None and not known.ended:
            known.update(**{name: value for name, value in fields.items() if value})
            return
        self._keep(_name(call_id), self.start_call(_name(call_id), **fields))

    def log_turn(self, call_id: str, turn: dict[str, Any]) -> None:
        """Append one transcript row, in Patter's shape or in ours, behind ``schema_version`` and ``ts``."""
        if self._channel is not None:
            self._call(call_id).row(turn)

    def log_event(self, call_id: str, event_type: str, payload: dict[str, Any] | None = None) -> None:
        """Append one event."""
        if self._channel is not None:
            self._call(call_id).event(event_type, payload)

    def log_call_end(
        self,
        call_id: str,
        *,
        duration_seconds: float | None = None,
        turns: int | None = None,
        cost: dict[str, Any] | None = None,
        latency: dict[str, Any] | None = None,
        status: str = "completed",
        error: str | None = None,
        recording_path: str | None = None,
    ) -> None:
        """End a call with its figures; those left out are counted and computed."""
        if self._channel is None:
            return
        self._call(call_id).end(
            status=status,
            error=error,
            duration_ms=_milliseconds(duration_seconds),
            turns=turns,
            cost=cost,
            latency=latency,
            recording_path=recording_path,
        )

    def _call(self, call_id: str) -> CallLog:
        name = _name(call_id)
        call = self._by_id.get(name)
        return self._keep(name, self.start_call(name)) if call is None else call

    def _keep(self, call_id: str, call: CallLog) -> CallLog:
        self._by_id[call_id] = call
        self._by_id.move_to_end(call_id)
        if len(self._by_id) > _KEPT:
            ended = next((key for key, kept in self._by_id.items() if kept.ended), None)
            if ended is not None:
                del self._by_id[ended]
        return call


async def alog_call_start(logger_: CallLogger | None, call_id: str, **fields: Any) -> None:
    """`CallLogger.log_call_start` for code that awaits it; there is nothing to wait for."""
    if logger_ is not None:
        logger_.log_call_start(call_id, **fields)


async def alog_turn(logger_: CallLogger | None, call_id: str, turn: dict[str, Any]) -> None:
    """`CallLogger.log_turn` for code that awaits it."""
    if logger_ is not None:
        logger_.log_turn(call_id, turn)


async def alog_event(
    logger_: CallLogger | None, call_id: str, event_type: str, payload: dict[str, Any] | None = None
) -> None:
    """`CallLogger.log_event` for code that awaits it."""
    if logger_ is not None:
        logger_.log_event(call_id, event_type, payload)


async def alog_call_end(logger_: CallLogger | None, call_id: str, **figures: Any) -> None:
    """`CallLogger.log_call_end` for code that awaits it."""
    if logger_ is not None:
        logger_.log_call_end(call_id, **figures)


def _name(call_id: object) -> str:
    return str(plain(call_id))


def _milliseconds(seconds: object) -> float | None:
    """Patter's rounding: tenths of a millisecond."""
    if isinstance(seconds, int | float) and 0 <= seconds < float("inf"):
        return round(seconds * 1000, 1)
    return None


__all__ = ["PatterMethods", "alog_call_end", "alog_call_start", "alog_event", "alog_turn"]
