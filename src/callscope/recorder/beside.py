"""What others tell of a call that was recorded here, put beside what was recorded.

The recorded call stays as it is: it was written as it happened and knows most. What comes from elsewhere is kept in
its ``source/``, and said in its metadata (``callscope.also_told``); a sound, and files that others put beside the other
telling's call, become part of it where it has none. Nothing is done before the call has ended: until then its files
are its writer's alone.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from callscope.archive import directory_lock, paths
from callscope.archive.reader import read_envelope, read_metadata
from callscope.archive.repair import repair_call
from callscope.archive.replace import make_dir, touch_day, write_json
from callscope.archive.sources import SOURCE_DIR
from callscope.errors import UnreadableError
from callscope.model.call import IN_PROGRESS
from callscope.prices.book import PriceBook
from callscope.recorder import kept_files
from callscope.recorder.story import Story

KEY: Final = "also_told"
_TRIES: Final = 5


def goes_on(call: Path, *, now_ms: int) -> bool:
    """Whether a recorded call's files are its writer's."""
    return read_envelope(call, now_ms=now_ms).status == IN_PROGRESS


def has_all(call: Path, story: Story) -> bool:
    """Whether a recorded call has what a telling says, or a later telling of the same."""
    known = told_of(read_metadata(str(call)))
    revision, later = story.call.source.get("revision"), known.get("revision")
    if known.get("key") == story.key and type(revision) is int and type(later) is int and revision < later:
        return True
    return bool(known.get("digest") == story.digest)


def add(call: Path, story: Story, tellings: list[Path], *, now_ms: int, book: PriceBook | None) -> None:
    """Put a telling beside a recorded call that has ended. A kill in between leaves the call whole; again, it goes on.

    Args:
        call: its directory.
        story: what others tell.
        tellings: calls that tell the same, and are to be removed afterwards; what others put there is carried.
        now_ms: Unix milliseconds.
        book: prices for a call whose writer was killed, which is closed first.

    Raises:
        UnreadableError: its metadata cannot be read, or its sound.
        OSError: the disk does not take it.
    """
    with directory_lock.locked(call):
        if read_envelope(call, now_ms=now_ms).ended_at_ms is None:
            repair_call(call, now_ms=now_ms, book=book)
        has_sound = (call / paths.RECORDING).exists()
        is_placed = not has_sound and _place_sound(call, story)
        ours = story.document(at_ms=now_ms, former={})["callscope"]
        recording = _began(ours, story.call.started_at_ms) if is_placed else {}
        for telling in tellings:
            has_sound = (call / paths.RECORDING).exists()
            if not has_sound and (telling / paths.RECORDING).is_file():
                recording = _recording_of(telling)
            kept_files.carry(telling, call, originals=story.originals, has_sound=has_sound)
        if story.originals:
            make_dir(call / SOURCE_DIR)
        for name, content in story.originals.items():
            kept_files.replace(call / SOURCE_DIR / name, content)
        others = [document for each in tellings if (document := read_metadata(str(each)))]
        _say(call, ours["source"], recording, others)


def _say(call: Path, told: dict[str, Any], recording: dict[str, Any], others: list[dict[str, Any]]) -> None:
    """Say it in the metadata; who replaces it meanwhile (`callscope reprice`) is noticed."""
    for _ in range(_TRIES):
        before = _identity(call)
        document = read_metadata(str(call))
        if document is None:
            raise UnreadableError(f"{call}: {paths.METADATA} cannot be read: nothing was added; run `callscope repair`")
        ours = dict(document.get("callscope") or {})
        ours[KEY] = told
        notes = kept_files.notes_of([document, *others])
        if notes:
            ours["notes"] = notes
        if recording:
            began_ms = read_envelope(call, now_ms=0).started_at_ms or 0
            offset_ms = recording["began_ms"] - began_ms
            ours["recording"] = {**recording["info"], "offset_ms": offset_ms}
            document["recording_path"] = paths.RECORDING
        if _identity(call) == before:
            write_json(call / paths.METADATA, {**document, "callscope": ours})
            touch_day(call)
            return
    raise UnreadableError(f"{call}: {paths.METADATA} is replaced by somebody else all the time: try again")


def _place_sound(call: Path, story: Story) -> bool:
    """Write the telling's sound, if it has any."""
    if story.call.sound is None:
        return False
    temporary = call / f".{paths.RECORDING}.{os.urandom(6).hex()}"
    try:
        story.write_sound(temporary)
        if not temporary.exists():  # nothing is in it
            return False
        temporary.replace(call / paths.RECORDING)
    finally:
        temporary.unlink(missing_ok=True)
    return True


def _recording_of(call: Path) -> dict[str, Any]:
    """What another call's metadata says of its sound."""
    ours = (read_metadata(str(call)) or {}).get("callscope")
    began_ms = read_envelope(call, now_ms=0).started_at_ms
    return {} if began_ms is None or not isinstance(ours, dict) else _began(ours, began_ms)


def _began(ours: dict[str, Any], started_at_ms: int) -> dict[str, Any]:
    """What metadata says of a sound, and the Unix milliseconds of its first sample."""
    info = ours.get("recording")
    offset_ms = info.get("offset_ms") if isinstance(info, dict) else None
    return {"info": info, "began_ms": started_at_ms + offset_ms} if isinstance(offset_ms, int) else {}


def told_of(metadata: dict[str, Any] | None) -> dict[str, Any]:
    """What others told of a recorded call, as its metadata has it; empty when nobody did."""
    ours = (metadata or {}).get("callscope")
    told = ours.get(KEY) if isinstance(ours, dict) else None
    return told if isinstance(told, dict) else {}


def _identity(call: Path) -> tuple[int, int, int]:
    status = os.stat(call / paths.METADATA, follow_symlinks=False)  # noqa: PTH116 -- the same call either way
    return status.st_ino, status.st_mtime_ns, status.st_size
