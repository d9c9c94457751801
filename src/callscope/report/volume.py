"""How much was used, as people speak of it: minutes, tokens, characters.

A line with a unit counts what is billed, each thing once. A line without one repeats a figure as it was reported, and
reports tell the same twice: seconds of sound and of the session, tokens and the cached ones among them. Of those the
largest counts, and only where nothing of its kind has a unit.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from callscope.archive.spend import CallSpend
from callscope.model.cost import NOT_BILLED, CostLine
from callscope.prices.units import UNITS

Volume = dict[str, Decimal]
"""Sums of ``seconds``, ``tokens`` and ``characters``; what was not used is absent."""

_FAMILIES: Final = {"time": "seconds", "tokens": "tokens", "characters": "characters", "bytes": "characters"}
_TOKENS: Final = ("input_tokens", "output_tokens")
_KINDS: Final = {
    **dict.fromkeys(("audio_seconds", "session_seconds", "call_seconds", "legs", "sessions"), "seconds"),
    **dict.fromkeys(("characters", "utf8_bytes", "text"), "characters"),
    **dict.fromkeys(_TOKENS, "tokens"),
}


def volumes(calls: Iterable[CallSpend]) -> dict[str | None, Volume]:
    """What calls used, by provider."""
    found: dict[str | None, Volume] = {}
    for call in calls:
        subjects: dict[tuple[str, str | None, str | None], list[CostLine]] = {}
        for line in call.lines:
            subjects.setdefault((line.service, line.provider, line.model), []).append(line)
        for (_, provider, _), lines in subjects.items():
            sums = found.setdefault(provider, {})
            for kind, quantity in _of_subject(lines).items():
                sums[kind] = sums.get(kind, Decimal(0)) + quantity
    return found


def _of_subject(lines: Iterable[CostLine]) -> Volume:
    """What one call used of one model; add-ons are charged on what another line counts."""
    billed: Volume = {}
    told: dict[str, dict[str, Decimal]] = {}
    for line in lines:
        if line.quantity is None or (line.usage or "").startswith("addon:"):
            continue
        if line.unit in UNITS and line.status != NOT_BILLED:
            unit = UNITS[line.unit]
            kind = _FAMILIES.get(unit.family)
            if kind is not None:
                billed[kind] = billed.get(kind, Decimal(0)) + line.quantity * unit.per
        elif line.usage in _KINDS:
            told.setdefault(_KINDS[line.usage], {})[line.usage] = line.quantity
    for kind, quantities in told.items():
        values = quantities.values()
        billed.setdefault(kind, sum(values, Decimal(0)) if kind == "tokens" else max(values))
    return billed
