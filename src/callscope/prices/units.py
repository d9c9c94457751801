"""Units that providers bill in, and the usage that each one counts.

``amount = quantity / UNITS[unit].per * price``, the quantity being counted by `Unit.usage`. Units that end in
``_estimate`` are a provider's own approximation of another meter: what they give is ``estimated``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal

import msgspec

Family = Literal["time", "characters", "bytes", "tokens", "count"]


class Unit(msgspec.Struct, frozen=True):
    """One unit of billing."""

    family: Family
    usage: str
    """What is counted: ``seconds``, ``characters``, ``utf8_bytes``, a kind of token, or a usage key."""
    per: Decimal
    """How much of it one unit holds."""
    estimate: bool = False


_SECOND: Final = Decimal(1)
_MINUTE: Final = Decimal(60)
_HOUR: Final = Decimal(3600)
_THOUSAND: Final = Decimal(1000)
_MILLION: Final = Decimal(1_000_000)
_ONE: Final = Decimal(1)

TOKEN_KINDS: Final = (
    "input_text_tokens",
    "cached_input_text_tokens",
    "input_audio_tokens",
    "cached_input_audio_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "output_text_tokens",
    "output_audio_tokens",
)
"""Kinds of token that have prices of their own. Each token of a request is of exactly one kind."""

UNITS: Final[dict[str, Unit]] = {
    "second": Unit("time", "seconds", _SECOND),
    "minute": Unit("time", "seconds", _MINUTE),
    "hour": Unit("time", "seconds", _HOUR),
    "minute_estimate": Unit("time", "seconds", _MINUTE, estimate=True),
    "hour_estimate": Unit("time", "seconds", _HOUR, estimate=True),
    "1k_chars": Unit("characters", "characters", _THOUSAND),
    "1M_chars": Unit("characters", "characters", _MILLION),
    "1M_utf8_bytes": Unit("bytes", "utf8_bytes", _MILLION),
    "credit": Unit("count", "credits", _ONE),
    "request": Unit("count", "requests", _ONE),
    "call": Unit("count", "calls", _ONE),
    "event": Unit("count", "events", _ONE),
    "message": Unit("count", "messages", _ONE),
    "text_message": Unit("count", "messages", _ONE),
    "month": Unit("count", "months", _ONE),
    "minute_month": Unit("count", "minute_months", _ONE),
    **{f"1M_{kind}": Unit("tokens", kind, _MILLION) for kind in TOKEN_KINDS},
}
