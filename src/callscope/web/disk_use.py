"""How much of the disk an archive takes, by month, from a sample of each day's calls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from callscope.archive import listing
from callscope.archive.listing import Day
from callscope.archive.sources import SOURCE_DIR

SAMPLE: Final = 20
"""Calls of a day that are measured; of a day with no more than that, all are."""
_SOUND: Final = (".wav", ".wav.part")


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """What the calls of a month, or of all time, take."""

    name: str
    """``2026-11``."""
    calls: int
    sound_bytes: int
    text_bytes: int

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.sound_bytes + self.text_bytes


class DiskUse(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive takes."""

    months: tuple[Use, ...]
    """Newest first."""
    total: Use
    is_estimated: bool
    """Some days have more calls than were measured."""
    oldest_day: str | None
    """As ``2026-10-22``; None when there is none."""
    oldest_calls: int
    """Calls of that day."""


def disk_use(root: Path) -> DiskUse:
    """Measure. Raises `UnreadableError` where a directory may not be listed."""
    months: dict[str, list[int]] = {}
    is_estimated, oldest_day, oldest_calls = False, None, 0
    for day in listing.days(root):
        calls, sound_bytes, text_bytes = _day(day)
        is_estimated |= calls > SAMPLE
        of_month = months.setdefault(day.name[:7], [0, 0, 0])
        for i, value in enumerate((calls, sound_bytes, text_bytes)):
            of_month[i] += value
        if calls:
            oldest_day, oldest_calls = day.name, calls
    uses = tuple(_use(name, sums) for name, sums in months.items())
    total = [sum(column) for column in zip(*months.values(), strict=True)] if months else [0, 0, 0]
    return DiskUse(
        months=uses,
        total=_use("all", total),
        is_estimated=is_estimated,
        oldest_day=oldest_day,
        oldest_calls=oldest_calls,
    )


def _use(name: str, sums: list[int]) -> Use:
    return Use(name=name, calls=sums[0], sound_bytes=sums[1], text_bytes=sums[2])


def _day(day: Day) -> tuple[int, int, int]:
    """Calls, and about how many bytes of sound and of text they take."""
    calls = sorted(listing.names_of(day.path))
    step = max(1, len(calls) / SAMPLE)
    measured = [day.path / calls[int(i * step)] for i in range(min(SAMPLE, len(calls)))]
    sound_bytes = text_bytes = 0
    for call in measured:
        for name, size in _sizes(call):
            if name.endswith(_SOUND):
                sound_bytes += size
            else:
                text_bytes += size
    scale = len(calls) / len(measured) if measured else 0
    return len(calls), round(sound_bytes * scale), round(text_bytes * scale)


def _sizes(directory: Path) -> Iterator[tuple[str, int]]:
    """Names and sizes of a call's files and of what it was made from; what may not be seen or went is left out."""
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    yield entry.name, entry.stat(follow_symlinks=False).st_size
                elif entry.name == SOURCE_DIR and entry.is_dir(follow_symlinks=False):
                    yield from _sizes(Path(entry.path))
    except OSError:
        return
