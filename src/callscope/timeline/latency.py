"""Response latency: from when the caller waited, and what a turn row says about it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from callscope.model.exchange import Part
    from callscope.timeline.running import Running

WaitFrom = Literal["speech", "turn", "transcript", "connection"]

_ROW_KEYS: Final = ("response_ms", "agent_response_ms")
_TOO_LONG_MS: Final = 1e12  # no wait at all: some other number in the wrong place


def wait_start(running: Running, until_ms: int) -> tuple[int, WaitFrom] | tuple[None, None]:
    """When the caller's wait began that ended at ``until_ms``, and what tells so.

    The last end of speech, else the last end of the turn, else the last transcript, none of them after
    ``until_ms``; for a greeting the connection.
    """
    if running.kind == "greeting":
        known = running.wait_known and running.started_at_ms <= until_ms
        return (running.started_at_ms, "connection") if known else (None, None)
    ends = [end.ts_ms for end in running.ends if end.ts_ms <= until_ms]
    if ends:
        return max(ends), "speech"
    stops = [stop.ts_ms for stop in running.turn_stops if stop.ts_ms <= until_ms]
    if stops:
        return max(stops), "turn"
    transcripts = [transcript.ts_ms for transcript in running.transcripts if transcript.ts_ms <= until_ms]
    if transcripts:
        return max(transcripts), "transcript"
    return None, None


def row_latency(response_ms: int, parts: tuple[Part, ...]) -> dict[str, int]:
    """What an assistant row says: ``response_ms`` and the sum of each stage, which add up to it."""
    latency = {"response_ms": response_ms}
    for part in parts:
        name = f"{part.stage}_ms"
        latency[name] = latency.get(name, 0) + part.duration_ms
    return latency


def response_of_row(latency: Mapping[str, Any] | None) -> int | None:
    """What the caller waited by an assistant row's own latency, in milliseconds; None when it does not say.

    The first known of ``response_ms``, ``agent_response_ms`` and ``total_ms``. Where ``total_ms`` counts
    from the caller's first sound, ``user_speech_duration_ms`` stands beside it and is taken off. Zero is not
    measured.
    """
    if not latency:
        return None
    for key in _ROW_KEYS:
        value = _known(latency.get(key))
        if value is not None:
            return round(value)
    total = _known(latency.get("total_ms"))
    if total is None:
        return None
    spoken = latency.get("user_speech_duration_ms")
    if spoken is None:
        return round(total)
    speech_ms = _finite(spoken)
    return None if speech_ms is None or speech_ms < 0 or speech_ms >= total else round(total - speech_ms)


def _known(value: object) -> float | None:
    number = _finite(value)
    return number if number is not None and 0 < number < _TOO_LONG_MS else None


def _finite(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return value
