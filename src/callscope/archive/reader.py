"""A call as its directory tells it. Nothing that is in the files makes these functions raise.

A call whose metadata is there and cannot be read (no permission, a failing disk) has the status `UNREADABLE`: nobody
knows what became of it.

A call in progress is ``abandoned`` when nobody writes it any more: the writer that its metadata names is gone; or,
where the metadata names none (other writers, a start that was cut off), nothing in the directory was written for
`QUIET_MS`. What the agent was saying when its writer died is its last turn, made of the words that began to play.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from callscope.archive import envelope, foreign, jsonl, liveness, rows
from callscope.archive.paths import EVENTS, METADATA, TRANSCRIPT
from callscope.model.call import ABANDONED, IN_PROGRESS, Call, Problem
from callscope.model.event import AGENT_TEXT, Event
from callscope.model.turn import Turn

QUIET_MS: Final = 15 * 60 * 1000
UNREADABLE: Final = "unreadable"
"""A status beside the schema's, for readers only: no file says it."""
_MAX_BYTES: Final = 256 * 1024 * 1024
"""What is read of one file. An hour of talk is about 1 MB."""
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_NS_PER_MS: Final = 1_000_000
_NO_REGULAR_FILE: Final = "not a regular file"
_AGENT_TEXT: Final = f'"{AGENT_TEXT}"'.encode()
_LEVELS_TO_ROOT: Final = 5
"""``<root>/calls/YYYY/MM/DD/<name>``."""


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one call; keys and passwords that another writer left in its rows are masked."""

    call: Call
    turns: tuple[Turn, ...] = ()
    """In the order they were spoken."""
    events: tuple[Event, ...] = ()
    """In the order they were written, which is the order they happened in wherever callscope wrote them."""
    problems: tuple[Problem, ...] = ()
    """What could not be read as it should be."""
    unreadable: tuple[Problem, ...] = ()
    """Those of ``problems`` that tell of a file that is there and may hold rows, and cannot be read."""
    unwritten: Turn | None = None
    """The agent's last turn when no row tells of it: among ``turns``, and made of what had begun to play."""
    turn_rows: int = 0
    """Readable rows of transcript.jsonl. Other writers' rows may hold two turns."""
    event_rows: int = 0
    """Readable rows of events.jsonl."""

    def __post_init__(self) -> None:
        """Whoever reads rows makes one of these: nothing else has to think of masking."""
        if not foreign.is_masked(self.call.callscope):
            msgspec.structs.force_setattr(self, "turns", tuple(map(foreign.masked_turn, self.turns)))
            msgspec.structs.force_setattr(self, "events", tuple(map(foreign.masked_event, self.events)))


class Content(NamedTuple):
    """A file's bytes, or why there are none."""

    data: bytes | None
    """None when there is no file or it cannot be read."""
    complaint: str | None = None
    """None when all is well or there is no file."""
    unreadable: bool = False
    """Whether there is a file, and its content cannot be had."""


def read_call(path: Path | str, *, now_ms: int) -> CallRecord:
    """Read a call: envelope, turns and events. Never raises.

    Args:
        path: the call's directory.
        now_ms: Unix milliseconds; a call of another writer is in progress while its files are young.
    """
    files = _Files(str(path))
    meta = files.metadata()
    call, is_open = _call(meta, files.directory, now_ms, unreadable=bool(files.unreadable))
    files.problems += envelope.problems_of(meta or {}, call)
    growing = call.status in {IN_PROGRESS, UNREADABLE}
    turns, turn_rows = files.turns(growing=growing)
    events, event_rows = files.events(growing=growing)
    files.problems += [_orphan(name) for name in orphans(files.directory)]
    unwritten = rows.unwritten_turn(turns, events) if call.status == ABANDONED else None
    if unwritten is not None:
        turns.append(unwritten)
        files.problems.append(_unwritten(is_open=is_open))
    if is_open or call.turns is None:
        call = msgspec.structs.replace(call, turns=len(turns) or None)
    return CallRecord(
        call=call,
        turns=tuple(rows.in_order(turns)),
        events=tuple(events),
        problems=tuple(files.problems),
        unreadable=tuple(files.unreadable),
        unwritten=unwritten,
        turn_rows=turn_rows,
        event_rows=event_rows,
    )


