"""The handle of one call. Its methods stamp the time, copy what they were given, and leave.

None of them raises, blocks or waits, whatever it is given; what cannot be recorded is counted and told by the
logger. They may be called from any thread and any event loop. After `end`, rows that come late are still written.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from callscope.clock import anchor_ns, monotonic_ns
from callscope.model import call as status_words
from callscope.model.event import ERROR as ERROR_EVENT
from callscope.model.event import USAGE as USAGE_EVENT
from callscope.model.wire import LAST_MS, name
from callscope.recorder import current, guard, marks
from callscope.recorder.buffer import AUDIO, END, ERROR, EVENT, ROW, ROW_BYTES, START, TURN, UPDATE
from callscope.recorder.snapshot import take

if TYPE_CHECKING:
    from typing import Self

    from callscope.recorder.call_file import CallFile
    from callscope.recorder.channel import Channel

NO_MORE: Final = (None, None, None, False, None, None)
_STACK_LIMIT: Final = 64
_MAX_WORDS: Final = 1000
"""Characters kept of an exception's line as the reason of a failed call; its event has all of it."""


class CallLog:
    """One call being recorded; made by `CallLogger.start_call`.

    As a context manager it ends the call: ``failed`` when an exception comes out of the block (which is recorded
    with its stack and goes on), else as `end` without arguments would. What runs inside of the block, and the tasks
    that it starts, belong to the call: their log lines, and exceptions that nobody catches. See `bind`.
    """

    __slots__ = (
        "__weakref__",
        "_anchor_ns",
        "_channel",
        "_ended",
        "_entered",
        "call_id",
        "dropped",
        "dropped_audio",
        "file",
        "owner",
        "planned_path",
        "shared",
        "started_at_ms",
    )

    def __init__(
        self, call_id: str, channel: Channel, *, owner: object, at_ms: float | None, fields: dict[str, Any]
    ) -> None:
        self.call_id = call_id
        self._channel = channel
        self._ended = False
        self._entered: current.Entered | None = None
        self.file: CallFile | None = None
        """The writer's side of this call; only the writer's thread touches what is in it."""
        self.dropped: Counter[str] = Counter()
        self.dropped_audio = 0
        self.owner = owner
        """The logger, which lives as long as its calls do."""
        self.shared = False
        """Whether a fork made two processes write this call."""
        self._anchor_ns = anchor_ns()
        self.started_at_ms = self.unix_ms(monotonic_ns(), at_ms)
        self.planned_path: Path | None = channel.planned_path(call_id, self.started_at_ms)
        channel.buffer.order((START, self, 0, monotonic_ns(), at_ms, fields))

    @property
    def enabled(self) -> bool:
        """Whether anything is recorded: not after the logger was closed."""
        return not self._channel.buffer.closed

    @property
    def ended(self) -> bool:
        """Whether `end` was called."""
        return self._ended

    @property
    def path(self) -> Path | None:
        """The call's directory; None when recording is off.

        Until the writer has made it, this is the place it will try first.
        """
        file = self.file
        return self.planned_path if file is None or file.path is None else file.path

    def turn(
        self,
        role: str,
        text: str | None,
        *,
        turn_index: int | None = None,
        at_ms: float | None = None,
        duration_ms: float | None = None,
        latency: Mapping[str, Any] | None = None,
        cost: Mapping[str, Any] | None = None,
        interrupted: bool = False,
        heard: str | None = None,
    ) -> None:
        """Record one side's contribution.

        Args:
            role: ``user``, ``assistant``, ``system`` or ``tool``.
            text: what was said; for the agent, what was generated.
            turn_index: 0-based place in the call; counted when left out.
            at_ms: Unix milliseconds at which it began; now when left out.
            duration_ms: how long it was spoken.
            latency: milliseconds by name; ``response_ms`` is what the caller waited. Measured from the speaking
                events when left out.
            cost: US dollars by part.
            interrupted: the caller cut it off.
            heard: the part of ``text`` that was played, when it was cut off.
        """
        channel = self._channel
        try:
            if type(text) is not str:
                text = None if text is None else name(text)
            size = ROW_BYTES + (len(text) if text else 0)
            if (turn_index, latency, cost, interrupted, heard, duration_ms) == NO_MORE:
                channel.buffer.offer((TURN, self, size, monotonic_ns(), at_ms, role, text, NO_MORE))
                return
            kept_latency = kept_cost = None
            if latency is not None:
                kept_latency, more = take(latency)
                size += more
            if cost is not None:
                kept_cost, more = take(cost)
                size += more
            if heard is not None:
                heard = heard if type(heard) is str else name(heard)
                size += len(heard)
            more_fields = (turn_index, kept_latency, kept_cost, interrupted, heard, duration_ms)
            channel.buffer.offer((TURN, self, size, monotonic_ns(), at_ms, role, text, more_fields))
        except Exception:  # noqa: BLE001 -- never into the call; see guard
            guard.caught("CallLog.turn", channel.warnings)
            channel.invalid(self)

    def event(self, type: str, data: Mapping[str, Any] | None = None, *, at_ms: float | None = None) -> None:  # noqa: A002 -- the field's own word
        """Record an operational event.

        Args:
            type: one of ``callscope.model.event``, or any other word.
            data: its facts.
            at_ms: Unix milliseconds of the thing itself; now when left out.
        """
        channel = self._channel
        try:
            if data:
                snapshot, size = take(data)
                channel.buffer.offer((EVENT, self, size + ROW_BYTES, monotonic_ns(), at_ms, type, snapshot))
            else:
                channel.buffer.offer((EVENT, self, ROW_BYTES, monotonic_ns(), at_ms, type, {}))
        except Exception:  # noqa: BLE001 -- never into the call; see guard
            guard.caught("CallLog.event", channel.warnings)
            channel.invalid(self)

    def usage(
        self,
        service: str,
        *,
        provider: str | None = None,
        model: str | None = None,
        at_ms: float | None = None,
        **units: Any,
    ) -> None:
        """Record what a service did that somebody bills for, as an event of type ``usage``.

        Args:
            service: ``llm``, ``stt``, ``tts``, ``realtime``, ``telephony`` or another word.
            provider: who bills it.
            model: as configured.
            at_ms: Unix milliseconds; now when left out.
            units: quantities in the units of ``callscope.model.usage.UNITS``, and anything else worth keeping. A unit
                that nobody reported is left out, not 0. Of ``text`` only its measures are kept.
        """
        text = units.get("text")
        if isinstance(text, str):
            units = _measured(text, units)
        self.event(USAGE_EVENT, {"service": service, "provider": provider, "model": model, **units}, at_ms=at_ms)

    def error(self, error: BaseException | str, *, at_ms: float | None = None, **data: Any) -> None:
        """Record that something failed, as an event of type ``error``; an exception with its stack.

        Args:
            error: the exception, or a sentence. An exception counts once, however often it is told, and so does what
                was raised because of it: later ones are written with ``duplicate_of``.
            at_ms: Unix milliseconds; now when left out.
            data: ``stage``, ``provider``, ``model``, ``category``, ``recovered``, ``fatal``, ... A category that is
                left out is found from the exception's type, its HTTP status and its message.
        """
        channel = self._channel
        if not isinstance(error, BaseException):
            self.event(ERROR_EVENT, {"message": error, **data}, at_ms=at_ms)
            return
        try:
            data = self._named(error, data)
            # Source lines are read, and the text is made, by the writer: no disk is touched here.
            stack = traceback.TracebackException.from_exception(error, limit=_STACK_LIMIT, lookup_lines=False)
            kind = type(error).__qualname__
            snapshot, size = take(data)
            channel.buffer.offer((ERROR, self, size + 10 * ROW_BYTES, monotonic_ns(), at_ms, stack, kind, snapshot))
        except Exception:  # noqa: BLE001 -- never into the call; see guard
            guard.caught("CallLog.error", channel.warnings)
            channel.invalid(self)

    def row(self, row: Mapping[str, Any], *, at_ms: float | None = None) -> None:
        """Record a transcript row in another writer's shape, as it is given (see ``log_turn``)."""
        channel = self._channel
        try:
            if not isinstance(row, Mapping):
                channel.invalid(self)  # type: ignore[unreachable]  # callers are not type-checked at run time
                return
            snapshot, size = take(row)
            channel.buffer.offer((ROW, self, size + ROW_BYTES, monotonic_ns(), at_ms, snapshot))
        except Exception:  # noqa: BLE001 -- never into the call; see guard
            guard.caught("CallLog.row", channel.warnings)
            channel.invalid(self)

    def audio(self, pcm: bytes, *, sample_rate: int, channels: int = 2, at_ms: float | None = None) -> None:
        """Add sound to ``recording.wav``.

        Args:
            pcm: 16-bit little-endian samples, interleaved: caller left, agent right.
            sample_rate: samples a second per channel; that of the first sound holds for the call.
            channels: 1 or 2; that of the first sound holds for the call.
            at_ms: Unix milliseconds of the first sample. A gap before it is filled with silence.
        """
        channel = self._channel
        try:
            copy = bytes(pcm)
            row = (AUDIO, self, len(copy) + ROW_BYTES, monotonic_ns(), at_ms, copy, int(sample_rate), int(channels))
            channel.buffer.offer(row)
        except Exception:  # noqa: BLE001 -- never into the call; see guard
            guard.caught("CallLog.audio", channel.warnings)

    def update(
        self,
        *,
        caller: str | None = None,
        callee: str | None = None,
        direction: str | None = None,
        telephony_provider: str | None = None,
        provider_mode: str | None = None,
        agent: Mapping[str, Any] | None = None,
        trace_id: str | None = None,
        labels: Mapping[str, Any] | None = None,
        framework: Mapping[str, Any] | None = None,
    ) -> None:
        """Add to the call's metadata what became known after its start; ``agent`` and ``labels`` are merged."""
        given = {
            "caller": caller,
            "callee": callee,
            "direction": direction,
            "telephony_provider": telephony_provider,
            "provider_mode": provider_mode,
            "agent": agent,
            "trace_id": trace_id,
            "labels": labels,
            "framework": framework,
        }
        self._steer(UPDATE, None, {name: value for name, value in given.items() if value is not None})

    def end(
        self,
        *,
        status: str | None = None,
        error: BaseException | str | None = None,
        reason: str | None = None,
        at_ms: float | None = None,
        duration_ms: float | None = None,
        turns: int | None = None,
        cost: Mapping[str, Any] | None = None,
        latency: Mapping[str, Any] | None = None,
        recording_path: str | None = None,
    ) -> None:
        """End the call; only the first time counts.

        Args:
            status: ``completed``, ``failed``, ``no_answer``, ``busy`` or ``canceled``. Left out, it is found from
                what happened: a call whose caller heard nothing is not ``completed``.
            error: why it failed.
            reason: how it ended, in words ("the caller hung up").
            at_ms: Unix milliseconds of the end; now when left out.
            duration_ms: counted from the start when left out.
            turns: counted when left out.
            cost: US dollars by part.
            latency: p50_ms, p95_ms, p99_ms of the response latency; computed when left out.
            recording_path: where the sound is, when callscope did not keep it.
        """
        if self._ended:
            return
        self._ended = True
        given = {
            "status": _words(status),
            "error": _words(error),
            "reason": _words(reason),
            "duration_ms": duration_ms,
            "turns": turns,
            "cost": cost,
            "latency": latency,
            "recording_path": recording_path,
        }
        self._steer(END, at_ms, given)

    def bind(self) -> current.Bound:
        """A block whose log lines and unhandled exceptions are this call's, and those of the tasks that it starts.

        For who does not end the call with a ``with`` block of its own: ``with call.bind(): ...``. It ends nothing.
        """
        return current.Bound(self)

    def __enter__(self) -> Self:
        self._entered = current.enter(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        token, self._entered = self._entered, None
        if token is not None:
            current.leave(token)
        if error is None:
            self.end()
        elif isinstance(error, Exception):
            self.error(error, fatal=True, stage="application")
            self.end(status=status_words.FAILED, error=error, reason="an exception ended the call")
        else:  # a cancelled task, a keyboard interrupt: the call was stopped, nothing failed
            self.end(status=status_words.CANCELED, reason=f"stopped by {type(error).__name__}")

    def unix_ms(self, mono_ns: int, at_ms: float | None) -> int:
        """Unix milliseconds of a row: as given where that is a moment, else from the call's own clock."""
        if at_ms is not None:
            try:
                if 0 <= at_ms <= LAST_MS:
                    return int(at_ms)
            except TypeError:
                pass
        return (self._anchor_ns + mono_ns) // 1_000_000

    def _named(self, error: BaseException, data: dict[str, Any]) -> dict[str, Any]:
        """What is told of an exception, with its id or that of the error that it repeats, and what it says itself."""
        found = {**marks.described(error), **data}
        first = found.get("duplicate_of") or marks.found(error, self)
        error_id = found.setdefault("error_id", marks.new_id())
        if first is None:
            marks.mark(error, self, error_id)
        elif first != error_id:
            found["duplicate_of"] = first
        return found

    def _steer(self, kind: int, at_ms: float | None, fields: dict[str, Any]) -> None:
        channel = self._channel
        try:
            snapshot, _ = take(fields)
            channel.buffer.order((kind, self, 0, monotonic_ns(), at_ms, snapshot))
        except Exception:  # noqa: BLE001 -- never into the call; see guard
            guard.caught("CallLog.end" if kind == END else "CallLog.update", channel.warnings)


def _measured(text: str, units: dict[str, Any]) -> dict[str, Any]:
    """What was sent as the measures that somebody bills, taken before any word of it is masked; no word is kept."""
    measures = {"characters": len(text)}
    if not text.isascii():
        measures["utf8_bytes"] = len(text.encode("utf-8", "surrogatepass"))
    given = {key: value for key, value in units.items() if value is not None and key != "text"}
    return measures | given


def _words(value: object) -> str | None:
    """Anything as text; an exception as one line, whose own ``__str__`` may fail, which traceback takes care of."""
    if value is None or type(value) is str:
        return value
    if not isinstance(value, BaseException):
        return name(value)
    lines = traceback.TracebackException(type(value), value, None).format_exception_only()
    return " ".join("".join(lines).split())[:_MAX_WORDS]
