"""What a killed writer left is put in order; what was written is kept.

A call that nobody writes any more is closed as ``abandoned``: it ends with its last row, and its turns, latency and
usage are summed up from its rows. Its ledger is the rows on disk, and what its writer's own file says of the rows that
were lost. What the agent was saying when the writer died gets its row. Metadata that is missing, or is no JSON object,
is made from the directory and the rows (what was there is kept beside it). A ``.tmp.*.json`` that holds a newer whole
envelope takes metadata's place; any other is removed. A torn last row gets its newline, so that nothing is glued to it.

Calls in progress are not touched, and neither are abandoned calls of which a file cannot be read. Doing it twice is
doing it once.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from callscope.archive import jsonl, listing, liveness
from callscope.archive.append import Appender
from callscope.archive.envelope import call_of
from callscope.archive.paths import EVENTS, METADATA, TRANSCRIPT
from callscope.archive.reader import UNREADABLE, CallRecord, orphans, read_call, read_envelope, read_file, root_of
from callscope.archive.replace import FILE_MODE, touch_day, write_json
from callscope.archive.reprice import cost_of_record, line_of
from callscope.model.call import ABANDONED, IN_PROGRESS, SCHEMA_VERSION, Call
from callscope.model.event import USAGE
from callscope.model.turn import Turn
from callscope.model.usage import sum_usage
from callscope.model.wire import encode, format_ts
from callscope.prices.book import PriceBook
from callscope.timeline.summary import summarise

try:
    import fcntl
except ImportError:  # Windows: two repairs at once may write the agent's last turn twice
    fcntl = None  # type: ignore[assignment]

KEPT_AS: Final = f"{METADATA}.unreadable"
"""What metadata that cannot be read is kept as."""
_END_REASON: Final = "the process that recorded the call ended without closing it"
_SETTLED_NS: Final = 60_000_000_000
"""Age from which a temporary file is nobody's any more, also in a call that has ended."""
_KEYS: Final = (
    "schema_version",
    "call_id",
    "trace_id",
    "started_at",
    "ended_at",
    "duration_ms",
    "status",
    "caller",
    "callee",
    "direction",
    "telephony_provider",
    "provider_mode",
    "agent",
    "turns",
    "cost",
    "latency",
    "error",
)

Kind = Literal["closed", "rebuilt", "adopted", "removed", "newline", "spoken", "failed"]


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done to a call, or with ``dry_run`` would be."""

    path: str
    """The call's directory."""
    call_id: str
    kind: Kind
    message: str


def repair(root: Path, *, now_ms: int, dry_run: bool = False, book: PriceBook | None = None) -> Iterator[Action]:
    """Repair every call of an archive, newest first, as the caller goes on asking.

    Args:
        root: the archive.
        now_ms: Unix milliseconds.
        dry_run: only tell.
        book: prices for the calls that are closed; without, they stay without a cost.

    Raises:
        NotFoundError: there is no such directory.
        UnreadableError: a directory may not be listed.
    """
    listing.require_root(root)
    for path in listing.call_paths(root):
        yield from repair_call(path, now_ms=now_ms, dry_run=dry_run, book=book)


def close_abandoned(root: Path, *, now_ms: int, days: int = 3, book: PriceBook | None = None) -> list[Action]:
    """Close the calls of writers that died, on the newest ``days`` of the archive: what a recorder does when it starts.

    Costs one directory listing when no writer died. Calls of older days read as abandoned all the same; `repair`
    closes them too.

    Raises:
        OSError: something could not be written.
    """
    ledgers = liveness.read_ledgers(root)
    if all(ledger["alive"] for ledger in ledgers):
        return []
    actions: list[Action] = []
    for day in islice(listing.days(root), days):
        for path in listing.calls_of(day.path):
            if _says_in_progress(path):
                actions += repair_call(path, now_ms=now_ms, book=book)
    liveness.forget_dead(root, ledgers)
    return actions


def _says_in_progress(path: Path) -> bool:
    """A look at the bytes, fifty times cheaper than reading the envelope; a false yes costs only that."""
    try:
        return b'"in_progress"' in (path / METADATA).read_bytes()
    except OSError:
        return False


def repair_call(path: Path, *, now_ms: int, dry_run: bool = False, book: PriceBook | None = None) -> list[Action]:
    """Repair one call. Never raises: what the disk does not let through is an action of the kind ``failed``.

    Args:
        path: the call's directory.
        now_ms: Unix milliseconds.
        dry_run: only tell.
        book: prices for a call that is closed.
    """
    call = read_envelope(path, now_ms=now_ms)
    if call.status == IN_PROGRESS:
        return []
    work = _Repair(path, call, now_ms=now_ms, dry_run=dry_run, book=book)
    try:
        work.all()
    except OSError as error:
        work.note("failed", f"cannot be repaired ({error})")
    return work.actions


