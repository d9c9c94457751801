"""Whether recording works: facts about settings, the archive, its writers, and what they mean."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from callscope import config
from callscope.archive import listing, liveness, paths
from callscope.archive.price_file import read_book, read_budgets
from callscope.archive.reader import UNREADABLE, read_envelope
from callscope.config import Settings
from callscope.errors import SettingError
from callscope.model.call import ABANDONED, Call
from callscope.model.wire import format_ts
from callscope.version import __version__

_LOW_BYTES: Final = 10**9
_PACKAGES: Final = ("msgspec", "pipecat-ai")
_LOST_ADVICE: Final = {
    "disk_full": "make room on the disk, or delete old calls: callscope prune --max-size 10GB",
    "permission": "give the agent's user write access to the archive",
    "file_too_large": "raise the agent's file size limit (ulimit -f)",
    "io_error": "look at the disk",
    "buffer_full": "the disk is slower than the calls: use a faster one, or raise CALLSCOPE_BUFFER_ROWS and _MB",
    "closed": "rows came after the logger was closed: close it after the last call",
    "invalid": "the recorder could not handle them: please report it",
}


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What `examine` found."""

    recording: bool
    """The environment names a root, so a logger made from it records."""
    root: str | None
    """The archive that was looked at."""
    exists: bool
    writable: bool | None
    """None when no root is named."""
    obstacle: str | None
    """Why the root cannot be made or written."""
    free_bytes: int | None
    """Of the disk that holds the root."""
    calls: dict[str, int]
    """By status."""
    unclosed: int
    """Abandoned calls that nobody has closed yet."""
    lost: dict[str, int]
    """Rows that were lost, by reason."""
    lost_until: dict[str, str]
    """By reason, the time after which none was lost, as far as is known."""
    writers: list[dict[str, Any]]
    """Ledgers of the writers that live or that lost something."""
    log_lines_lost: dict[str, int]
    """Lines of application logs that were lost, by reason; see docs/logs.md."""
    settings: Settings
    unpriced: str | None
    """What is wrong with the user's prices file, so that calls are recorded without their cost."""
    unwatched: str | None
    """What is wrong with the user's budgets file, so that no budget is watched."""
    mistakes: tuple[str, ...]
    """What is wrong with other settings, each with what comes of it."""
    versions: dict[str, str | None]
    """None: not installed."""
    notes: tuple[str, ...] = ()
    """What can be done, where nothing is wrong."""
    troubles: tuple[str, ...] = ()
    """What is wrong, each with what to do."""


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of an archive's calls."""

    by_status: dict[str, int]
    unclosed: int
    """Abandoned calls that nobody has closed yet."""
    lossy: tuple[Call, ...]
    """Envelopes of those that lost rows; others may be among them."""


def survey(root: Path, *, now_ms: int) -> Survey:
    """Read each call's envelope. Raises `UnreadableError` where a directory may not be listed."""
    calls = tuple(read_envelope(path, now_ms=now_ms) for path in listing.call_paths(root))
    return Survey(
        by_status=dict(Counter(call.status for call in calls)),
        unclosed=sum(_is_unclosed(call) for call in calls),
        lossy=calls,
    )


_NO_CALLS: Final = Survey(by_status={}, unclosed=0, lossy=())


def examine(
    root: Path | None,
    *,
    recording: bool,
    settings: Settings,
    now_ms: int,
    known: Survey | None = None,
    mistakes: tuple[str, ...] = (),
) -> Health:
    """Look at everything.

    Args:
        root: the archive; None: none is named.
        recording: whether the environment names a root.
        settings: of the environment.
        now_ms: Unix milliseconds.
        known: what an index tells of the calls; None: each call's envelope is read.
        mistakes: what is wrong with settings that are not among ``settings``, each with what comes of it.

    Raises:
        UnreadableError: a directory may not be listed.
    """
    exists = root is not None and _is_dir(root)
    if known is None:
        known = survey(root, now_ms=now_ms) if root is not None and exists else _NO_CALLS
    writers = liveness.read_ledgers(root) if root is not None and exists else []
    why_not = None if root is None else obstacle(root)
    health = Health(
        recording=recording,
        root=None if root is None else str(root),
        exists=exists,
        writable=None if root is None else why_not is None,
        obstacle=why_not,
        free_bytes=None if root is None else shutil.disk_usage(_nearest(root)).free,
        calls=dict(sorted(known.by_status.items())),
        unclosed=known.unclosed,
        lost=lost_rows(known.lossy, writers),
        lost_until=lost_until(root, known.lossy, writers) if root is not None else {},
        writers=writers,
        log_lines_lost=_log_lines_lost(root) if root is not None and exists else {},
        settings=settings,
        unpriced=_mistake(settings.prices, read_book),
        unwatched=_mistake(settings.budgets, read_budgets),
        mistakes=mistakes,
        versions=_versions(),
    )
    return msgspec.structs.replace(health, notes=tuple(_notes(health)), troubles=tuple(_troubles(health)))


def renewed(health: Health, *, by_status: Mapping[str, int], unclosed: int) -> Health:
    """The same with other numbers of calls, see `Survey`, and what they mean."""
    health = msgspec.structs.replace(health, calls=dict(sorted(by_status.items())), unclosed=unclosed)
    return msgspec.structs.replace(health, notes=tuple(_notes(health)), troubles=tuple(_troubles(health)))


def obstacle(root: Path) -> str | None:
    """Why this process cannot keep calls there; None when it can. Makes nothing that stays."""
    path = root.absolute()
    there = next(each for each in (path, *path.parents) if os.path.lexists(each))
    if not _is_dir(there):
        return f"{there} is {'a symbolic link that leads nowhere' if there.is_symlink() else 'no directory'}"
    try:
        with tempfile.TemporaryDirectory(dir=there) as made:
            Path(made).joinpath(path.relative_to(there)).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return f"{there}: {error.strerror}"
    return None


