"""Calls of another tree: those that Patter's SDKs wrote (Python and TypeScript), and those of another archive of ours.

A tree can also be read where it is, with ``--root``; importing brings its calls into this archive, under this archive's
privacy policy. Files are read as `callscope.archive` reads them, with all that writers leave in them.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from callscope.archive import envelope, jsonl, listing, rows
from callscope.archive.paths import CALLS, EVENTS, METADATA, RECORDING, TRANSCRIPT
from callscope.archive.reader import read_file
from callscope.errors import UnreadableError
from callscope.importers.base.original import Original
from callscope.importers.base.shapes import known
from callscope.model.call import ABANDONED, IN_PROGRESS, Call
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.model.whole import UNKNOWN_LENGTH, WholeCall, WholeTurn

HELP: Final = "A tree of call logs: Patter's (Python, TypeScript), or another archive of callscope."
_FORMAT: Final = "patter.call"
_NAMES: Final = (METADATA, TRANSCRIPT, EVENTS)


def originals(path: Path) -> Iterator[Original | UnreadableError]:
    """The calls of a tree, of its ``calls`` directory, of a part of it, or one call's directory; oldest day first."""
    found = 0
    for directory in _directories(path):
        files = {name: read_file(str(directory / name)) for name in _NAMES}
        held = {name: content.data for name, content in files.items() if content.data is not None}
        unreadable = [f"{name} {content.complaint}" for name, content in files.items() if content.unreadable]
        found += bool(held or unreadable)
        if unreadable:
            yield UnreadableError(f"{directory}/{unreadable[0]}")
        elif held:
            yield Original(place=str(directory), name=directory.name, files=held, directory=directory)
    if not path.exists():
        yield UnreadableError(f"{path} cannot be read ({os.strerror(errno.ENOENT)})")
    elif not found:
        yield UnreadableError(f"{path} holds no call: nowhere in it or below is a {METADATA} or {TRANSCRIPT}")


def translate(original: Original) -> list[WholeCall]:
    """The call of one directory.

    Raises:
        UnreadableError: nothing in it tells when the call was.
    """
    place = str(original.directory or original.place)
    meta = jsonl.decode_object(original.files.get(METADATA, b"")) or {}
    call = envelope.call_of(meta, path=place)
    problems = [problem.message for problem in envelope.problems_of(meta, call)]
    said, more = _rows(original.files, TRANSCRIPT)
    told, yet_more = _rows(original.files, EVENTS)
    turns = rows.in_order([turn for row in said for turn in rows.turns_of(row)])
    events = [event for event in map(rows.event_of, told) if event is not None]
    moments = [at for at in (*(turn.ts_ms for turn in turns), *(event.ts_ms for event in events)) if at is not None]
    started_at_ms, computed = call.started_at_ms, []
    if started_at_ms is None:
        computed.append("started_at")
        started_at_ms = min(moments, default=envelope.day_of(place))
    if started_at_ms is None:
        raise original.unreadable("tells no moment: neither its metadata, nor a row, nor the directories it is in")
    ended_at_ms = call.ended_at_ms
    if ended_at_ms is None:
        computed.append("ended_at")
        ended_at_ms = max([started_at_ms + round(call.duration_ms or 0), *moments])
    count = len(problems) + more + yet_more
    source: dict[str, Any] = {"format": _FORMAT, "id": f"{call.call_id} {started_at_ms}", "computed": computed}
    source |= {"version": call.schema_version} | ({"not_understood": {"what a file holds": count}} if count else {})
    recording = (original.directory or Path()) / RECORDING
    has_sound = original.directory is not None and recording.is_file() and not recording.is_symlink()
    return [
        WholeCall(
            call_id=call.call_id,
            started_at_ms=started_at_ms,
            ended_at_ms=max(started_at_ms, ended_at_ms),
            fields=_fields(call),
            rows=tuple(_in_order(turns, events, started_at_ms)),
            end=_end(call, is_length_known=ended_at_ms > started_at_ms or call.ended_at_ms is not None),
            source=source,
            originals=original.files,
            sound=recording if has_sound else None,
            sound_started_at_ms=_sound_started(call, started_at_ms),
        )
    ]


def _directories(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        return
    if (path / CALLS).is_dir():
        for day in sorted(listing.days(path), key=lambda day: day.name):
            yield from sorted(listing.calls_of(day.path))
    elif any((path / name).is_file() for name in _NAMES):
        yield path
    else:
        for each in sorted(path.iterdir()):
            if each.is_dir() and not each.is_symlink() and not each.name.startswith("."):
                yield from _directories(each)


def _rows(files: dict[str, bytes], name: str) -> tuple[list[dict[str, Any]], int]:
    parsed = jsonl.parse_rows(files.get(name, b""), file=name, growing=False)
    return [row for _, row in parsed.rows], len(parsed.problems)


def _fields(call: Call) -> dict[str, Any]:
    framework = call.callscope.get("framework")
    return {
        "caller": call.caller or "",
        "callee": call.callee or "",
        "direction": call.direction or "",
        "telephony_provider": call.telephony_provider or "",
        "provider_mode": call.provider_mode or "",
        "agent": call.agent,
        "trace_id": call.trace_id,
        "labels": call.labels,
        "framework": framework if isinstance(framework, dict) else {"name": "patter"},
    }


def _end(call: Call, *, is_length_known: bool) -> dict[str, Any]:
    """How it ended; what a process left that died is nobody's any more."""
    # What our own recorder priced is priced anew from its usage; what others computed is theirs, and stays.
    theirs = "cost_lines" not in call.callscope
    return known(
        status=ABANDONED if call.status == IN_PROGRESS else call.status,
        error=call.error,
        reason=call.end_reason,
        duration_ms=call.duration_ms if is_length_known else UNKNOWN_LENGTH,
        cost=call.cost if theirs else None,
        latency=call.latency if theirs else None,
        recording_path=call.recording_path if call.recording_path != RECORDING else None,
    )


def _in_order(turns: list[Turn], events: list[Event], started_at_ms: int) -> list[WholeTurn | Event]:
    """Events in the order of their file, each turn before the first event that is later than it."""
    found: list[WholeTurn | Event] = []
    left = [_turn(turn, started_at_ms) for turn in turns]
    last_ms = started_at_ms
    for event in events:
        last_ms = event.ts_ms if event.ts_ms is not None else last_ms
        while left and left[0].at_ms < last_ms:
            found.append(left.pop(0))
        found.append(event)
    return [*found, *left]


def _turn(turn: Turn, started_at_ms: int) -> WholeTurn:
    extra = {name: value for name, value in (turn.extra or {}).items() if name != "timestamp"}
    return WholeTurn(
        role=turn.role,
        text=turn.text,
        at_ms=turn.ts_ms if turn.ts_ms is not None else started_at_ms,
        duration_ms=turn.duration_ms,
        latency=turn.latency,
        cost=turn.cost,
        interrupted=turn.interrupted,
        heard=turn.heard,
        extra=extra | known(text_length=turn.text_length),
    )


def _sound_started(call: Call, started_at_ms: int) -> int | None:
    recording = call.callscope.get("recording")
    offset_ms = recording.get("offset_ms") if isinstance(recording, dict) else None
    return started_at_ms + offset_ms if type(offset_ms) is int else None
