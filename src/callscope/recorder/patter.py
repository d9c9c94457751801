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
from weakref import WeakValueDictionary

from callscope.clock import now_ms
from callscope.model import wire

if TYPE_CHECKING:
    from callscope.recorder.call_log import CallLog
    from callscope.recorder.channel import Channel
    from callscope.recorder.logger import CallLogger

_KEPT: Final = 1024
"""Ended calls that are kept by their id: rows that come late still find their call."""


class _Calls:
    """The handles of an archive's calls by their ids: those in progress, and the last ended ones."""

    def __init__(self) -> None:
        self.open: dict[str, CallLog] = {}
        self.ended: OrderedDict[str, CallLog] = OrderedDict()

    def find(self, name: str) -> CallLog | None:
        call = self.open.get(name) or self.ended.get(name)
        return call if call is not None and call.enabled else None

    def begin(self, name: str, call: CallLog) -> CallLog:
        self.ended.pop(name, None)
        self.open[name] = call
        return call

    def end(self, name: str) -> None:
        call = self.open.pop(name, None)
        if call is not None:
            self.ended[name] = call
            if len(self.ended) > _KEPT:
                self.ended.popitem(last=False)


_calls_of_roots: WeakValueDictionary[str, _Calls] = WeakValueDictionary()
"""Loggers on one root find each other's calls, as with Patter, whose calls are found by their directory."""


class PatterMethods:
    """What `CallLogger` has in common with Patter's logger of the same name."""

    _channel: Channel | None

    def __init__(self) -> None:
        self._found: _Calls | None = None

    start_call: Callable[..., CallLog]

    def call_dir(self, call_id: str) -> Path | None:
        """The directory of a call, None when recording is off. For an unknown id: where it would go if it began now."""
        if self._channel is None:
            return None
        name = wire.name(call_id)
        call = self._calls(self._channel).find(name)
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
        name = wire.name(call_id)
        calls = self._calls(self._channel)
        known = calls.find(name)
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
            known.update(**{field: value for field, value in fields.items() if value})
            return
        calls.begin(name, self.start_call(name, **fields))

    def log_turn(self, call_id: str, turn: dict[str, Any]) -> None:
        """Append one transcript row, in Patter's shape or in ours, behind ``schema_version`` and ``ts``."""
        if self._channel is not None:
            self._call(self._channel, wire.name(call_id)).row(turn)

    def log_event(self, call_id: str, event_type: str, payload: dict[str, Any] | None = None) -> None:
        """Append one event."""
        if self._channel is not None:
            self._call(self._channel, wire.name(call_id)).event(event_type, payload)

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
        name = wire.name(call_id)
        self._call(self._channel, name).end(
            status=status,
            error=error,
            duration_ms=_milliseconds(duration_seconds),
            turns=turns,
            cost=cost,
            latency=latency,
            recording_path=recording_path,
        )
        self._calls(self._channel).end(name)

    def _calls(self, channel: Channel) -> _Calls:
        if self._found is None:
            self._found = _calls_of_roots.setdefault(str(channel.root), _Calls())
        return self._found

    def _call(self, channel: Channel, name: str) -> CallLog:
        calls = self._calls(channel)
        return calls.find(name) or calls.begin(name, self.start_call(name))


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


def _milliseconds(seconds: object) -> float | None:
    """Patter's rounding: tenths of a millisecond."""
    if isinstance(seconds, int | float) and 0 <= seconds < float("inf"):
        return round(seconds * 1000, 1)
    return None


__all__ = ["PatterMethods", "alog_call_end", "alog_call_start", "alog_event", "alog_turn"]
