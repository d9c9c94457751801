"""The one thread of a process that writes its lines down, on the console and in the file.

It takes what waits, as much as there is up to a batch, at once: so that at most what came within milliseconds is at
risk when the process is killed. Between batches it tells what was folded and what is missing, keeps the ledger's file,
and has closed files compressed by a thread of their own.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from typing import Any, Final

from callscope.archive import liveness
from callscope.archive.append import Write
from callscope.archive.liveness import HEARTBEAT_SECONDS, WriterFile
from callscope.clock import monotonic_ns, now_ms
from callscope.ids import new_writer_id
from callscope.logs import closed
from callscope.logs import level as levels
from callscope.logs.console import Console
from callscope.logs.document import document_of, encoded, notice, shown, unfit
from callscope.logs.file import SharedFile, close_day
from callscope.logs.flood import Flood
from callscope.logs.line import Line
from callscope.logs.settings import LogSettings
from callscope.logs.waiting import Waiting
from callscope.model.wire import format_ts
from callscope.recorder.causes import ADVICE, reason_of
from callscope.redaction.policy import Policy

_BATCH: Final = 256
_BUSY_SECONDS: Final = 0.2
_IDLE_SECONDS: Final = 2.0
_SECOND_NS: Final = 1_000_000_000
_MINUTE_NS: Final = 60 * _SECOND_NS
_HEARTBEAT_NS: Final = int(HEARTBEAT_SECONDS * _SECOND_NS)
_EXIT_SECONDS: Final = 5.0
_INVALID: Final = "invalid"


class Worker:
    """Writes the lines of one process.

    Args:
        waiting: where they come from.
        flood: what was folded.
        settings: where they go.
        policy: what of them may be written.
        retention_days: days that files are kept; 0: for ever.
        colors: see `Console`.
        write: puts bytes into a descriptor; `os.write` unless a test wants a failing disk.
    """

    def __init__(
        self,
        waiting: Waiting,
        flood: Flood,
        settings: LogSettings,
        policy: Policy,
        *,
        retention_days: int,
        colors: bool | None,
        write: Write,
    ) -> None:
        self._waiting = waiting
        self._flood = flood
        self._settings = settings
        self._policy = policy
        self._retention_days = retention_days
        self._write = write
        self._console = Console(settings.console, colors=colors) if settings.console else None
        self._file: SharedFile | None = None
        self._sign: WriterFile | None = None
        self.shown_by_host: Callable[[Line], bool] = _no
        """Whether the program shows a line on the terminal itself; the console then leaves it to it."""
        self.look_after: Callable[[], None] = _nothing
        """Called every few seconds: sees that loggers still come here."""
        self.reset()

    def reset(self) -> None:
        """Become a new process's: nothing written, nothing open."""
        if self._file is not None:
            self._file.close()
        if self._sign is not None:
            self._sign.forget()
        directory = self._settings.directory
        self._file = None
        if directory is not None:
            max_bytes = int(self._settings.max_mb * 1_000_000)
            self._file = SharedFile(directory, max_bytes=max_bytes, write=self._write)
        if self._console is not None:
            self._console.reset()
        self._sign = None
        self._identity = liveness.identity(new_writer_id())
        self._beat_at_ns = 0
        self._looked_at_ns = 0
        self._unfolded_at_ns = 0
        self._failed_at_ns = 0
        self._failing: str | None = None
        self._warned_at_ns = 0
        self._told: dict[str, int] = {}
        self._told_removed = 0
        self._tidying: threading.Thread | None = None
        self._stopping = False
        self.folded = 0
        self.removed = 0
        self.thread: threading.Thread | None = None

    @property
    def not_shown(self) -> int:
        """Lines that the terminal did not take."""
        return 0 if self._console is None else self._console.not_shown

    def begin(self) -> None:
        """Start the thread."""
        _end_with_worker(self)
        self.thread = threading.Thread(target=self._run, name="callscope-logs", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Have the thread write what waits, and end."""
        if self._waiting.started and not self._waiting.closed:
            self._waiting.closed = True
            self._waiting.order(self._stop)
        self._waiting.closed = True

    def stop_and_wait(self) -> None:
        """What a process does at its end."""
        self.stop()
        self.join(_EXIT_SECONDS)

    def join(self, timeout_seconds: float | None) -> bool:
        """Wait for the thread's end; tell whether it has ended."""
        thread = self.thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout_seconds)
        return not thread.is_alive()

    def settle(self) -> None:
        """Write all that is known now, as before a flush ends."""
        self._put(self._flood.due(0, everything=True))
        self._push(1.0)
        self._beat(now=True)

    def ledger(self) -> dict[str, Any]:
        """What became of the lines, for the ledger's file."""
        waiting = self._waiting
        lost = dict(sorted(waiting.lost().items()))
        pending = waiting.pending + self._flood.waiting
        return {
            "writer": self._identity,
            "kind": "logs",
            "accepted": waiting.written + sum(lost.values()) + pending,
            "written": waiting.written,
            "lost": lost,
            "pending": pending,
            "folded": self.folded,
            "removed": self.removed,
            "not_shown": self.not_shown,
        }

    def _stop(self) -> None:
        self._stopping = True

    def _run(self) -> None:
        take = self._waiting.take
        while not self._stopping:
            item = take(self._timeout_seconds())
            lines: list[Line] = []
            while item is not None:
                if isinstance(item, Line):
                    lines.append(item)
                else:
                    self._put(lines)
                    lines = []
                    item()
                item = take(0) if len(lines) < _BATCH and not self._stopping else None
            self._put(lines)
            self._look()
        self._leave()

    def _timeout_seconds(self) -> float:
        if self._flood.busy or (self._console is not None and self._console.waiting):
            return _BUSY_SECONDS
        return _IDLE_SECONDS

    # -- lines --------------------------------------------------------------------------------------

    def _put(self, lines: list[Line]) -> None:
        """Write lines, after a word about those that are missing."""
        missing = self._missing() if lines else None
        documents: list[tuple[Line, bytes]] = []
        for line in [missing, *lines] if missing is not None else lines:
            try:
                document = document_of(line, self._policy)
            except Exception:  # noqa: BLE001 -- the thread must outlive our own bugs, and foreign data
                self._count(line, _INVALID)
                document = document_of(unfit(line), self._policy)
                line = notice("", line.level)  # noqa: PLW2901 -- it is counted
            documents.append((line, encoded(document)))
            if line is not missing:
                self._show(line, document)
        self._keep(documents, missing)
        self._push(0)

    def _keep(self, documents: list[tuple[Line, bytes]], missing: Line | None) -> None:
        if self._file is None:
            reason = None
            done = len(documents)
        else:
            done, reason = self._append([data for _, data in documents])
        if done and missing is not None:
            self._told = dict(missing.data) if isinstance(missing.data, dict) else {}
            self._show(missing, document_of(missing, self._policy))
        for place, (line, _) in enumerate(documents):
            self._count(line, None if place < done else reason)

    def _append(self, lines: list[bytes]) -> tuple[int, str | None]:
        """Append to the file; after a failure it is tried once a second: a disk that is away may be slow to say so."""
        if not lines or self._file is None:
            return 0, None
        now = monotonic_ns()
        if self._failed_at_ns and now - self._failed_at_ns < _SECOND_NS and self._failing:
            return 0, self._failing
        done, error = self._file.append(lines, now_ms())
        if error is None:
            self._failed_at_ns = 0
            return done, None
        self._failed_at_ns = now
        self._failing = reason_of(error)
        if not self._warned_at_ns or now - self._warned_at_ns > _MINUTE_NS:
            self._warned_at_ns = now
            advice = ADVICE.get(self._failing, "look at the disk")
            text = f"log lines cannot be written to {self._settings.directory} ({error.strerror or error}): {advice}"
            warning = notice(text, levels.ERROR)
            self._show(warning, document_of(warning, self._policy))
        return done, self._failing

    def _count(self, line: Line, reason: str | None) -> None:
        if reason is None:
            self._waiting.written += line.weight
            self.folded += line.repeated
        else:
            self._waiting.lose(reason, line.weight)
        if not line.repeated:
            self._waiting.in_hand -= line.weight

    def _missing(self) -> Line | None:
        """A word about lines that are lost and were not told of yet; None where there are none."""
        lost = self._waiting.lost()
        lost.pop("closed", None)
        if dict(lost) == self._told:
            return None
        since = {reason: count - self._told.get(reason, 0) for reason, count in lost.items()}
        said = ", ".join(f"{reason} {count:,}" for reason, count in sorted(since.items()) if count > 0)
        return notice(f"{sum(since.values()):,} log lines are missing here ({said})", levels.WARNING, dict(lost))

    def _show(self, line: Line, document: dict[str, Any]) -> None:
        console = self._console
        if console is None:
            return
        try:
            if not self.shown_by_host(line):
                console.show(shown(line, document))
        except Exception:  # noqa: BLE001 -- a line that cannot be shown is in the file all the same
            console.not_shown += 1

    def _push(self, timeout_seconds: float) -> None:
        if self._console is not None and self._console.waiting:
            self._console.push(timeout_seconds)

    # -- between lines ------------------------------------------------------------------------------

    def _look(self) -> None:
        now = monotonic_ns()
        if self._flood.busy and now - self._unfolded_at_ns > _SECOND_NS // 5:
            self._unfolded_at_ns = now
            self._put(self._flood.due(now_ms() * 1_000_000))
        self._push(0)
        self._beat()
        if self._file is not None and self._file.untidy and (self._tidying is None or not self._tidying.is_alive()):
            self._file.untidy = False
            self._tidying = threading.Thread(target=self._tidy, name="callscope-logs-tidy", daemon=True)
            self._tidying.start()
        if self.removed != self._told_removed:
            count, self._told_removed = self.removed - self._told_removed, self.removed
            text = f"{count:,} older log lines were removed: more than {self._settings.files_a_day} files a day"
            self._put([notice(text, levels.WARNING, {"removed": count})])
        if now - self._looked_at_ns > _SECOND_NS:
            self._looked_at_ns = now
            with contextlib.suppress(Exception):
                self.look_after()

    def _tidy(self) -> None:
        directory = self._settings.directory
        if directory is None:
            return
        today = format_ts(now_ms())[:10]
        with contextlib.suppress(OSError):  # it is tried again with the next file
            for day in closed.open_days(directory, today):
                close_day(directory, day)
            self.removed += closed.tidy(
                directory,
                today=today,
                files_a_day=self._settings.files_a_day,
                retention_days=self._retention_days,
                now_ms=now_ms(),
            )
            liveness.forget_dead(directory, liveness.read_ledgers(directory))

    def _beat(self, *, now: bool = False) -> None:
        """Bring the ledger's file up to date."""
        directory = self._settings.directory
        at_ns = monotonic_ns()
        if directory is None or (not now and self._beat_at_ns and at_ns - self._beat_at_ns < _HEARTBEAT_NS):
            return
        self._beat_at_ns = at_ns
        with contextlib.suppress(OSError):  # a full disk: the next time
            if self._sign is None:
                self._sign = WriterFile(directory, self._identity["id"])
            self._sign.beat(self.ledger())

    def _leave(self) -> None:
        self._put(self._flood.due(0, everything=True))
        self._push(0.5)
        if self._tidying is not None:
            self._tidying.join(_EXIT_SECONDS)
        if self._file is not None and self._file.untidy:
            self._tidy()
        self._beat(now=True)
        if self._sign is not None:
            with contextlib.suppress(OSError):
                self._sign.close(keep=bool(self._waiting.lost() or self.removed))
            self._sign = None
        if self._file is not None:
            self._file.close()


def _end_with_worker(worker: Worker) -> None:
    """Workers of ``multiprocessing`` end without ``atexit``; they have their own list of last things to do."""
    process = sys.modules.get("multiprocessing.process")
    if process is None or process.parent_process() is None:
        return
    from multiprocessing.util import Finalize  # noqa: PLC0415 -- only where it is loaded anyway

    Finalize(None, worker.stop_and_wait, exitpriority=0)


def _no(_line: Line) -> bool:
    return False


def _nothing() -> None:
    """Nothing to look after."""
