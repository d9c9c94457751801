"""Values beside an axis, as short as round values can be written."""

from __future__ import annotations

from typing import Final

_SECOND_MS: Final = 1_000
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 3_600_000
_TINY: Final = 9
"""Decimals of what is smallest."""


def short_wait(ms: float) -> str:
    """``0``, ``500 ms``, ``1.5 s``, ``2 min``."""
    if ms <= 0:
        return "0"
    for unit, length in (("h", _HOUR_MS), ("min", _MINUTE_MS), ("s", _SECOND_MS)):
        if ms >= length * (5 if unit == "min" else 1):
            return f"{short_number(ms / length)} {unit}"
    return f"{short_number(ms)} ms"


def short_money(usd: float) -> str:
    """``$0``, ``$0.05``, ``$1,200``."""
    return f"${short_number(usd)}"


def short_number(value: float) -> str:
    """``0``, ``0.25``, ``1,200``."""
    if abs(value) >= 100:  # noqa: PLR2004 -- no decimals are seen beside three figures
        return f"{value:,.0f}"
    return f"{value:.{_TINY}f}".rstrip("0").rstrip(".")
