"""The one thread that touches the disk: redacts, encodes, appends, folds, replaces metadata.

Its life: started by the first row, a daemon, ended by `Buffer`'s STOP. At interpreter exit `atexit` orders it
to stop, which ends every open call, and waits a little. In a forked child it does not exist; the child's first row
starts another one, with its own identity, which goes on with the parent's calls: see `CallFile.recount`.

Small batches: after `_BATCH` rows it looks after metadata, warnings and its sign of life, so that a flood of rows
starves none of these. Every `os.write` lets other threads have the interpreter.

A row that cannot be written is counted with its reason and forgotten: there is no retry of rows, because a disk
that is full or slow would only make the queue grow. Metadata, of which there is one a call, is retried.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Collection
from typing import Any, Final

from callscope.archive import replace
from callscope.archive.append import Appender, Write, open_limit
from callscope.archive.liveness import HEARTBEAT_SECONDS, WriterFile, identity
from callscope.archive.paths import RECORDING
from callscope.archive.rows import turns_of
from callscope.clock import monotonic_ns, now_ms
from callscope.config import Settings
from callscope.ids import new_writer_id
from callscope.model import wire
from callscope.model.call import ABANDONED, SCHEMA_VERSION
from callscope.model.cost import CostLine
from callscope.model.event import BUDGET, SILENCE, Event
from callscope.model.event import ERROR as ERROR_EVENT
from callscope.model.turn import Turn
from callscope.recorder import buffer as kinds
from callscope.recorder import guard, records, told, unhandled
from callscope.recorder.call_file import CallFile
from callscope.recorder.call_log import CallLog
from callscope.recorder.causes import ADVICE, reason_of
from callscope.recorder.channel import INVALID, Channel
from callscope.recorder.chores import Chores
from callscope.recorder.money import Money
from callscope.recorder.process_end import end_with_worker
from callscope.recorder.snapshot import restore
from callscope.redaction import policy as redaction
from callscope.redaction.policy import Policy

_EXIT_SECONDS: Final = 5.0
_BATCH: Final = 64
_MAX_TYPES: Final = 256
_TELL_LOSS_NS: Final = 50_000_000
_RETRY_NS: Final = 1_000_000_000
_LISTEN_NS: Final = 1_000_000_000


class Writer:
    """Writes the rows of one logger in one process.

    Args:
        channel: where the rows come from.
        settings: what may be written, and how much may wait.
        write: puts bytes into a descriptor; `os.write` unless a test wants a failing disk.
    """

    def __init__(self, channel: Channel, settings: Settings, *, write: Write = os.write) -> None:
        self._channel = channel
        self._buffer = channel.buffer
        self._root = channel.root
        self._settings = settings
        self._policy = Policy(phone=settings.phone, transcript=settings.transcript, hash_key=settings.hash_key)
        self._write = write
        self._handlers: tuple[Callable[[kinds.Row], None], ...] = (
            self._start, self._update, self._turn, self._row, self._event,
            self._error, self._audio, self._end, self._flush, self._stop,
        )  # fmt: skip
        self.reset()

    def reset(self) -> None:
        """Become a new writer, as in a forked child."""
        self._identity = identity(new_writer_id())
        self._appender = Appender(max_open=open_limit(), write=self._write)
        self._sign: WriterFile | None = None
        self._beat_at_ns = self._listen_at_ns = 0
        self._stale: set[CallLog] = set()
        self._stale_since_ns = 0
        self._stopping = False
        self._told: dict[str, int] = {}
        self._types: dict[str, str] = {}
        self._losers: set[CallLog] = set()
        self._losers_at_ns = 0
        self.chores = Chores(self._root, self._settings, self._channel)
        self.money = Money(self._root, self._settings, self.chores, writer_id=self._identity["id"])
        self.open_calls: set[CallLog] = set()
        self.thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start the thread; called by the buffer on its first row."""
        end_with_worker(self.stop_and_wait)
        self.thread = threading.Thread(target=self._run, name="callscope-writer", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Write what waits and end; does not wait for it."""
        if self._buffer.started and not self._buffer.closed:
            self._buffer.order((kinds.STOP, None, 0, monotonic_ns(), None, bool))
            self._buffer.closed = True

    def stop_and_wait(self) -> None:
        """Write what waits and end, as `CallLogger.close` does."""
        self.stop()
        self.join(_EXIT_SECONDS)

    def join(self, timeout_seconds: float | None) -> bool:
        """Wait for the thread to end; tell whether it has."""
        thread = self.thread
        if thread is None or thread is threading.current_thread():
            return True
        thread.join(timeout_seconds)
        return not thread.is_alive()

    def abandon_inherited(self) -> None:
        """In a forked child: close the descriptors that are the parent's."""
        self._appender.close_all()
        if self._sign is not None:
            self._sign.forget()

    def ledger(self) -> dict[str, Any]:
        """What this writer did, for its file: also what open calls lost, should their metadata never tell."""
        lost = self._buffer.losses()
        calls = {
            call.file.path.name: dict(call.file.lost + call.dropped)
            for call in self.open_calls
            if call.file is not None and call.file.path is not None and (call.file.lost or call.dropped)
        }
        return {
            **({"calls": calls} if calls else {}),
            "writer": self._identity,
            "written": self._buffer.written,
            "lost": dict(sorted(lost.items())),
            "pending": self._buffer.pending,
            "open_calls": len(self.open_calls),
        }

    def _run(self) -> None:
        take = self._buffer.take
        while not self._stopping:
            row = take(self._timeout_seconds())
            count = 0
            while row is not None:
                self._handle(row)
                count += 1
                row = take(0) if count < _BATCH else None
            self._settle()
        try:
            self._leave()
        except Exception:  # noqa: BLE001 -- somebody waits for the end; see guard
            guard.caught("the writer's end", self._channel.warnings)
        self._stopped()

    def _handle(self, row: kinds.Row) -> None:
        before = self._buffer.written
        try:
            self._handlers[row[0]](row)
        except OSError as error:
            self._failed(row, error)
        except Exception:  # noqa: BLE001 -- the thread must outlive our own bugs; see guard
            if self._buffer.written == before:  # else the row is on disk, and only a sum is wrong
                self._lose(row, INVALID)
            guard.caught("the writer", self._channel.warnings)
        finally:
            self._buffer.in_hand = 0

    # -- rows ---------------------------------------------------------------------------------------

    def _start(self, row: kinds.Row) -> None:
        _, call, _, _, _, fields = row
        file = self._new_file(call)
        call.file = file
        self.open_calls.add(call)
        file.update(restore(fields))
        self.chores.on_start(first=self._sign is None, book=self.money.book)
        if self._sign is None:
            self._show_sign()
        self._claim(file)
        if told.listeners:
            self._tell(call, call.started_at_ms, "call_started", file.about.described())

    def _update(self, row: kinds.Row) -> None:
        call = row[1]
        self._known(call).update(restore(row[5]))
        self._stale.add(call)

    def _turn(self, row: kinds.Row) -> None:
        _, call, _, mono_ns, at_ms, role, _, (turn_index, _, _, interrupted, _, _) = row
        file = self._file(call)
        role = role if type(role) is str else wire.name(role)
        ts_ms = call.unix_ms(mono_ns, at_ms)
        index = turn_index if type(turn_index) is int else file.place_of_next(shared=call.shared)
        said = records.said(row, role, file)
        begin = {"schema_version": SCHEMA_VERSION, "ts": wire.format_ts(ts_ms), "turn_index": index}
        self._append(file, file.transcript, begin | redaction.turn_row(said, self._policy))
        file.next_turn = index + 1
        file.turns += 1
        turn = Turn(
            ts_ms=ts_ms,
            turn_index=index,
            role=role,
            text=None,
            text_length=len(said["text"].strip()) if said["text"] else None,
            latency=said["latency"],
            interrupted=bool(interrupted),
        )
        file.count_turn(turn)
        self._touched(call, file)
        if told.listeners:
            self._tell(call, ts_ms, "turn", records.told_turn(index, said))

    def _row(self, row: kinds.Row) -> None:
        _, call, _, mono_ns, at_ms, snapshot = row
        file = self._file(call)
        given = restore(snapshot)
        ts_ms = wire.parse_ts(given.get("timestamp")) if at_ms is None else None
        if ts_ms is None:
            ts_ms = call.unix_ms(mono_ns, at_ms)
        record = {"schema_version": SCHEMA_VERSION, "ts": wire.format_ts(ts_ms), **given}
        self._append(file, file.transcript, redaction.turn_row(record, self._policy))
        file.turns += 1
        for turn in turns_of(record):
            file.count_turn(turn)
        self._touched(call, file)

    def _event(self, row: kinds.Row) -> None:
        _, call, _, mono_ns, at_ms, kind, snapshot = row
        self._put_event(call, call.unix_ms(mono_ns, at_ms), kind, restore(snapshot))

    def _error(self, row: kinds.Row) -> None:
        _, call, _, mono_ns, at_ms, _, _, _ = row
        self._put_event(call, call.unix_ms(mono_ns, at_ms), ERROR_EVENT, records.error_data(row))

    def _put_event(self, call: CallLog, ts_ms: int, kind: object, data: dict[str, Any]) -> None:
        file = self._file(call)
        name = wire.name(kind)
        if name == ERROR_EVENT:
            data = records.categorised(data)
        data = redaction.event_data(name, data, self._policy)
        name = self._types.get(name) or self._type(name)
        event = Event(ts_ms=ts_ms, type=name, data=data)
        for silence in file.missing(event, monotonic_ns()):  # before what ended it
            self._put_event(call, silence.at_ms, SILENCE, silence.data)
        record = {"schema_version": SCHEMA_VERSION, "ts": wire.format_ts(ts_ms), "type": name, "data": data}
        self._append(file, file.events, record)
        lines = file.count_event(event)
        self._touched(call, file)
        if told.listeners:
            self._tell(call, ts_ms, name, data)
        self._spend(call, ts_ms, lines)

    def _listen(self) -> None:
        """Once a second: what should have been heard by now, in calls that go on, is an event while it lasts."""
        now = monotonic_ns()
        if now < self._listen_at_ns or not self.open_calls or self._buffer.pending:
            return  # what waits in the buffer may say that something was heard
        self._listen_at_ns = now + _LISTEN_NS
        unhandled.look_after()
        for call in list(self.open_calls):
            for silence in call.file.missing_by(now) if call.file is not None else ():
                self._handle((kinds.EVENT, call, 0, now, silence.at_ms, SILENCE, silence.data))

    def _tell(self, call: CallLog, ts_ms: int, kind: str, data: dict[str, Any]) -> None:
        told.tell(ts_ms, call.call_id, kind, data, self._channel.warnings)

    def _spend(self, call: CallLog, ts_ms: int, lines: Collection[CostLine]) -> None:
        """Count what was used towards budgets; what crosses a threshold is an event of the call."""
        if lines:
            agent = self._known(call).about.agent_name
            for crossed in self.money.spend(lines, at_ms=ts_ms, call_id=call.call_id, agent=agent):
                self._put_event(call, ts_ms, BUDGET, crossed)

    def _type(self, name: str) -> str:
        """An event's type as it may be written: a type is the user's own word, and may hold anything."""
        kept = redaction.fields({"type": name}, self._policy)["type"]
        masked = kept if isinstance(kept, str) and kept else "event"
        if len(self._types) < _MAX_TYPES:
            self._types[name] = masked
        return masked

    def _audio(self, row: kinds.Row) -> None:
        _, call, _, mono_ns, at_ms, pcm, sample_rate, channels = row
        file = self._file(call)
        # Sound cannot come from the future: a moment that says so is the mistake of a clock.
        ts_ms = min(call.unix_ms(mono_ns, at_ms), call.unix_ms(mono_ns, None))
        path = file.planned if file.path is None else file.path
        try:
            first = file.sound.add(path / RECORDING, ts_ms, pcm, sample_rate=sample_rate, channels=channels)
        except OSError as error:
            self._warn(reason_of(error), f"sound could not be written ({error})")
        else:
            if first:
                self._stale.add(call)  # where the sound begins is known at once, also after a kill

    def _end(self, row: kinds.Row) -> None:
        _, call, _, mono_ns, at_ms, given = row
        self.open_calls.discard(call)
        self._stale.add(call)
        self._stale_since_ns = 0
        file = self._known(call)
        shared_at_ms = now_ms() if call.shared else None
        ts_ms = call.unix_ms(mono_ns, at_ms)
        for silence in file.missing_at_end(ts_ms):
            self._handle((kinds.EVENT, call, 0, mono_ns, silence.at_ms, SILENCE, silence.data))
        self._spend(call, ts_ms, file.finish(restore(given), ts_ms, shared_at_ms=shared_at_ms))
        self.money.ended(call.call_id)
        self._appender.close(file.transcript)
        self._appender.close(file.events)

    def _flush(self, row: kinds.Row) -> None:
        self._settle()
        done: Callable[[], None] = row[5]
        done()

    def _stop(self, row: kinds.Row) -> None:
        self._stopping = True
        self._stopped: Callable[[], None] = row[5]

    # -- files --------------------------------------------------------------------------------------

    def _new_file(self, call: CallLog) -> CallFile:
        planned = call.path or self._channel.planned_path(call.call_id, call.started_at_ms)
        return CallFile(
            call.call_id,
            call.started_at_ms,
            planned=planned,
            policy=self._policy,
            writer=self._identity,
            money=self.money,
            silence_seconds=self._settings.silence_seconds,
        )

    def _known(self, call: CallLog) -> CallFile:
        """The call's file, whether or not it has a directory yet."""
        file = call.file
        if file is None or file.writer is not self._identity:  # a forked child going on with its parent's call
            file = self._new_file(call)
            file.adopt(now_ms())
            call.file = file
        return file

    def _file(self, call: CallLog) -> CallFile:
        """The call's file with its directory claimed; raises `OSError` when that does not succeed."""
        file = self._known(call)
        if file.path is None:
            if monotonic_ns() < file.retry_at_ns:
                raise OSError(file.claim_errno, "the call's directory cannot be made", str(file.planned))
            self._claim(file)
        return file

    def _claim(self, file: CallFile) -> None:
        try:
            file.opened(replace.claim(file.planned, file.document(kinds.NOTHING, 0)))
        except OSError as error:
            file.retry_at_ns = monotonic_ns() + _RETRY_NS
            file.claim_errno = error.errno or errno.EIO
            raise

    def _append(self, file: CallFile, path: str, record: dict[str, Any]) -> None:
        line = wire.encode(record) + b"\n"
        try:
            self._appender.append(path, line)
        except FileNotFoundError:  # somebody removed the directory of a call in progress
            replace.make_dir(file.planned if file.path is None else file.path)
            self._appender.append(path, line)
        file.written += 1
        self._buffer.written += 1

    def _touched(self, call: CallLog, file: CallFile) -> None:
        """A row that comes after the end changes the sums: metadata is written again."""
        if file.ended:
            self._stale.add(call)

    def _settle(self) -> None:
        """Look after what is not a row: metadata, warnings, the sign of life."""
        try:
            now = monotonic_ns()
            if self._losers and now - self._losers_at_ns >= _RETRY_NS:
                self._stale |= self._losers
                self._losers.clear()
                self._losers_at_ns = now
            if self._stale and now - self._stale_since_ns >= _RETRY_NS:
                self._write_metadata(now)
            if now >= self._beat_at_ns and (self.open_calls or self._sign is not None):
                self._show_sign()
            self._tell_drops()
            self._listen()
            self._channel.warnings.tell()
        except Exception:  # noqa: BLE001 -- the thread must outlive our own bugs; see guard
            guard.caught("the writer's upkeep", self._channel.warnings)

    def _write_metadata(self, now: int) -> None:
        for call in list(self._stale):
            file = call.file
            if file is None:
                self._stale.discard(call)
                continue
            try:
                self._file(call)
                document = file.write_metadata(call.dropped, call.dropped_audio)
            except OSError as error:
                self._stale_since_ns = now
                self._warn(
                    reason_of(error), f"the metadata of a call could not be written ({error}); it is tried again"
                )
                continue
            except Exception:  # noqa: BLE001 -- one call's bad data must not keep the others from being closed
                self._stale.discard(call)
                guard.caught("the writing of metadata", self._channel.warnings)
                continue
            self._stale.discard(call)
            if told.listeners and file.ended and not file.is_over_told:
                file.is_over_told = True
                self._tell(call, file.about.ended_at_ms or 0, "call_over", records.told_end(document))

    def _show_sign(self) -> None:
        """Make or refresh the file that says that this writer lives."""
        self._beat_at_ns = monotonic_ns() + int(HEARTBEAT_SECONDS * 1e9)
        try:
            if self._sign is None:
                self._sign = WriterFile(self._root, self._identity["id"])
            self._sign.beat(self.ledger())
            self._appender.close_removed()
        except OSError as error:
            self._beat_at_ns = monotonic_ns() + _RETRY_NS
            self._warn(reason_of(error), f"the writer's own file could not be written ({error})")

    def _leave(self) -> None:
        """The last thing the thread does: everything taken is on disk or counted."""
        while (row := self._buffer.take(0)) is not None:  # came between the order to stop and its sight
            self._handle(row)
        for call in list(self.open_calls):
            given = {"status": ABANDONED, "reason": "the recorder was closed before the call ended"}
            self._handle((kinds.END, call, 0, monotonic_ns(), None, given))
        self._stale_since_ns = 0
        for call in self._stale:
            if call.file is not None:
                call.file.retry_at_ns = 0  # the last chance
        self._settle()
        self._channel.warnings.tell(all_now=True)
        self._appender.close_all()
        if self._sign is not None:
            self._show_sign()
            self._sign.close(keep=bool(self._buffer.losses()))
            self._sign = None
        self.money.close()

    def _timeout_seconds(self) -> float | None:
        if self._stale or self._losers:
            return _TELL_LOSS_NS / 1e9
        if not self.open_calls and self._sign is None:
            return None
        at_ns = min(self._beat_at_ns, self._listen_at_ns) if self.open_calls else self._beat_at_ns
        return max(0.001, (at_ns - monotonic_ns()) / 1e9)

    # -- losses -------------------------------------------------------------------------------------

    def _failed(self, row: kinds.Row, error: OSError) -> None:
        reason = reason_of(error)
        self._lose(row, reason)
        where = f" in {error.filename}" if error.filename else ""
        self._warn(reason, f"rows of calls cannot be written{where} ({error.strerror or error})")

    def _lose(self, row: kinds.Row, reason: str) -> None:
        if row[0] not in kinds.COUNTED:
            return
        self._buffer.lose(reason)
        file = row[1].file
        if file is not None:
            file.lost[reason] += 1
            if not file.ended:
                self._losers.add(row[1])
        # The ledger is on disk soon after a loss, so that it outlives a kill.
        self._beat_at_ns = min(self._beat_at_ns, monotonic_ns() + _TELL_LOSS_NS)

    def _tell_drops(self) -> None:
        for reason, count in self._buffer.dropped().items():
            new = count - self._told.get(reason, 0)
            if new:
                self._told[reason] = count
                self._beat_at_ns = min(self._beat_at_ns, monotonic_ns() + _TELL_LOSS_NS)
                self._warn(reason, f"rows were dropped ({reason})", count=new)

    def _warn(self, reason: str, message: str, *, count: int = 1) -> None:
        advice = ADVICE.get(reason)
        self._channel.warnings.add(
            reason, f"callscope: {message}; the calls go on{'; ' + advice if advice else ''}", count=count
        )
