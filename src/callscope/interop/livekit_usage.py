"""What a LiveKit session used: the lines of its reports as our units, and the other way.

Cached tokens are inside the input and reasoning is inside the output, as with us; but for Anthropic, whose plugin adds
the cached ones to the input and where they are taken out again. Zeros stand where a provider said nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from callscope.interop import aliases
from callscope.interop.livekit_values import text
from callscope.interop.told import provider_named
from callscope.model.usage import UsageLine

_CACHE_BESIDE: Final = frozenset({"anthropic"})
_SERVICES: Final = {"llm_usage": "llm", "stt_usage": "stt", "tts_usage": "tts"}
DECIDERS: Final = frozenset({"interruption_usage", "eot_usage"})
"""Kinds that count requests only; LiveKit's own models, which nobody bills by request."""
_UNITS: Final = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "input_cached_tokens": "cache_read_input_tokens",
    "input_cache_creation_tokens": "cache_creation_input_tokens",
    "output_reasoning_tokens": "reasoning_tokens",
    "input_audio_tokens": "input_audio_tokens",
    "characters_count": "characters",
    "audio_duration": "audio_seconds",
}
_SPOKEN: Final = {
    "output_audio_tokens": "output_audio_tokens",
    "input_cached_audio_tokens": "cached_audio_tokens",
    "session_duration": "session_seconds",
}
_KINDS: Final = {"llm": "llm_usage", "realtime": "llm_usage", "stt": "stt_usage", "tts": "tts_usage"}
_ROUNDED: Final = 6


class Used:
    """One line of a report's usage.

    Attributes:
        service: ours; None for a model that judges turns or interruptions.
        facts: ``provider`` and ``model``, as far as they are known.
        units: by our names; what is not in them nobody told.
    """

    def __init__(self, line: dict[str, Any], *, realtime: bool) -> None:
        kind = kind_of(line)
        self.service = _SERVICES.get(kind)
        if self.service == "llm" and realtime and line.get("output_audio_tokens"):
            self.service = "realtime"
        provider, model = text(line.get("provider")), text(line.get("model"))
        named = provider_named(provider) if provider is not None and provider != "unknown" else None
        self.facts = {
            name: value
            for name, value in (("provider", named), ("model", None if model == "unknown" else model))
            if value is not None
        }
        names = {**_UNITS, **_SPOKEN} if self.service == "realtime" else _UNITS
        told = {ours: aliases.figure(line.get(theirs)) for theirs, ours in names.items()}
        self.units = {
            unit: round(value, _ROUNDED) if isinstance(value, float) else value for unit, value in told.items() if value
        }
        if named in _CACHE_BESIDE and "input_tokens" in self.units:
            beside = self.units.get("cache_read_input_tokens", 0) + self.units.get("cache_creation_input_tokens", 0)
            self.units["input_tokens"] = max(0, self.units["input_tokens"] - beside)


def kind_of(line: dict[str, Any]) -> str:
    """What a line counts; before 1.8.9 it does not say, and its keys tell."""
    kind = text(line.get("type"))
    if kind is not None:
        return kind
    if "characters_count" in line:
        return "tts_usage"
    if "audio_duration" in line:
        return "stt_usage"
    return "eot_usage" if "total_requests" in line else "llm_usage"


def is_realtime(lines: Iterable[dict[str, Any]]) -> bool:
    """Whether a session's model spoke itself."""
    lines = list(lines)
    if any(kind_of(line) == "tts_usage" for line in lines):
        return False
    return any(kind_of(line) == "llm_usage" and line.get("output_audio_tokens") for line in lines)


def lines_of(usage: Iterable[UsageLine]) -> tuple[list[dict[str, Any]], list[str]]:
    """Our sums as a report's lines, and what of them a report has no place for."""
    lines, left = [], []
    for each in usage:
        kind = _KINDS.get(each.service)
        if kind is None:
            left.append(f"usage of {each.service}")
            continue
        names = {ours: theirs for theirs, ours in {**_UNITS, **_SPOKEN}.items()}
        units = dict(each.units)
        if each.provider in _CACHE_BESIDE and "input_tokens" in units:
            units["input_tokens"] += units.get("cache_read_input_tokens", 0)
            units["input_tokens"] += units.get("cache_creation_input_tokens", 0)
        told = {names[unit]: value for unit, value in units.items() if unit in names}
        left += [f"{unit} of {each.service}" for unit in units if unit not in names and unit != "total_tokens"]
        if told:
            lines.append({"type": kind, "provider": each.provider or "", "model": each.model or "", **told})
    return lines, left
