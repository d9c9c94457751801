"""The recorder of one process and one archive."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from callscope import config
from callscope.archive import replace
from callscope.archive.append import Write
from callscope.clock import monotonic_ns
from callscope.config import Settings
from callscope.ids import new_call_id
from callscope.model import wire
from callscope.recorder import guard, unhandled
from callscope.recorder.budget_state import UNKNOWN, BudgetState
from callscope.recorder.buffer import FLUSH, STOP, Buffer
from callscope.recorder.call_log import CallLog
from callscope.recorder.channel import Channel
from callscope.recorder.guard import Warnings, log
from callscope.recorder.health import Health
from callscope.recorder.off import OffCallLog
from callscope.recorder.patter import PatterMethods

if TYPE_CHECKING:
    from typing import Self

    from callscope.recorder.writer import Writer

_EXIT_SECONDS: Final = 5.0
_MEGABYTE: Final = 1_000_000

_loggers: weakref.WeakSet[CallLogger] = weakref.WeakSet()


class CallLogger(PatterMethods):
    """Keeps calls as plain files under ``root``; with ``root`` None it is off and every method returns at once.

    Args:
        root: the archive's directory, made if it is not there; as text also ``auto``, see `resolve_log_root`.
        settings: how to record; read from the environment when left out.
        write: puts bytes into a descriptor; only a test of failing disks gives one.

    A root that cannot be made or written gives one warning and a logger that is off. After construction nothing
    raises, blocks or waits, except `flush` and `close`, whose job it is to wait.
    """

    def __init__(self, root: Path | str | None, *, settings: Settings | None = None, write: Write = os.write) -> None:
        super().__init__()
        self.settings = config.load() if settings is None else settings
        self._channel: Channel | None = None
        self._writer: Writer | None = None
        self._handles: weakref.WeakSet[CallLog] = weakref.WeakSet()
        try:
            path = config.resolve_log_root(root) if isinstance(root, str) else root
            if path is None:
                return
            path = path.expanduser().absolute()
            for problem in self.settings.problems:
                log.error("callscope: %s", problem)
            replace.make_dir(path)
            replace.try_writing(path)
        except (OSError, ValueError, RuntimeError) as error:  # also a path with NUL, or of a user that does not exist
            reason = getattr(error, "strerror", None) or error
            log.warning("callscope: calls are not recorded: %s cannot be written (%s)", root, reason)
            return
        self._open(path, write)

    @classmethod
    def from_env(cls) -> Self:
        """A logger as the environment says: ``PATTER_LOG_DIR`` and the rest of `callscope.config`."""
        return cls(config.root_setting())

    @property
    def enabled(self) -> bool:
        """Whether calls are recorded: not without a root, and not after `close`."""
        return self._channel is not None and not self._channel.buffer.closed

    @property
    def root(self) -> Path | None:
        """The archive's directory; None when recording is off."""
        return self._channel.root if self._channel is not None else None

    def start_call(
        self,
        call_id: str | None = None,
        *,
        caller: str = "",
        callee: str = "",
        direction: str = "",
        telephony_provider: str = "",
        provider_mode: str = "",
        agent: Mapping[str, Any] | None = None,
        trace_id: str | None = None,
        labels: Mapping[str, Any] | None = None,
        framework: Mapping[str, Any] | None = None,
        at_ms: float | None = None,
    ) -> CallLog:
        """Begin a call and give its handle back.

        Args:
            call_id: any text; one is made up when left out. Two calls with one id get two directories.
            caller: who calls; written as the phone policy says.
            callee: who is called; likewise.
            direction: ``inbound`` (the default) or ``outbound``.
            telephony_provider: ``twilio``, ``telnyx``, ...
            provider_mode: ``pipeline``, ``realtime``, ...
            agent: provider, model, voice, and whatever else describes the agent.
            trace_id: the trace that this call belongs to.
            labels: agent version, environment, anything to tell calls apart by.
            framework: name and version of what runs the agent.
            at_ms: Unix milliseconds of the start; now when left out.
        """
        channel = self._channel
        name = new_call_id() if call_id is None else wire.name(call_id)
        if channel is None:
            return OffCallLog(name)
        fields = {
            "caller": caller,
            "callee": callee,
            "direction": direction,
            "telephony_provider": telephony_provider,
            "provider_mode": provider_mode,
            "agent": agent or {},
            "trace_id": trace_id,
            "labels": labels or {},
            "framework": framework,
        }
        if channel.buffer.closed:
            log.warning("callscope: call %r begins after close(): it is not recorded", name)
        try:
            call = CallLog(name, channel, owner=self, at_ms=at_ms, fields=wire.plain(fields))
            self._handles.add(call)
            unhandled.install(_open_calls)
        except Exception:  # noqa: BLE001 -- never into the call; see guard
            guard.caught("CallLogger.start_call", channel.warnings)
            return OffCallLog(name)
        return call

    def health(self) -> Health:
        """What was taken, written and lost so far, and what waits."""
        channel, writer = self._channel, self._writer
        if channel is None or writer is None:
            return Health(
                enabled=False, root=None, accepted=0, written=0, lost={}, pending=0, pending_bytes=0, open_calls=0,
                problems=self.settings.problems,
            )  # fmt: skip
        buffer = channel.buffer
        written, lost, pending = buffer.written, buffer.losses(), buffer.pending
        return Health(
            enabled=True,
            root=str(channel.root),
            accepted=written + lost.total() + pending,
            written=written,
            lost=dict(sorted(lost.items())),
            pending=pending,
            pending_bytes=buffer.pending_bytes,
            open_calls=len(writer.open_calls),
            problems=self.settings.problems,
        )

    def budget(self, name: str, *, call_id: str | None = None) -> BudgetState:
        """How much of a budget is spent: from memory, in constant time. To stop is the agent's own choice.

        Args:
            name: as in the budgets file (``CALLSCOPE_BUDGETS``).
            call_id: for a budget per call, which call.

        Returns:
            The state now. ``verdict`` is ``unknown`` where there is no such budget, recording is off, no call has begun
            yet, or something has no price: an unknown is never ``ok``. What other processes spend is counted once a
            minute.
        """
        writer = self._writer
        try:
            state = None if writer is None else writer.money.state(name, call_id)
        except Exception:  # noqa: BLE001 -- never into the call; see guard
            self.caught("CallLogger.budget")
            state = None
        return UNKNOWN if state is None else BudgetState.of(state)

    def flush(self, timeout: float | None = 5.0) -> bool:
        """Wait until everything recorded so far is on disk (or counted as lost).

        Args:
            timeout: seconds; None waits without end.

        Returns:
            False when the time was up first.
        """
        done = threading.Event()
        if self._order(FLUSH, done.set):
            return done.wait(timeout)
        return self._writer is None or self._writer.join(timeout)

    async def aflush(self, timeout: float | None = 5.0) -> bool:  # noqa: ASYNC109 -- the same argument as in `flush`
        """`flush` for a coroutine: the event loop goes on."""
        return await self._await_order(FLUSH, timeout)

    def close(self, timeout: float | None = 5.0) -> bool:
        """Write what waits and stop. Calls that were not ended are ended as ``abandoned``.

        Args:
            timeout: seconds; None waits without end.

        Returns:
            False when the disk did not take everything in time; what then still waits is lost if the process ends.
        """
        done = threading.Event()
        if self._order(STOP, done.set):
            return done.wait(timeout)
        return self._writer is None or self._writer.join(timeout)

    async def aclose(self, timeout: float | None = 5.0) -> bool:  # noqa: ASYNC109 -- the same argument as in `close`
        """`close` for a coroutine: the event loop goes on."""
        return await self._await_order(STOP, timeout)

    def caught(self, where: str) -> None:
        """For adapters, in an ``except`` block: an error of ours is told once a minute and stays away from the call."""
        if self._channel is not None:
            guard.caught(where, self._channel.warnings)

    def __reduce__(self) -> tuple[Callable[..., CallLogger], tuple[Path | None, Settings]]:
        """A logger sent to another process is another logger on the same archive."""
        return _unpickle, (self.root, self.settings)

    def _open(self, path: Path, write: Write) -> None:
        # What only the writer needs is loaded when there is something to write, not by `import callscope`.
        from callscope.recorder.writer import Writer  # noqa: PLC0415

        buffer = Buffer(max_rows=self.settings.buffer_rows, max_bytes=self.settings.buffer_mb * _MEGABYTE)
        self._channel = Channel(path, buffer, Warnings())
        self._writer = Writer(self._channel, self.settings, write=write)
        buffer.start = self._writer.begin
        _loggers.add(self)
        # A logger that nobody has any more, and whose calls have ended (each holds it), takes its thread with it.
        weakref.finalize(self, self._writer.stop).atexit = False

    def _order(self, kind: int, done: Callable[[], object]) -> bool:
        """Ask the writer for something; False when there is no writer that could do it."""
        channel = self._channel
        if channel is None or channel.buffer.closed:
            return False
        if not channel.buffer.started:
            channel.buffer.closed = kind == STOP
            return False
        channel.buffer.order((kind, None, 0, monotonic_ns(), None, done))
        if kind == STOP:
            channel.buffer.closed = True
            if not any(logger.enabled for logger in list(_loggers)):
                unhandled.release()
        return True

    async def _await_order(self, kind: int, timeout_seconds: float | None) -> bool:
        import asyncio  # noqa: PLC0415 -- who awaits has it; who does not saves 30 ms of start-up

        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed before the disk was done
                loop.call_soon_threadsafe(done.set)

        if not self._order(kind, tell):
            return self._writer is None or await asyncio.to_thread(self._writer.join, timeout_seconds)
        try:
            await asyncio.wait_for(done.wait(), timeout_seconds)
        except TimeoutError:
            return False
        return True

    def _after_fork(self, *, in_child: bool) -> None:
        """Know that open calls have two processes now; the child's first row starts a thread of its own."""
        channel, writer = self._channel, self._writer
        if channel is None or writer is None:
            return
        for call in list(self._handles):
            call.shared = True
        if in_child:
            writer.abandon_inherited()
            channel.buffer.reset()
            channel.warnings = Warnings()
            writer.reset()


def _open_calls() -> list[CallLog]:
    """Calls of this process that go on, also those whose handle nobody has kept."""
    found: set[CallLog] = set()
    for logger in list(_loggers):
        writer = logger._writer  # noqa: SLF001 -- this module's own class
        if writer is not None and logger.enabled:
            found.update(list(writer.open_calls), list(logger._handles))  # noqa: SLF001 -- likewise
    return [call for call in found if not call.ended]


def _unpickle(root: Path | None, settings: Settings) -> CallLogger:
    return CallLogger(root, settings=settings)


def _after_fork_in_child() -> None:
    for logger in list(_loggers):
        logger._after_fork(in_child=True)  # noqa: SLF001 -- this module's own class


def _after_fork_in_parent() -> None:
    for logger in list(_loggers):
        logger._after_fork(in_child=False)  # noqa: SLF001 -- this module's own class


def _at_exit() -> None:
    for logger in list(_loggers):
        logger.close(_EXIT_SECONDS)


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child, after_in_parent=_after_fork_in_parent)
