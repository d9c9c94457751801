"""Moments of LiveKit's events, which are Unix seconds, in Unix milliseconds."""

from __future__ import annotations

from typing import Any

from callscope.clock import now_ms


def ms(seconds: object) -> float | None:
    """Unix seconds as milliseconds; None for anything else."""
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and seconds > 0:
        return seconds * 1000
    return None


def moment(event: Any) -> float:
    """When an event says that it was; now where it does not."""
    told = ms(getattr(event, "created_at", None))
    return float(now_ms()) if told is None else told


def known(data: dict[str, Any]) -> dict[str, Any]:
    """What is known of ``data``: without its Nones."""
    return {name: value for name, value in data.items() if value is not None}
