"""Old calls go: whole days by age, the oldest ended calls by size. Writers' files that tell of old losses go too.

Application logs (``<root>/logs``) of days as old as the calls that go, go with them.

What it never does: delete a call in progress, or one that cannot be read and may be; delete a call younger than the
days asked for (a day goes when its last moment is that old); follow a symbolic link (one inside an old day is removed,
what it points to is not touched); stop at the first thing that cannot be deleted.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Final

import msgspec

from callscope.archive import listing, liveness, paths
from callscope.archive.listing import DAY_MS, Day
from callscope.archive.reader import UNREADABLE, read_envelope
from callscope.model.call import IN_PROGRESS, Call

_LEVELS_ABOVE_DAY: Final = 2
"""Month and year: removed when nothing is left in them."""
LOG_FILE: Final = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)(?:\.(?P<number>[1-9]\d*))?\.jsonl(?:\.gz)?", re.ASCII)
"""Names of application logs: see docs/design/logs.md."""


class PruneReport(msgspec.Struct, frozen=True, kw_only=True):
    """What went, or with ``dry_run`` what would go."""

    dry_run: bool
    paths: tuple[str, ...] = ()
    """Directories of the calls that went, oldest first."""
    days: tuple[str, ...] = ()
    """Days that went as a whole, as ``2026-11-21``."""
    freed_bytes: int = 0
    kept_bytes: int | None = None
    """What the calls that stay take; None when no size cap was given."""
    ledgers: tuple[str, ...] = ()
    """Files of writers that are gone, which told what they lost."""
    logs: tuple[str, ...] = ()
    """Files of application logs that went, oldest first."""
    in_progress: tuple[str, ...] = ()
    """Directories that would have gone, were their calls not in progress."""
    errors: tuple[str, ...] = ()
    """What could not be deleted, and why."""


class _Sweep:
    """One run: deletes, or with ``dry_run`` only notes."""

    def __init__(self, *, now_ms: int, dry_run: bool) -> None:
        self.now_ms = now_ms
        self.dry_run = dry_run
        self.paths: list[str] = []
        self.days: list[str] = []
        self.freed_bytes = 0
        self.in_progress: list[str] = []
        self.errors: list[str] = []
        self._kept: set[Path] = set()

    def day(self, day: Day) -> None:
        """A whole day, but for its calls in progress."""
        stays = False
        for path in sorted(listing.calls_of(day.path)):
            stays = self.keeps(path, read_envelope(path, now_ms=self.now_ms)) or not self.call(path) or stays
        if not stays and (self.dry_run or self.rest(day.path)):
            self.days.append(day.name)

    def keeps(self, path: Path, call: Call) -> bool:
        """Whether a call may not be deleted, which is noted."""
        if call.status not in {IN_PROGRESS, UNREADABLE}:
            return False
        if path not in self._kept:  # the sweep by size comes here again
            self._kept.add(path)
            if call.status == IN_PROGRESS:
                self.in_progress.append(str(path))
            else:
                self.errors.append(f"{path} stays: its {paths.METADATA} cannot be read, so it may be in progress")
        return True

    def call(self, path: Path) -> bool:
        """One call's directory; says whether it is gone."""
        size = size_of(path)
        if not self.dry_run and not self._remove(path):
            return False
        self.paths.append(str(path))
        self.freed_bytes += size
        return True

    def rest(self, day: Path) -> bool:
        """What is in a day beside calls, then the day itself; says whether it is gone.

        A call that somebody puts there meanwhile stays, because only an empty directory goes.
        """
        try:
            with os.scandir(day) as entries:
                for entry in entries:
                    if not entry.is_dir(follow_symlinks=False):
                        Path(entry.path).unlink()
                    elif entry.name.startswith("."):
                        shutil.rmtree(entry.path)
        except OSError as error:
            self.errors.append(f"{day} cannot be deleted ({error})")
            return False
        return _remove_empty(day)

    def _remove(self, path: Path) -> bool:
        try:
            shutil.rmtree(path)  # never through a symbolic link
        except OSError as error:
            self.errors.append(f"{path} cannot be deleted ({error})")
            return False
        return True


