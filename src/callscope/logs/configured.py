"""`configure`: the one call at the top of a program, and the handle that it gives back."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from callscope import config
from callscope.archive.append import Write
from callscope.config import Settings
from callscope.logs import level as levels
from callscope.logs.document import notice
from callscope.logs.flood import Flood
from callscope.logs.guru import Guru
from callscope.logs.intake import Intake
from callscope.logs.level import Levels
from callscope.logs.library import Library
from callscope.logs.line import Line
from callscope.logs.settings import LogSettings, resolve
from callscope.logs.structured import Structured
from callscope.logs.threads import Threads
from callscope.logs.waiting import Waiting
from callscope.logs.worker import Worker
from callscope.recorder import told
from callscope.redaction.policy import Policy

if TYPE_CHECKING:
    from typing import Self

_EXIT_SECONDS: Final = 5.0

_lock = threading.RLock()
_now: Logs | None = None
_all: weakref.WeakSet[Logs] = weakref.WeakSet()


class LogHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What became of this process's lines: ``accepted`` is ``written`` + all of ``lost`` + ``pending``."""

    directory: str | None
    """Where the files are; None: there are none, and a line is written once the console has it."""
    accepted: int
    """Lines that their loggers may say."""
    written: int
    """Lines in the files, those among them that a line with ``repeated`` stands for."""
    lost: dict[str, int]
    """Lines that are nowhere, by reason: ``buffer_full``, ``disk_full``, ``io_error`` and others."""
    pending: int
    """Lines that wait; 0 after `Logs.flush`."""
    pending_bytes: int
    folded: int
    """Lines among the written that only a count tells of."""
    removed: int
    """Lines that were removed later, because a day had more files than are kept; also other processes' lines."""
    not_shown: int
    """Lines that the terminal did not take; they are in the files."""
    problems: tuple[str, ...]
    """Settings that were not understood, and what was done instead."""


