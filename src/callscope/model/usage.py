"""What a service did that somebody bills for, counted in the units it is billed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

SERVICES: Final = ("llm", "stt", "tts", "realtime", "telephony", "turn", "other")

UNITS: Final = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cached_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "reasoning_tokens",
    "input_audio_tokens",
    "output_audio_tokens",
    "cached_audio_tokens",
    "audio_seconds",
    "session_seconds",
    "call_seconds",
    "characters",
)
"""Units that add up over a call. ``reasoning_tokens`` are inside ``output_tokens``; whether cached tokens are
inside ``input_tokens`` depends on the provider (inside for OpenAI-compatible ones, beside for Anthropic and
Bedrock), which is why the provider is part of a usage line's key."""


_MAX_QUANTITY: Final = 10**15
"""More than any call can use: what is beyond is a mistake, and would not add up in a float."""


class UsageLine(msgspec.Struct, frozen=True, kw_only=True):
    """The sum over a call for one service, provider and model."""

    service: str
    """One of `SERVICES`."""
    provider: str | None
    """Who bills it; None when unknown."""
    model: str | None
    """As configured; None when unknown."""
    reports: int
    """Usage reports that were added up."""
    unreported_requests: int = 0
    """Requests that ended without a usage report: their usage is missing from ``units``."""
    units: dict[str, float] = {}
    """Sums by unit; a unit that no report held is absent, not 0."""


class _Sum:
    __slots__ = ("reports", "units", "unreported")

    def __init__(self) -> None:
        self.reports = 0
        self.unreported = 0
        self.units: dict[str, float] = {}


class UsageSum:
    """Adds up ``usage`` events and requests without a report; order does not matter."""

    __slots__ = ("_sums",)

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str | None, str | None], _Sum] = {}

    def add(self, data: Mapping[str, Any]) -> None:
        """Add one ``usage`` event's data; units that are not finite numbers are left out.

        ``unreported_requests`` in the data counts requests whose usage nobody told.
        """
        key = (str(data.get("service") or "other"), _name(data.get("provider")), _name(data.get("model")))
        entry = self._sums.get(key)
        if entry is None:
            entry = self._sums[key] = _Sum()
        unreported = data.get("unreported_requests")
        if type(unreported) is int and unreported > 0:
            entry.unreported += unreported
        found = False
        for unit in UNITS:
            value = data.get(unit)
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MAX_QUANTITY:
                entry.units[unit] = entry.units.get(unit, 0) + value
                found = True
        if found:
            entry.reports += 1

    def lines(self) -> list[UsageLine]:
        """The sums so far, sorted by service, provider and model."""
        return [
            UsageLine(
                service=service,
                provider=provider,
                model=model,
                reports=entry.reports,
                unreported_requests=entry.unreported,
                units={unit: _tidy(value) for unit, value in entry.units.items()},
            )
            for (service, provider, model), entry in sorted(
                self._sums.items(), key=lambda item: tuple(part or "" for part in item[0])
            )
        ]


def sum_usage(usages: Iterable[Mapping[str, Any]]) -> list[UsageLine]:
    """Sum the data of ``usage`` events by service, provider and model."""
    total = UsageSum()
    for data in usages:
        total.add(data)
    return total.lines()


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _tidy(value: float) -> float:
    """Whole numbers as int; fractions to the microsecond, so that sums of 0.1 read as people expect."""
    return int(value) if value == int(value) else round(value, 6)
