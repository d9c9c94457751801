"""A stretch of time as people type it with ``--since`` and ``--until``, and the one before it."""

from __future__ import annotations

from typing import Final

import msgspec

from callscope.archive.listing import DAY_MS
from callscope.errors import SettingError
from callscope.query import moments
from callscope.report import figures

DEFAULT_DAYS: Final = 30
HELP_SINCE: Final = f"Calls that started then or later: 7d, 24h, 2026-11-20, today [default: {DEFAULT_DAYS} days]."
HELP_UNTIL: Final = "Calls that started before: the same words [default: now]."


class Period(msgspec.Struct, frozen=True, kw_only=True):
    """From one moment up to another one, and how much earlier the period lies that it is compared with."""

    since_ms: int
    """Unix milliseconds, inclusive."""
    until_ms: int
    """Unix milliseconds, exclusive."""
    step_ms: int

    @property
    def before(self) -> Period:
        """The equally long period that this one is compared with."""
        return Period(
            since_ms=max(0, self.since_ms - self.step_ms),
            until_ms=max(0, self.until_ms - self.step_ms),
            step_ms=self.step_ms,
        )

    def __str__(self) -> str:
        return f"{figures.moment(self.since_ms)[:16]} to {figures.moment(self.until_ms)[:16]} UTC"


def parse(since: str | None, until: str | None, *, now_ms: int) -> Period:
    """The period that was asked for: 30 days up to ``until``, and up to now, unless something else is said.

    Raises:
        SettingError: a word is no time (says what is), or the period is empty.
    """
    until_ms = now_ms if until is None else moments.parse(until, option="--until", now_ms=now_ms)
    if since is None:
        since_ms = max(0, until_ms - DEFAULT_DAYS * DAY_MS)
    else:
        since_ms = moments.parse(since, option="--since", now_ms=now_ms)
    if since_ms >= until_ms:
        raise SettingError(
            f"the period is empty: it begins {figures.moment(since_ms)} and ends {figures.moment(until_ms)}; "
            "write an earlier --since or a later --until"
        )
    return Period(since_ms=since_ms, until_ms=until_ms, step_ms=until_ms - since_ms)


def today(*, now_ms: int) -> Period:
    """The UTC day up to now; compared with the same hours of the day before."""
    return Period(since_ms=now_ms - now_ms % DAY_MS, until_ms=now_ms + 1, step_ms=DAY_MS)