class Logs:
    """Logs as configured; as a context manager it closes them."""

    def __init__(self, settings: LogSettings, policy: Policy, *, retention_days: int, write: Write = os.write) -> None:
        self.settings = settings
        self._waiting = Waiting(max_lines=settings.buffer_lines, max_bytes=settings.buffer_mb * 1_000_000)
        self._flood = Flood(settings.flood_lines)
        limits = Levels(settings.level, settings.levels)
        self._intake = Intake(self._waiting, self._flood, limits)
        self._worker = Worker(
            self._waiting, self._flood, settings, policy, retention_days=retention_days, colors=config.wants_colors(),
            write=write,
        )  # fmt: skip
        self._waiting.start = self._worker.begin
        self._worker.shown_by_host = self._shown_by_host
        self._worker.look_after = self._ensure
        self._library = Library(self._intake, limits)
        self._guru = Guru(self._intake, console=bool(settings.console))
        self._structured = Structured()
        self._threads = Threads()
        self._listener: told.Listener = self._intake.told
        self._open = False

    def flush(self, timeout: float | None = 5.0) -> bool:
        """Wait until every line so far is written or counted as lost, for so many seconds; False: it took longer."""
        if not self._open or not (self._waiting.started or self._flood.waiting):
            return self._worker.join(timeout) if not self._open else True
        done = threading.Event()

        def settled() -> None:
            try:
                self._worker.settle()
            finally:
                done.set()

        self._waiting.order(settled)
        return done.wait(timeout)

    def close(self, timeout: float | None = 5.0) -> bool:
        """Write what waits and stop; loggers are as they were before. False: the disk did not take all in time."""
        global _now  # noqa: PLW0603 -- there is one configuration a process
        with _lock:
            if self._open:
                self._open = False
                self._detach()
                self._worker.stop()
            if _now is self:
                _now = None
        return self._worker.join(timeout)

    def health(self) -> LogHealth:
        """What became of the lines so far."""
        ledger = self._worker.ledger()
        directory = self.settings.directory
        return LogHealth(
            directory=None if directory is None else str(directory),
            accepted=ledger["accepted"],
            written=ledger["written"],
            lost=ledger["lost"],
            pending=ledger["pending"],
            pending_bytes=self._waiting.pending_bytes,
            folded=ledger["folded"],
            removed=ledger["removed"],
            not_shown=ledger["not_shown"],
            problems=self.settings.problems,
        )

    def ensure_loguru(self) -> None:
        """See that loguru's lines come here, also after a ``logger.remove()``."""
        if self._open:
            self._guru.ensure()

    def attach(self) -> None:
        """Begin to take lines; what was not understood of the settings is told first."""
        self._open = True
        for problem in self.settings.problems:
            self._waiting.offer(notice(problem, levels.WARNING))
        self._library.attach()
        self._structured.attach()
        self._guru.attach()
        self._threads.attach()
        told.listeners.append(self._listener)

    def _detach(self) -> None:
        if self._listener in told.listeners:
            told.listeners.remove(self._listener)
        self._threads.detach()
        self._guru.detach()
        self._structured.detach()
        self._library.detach()

    def _ensure(self) -> None:
        """On the logs' thread, which somebody who holds the lock may wait for."""
        if _lock.acquire(blocking=False):
            try:
                if self._open:
                    self._library.ensure()
                    self._guru.ensure()
            finally:
                _lock.release()

    def _shown_by_host(self, line: Line) -> bool:
        if line.origin == "loguru":
            return self._guru.shows(line.level)
        return line.origin in ("logging", "structlog") and self._library.shows(line.logger, line.level)

    def _after_fork_in_child(self) -> None:
        if self._open:
            self._waiting.reset()
            self._flood.reset()
            self._worker.reset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def configure(
    level: str | int | None = None,
    console: bool | str | None = None,  # noqa: FBT001 -- read as console=False
    directory: str | os.PathLike[str] | None = None,
    levels: Mapping[str, str | int] | str | None = None,
    *,
    max_mb: float | None = None,
    files_a_day: int | None = None,
    buffer_lines: int | None = None,
    buffer_mb: int | None = None,
    flood_lines: int | None = None,
    file: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    write: Write = os.write,
) -> Logs:
    """Have every line that this process writes on the console and in files, with its call: docs/logs.md.

    What is left out is read from the environment, else from the TOML file, else it is the default. Called again, the
    first configuration is closed. After this nothing of it raises, waits, or grows without bound.

    Args:
        level: ``trace``, ``debug``, ``info`` (the default), ``warning``, ``error`` or ``critical``.
        console: True (the default) and ``stderr``; ``stdout``; False shows nothing.
        directory: where the files are kept; ``off``: no files. By default ``logs`` in the archive's root
            (``PATTER_LOG_DIR``), no files where that is not set.
        levels: levels of single loggers and those below them: ``{"httpx": "warning"}`` or ``"httpx=warning"``.
        max_mb: megabytes after which a file is closed and compressed; 10 by default.
        files_a_day: how many files of a day are kept; 5 by default.
        buffer_lines: lines that may wait for the disk; 50,000 by default.
        buffer_mb: megabytes of text that may wait; 32 by default.
        flood_lines: lines a second that differ only in what was put into them; the others are counted.
        file: the TOML file with settings.
        settings: privacy and retention; read from the environment when left out.
        write: puts bytes into a descriptor; only a test of failing disks gives one.

    Raises:
        SettingError: an argument or the TOML file is wrong.
    """
    global _now  # noqa: PLW0603 -- there is one configuration a process
    given: dict[str, Any] = {
        "level": level,
        "console": console,
        "directory": None if directory is None else os.fspath(directory),
        "levels": levels,
        "max_mb": max_mb,
        "files_a_day": files_a_day,
        "buffer_lines": buffer_lines,
        "buffer_mb": buffer_mb,
        "flood_lines": flood_lines,
    }
    resolved = resolve(given, file=None if file is None else Path(file))
    of_calls = config.load() if settings is None else settings
    problems = (*resolved.problems, *of_calls.problems)
    policy = Policy(phone=of_calls.phone, transcript=of_calls.transcript, hash_key=of_calls.hash_key)
    with _lock:
        if _now is not None:
            _now.close()
        logs = Logs(
            msgspec.structs.replace(resolved, problems=problems),
            policy,
            retention_days=of_calls.retention_days or 0,
            write=write,
        )
        logs.attach()
        _now = logs
        _all.add(logs)
    return logs


def ensure_loguru() -> None:
    """See that loguru's lines still come here, where logs are configured: adapters call this when a call begins.

    A framework's runner may take all of loguru's handlers away (``logger.remove()``). Never raises.
    """
    logs = _now
    if logs is not None:
        try:
            logs.ensure_loguru()
        except Exception:  # noqa: BLE001 -- another version of loguru must not stop a call
            return


def current_logs() -> Logs | None:
    """The configuration in force; None where there is none."""
    return _now


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603 -- the parent's may be held by a thread that does not exist here
    _lock = threading.RLock()
    for logs in list(_all):
        logs._after_fork_in_child()  # noqa: SLF001 -- this module's own class


def _at_exit() -> None:
    logs = _now
    if logs is not None:
        logs.close(_EXIT_SECONDS)


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