def prune(root: Path, *, days: int, now_ms: int, max_bytes: int | None = None, dry_run: bool = False) -> PruneReport:
    """Delete old calls.

    Args:
        root: the archive; where there is none, nothing happens.
        days: days to keep; 0 or less keeps for ever.
        now_ms: Unix milliseconds.
        max_bytes: what all calls together may take; the oldest ended calls go until they do. None: no cap.
        dry_run: only tell.

    Raises:
        UnreadableError: a directory may not be listed.
    """
    sweep = _Sweep(now_ms=now_ms, dry_run=dry_run)
    oldest_first = list(listing.days(root))[::-1]
    expired = [day for day in oldest_first if days > 0 and day.end_ms <= now_ms - days * DAY_MS]
    for day in expired:
        sweep.day(day)
    ledgers = _forget_losses(sweep, root, days) if days > 0 else []
    logs: list[str] = []
    if days > 0 and not (root / paths.LOGS).is_symlink():
        logs = _old_logs(sweep, root / paths.LOGS, days)
        ledgers += _forget_losses(sweep, root / paths.LOGS, days)
    kept_bytes = None
    if max_bytes is not None:
        kept_bytes = _shrink(sweep, oldest_first, max_bytes)
    return PruneReport(
        dry_run=dry_run,
        paths=tuple(sweep.paths),
        days=tuple(sweep.days),
        freed_bytes=sweep.freed_bytes,
        kept_bytes=kept_bytes,
        ledgers=tuple(ledgers),
        logs=tuple(logs),
        in_progress=tuple(sweep.in_progress),
        errors=tuple(sweep.errors),
    )


def prune_logs(directory: Path, *, days: int, now_ms: int) -> tuple[str, ...]:
    """Delete application logs of old days from the directory they are kept in; gives the paths that went.

    A file goes when the last moment of its day is older than ``days``; 0 or less keeps for ever. Never raises.
    """
    return tuple(_old_logs(_Sweep(now_ms=now_ms, dry_run=False), directory, days)) if days > 0 else ()


def size_of(path: Path) -> int:
    """Bytes of the files in a directory and below; what a symbolic link points to is not counted."""
    return sum(_sizes(path))


def _forget_losses(sweep: _Sweep, root: Path, days: int) -> list[str]:
    """Remove the files of writers that are gone and were last touched longer ago than the days to keep."""
    gone = []
    for path in sorted(paths.writers_dir(root).glob("*.json")):
        try:
            is_old = path.lstat().st_mtime * 1000 <= sweep.now_ms - days * DAY_MS
            if not is_old or liveness.is_alive(root, {"id": path.stem}):
                continue
            if not sweep.dry_run:
                path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            sweep.errors.append(f"{path} cannot be deleted ({error})")
        else:
            gone.append(str(path))
    return gone


def _old_logs(sweep: _Sweep, directory: Path, days: int) -> list[str]:
    """Remove the files of days that are older than the days to keep; a link goes, what it leads to stays."""
    try:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in entries if not entry.is_dir(follow_symlinks=False))
    except OSError:
        return []
    gone = []
    for name in names:
        match = LOG_FILE.fullmatch(name)
        end_ms = None if match is None else _end_of_day_ms(match["day"])
        if end_ms is None or end_ms > sweep.now_ms - days * DAY_MS:
            continue
        path = directory / name
        try:
            size = path.lstat().st_size
            if not sweep.dry_run:
                path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            sweep.errors.append(f"{path} cannot be deleted ({error})")
        else:
            sweep.freed_bytes += size
            gone.append(str(path))
    return gone


def _end_of_day_ms(day: str) -> int | None:
    try:
        begin = datetime.combine(date.fromisoformat(day), time(), tzinfo=UTC)
    except ValueError:
        return None
    return int(begin.timestamp() * 1000) + DAY_MS


def _shrink(sweep: _Sweep, oldest_first: list[Day], max_bytes: int) -> int:
    """Delete the oldest ended calls until the rest fits; gives the size of the rest."""
    gone = set(sweep.paths)
    calls = [(day, path) for day in oldest_first for path in listing.calls_of(day.path) if str(path) not in gone]
    sizes = {path: size_of(path) for _, path in calls}
    total = sum(sizes.values())
    for day in oldest_first:
        if total <= max_bytes:
            break
        for path in _ended(sweep, day, [path for of_day, path in calls if of_day is day]):
            if total > max_bytes and sweep.call(path):
                total -= sizes[path]
        if not sweep.dry_run:
            _remove_empty(day.path)
    return total


def _ended(sweep: _Sweep, day: Day, paths: list[Path]) -> list[Path]:
    """The day's ended calls, oldest first."""
    ended = []
    for path in paths:
        call = read_envelope(path, now_ms=sweep.now_ms)
        if not sweep.keeps(path, call):
            ended.append((call.started_at_ms or day.start_ms, path))
    return [path for _, path in sorted(ended)]


def _remove_empty(day: Path) -> bool:
    """Remove a day's directory if it is empty, and then its month and year; says whether the day is gone."""
    for directory in (day, *list(day.parents)[:_LEVELS_ABOVE_DAY]):
        try:
            directory.rmdir()
        except OSError:  # not empty
            return directory != day
    return True


def _sizes(path: Path) -> Iterator[int]:
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    yield from _sizes(Path(entry.path))
                else:
                    yield status.st_size
    except OSError:
        return