def read_envelope(path: Path | str, *, now_ms: int) -> Call:
    """Read a call's envelope alone, for lists. Never raises.

    ``turns`` of a call that never ended is the number of its rows, and one more for what the agent was saying when its
    writer died: its metadata is from the start.
    """
    directory = str(path)
    content = read_file(f"{directory}/{METADATA}")
    meta = jsonl.decode_object(content.data) if content.data else None
    call, is_open = _call(meta, directory, now_ms, unreadable=content.unreadable)
    if not is_open:
        return call
    if call.status == ABANDONED and _AGENT_TEXT in (read_file(f"{directory}/{EVENTS}").data or b""):
        return read_call(path, now_ms=now_ms).call
    count = (read_file(f"{directory}/{TRANSCRIPT}").data or b"").count(b"\n")
    return msgspec.structs.replace(call, turns=count or None)


def read_metadata(directory: str) -> dict[str, Any] | None:
    """A call's metadata document as it is, but for another writer's secrets; None when there is none to be read."""
    data = read_file(f"{directory}/{METADATA}").data
    document = None if data is None else jsonl.decode_object(data)
    return None if document is None else foreign.masked_document(document)


def read_file(path: str) -> Content:
    """A regular file's bytes, up to 256 MB of them. Never raises, never waits, follows no symbolic link."""
    try:
        fd = os.open(path, _FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return Content(None)
    except OSError as error:
        no_file = _no_file(path)
        return _unreadable(error) if no_file is None else Content(None, no_file)
    except ValueError:  # a NUL in the path
        return Content(None)
    try:
        return _read_all(fd)
    except OSError as error:
        return _unreadable(error)
    finally:
        os.close(fd)


def root_of(directory: str) -> Path:
    """The archive that a call's directory is in."""
    path = Path(directory)
    return path.parents[_LEVELS_TO_ROOT - 1] if len(path.parents) >= _LEVELS_TO_ROOT else path


@contextmanager
def regular_file(path: str) -> Iterator[int | None]:
    """A descriptor of a regular file for reading, or None; the same rules as `read_file`."""
    try:
        fd = os.open(path, _FLAGS)
    except (OSError, ValueError):
        yield None
        return
    try:
        yield fd if stat.S_ISREG(os.fstat(fd).st_mode) else None
    finally:
        os.close(fd)


def why_unreadable(call: Call) -> str:
    """What to tell of a call whose status is `UNREADABLE`, in one line."""
    return f"{call.path}/{METADATA} cannot be read: check its owner and mode"


def orphans(directory: str) -> list[str]:
    """Names of what is left of replacements that a killed writer began: ``.tmp.*.json``."""
    try:
        return sorted(filter(is_orphan, os.listdir(directory)))  # noqa: PTH208 -- paths are text here, for speed
    except (OSError, ValueError):
        return []


def is_orphan(name: str) -> bool:
    """Whether a file is what writers call a file that is about to become metadata.json."""
    return name.startswith(".tmp.") and name.endswith(".json")


def _read_all(fd: int) -> Content:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        return Content(None, _NO_REGULAR_FILE)
    data = os.read(fd, min(status.st_size + 1, _MAX_BYTES))
    while len(data) != status.st_size and len(data) < _MAX_BYTES:
        more = os.read(fd, _MAX_BYTES - len(data))
        if not more:
            break
        data += more
    if len(data) >= _MAX_BYTES:
        return Content(data, f"longer than {_MAX_BYTES // 1024**2} MB: the rest was not read")
    return Content(data)


class _Files:
    """A call's files as they are read, and what is wrong with them."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.problems: list[Problem] = []
        self.unreadable: list[Problem] = []

    def metadata(self) -> dict[str, Any] | None:
        """The metadata document."""
        content = read_file(f"{self.directory}/{METADATA}")
        if content.unreadable:
            self._complain(METADATA, content)
            return None
        document = None if content.data is None else jsonl.decode_object(content.data)
        if document is None:
            what = "missing" if content.data is None else "not a JSON object" if content.data.strip() else "empty"
            self._note(METADATA, None, f"{content.complaint or what}: the directory and the rows tell what is known")
        return document

    def turns(self, *, growing: bool) -> tuple[list[Turn], int]:
        """The turns in the order of the file, and how many rows tell of them."""
        turns: list[Turn] = []
        found = self._rows(TRANSCRIPT, growing=growing)
        for line, row in found:
            said = rows.turns_of(row)
            turns += said
            if not said:
                self._note(TRANSCRIPT, line, "the row tells of no turn: skipped")
        return turns, len(found)

    def events(self, *, growing: bool) -> tuple[list[Event], int]:
        """The events in the order of the file, and how many rows there are."""
        events: list[Event] = []
        found = self._rows(EVENTS, growing=growing)
        for line, row in found:
            event = rows.event_of(row)
            if event is None:
                self._note(EVENTS, line, "the row has no type: skipped")
            else:
                events.append(event)
        return events, len(found)

    def _rows(self, name: str, *, growing: bool) -> list[tuple[int, dict[str, Any]]]:
        content = read_file(f"{self.directory}/{name}")
        self._complain(name, content)
        if content.data is None:
            return []
        parsed = jsonl.parse_rows(content.data, file=name, growing=growing)
        self.problems += parsed.problems
        return parsed.rows

    def _complain(self, name: str, content: Content) -> None:
        if content.complaint is not None:
            self._note(name, None, content.complaint)
        if content.unreadable:
            self.unreadable.append(self.problems[-1])

    def _note(self, name: str, line: int | None, message: str) -> None:
        self.problems.append(Problem(file=name, line=line, message=message))


def _call(meta: dict[str, Any] | None, directory: str, now_ms: int, *, unreadable: bool) -> tuple[Call, bool]:
    """The envelope with what only the directory knows: its moment, and whether it is still written.

    The second value says whether metadata is still the one of the call's start, or there is none.
    """
    call = envelope.call_of(meta or {}, path=directory)
    is_open = call.status == IN_PROGRESS and not unreadable
    changes: dict[str, Any] = {"status": UNREADABLE} if unreadable else {}
    if is_open and not _is_written(directory, call, now_ms):
        changes["status"] = ABANDONED
    if call.started_at_ms is None:
        changes["started_at_ms"] = _first_moment(directory)
    return (msgspec.structs.replace(call, **changes) if changes else call), is_open


def _is_written(directory: str, call: Call, now_ms: int) -> bool:
    writer = call.callscope.get("writer")
    if isinstance(writer, dict):
        return liveness.is_alive(root_of(directory), writer)
    written_ns = _last_written_ns(directory)
    return written_ns is not None and now_ms - written_ns // _NS_PER_MS < QUIET_MS


def _last_written_ns(directory: str) -> int | None:
    try:
        newest = os.stat(directory).st_mtime_ns  # noqa: PTH116 -- paths are text here, for speed
        with os.scandir(directory) as entries:
            for entry in entries:
                newest = max(newest, entry.stat(follow_symlinks=False).st_mtime_ns)
    except (OSError, ValueError):
        return None
    return newest


def _first_moment(directory: str) -> int | None:
    """The first row's time, else the day of the directory."""
    for name in (TRANSCRIPT, EVENTS):
        data = read_file(f"{directory}/{name}").data
        if data:
            head = data[: data.find(b"\n") + 1] or data
            for _, row in jsonl.parse_rows(head, file=name, growing=True).rows:
                moment = rows.moment(row)
                if moment is not None:
                    return moment
    return envelope.day_of(directory)


def _orphan(name: str) -> Problem:
    message = "left of a replacement of metadata.json that was cut off: `callscope repair` takes care of it"
    return Problem(file=name, line=None, message=message)


def _unwritten(*, is_open: bool) -> Problem:
    end = "its writer died" if is_open else "the recording ended"
    message = (
        f"the agent was speaking when {end}: its last turn is what had begun to play; `callscope repair` writes it"
    )
    return Problem(file=TRANSCRIPT, line=None, message=message)


def _unreadable(error: OSError) -> Content:
    return Content(None, f"cannot be read ({error.strerror}): check its owner and mode", unreadable=True)


def _no_file(path: str) -> str | None:
    """What is in a file's place that is none; None when it is a file, or nobody may know."""
    try:
        mode = os.lstat(path).st_mode
    except (OSError, ValueError):
        return None
    if stat.S_ISLNK(mode):
        return "a symbolic link, which is not followed"
    return None if stat.S_ISREG(mode) else _NO_REGULAR_FILE
