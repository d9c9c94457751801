"""An import: originals are translated and put on disk one by one, and what became of them is counted.

A call is imported whole or not at all. What cannot be read is told with its place, and does not keep the others out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from callscope.errors import CallscopeError
from callscope.importers.base import formats, reading
from callscope.importers.base.original import Original
from callscope.importers.base.reading import STDIN
from callscope.interop import livekit_session
from callscope.model.whole import WholeCall
from callscope.recorder.keeper import Keeper


class Summary(msgspec.Struct, kw_only=True):
    """What became of what was given."""

    new: int = 0
    replaced: int = 0
    """Also those that were recorded here, and have what was imported beside them."""
    unchanged: int = 0
    paths: list[str] = []
    """Directories of calls that are new or replaced."""
    passed_over: int = 0
    """Originals that tell of no call that has ended, such as other messages of a webhook."""
    told_again: int = 0
    """Tellings of a call that this import had told already, with no more in them."""
    not_understood: dict[str, int] = {}
    """By what it was, over all calls; each call's metadata has its own."""
    errors: list[str] = []
    """What could not be imported, each with its place."""

    @property
    def calls(self) -> int:
        """How many there were."""
        return self.new + self.replaced + self.unchanged


def run(
    name: str,
    paths: Iterable[str],
    *,
    keeper: Keeper,
    dry_run: bool = False,
    told: Callable[[int], None] | None = None,
) -> Summary:
    """Import what is at some paths.

    Args:
        name: of the format.
        paths: files and directories; ``-`` is standard input.
        keeper: of the archive.
        dry_run: only tell what would become of it.
        told: called with the number of originals so far.

    Raises:
        SettingError: there is no such format.
        OSError: the archive cannot be written; what was imported before stays.
    """
    form = formats.named(name)
    summary = Summary()
    seen: dict[tuple[str, str], int] = {}
    missing: Counter[str] = Counter()
    for number, original in enumerate(_originals(form, paths), 1):
        if told is not None:
            told(number)
        if isinstance(original, CallscopeError):
            summary.errors.append(str(original))
            continue
        try:
            calls = form.translate(original)
        except CallscopeError as error:
            summary.errors.append(str(error))
            continue
        if not calls and formats.unit_of(form) == "file":
            summary.errors.append(f"{original.place} holds nothing that is a call")
            continue
        summary.passed_over += not calls
        for call in calls:
            if _is_told_again(call, seen):
                summary.told_again += 1
                continue
            _put(call, summary, keeper, missing, dry_run=dry_run, place=original.place)
    summary.not_understood = dict(sorted(missing.items()))
    return summary


def keep(
    name: str, paths: Iterable[str], *, root: Path, dry_run: bool = False, told: Callable[[int], None] | None = None
) -> Summary:
    """`run`, into the archive at ``root`` as the environment's settings say."""
    with Keeper(root) as keeper:
        return run(name, paths, keeper=keeper, dry_run=dry_run, told=told)


def _put(
    call: WholeCall, summary: Summary, keeper: Keeper, missing: Counter[str], *, dry_run: bool, place: str
) -> None:
    try:
        kept = keeper.put(call, dry_run=dry_run, retell=livekit_session.retold)
    except CallscopeError as error:
        summary.errors.append(f"{place}: {error}")
        return
    if kept.state == "waits":
        summary.errors.append(
            f"{place}: session {call.call_id!r} is being recorded right now into {kept.path}: import it when it is over"
        )
        return
    if kept.state == "unchanged":
        summary.unchanged += 1
    else:
        summary.paths.append(str(kept.path))
        if kept.state == "new":
            summary.new += 1
        else:
            summary.replaced += 1
    not_understood = call.source.get("not_understood")
    if isinstance(not_understood, dict):
        missing.update(not_understood)


def _is_told_again(call: WholeCall, seen: dict[tuple[str, str], int]) -> bool:
    """Whether this import had told the call already, with as much in it: else two tellings would replace each other.

    What tells of a session's spans is put together with what is kept of it: each is as good as the others.
    """
    if "session" in call.source and "revision" in call.source:
        return False
    key = str(call.source.get("format")), str(call.source.get("id"))
    revision = call.source.get("revision")
    revision = revision if type(revision) is int else 0
    before = seen.get(key)
    if before is not None and revision <= before:
        return True
    seen[key] = revision
    return False


def _originals(form: formats.Format, paths: Iterable[str]) -> Iterator[Original | CallscopeError]:
    looking = formats.looking_of(form)
    for path in paths:
        if path != STDIN and looking is not None:
            yield from looking(Path(path))
        else:
            yield from reading.read(path, unit=formats.unit_of(form))