class _Repair:
    """The repair of one call that is not in progress."""

    def __init__(self, path: Path, call: Call, *, now_ms: int, dry_run: bool, book: PriceBook | None) -> None:
        self.actions: list[Action] = []
        self._path = path
        self._call_id = call.call_id
        self._status = call.status
        self._now_ms = now_ms
        self._dry_run = dry_run
        self._book = book

    @cached_property
    def _record(self) -> CallRecord:
        """All rows: most calls are in order and never need them."""
        return read_call(self._path, now_ms=self._now_ms)

    def note(self, kind: Kind, message: str) -> None:
        """Tell of one thing."""
        self.actions.append(Action(path=str(self._path), call_id=self._call_id, kind=kind, message=message))

    def all(self) -> None:
        """Do everything; raises `OSError`."""
        if self._status in {ABANDONED, UNREADABLE} and self._record.unreadable:
            for problem in self._record.unreadable:
                self.note("failed", f"{problem.file} {problem.message}")
            return
        for name in (TRANSCRIPT, EVENTS):
            self._last_line(name)
        unwritten = self._record.unwritten if self._status == ABANDONED else None
        if unwritten is not None:
            self._write_turn(unwritten)
        self._metadata(recount=unwritten is not None)

    def _metadata(self, *, recount: bool) -> None:
        """Bring metadata.json and what was to become it in order."""
        content = read_file(str(self._path / METADATA))
        if content.complaint is not None:
            return  # no file of this format: not ours to judge, `verify` tells of it
        document = jsonl.decode_object(content.data or b"")
        adopted, left_over = self._orphans(document)
        repaired = adopted or document
        if repaired is None:
            repaired = self._rebuild(torn=content.data is not None)
        if call_of(repaired, path="").status == IN_PROGRESS:
            repaired = self._close(repaired)
        elif recount:
            repaired = {**repaired, "turns": self._turn_rows, "callscope": self._counted(repaired)}
        if repaired is not document and not self._dry_run:
            if read_file(str(self._path / METADATA)).data != content.data:
                return  # somebody else is at it
            if document is None and content.data is not None:
                (self._path / METADATA).rename(self._path / KEPT_AS)
            write_json(self._path / METADATA, repaired)
            touch_day(self._path)
        for name in left_over:
            if not self._dry_run:
                (self._path / name).unlink(missing_ok=True)

    def _last_line(self, name: str) -> None:
        """End a torn last row, so that the row after it is one by itself."""
        content = read_file(str(self._path / name))
        if content.complaint is not None or not content.data or content.data.endswith(b"\n"):
            return
        self.note("newline", f"{name}: the last row was not ended")
        if not self._dry_run:
            fd = os.open(self._path / name, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0))
            try:
                os.write(fd, b"\n")
            finally:
                os.close(fd)

    def _write_turn(self, turn: Turn) -> None:
        """Write the row that the agent's last turn did not get any more."""
        self.note("spoken", f"{TRANSCRIPT}: the agent's last turn, as far as it had begun to play")
        if self._dry_run:
            return
        with _locked(self._path / TRANSCRIPT):
            if read_call(self._path, now_ms=self._now_ms).turn_rows != self._record.turn_rows:
                return  # somebody else was at it
            appender = Appender(max_open=1)
            try:
                appender.append(str(self._path / TRANSCRIPT), encode(_row(turn)) + b"\n")
            finally:
                appender.close_all()

    def _orphans(self, document: dict[str, Any] | None) -> tuple[dict[str, Any] | None, list[str]]:
        """The newest envelope that should have become metadata, if there is one, and the files that can go."""
        best: dict[str, Any] | None = None
        names = [name for name in orphans(str(self._path)) if self._is_settled(name, document)]
        for name in sorted(names, key=self._written_ns, reverse=True):
            candidate = jsonl.decode_object(read_file(str(self._path / name)).data or b"")
            if best is None and candidate is not None and _supersedes(candidate, document):
                best = candidate
                self.note("adopted", f"{name}: a newer whole envelope, now {METADATA}")
            else:
                self.note("removed", f"{name}: left of a replacement that was cut off")
        return best, names

    def _is_settled(self, name: str, document: dict[str, Any] | None) -> bool:
        """Whether nobody is about to rename the file: the call was open and is abandoned, or it is old."""
        was_open = document is None or call_of(document, path="").status == IN_PROGRESS
        return was_open or self._now_ms * 1_000_000 - self._written_ns(name) > _SETTLED_NS

    def _written_ns(self, name: str) -> int:
        return (self._path / name).lstat().st_mtime_ns

    def _rebuild(self, *, torn: bool) -> dict[str, Any]:
        call = self._record.call
        kept = f" (what was there is kept as {KEPT_AS})" if torn else ""
        self.note("rebuilt", f"{METADATA}: made from the directory and {_rows(self._record)}{kept}")
        started_at_ms = call.started_at_ms
        return {
            "schema_version": SCHEMA_VERSION,
            "call_id": call.call_id,
            "started_at": None if started_at_ms is None else format_ts(started_at_ms),
            "status": IN_PROGRESS,
        }

    def _close(self, document: dict[str, Any]) -> dict[str, Any]:
        """The envelope of a call whose writer is gone, as its writer would have summed it up."""
        record = self._record
        started_at_ms = call_of(document, path="").started_at_ms
        if started_at_ms is None:
            started_at_ms = record.call.started_at_ms
        moments = [*(turn.ts_ms for turn in record.turns), *(event.ts_ms for event in record.events)]
        ended_at_ms = max((moment for moment in moments if moment is not None), default=None)
        if ended_at_ms is not None and started_at_ms is not None:
            ended_at_ms = max(ended_at_ms, started_at_ms)
        self.note("closed", f"{ABANDONED} with {_rows(record)}")
        timeline = summarise(started_at_ms, ended_at_ms, record.turns, record.events)
        usage = sum_usage(event.data for event in record.events if event.type == USAGE)
        counted = self._counted(document)
        sums = {
            "end_reason": counted.get("end_reason") or _END_REASON,
            "usage": [msgspec.to_builtins(line) for line in usage],
            "exchanges": sum(exchange.kind == "exchange" for exchange in timeline.exchanges),
            "unanswered": timeline.unanswered,
            "interruptions": timeline.interruptions,
            "errors": timeline.facts.errors,
            "worst_wait_ms": timeline.worst_wait_ms,
        }
        known: dict[str, Any] = {
            "started_at": None if started_at_ms is None else format_ts(started_at_ms),
            "ended_at": None if ended_at_ms is None else format_ts(ended_at_ms),
            "duration_ms": None if ended_at_ms is None or started_at_ms is None else ended_at_ms - started_at_ms,
            "status": ABANDONED,
            "turns": self._turn_rows,
            "latency": timeline.latency,
        }
        cost = None if self._book is None else cost_of_record(record, self._book)
        if cost is not None:
            line = msgspec.structs.replace(line_of(record.call), seconds=_seconds(known["duration_ms"]))
            sums |= cost.document(line)
            known["cost"] = sums.pop("cost")
        envelope = {key: document.get(key) for key in _KEYS} | known
        return {
            **envelope,
            **{key: document[key] for key in document if key not in envelope},
            "callscope": {**counted, **sums},
        }

    @property
    def _turn_rows(self) -> int:
        """Rows of the transcript, with the one that the repair adds."""
        return self._record.turn_rows + (self._record.unwritten is not None)

    def _counted(self, document: dict[str, Any]) -> dict[str, Any]:
        """What callscope says of the call, with a ledger that fits the rows on disk."""
        given = document.get("callscope")
        ours = given if isinstance(given, dict) else {}
        lost = Counter(_counts(ours.get("lost")))
        for ledger in liveness.read_ledgers(root_of(str(self._path))):
            missing = self._missing(ledger, ours.get("writer"))
            if missing:
                lost |= Counter(missing)
                ours = {**ours, "writer": ledger["writer"]}
        written = self._turn_rows + self._record.event_rows
        return {**ours, "accepted": written + lost.total(), "written": written, "lost": dict(sorted(lost.items()))}

    def _missing(self, ledger: Mapping[str, Any], writer: object) -> dict[str, int]:
        """Rows of this call that a writer's file says were lost.

        Args:
            ledger: the file's content; ``calls`` has the losses of calls that were open, by the directory's name.
            writer: the call's, where its metadata tells; else any writer that knows the call is its.
        """
        calls, theirs = ledger.get("calls"), ledger.get("writer")
        if not isinstance(calls, dict) or not isinstance(theirs, dict):
            return {}
        if isinstance(writer, dict) and writer.get("id") != theirs.get("id"):
            return {}
        return _counts(calls.get(self._path.name))


