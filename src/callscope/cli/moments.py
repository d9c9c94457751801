"""Moments as people type them: ``2026-11-21``, ``2026-11-21T09:30``, ``2h``, ``7d``, ``today``, ``yesterday``."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

from callscope.archive.listing import DAY_MS
from callscope.errors import SettingError
from callscope.model.wire import parse_ts

_AGO: Final = re.compile(r"([0-9]{1,6})\s*(s|m|h|d|w)")
_UNIT_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY_MS, "w": 7 * DAY_MS}


def parse(text: str, *, option: str, now_ms: int) -> int:
    """Unix milliseconds of a moment; without an offset it is UTC.

    Raises:
        SettingError: it is none; says what to write.
    """
    word = text.strip().lower()
    midnight_ms = now_ms - now_ms % DAY_MS
    days_ago = {"now": None, "today": 0, "yesterday": 1}.get(word, -1)
    if days_ago is None:
        return now_ms
    if days_ago >= 0:
        return midnight_ms - days_ago * DAY_MS
    ago = _AGO.fullmatch(word)
    if ago is not None:
        return max(0, now_ms - int(ago[1]) * _UNIT_MS[ago[2]])
    moment = parse_ts(text.upper()) if not word.isdecimal() else None
    if moment is None:
        today = datetime.fromtimestamp(now_ms / 1000, tz=UTC).date()
        raise SettingError(f"{option} {text!r} is no time: write as in {today}, {today}T09:30, 2h, 7d or yesterday")
    return moment
