"""A call as LiveKit's report of a session, for tools that read those.

A call that has such a report in its ``source/`` is written as exactly that: an import and an export give back the file.
Of any other call a report is made, in the shape of 1.8.9, and what a report has no place for is named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from callscope.archive import paths
from callscope.archive.reader import read_call, read_file
from callscope.archive.sources import SOURCE_DIR
from callscope.errors import NotFoundError
from callscope.exporters.format import Done, Format, Option, Request
from callscope.exporters.place import new_file
from callscope.interop.livekit_document import Document
from callscope.interop.livekit_report import ORIGINAL
from callscope.model import wire

_ANEW: Final = Option(name="anew", text="Make the report from the call, also where LiveKit's own is kept.")
_WORDS: Final = "not in LiveKit's report: "


def _run(request: Request) -> Done:
    if request.call is None:
        raise NotFoundError("no call was named")
    directory = request.root / paths.CALLS / request.call
    kept = None if request.options["anew"] else _kept(directory)
    content, notes = _made(directory, request.now_ms) if kept is None else kept
    if request.output is None:
        request.stdout.write(content)
        return Done(calls=1, notes=notes)
    with new_file(request.output, force=request.force) as file:
        file.write(content)
    return Done(calls=1, written=(request.output,), bytes=len(content), notes=notes)


def _kept(directory: Path) -> tuple[bytes, tuple[str, ...]] | None:
    """LiveKit's own report, as the call has it."""
    place = directory / SOURCE_DIR / ORIGINAL
    if place.is_symlink() or not place.is_file():
        return None
    content = read_file(str(place)).data
    if not content:
        return None
    return content, _notes_of_kept(directory)


def _notes_of_kept(directory: Path) -> tuple[str, ...]:
    metadata: Any = wire.decode(read_file(str(directory / paths.METADATA)).data or b"{}")
    source = metadata.get("callscope", {}).get("source") if isinstance(metadata, dict) else None
    originals = source.get("originals") if isinstance(source, dict) else None
    how = originals.get(ORIGINAL) if isinstance(originals, dict) else None
    return () if how in {None, "as it came"} else (f"LiveKit's own report, {how} when it was kept",)


def _made(directory: Path, now_ms: int) -> tuple[bytes, tuple[str, ...]]:
    record = read_call(directory, now_ms=now_ms)
    document = Document(record.call, record.turns, record.events)
    content = msgspec.json.format(wire.encode(wire.plain(document.document())), indent=2) + b"\n"
    left = document.not_told()
    return content, ((_WORDS + ", ".join(left),) if left else ())


FORMAT = Format(
    name="livekit",
    text="LiveKit's report of one call (SessionReport).",
    of="call",
    run=_run,
    options=(_ANEW,),
    suffix=".json",
)