def _supersedes(candidate: dict[str, Any], document: dict[str, Any] | None) -> bool:
    """Whether a temporary file holds what metadata.json was about to become."""
    if "call_id" not in candidate or "status" not in candidate:
        return False
    if document is None:
        return True
    was_open = call_of(document, path="").status == IN_PROGRESS
    ended = call_of(candidate, path="").status != IN_PROGRESS
    return was_open and ended and candidate["call_id"] == document.get("call_id")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other repairs out while a row is added; raises `OSError` when the file cannot be written."""
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    fd = os.open(path, flags, FILE_MODE)
    try:
        if fcntl is not None:
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _row(turn: Turn) -> dict[str, Any]:
    row = {
        "schema_version": SCHEMA_VERSION,
        "ts": format_ts(turn.ts_ms or 0),
        "turn_index": turn.turn_index,
        "role": turn.role,
        "text": turn.text,
        "latency": None,
        "cost": None,
        "heard": turn.heard,
        "duration_ms": turn.duration_ms,
        "text_length": turn.text_length,
    }
    optional = ("heard", "text_length")
    return {key: value for key, value in row.items() if key not in optional or value is not None}


def _seconds(duration_ms: object) -> float | None:
    return duration_ms / 1000 if isinstance(duration_ms, int | float) else None


def _counts(lost: object) -> dict[str, int]:
    if not isinstance(lost, dict):
        return {}
    return {str(reason): count for reason, count in lost.items() if type(count) is int and count > 0}


def _rows(record: CallRecord) -> str:
    return f"{len(record.turns)} turns and {len(record.events)} events"
