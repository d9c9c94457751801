"""Moments and stretches of time as people type them, in UTC: ``7d``, ``2026-11-20``, ``2026-11``, ``yesterday``.

Pure: whoever asks says what time it is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from callscope.errors import SettingError
from callscope.model.wire import LAST_MS, parse_ts

DAY_MS: Final = 86_400_000
_UNIT_MS: Final = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": DAY_MS, "w": 7 * DAY_MS}
_AGO: Final = re.compile(r"([0-9]{1,6})\s*([smhdw])")
_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DAYS_AGO: Final = {"today": 0, "yesterday": 1}
_LONGEST: Final = 40
"""Characters. No moment is written longer, and only so much of what is none is shown."""


def moment(word: str, *, now_ms: int) -> int:
    """Unix milliseconds of a moment: an age, ``now``, or the beginning of a day, month, minute or second.

    Raises:
        SettingError: it is none; says what is.
    """
    found = _moment(word, now_ms)
    if found is None:
        raise SettingError(f"{_shown(word)} is no time: {_write(now_ms)}, 2h, 7d, 2w or yesterday")
    return found


def parse(text: str, *, option: str, now_ms: int) -> int:
    """The same for an option of a command, which the error names.

    Raises:
        SettingError: it is none; says what is.
    """
    try:
        return moment(text, now_ms=now_ms)
    except SettingError as error:
        raise SettingError(f"{option} {error}") from None


def span(word: str, *, now_ms: int) -> tuple[int, int]:
    """A whole day or month, as its first moment and the first one after it, in Unix milliseconds.

    Raises:
        SettingError: it is neither; says what is.
    """
    days = _span(word, now_ms)
    if days is None:
        raise SettingError(
            f"{_shown(word)} is no day: write as in {_day(now_ms)}, {_day(now_ms)[:7]}, today or yesterday"
        )
    return days


def stretch(first: str, last: str, *, now_ms: int) -> tuple[int | None, int | None]:
    """From ``first`` up to ``last``: a day or month at the end belongs to it whole. An empty side is open.

    Raises:
        SettingError: a side is no time; says what is.
    """
    since_ms = moment(first, now_ms=now_ms) if first else None
    days = _span(last, now_ms)
    if days is not None:
        return since_ms, days[1]
    return since_ms, moment(last, now_ms=now_ms) if last else None


def _moment(text: str, now_ms: int) -> int | None:
    word = text.strip().lower()
    if not word or len(word) > _LONGEST or word.isdecimal():
        return None
    if word == "now":
        return now_ms
    ago = _AGO.fullmatch(word)
    if ago is not None:
        return max(0, now_ms - int(ago[1]) * _UNIT_MS[ago[2]])
    days = _span(word, now_ms)
    return days[0] if days is not None else parse_ts(word.upper())


def _span(text: str, now_ms: int) -> tuple[int, int] | None:
    word = text.strip().lower()
    if word in _DAYS_AGO:
        start_ms = now_ms - now_ms % DAY_MS - _DAYS_AGO[word] * DAY_MS
        return start_ms, start_ms + DAY_MS
    if _DAY.fullmatch(word):
        first_ms = parse_ts(word)
        return None if first_ms is None else (first_ms, min(first_ms + DAY_MS, LAST_MS))
    if _MONTH.fullmatch(word):
        first_ms = parse_ts(f"{word}-01")
        return None if first_ms is None else (first_ms, _next_month_ms(first_ms))
    return None


def _next_month_ms(first_ms: int) -> int:
    try:
        later = datetime.fromtimestamp(first_ms / 1000, tz=UTC) + timedelta(days=31)
    except OverflowError:  # December of the last year there is
        return LAST_MS
    return round(later.replace(day=1).timestamp() * 1000)


def _day(now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms / 1000, tz=UTC).date().isoformat()


def _write(now_ms: int) -> str:
    return f"write as in {_day(now_ms)}, {_day(now_ms)}T09:30, {_day(now_ms)[:7]}"


def _shown(word: str) -> str:
    return repr(word if len(word) <= _LONGEST else f"{word[:_LONGEST]}…")
