"""Figures as people read them. What is unknown is a dash, never 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from callscope.model.wire import format_ts
from callscope.timeline.percentiles import percentile

UNKNOWN: Final = "\N{EN DASH}"
ENOUGH: Final = 20
"""Values from which a p95 says something."""
_SECOND_MS: Final = 1000
_MINUTE_S: Final = 60


def wait(value: object) -> str:
    """Milliseconds: ``812 ms``, from one second on ``1.24 s``."""
    ms = known(value)
    if ms is None:
        return UNKNOWN
    return f"{ms:.0f} ms" if round(ms) < _SECOND_MS else f"{ms / _SECOND_MS:.2f} s"


def clock(value: object) -> str:
    """Milliseconds as ``1:24`` or ``1:02:03``."""
    ms = known(value)
    if ms is None:
        return UNKNOWN
    minutes, seconds = divmod(int(ms) // _SECOND_MS, _MINUTE_S)
    hours, minutes = divmod(minutes, _MINUTE_S)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def moment(ts_ms: int | None) -> str:
    """``2026-11-21 09:30:12 UTC``."""
    return UNKNOWN if ts_ms is None else format_ts(ts_ms)[:19].replace("T", " ") + " UTC"


def short_moment(ts_ms: int | None, *, now_ms: int) -> str:
    """``11-21 09:30``; with the year in place of the time when it is another year. UTC."""
    if ts_ms is None:
        return UNKNOWN
    text = format_ts(ts_ms)
    return f"{text[5:10]} {text[11:16]}" if text[:4] == format_ts(now_ms)[:4] else text[:10]


def size(number_of_bytes: int) -> str:
    """``12.3 MB``."""
    value = float(number_of_bytes)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000:  # noqa: PLR2004 -- decimal units, as disks are sold
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def count(number: int, what: str) -> str:
    """``1 call``, ``2,000 calls``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def percentiles(values: Sequence[float]) -> str:
    """``p50 1.24 s, p95 2.10 s (n=23)``; a p95 of few values would only be their worst."""
    if not values:
        return UNKNOWN
    ordered = sorted(values)
    p95 = wait(percentile(ordered, 0.95)) if len(ordered) >= ENOUGH else f"{UNKNOWN} (needs {ENOUGH})"
    return f"p50 {wait(percentile(ordered, 0.5))}, p95 {p95}, n={len(ordered)}"


def known(value: object) -> float | None:
    """A finite number, or None."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return value if math.isfinite(value) and value >= 0 else None
