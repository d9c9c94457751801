"""A call as its directory tells it. Nothing that is in the files makes these functions raise.

A call in progress is ``abandoned`` when nobody writes it any more: the writer that its metadata names is gone; or,
where the metadata names none (other writers, a start that was cut off), nothing in the directory was written for
`QUIET_MS`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from callscope.archive import envelope, jsonl, liveness, rows
from callscope.archive.paths import EVENTS, METADATA, TRANSCRIPT
from callscope.model.call import ABANDONED, IN_PROGRESS, Call, Problem
from callscope.model.event import Event
from callscope.model.turn import Turn

QUIET_MS: Final = 15 * 60 * 1000
_MAX_BYTES: Final = 256 * 1024 * 1024
"""What is read of one file. An hour of talk is about 1 MB."""
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_NS_PER_MS: Final = 1_000_000
_LEVELS_TO_ROOT: Final = 5
"""``<root>/calls/YYYY/MM/DD/<name>``."""


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of one call."""

    call: Call
    turns: tuple[Turn, ...] = ()
    """In the order they were spoken."""
    events: tuple[Event, ...] = ()
    """In the order they were written, which is the order they happened in wherever callscope wrote them."""
    problems: tuple[Problem, ...] = ()
    """What could not be read as it should be."""
    turn_rows: int = 0
    """Readable rows of transcript.jsonl. Other writers' rows may hold two turns."""
    event_rows: int = 0
    """Readable rows of events.jsonl."""


class Content(NamedTuple):
    """A file's bytes, or why there are none."""

    data: bytes | None
    """None when there is no file or it cannot be read."""
    complaint: str | None = None
    """None when all is well or there is no file."""


def read_call(path: Path | str, *, now_ms: int) -> CallRecord:
    """Read a call: envelope, turns and events. Never raises.

    Args:
        path: the call's directory.
        now_ms: Unix milliseconds; a call of another writer is in progress while its files are young.
    """
    directory = str(path)
    meta, problems = read_metadata(directory)
    call, is_open = _call(meta, directory, now_ms)
    problems += envelope.problems_of(meta or {}, call)
    growing = call.status == IN_PROGRESS
    turns, turn_rows = _read_turns(directory, problems, growing=growing)
    events, event_rows = _read_events(directory, problems, growing=growing)
    problems += [_orphan(name) for name in orphans(directory)]
    if is_open or call.turns is None:
        call = msgspec.structs.replace(call, turns=len(turns) or None)
    return CallRecord(
        call=call,
        turns=tuple(rows.in_order(turns)),
        events=tuple(events),
        problems=tuple(problems),
        turn_rows=turn_rows,
        event_rows=event_rows,
    )


def read_envelope(path: Path | str, *, now_ms: int) -> Call:
    """Read a call's envelope alone, for lists. Never raises.

    ``turns`` of a call that never ended is the number of its rows: its metadata is from the start.
    """
    directory = str(path)
    content = read_file(f"{directory}/{METADATA}")
    meta = jsonl.decode_object(content.data) if content.data else None
    call, is_open = _call(meta, directory, now_ms)
    if is_open:
        count = (read_file(f"{directory}/{TRANSCRIPT}").data or b"").count(b"\n")
        return msgspec.structs.replace(call, turns=count or None)
    return call


def read_metadata(directory: str) -> tuple[dict[str, Any] | None, list[Problem]]:
    """A call's metadata document as it is, or None and why."""
    content = read_file(f"{directory}/{METADATA}")
    complaint = content.complaint
    if content.data is not None:
        meta = jsonl.decode_object(content.data)
        if meta is not None:
            return meta, []
        complaint = "not a JSON object" if content.data.strip() else "empty"
    message = f"{complaint or 'missing'}: the directory and the rows tell what is known"
    return None, [Problem(file=METADATA, line=None, message=message)]


