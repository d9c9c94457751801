"""A wait beside the one that is allowed, as a bar of a fixed length."""

from __future__ import annotations

from typing import Final

import msgspec

_SCALE: Final = 3
"""Targets that the whole length stands for; a longer wait fills it."""
_FAR_OVER: Final = 2
"""Targets from which it is trouble."""

TARGET_PERCENT: Final = f"{100 / _SCALE:.2f}%"
"""Where the target is marked."""


class WaitBar(msgspec.Struct, frozen=True):
    """What is drawn."""

    width: str
    """Of the bar, in percent of its place."""
    kind: str
    """Class of its colour: ``k-other`` up to the target, ``k-warn`` above, ``k-bad`` above twice of it."""


def wait_bar(wait_ms: float, target_ms: float) -> WaitBar:
    """The bar of a wait, in milliseconds, beside a target above 0."""
    part = min(max(wait_ms, 0) / (target_ms * _SCALE), 1)
    kind = "k-other" if wait_ms <= target_ms else "k-warn" if wait_ms <= target_ms * _FAR_OVER else "k-bad"
    return WaitBar(f"{part * 100:.1f}%", kind)
