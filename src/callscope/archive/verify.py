"""Whether what the files say adds up: every row readable, metadata against rows, the ledger, the sound's header."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from callscope.archive import listing
from callscope.archive.paths import EVENTS, METADATA, RECORDING, TRANSCRIPT
from callscope.archive.reader import CallRecord, read_call, read_metadata
from callscope.model.call import ABANDONED, IN_PROGRESS, Problem

_WAV_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_RIFF_BEFORE: Final = 8
"""Bytes of a RIFF file that its length does not count."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about one call."""

    path: str
    """The call's directory."""
    call_id: str
    status: str
    rows: int
    """Readable rows of both files."""
    problems: tuple[Problem, ...]
    """Empty when all is well."""


def verify(root: Path, *, now_ms: int) -> Iterator[Check]:
    """Check every call of an archive, newest first, as the caller goes on asking.

    Raises:
        NotFoundError: there is no such directory.
        UnreadableError: a directory may not be listed.
    """
    listing.require_root(root)
    for path in listing.call_paths(root):
        yield verify_call(path, now_ms=now_ms)


def verify_call(path: Path, *, now_ms: int) -> Check:
    """Check one call. Never raises."""
    record = read_call(path, now_ms=now_ms)
    call = record.call
    problems = list(record.problems)
    if call.status != IN_PROGRESS:
        meta = read_metadata(str(path)) or {}
        problems += _unclosed(meta, call.status)
        problems += _turns(meta, record)
        problems += _ledger(call.callscope, record)
    problems += _sound(path / RECORDING)
    return Check(
        path=call.path,
        call_id=call.call_id,
        status=call.status,
        rows=record.turn_rows + record.event_rows,
        problems=tuple(problems),
    )


def _unclosed(meta: Mapping[str, Any], status: str) -> list[Problem]:
    if meta and status == ABANDONED and meta.get("status") != ABANDONED:
        message = "its writer is gone and the call was never closed: `callscope repair` closes it"
        return [Problem(file=METADATA, line=None, message=message)]
    return []


def _turns(meta: Mapping[str, Any], record: CallRecord) -> list[Problem]:
    """Ended calls only: the count of a call that never ended is from its start."""
    said = meta.get("turns")
    if type(said) is not int or meta.get("ended_at") is None or record.call.callscope.get("lost"):
        return []
    if said in {record.turn_rows, len(record.turns)}:
        return []
    message = f"{said} turns, but {TRANSCRIPT} holds {record.turn_rows} readable rows"
    return [Problem(file=METADATA, line=None, message=message)]


def _ledger(callscope: Mapping[str, Any], record: CallRecord) -> list[Problem]:
    accepted, written, lost = (callscope.get(key) for key in ("accepted", "written", "lost"))
    if type(accepted) is not int or type(written) is not int or not isinstance(lost, dict):
        return []
    found = []
    missing = sum(count for count in lost.values() if type(count) is int)
    if written + missing != accepted:
        found.append((METADATA, f"{written} rows written and {missing} lost are not the {accepted} accepted"))
    if missing:
        reasons = ", ".join(f"{count} {reason}" for reason, count in lost.items())
        found.append((METADATA, f"rows were lost: {reasons}"))
    on_disk = record.turn_rows + record.event_rows
    if on_disk < written:
        found.append((EVENTS, f"{written} rows were written, {on_disk} can be read in {TRANSCRIPT} and {EVENTS}"))
    return [Problem(file=file, line=None, message=message) for file, message in found]


def _sound(path: Path) -> list[Problem]:
    """The recording's header, where there is a recording: too short a length is fine, the writer was cut off."""
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0))
    except FileNotFoundError:
        return []
    except OSError as error:
        return [Problem(file=RECORDING, line=None, message=f"cannot be read ({error.strerror})")]
    try:
        size = os.fstat(fd).st_size
        header = os.read(fd, _WAV_HEADER.size)
    except OSError as error:
        return [Problem(file=RECORDING, line=None, message=f"cannot be read ({error.strerror})")]
    finally:
        os.close(fd)
    message = _wav_problem(header, size)
    return [] if message is None else [Problem(file=RECORDING, line=None, message=message)]


def _wav_problem(header: bytes, size: int) -> str | None:
    if len(header) < _WAV_HEADER.size or header[:4] != b"RIFF" or header[8:12] != b"WAVE":
        return "no WAV file"
    (riff_bytes,) = struct.unpack_from("<I", header, 4)
    if riff_bytes + _RIFF_BEFORE > size:
        return f"its header tells of {riff_bytes + _RIFF_BEFORE} bytes, the file has {size}"
    return None