def _mistake(file: str | None, read: Callable[[Path], object]) -> str | None:
    """Why a file of the user's cannot be used, with its line and what to write instead; None where it can."""
    if file is not None:
        try:
            read(Path(file))
        except SettingError as error:
            return str(error)
    return None


def lost_rows(calls: Iterable[Call], writers: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Rows lost, by reason.

    A row that a writer lost stands in its ledger, and in its call's metadata where that could be written: for each
    writer the larger of the two counts.
    """
    by_writer: dict[str, Counter[str]] = {}
    for call in calls:
        by_writer.setdefault(_writer_id(call.callscope), Counter()).update(_counts(call.callscope.get("lost")))
    for ledger in writers:
        known = by_writer.setdefault(_writer_id(ledger), Counter())
        by_writer[_writer_id(ledger)] = known | Counter(_counts(ledger.get("lost")))
    return dict(sorted(sum(by_writer.values(), Counter[str]()).items()))


def lost_until(root: Path, calls: Iterable[Call], writers: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """By reason, a time after which no row was lost: until then the calls ended, and the writers lived, that tell."""
    newest: dict[str, int] = {}
    told = [(call.callscope.get("lost"), call.ended_at_ms or call.started_at_ms or 0) for call in calls]
    told += [(ledger.get("lost"), _touched_ms(root, ledger)) for ledger in writers]
    for lost, ts_ms in told:
        for reason in _counts(lost):
            newest[reason] = max(newest.get(reason, 0), ts_ms)
    return {reason: format_ts(ts_ms) for reason, ts_ms in sorted(newest.items()) if ts_ms}


def _log_lines_lost(root: Path) -> dict[str, int]:
    lost = [Counter(_counts(ledger.get("lost"))) for ledger in liveness.read_ledgers(root / paths.LOGS)]
    return dict(sorted(sum(lost, Counter[str]()).items()))


def _touched_ms(root: Path, ledger: Mapping[str, Any]) -> int:
    try:
        return round((paths.writers_dir(root) / f"{_writer_id(ledger)}.json").stat().st_mtime * 1000)
    except OSError:
        return 0


def _is_unclosed(call: Call) -> bool:
    """Whether a call is abandoned only as it is read; one that was closed says why it ended."""
    return call.status == ABANDONED and call.ended_at_ms is None and call.end_reason is None


def _writer_id(holder: Mapping[str, Any]) -> str:
    writer = holder.get("writer")
    return str(writer.get("id")) if isinstance(writer, dict) else ""


def _counts(lost: object) -> dict[str, int]:
    if not isinstance(lost, dict):
        return {}
    return {str(reason): count for reason, count in lost.items() if type(count) is int and count > 0}


def _nearest(path: Path) -> Path:
    """The path, or the first of its parents that is a directory."""
    return next((each for each in (path, *path.absolute().parents) if _is_dir(each)), Path("/"))


def _is_dir(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 -- Path.is_dir raises where a directory above may not be searched


def _versions() -> dict[str, str | None]:
    versions: dict[str, str | None] = {"callscope": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def _notes(health: Health) -> list[str]:
    notes = []
    if not health.recording:
        notes.append(f"Recording is off: set {config.ROOT} to a directory, or to auto, where the agent runs.")
    if health.root is not None and not health.calls:
        notes.append("No calls yet: run the agent, or try `callscope demo`.")
    if health.settings.phone == "hash_only" and not health.settings.hash_key:
        notes.append(f"Hashed numbers can be guessed: set {config.HASH_KEY}.")
    if health.versions["pipecat-ai"] is None:
        notes.append("Pipecat is not installed here: pip install 'callscope[pipecat]', where the agent uses it.")
    return notes


def _troubles(health: Health) -> list[str]:
    troubles = [f"{problem}." for problem in health.settings.problems]
    if health.unpriced is not None:
        troubles.append(f"Calls are recorded without their cost: {health.unpriced}.")
    if health.unwatched is not None:
        troubles.append(f"No budget is watched: {health.unwatched}.")
    troubles += [each if each.endswith((".", "?")) else f"{each}." for each in health.mistakes]
    if health.writable is False:
        troubles.append(
            f"{health.root} cannot be written by this user ({health.obstacle}): nothing would be recorded. "
            f"Give it write access, or set {config.ROOT} to another directory."
        )
    if health.free_bytes is not None and health.free_bytes < _LOW_BYTES:
        troubles.append("The disk is nearly full. Make room, or run `callscope prune --max-size SIZE`.")
    unreadable = health.calls.get(UNREADABLE, 0)
    if unreadable:
        calls = "1 call" if unreadable == 1 else f"{unreadable} calls"
        troubles.append(f"{calls} cannot be read by this user: check owner and mode, `callscope ls` names the first.")
    if health.unclosed:
        calls = "1 call was" if health.unclosed == 1 else f"{health.unclosed} calls were"
        troubles.append(f"{calls} never closed, the writer is gone: run `callscope repair`.")
    for reason, count in health.lost.items():
        advice = _LOST_ADVICE.get(reason, "see `callscope verify` for the calls")
        until = f", the last by {health.lost_until[reason][:10]}" if reason in health.lost_until else ""
        troubles.append(f"{count} {'row was' if count == 1 else 'rows were'} lost ({reason}){until}: {advice}.")
    for reason, count in health.log_lines_lost.items():
        lines = "1 line" if count == 1 else f"{count} lines"
        advice = _LOST_ADVICE.get(reason, "see docs/logs.md for what each reason means")
        troubles.append(f"{lines} of application logs lost ({reason}): {advice}.")
    return troubles
