"""What requests used, as the conventions count it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from callscope.interop import gen_ai

_TOKENS: Final = {
    gen_ai.OUTPUT_TOKENS: ("output_tokens",),
    gen_ai.CACHE_READ: ("cache_read_input_tokens", "cached_tokens"),
    gen_ai.CACHE_WRITE: ("cache_creation_input_tokens",),
    gen_ai.REASONING: ("reasoning_tokens",),
    gen_ai.AUDIO_INPUT: ("input_audio_tokens",),
    gen_ai.AUDIO_OUTPUT: ("output_audio_tokens",),
    gen_ai.AUDIO_CACHE_READ: ("cached_audio_tokens",),
}
_MOST: Final = 10**15


def tokens(usages: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Tokens of a request by the conventions' names; those that nobody told are absent."""
    sums: dict[str, int] = {}
    for data in usages:
        for name, count in _of_one(data).items():
            sums[name] = sums.get(name, 0) + count
    return sums


def summed(usages: Iterable[Mapping[str, Any]], unit: str) -> float | None:
    """The sum of one unit; None when nobody told any of it."""
    told = [value for data in usages if (value := _number(data.get(unit))) is not None]
    if not told:
        return None
    total = math.fsum(told)
    return int(total) if total.is_integer() else round(total, 6)


def openinference(counts: Mapping[str, int]) -> dict[str, int]:
    """The same counts by OpenInference's names, and their total where both sides are known."""
    named = {gen_ai.OI_TOKENS[name]: count for name, count in counts.items() if name in gen_ai.OI_TOKENS}
    if gen_ai.INPUT_TOKENS in counts and gen_ai.OUTPUT_TOKENS in counts:
        named[gen_ai.OI_TOTAL_TOKENS] = counts[gen_ai.INPUT_TOKENS] + counts[gen_ai.OUTPUT_TOKENS]
    return named


def _of_one(data: Mapping[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    sent = _whole(data.get("input_tokens"))
    if sent is not None:
        beside = str(data.get("provider") or "").lower().startswith(gen_ai.CACHED_BESIDE)
        found[gen_ai.INPUT_TOKENS] = sent
        if beside:
            cached = (
                data.get("cache_read_input_tokens", data.get("cached_tokens")),
                data.get("cache_creation_input_tokens"),
            )
            found[gen_ai.INPUT_TOKENS] += sum(_whole(each) or 0 for each in cached)
    for name, units in _TOKENS.items():
        count = next((each for unit in units if (each := _whole(data.get(unit))) is not None), None)
        if count is not None:
            found[name] = count
    return found


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        return None
    return value


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None or number != int(number) else int(number)