def read_file(path: str) -> Content:
    """A regular file's bytes, up to 256 MB of them. Never raises, never waits, follows no symbolic link."""
    try:
        fd = os.open(path, _FLAGS)
    except FileNotFoundError:
        return Content(None)
    except OSError as error:
        reason = "a symbolic link, which is not followed" if _is_link(path) else f"cannot be read ({error.strerror})"
        return Content(None, reason)
    except ValueError:  # a NUL in the path
        return Content(None)
    try:
        return _read_all(fd)
    except OSError as error:
        return Content(None, f"cannot be read ({error.strerror})")
    finally:
        os.close(fd)


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


def orphans(directory: str) -> list[str]:
    """Names of what is left of replacements that a killed writer began: ``.tmp.*.json``."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries if is_orphan(entry.name))
    except (OSError, ValueError):
        return []


def is_orphan(name: str) -> bool:
    """Whether a file is what writers call a file that is about to become metadata.json."""
    return name.startswith(".tmp.") and name.endswith(".json")


def _read_all(fd: int) -> Content:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        return Content(None, "not a regular file")
    data = os.read(fd, min(status.st_size + 1, _MAX_BYTES))
    while len(data) != status.st_size and len(data) < _MAX_BYTES:
        more = os.read(fd, _MAX_BYTES - len(data))
        if not more:
            break
        data += more
    if len(data) >= _MAX_BYTES:
        return Content(data, f"longer than {_MAX_BYTES // 1024**2} MB: the rest was not read")
    return Content(data)


def _call(meta: dict[str, Any] | None, directory: str, now_ms: int) -> tuple[Call, bool]:
    """The envelope with what only the directory knows: its moment, and whether it is still written.

    The second value says whether metadata is still the one of the call's start, or there is none.
    """
    call = envelope.call_of(meta or {}, path=directory)
    is_open = call.status == IN_PROGRESS
    changes: dict[str, Any] = {}
    if is_open and not _is_written(directory, call, now_ms):
        changes["status"] = ABANDONED
    if call.started_at_ms is None:
        changes["started_at_ms"] = _first_moment(directory)
    return (msgspec.structs.replace(call, **changes) if changes else call), is_open


def _is_written(directory: str, call: Call, now_ms: int) -> bool:
    writer = call.callscope.get("writer")
    if isinstance(writer, dict):
        path = Path(directory)
        root = path.parents[_LEVELS_TO_ROOT - 1] if len(path.parents) >= _LEVELS_TO_ROOT else path
        return liveness.is_alive(root, writer)
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


def _read_turns(directory: str, problems: list[Problem], *, growing: bool) -> tuple[list[Turn], int]:
    turns: list[Turn] = []
    found = _read_rows(directory, TRANSCRIPT, problems, growing=growing)
    for line, row in found:
        said = rows.turns_of(row)
        turns += said
        if not said:
            problems.append(Problem(file=TRANSCRIPT, line=line, message="the row tells of no turn: skipped"))
    return turns, len(found)


def _read_events(directory: str, problems: list[Problem], *, growing: bool) -> tuple[list[Event], int]:
    events: list[Event] = []
    found = _read_rows(directory, EVENTS, problems, growing=growing)
    for line, row in found:
        event = rows.event_of(row)
        if event is None:
            problems.append(Problem(file=EVENTS, line=line, message="the row has no type: skipped"))
        else:
            events.append(event)
    return events, len(found)


def _read_rows(
    directory: str, name: str, problems: list[Problem], *, growing: bool
) -> list[tuple[int, dict[str, Any]]]:
    content = read_file(f"{directory}/{name}")
    if content.complaint is not None:
        problems.append(Problem(file=name, line=None, message=content.complaint))
    if content.data is None:
        return []
    parsed = jsonl.parse_rows(content.data, file=name, growing=growing)
    problems += parsed.problems
    return parsed.rows


def _orphan(name: str) -> Problem:
    message = "left of a replacement of metadata.json that was cut off: `callscope repair` takes care of it"
    return Problem(file=name, line=None, message=message)


def _is_link(path: str) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except (OSError, ValueError):
        return False
