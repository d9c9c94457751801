"""A usage record as it was reported: its keys known, its numbers held to be numbers. The keys: docs/usage-keys.md.

What cannot be read is kept as a problem for a line of its own, so that the rest of the record is still priced.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

Number = int | Decimal

TOKEN_KEYS: Final = (
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "ephemeral_1h_input_tokens",
    "reasoning_tokens",
    "input_text_tokens",
    "input_audio_tokens",
    "cached_text_tokens",
    "cached_audio_tokens",
    "output_text_tokens",
    "output_audio_tokens",
)
SECONDS_KEYS: Final = ("audio_seconds", "session_seconds", "call_seconds")
TEXT_KEYS: Final = ("credits", "characters", "utf8_bytes")
"""What was spoken, measured in three ways; the provider's own count first."""
COUNT_KEYS: Final = ("requests", "calls", "events", "messages", "months", "minute_months")
COUNTED_KEYS: Final = frozenset((*TOKEN_KEYS, *SECONDS_KEYS, *TEXT_KEYS, *COUNT_KEYS))
"""Numbers that somebody may bill."""
WHOLE_KEYS: Final = frozenset({"channels", "attempts", "unreported_requests"})
"""Numbers that say how often, or of how much, the others are."""
WORD_KEYS: Final = ("mode", "direction", "plan", "service_tier", "region")
ADD_ON_KEYS: Final = ("add_ons", "add-ons", "addons")
OTHER_KEYS: Final = ("text", "legs", "sessions", "provider_reported", "error")
FACTS: Final = frozenset({
    "service", "provider", "model", "at", "at_ms", "ts", "processor", "request_id", "response_id", "error_id",
    "call_id", "call_sid", "sid", "turn_index", "stage", "transport", "language", "voice", "outcome", "interrupted",
    "stream", "reports", "ttfb_ms", "ttft_ms", "ttfa_ms", "duration_ms", "processing_ms", "thinking_ms",
    "leading_silence_ms", "text_length", "sample_rate", "usage_reported", "total_tokens", "characters_played",
})  # fmt: skip
"""Known, and billed by nobody."""
KNOWN: Final = frozenset((*COUNTED_KEYS, *WHOLE_KEYS, *WORD_KEYS, *ADD_ON_KEYS, *OTHER_KEYS, *FACTS))

_ELSEWHERE: Final = {
    "prompt_tokens": "input_tokens",
    "completion_tokens": "output_tokens",
    "thoughts_tokens": "reasoning_tokens",
    "cached_content_tokens": "cached_tokens",
    "cache_read_input_audio_tokens": "cached_audio_tokens",
    "seconds": "audio_seconds, session_seconds or call_seconds",
    "minutes": "audio_seconds, session_seconds or call_seconds",
    "duration": "audio_seconds, session_seconds or call_seconds",
    "chars": "characters",
    "tier": "service_tier",
}
"""Names of the same things in providers' own answers."""

MAX_QUANTITY: Final = 10**15
"""More than anything can use: what is beyond is a mistake."""
_SMALLEST_EXPONENT: Final = -18
_LEAST: Final = 1e-9
_DIGITS: Final = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,18})?", re.ASCII)
_ONE: Final = Decimal(1)
_SHOWN: Final = 40


class Piece(msgspec.Struct, frozen=True):
    """A stretch of time that is rounded on its own: a leg, a session, a request."""

    seconds: Number
    times: int = 1
    """How many of this length there were."""
    direction: str | None = None


class Problem(msgspec.Struct, frozen=True):
    """A key that cannot be used, and why."""

    key: str
    reason: str


class Reported(msgspec.Struct, kw_only=True):
    """One record, read. Made by `read`."""

    numbers: dict[str, Number] = {}
    """Of `COUNTED_KEYS`."""
    whole: dict[str, int] = {}
    """Of `WHOLE_KEYS`."""
    words: dict[str, str] = {}
    """Of `WORD_KEYS`."""
    text: str | None = None
    legs: tuple[Piece, ...] | int | None = None
    sessions: tuple[Piece, ...] | int | None = None
    add_ons: tuple[str, ...] = ()
    total_tokens: Number = 0
    """Never billed; it tells how a provider counts."""
    characters_played: bool = False
    failed: bool = False
    errors: list[Problem] = []
    """What is wrong."""
    unknown: list[Problem] = []
    """Keys that nobody knows."""
    assumed: str | None = None
    """A word that was not understood, and what is assumed instead."""


def read(usage: Mapping[str, object]) -> Reported:
    """The record's keys and values, each checked by itself; never raises for what JSON can hold."""
    found = Reported()
    given: object = usage
    if not isinstance(given, Mapping):
        found.errors.append(Problem("usage", f"usage is {shown(given)}: give an object"))
        return found
    numbers = found.numbers
    for key, value in usage.items():
        if value is None:
            continue
        if key in COUNTED_KEYS:
            amount = number(value)
            if amount is None:
                found.errors.append(_no_number(key, value))
            else:
                numbers[key] = amount
        else:
            reader = _READERS.get(key)
            if reader is not None:
                reader(found, key, value)
            elif key not in FACTS:
                _unknown(found, key, value)
    return found


def number(value: object) -> Number | None:
    """A finite number from 0 to 10^15: an int, float, Decimal or digits; else None.

    A float is the number that it is written as: 0.1 is a tenth.
    """
    if type(value) is int:
        return value if 0 <= value <= MAX_QUANTITY else None
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return number(int(value))
    if isinstance(value, float):
        if not (value == 0 or _LEAST <= value <= MAX_QUANTITY):
            return None
        return int(value) if value.is_integer() else Decimal(repr(float(value)))
    if isinstance(value, str):
        if _DIGITS.fullmatch(value) is None:
            return None
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite() or not 0 <= value <= MAX_QUANTITY:
        return None
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < _SMALLEST_EXPONENT:
        return Decimal(0) if value == 0 else None
    return int(value) if exponent >= 0 or value % _ONE == 0 else value


def shown(value: object) -> str:
    """A value as a reason may quote it: short, whatever it is."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) > MAX_QUANTITY:
        return "beyond 10^15"
    if isinstance(value, int | float | Decimal):
        return str(value)[:_SHOWN]
    if isinstance(value, str):
        return repr(value[:_SHOWN])
    return f"of type {type(value).__name__}"


def _no_number(key: str, value: object) -> Problem:
    return Problem(key, f"{key} is {shown(value)}: give a number from 0 to 10^15")


def _whole(found: Reported, key: str, value: object) -> None:
    amount = number(value)
    least = 0 if key == "unreported_requests" else 1
    if not isinstance(amount, int) or amount < least:
        found.errors.append(Problem(key, f"{key} is {shown(value)}: give a whole number from {least}"))
    else:
        found.whole[key] = amount


def _word(found: Reported, key: str, value: object) -> None:
    if not isinstance(value, str):
        found.errors.append(Problem(key, f"{key} is {shown(value)}: give a word"))
        return
    word = value.strip()
    if key == "direction":
        word = _direction(word) or ""
        if not word:
            found.assumed = f"direction is {shown(value)}, which is neither inbound nor outbound"
    elif key == "mode":
        word = word.lower()
        if word not in ("streaming", "batch"):
            found.assumed = f"mode is {shown(value)}, which is neither streaming nor batch"
            word = ""
    elif key == "service_tier" and word.lower() in ("default", "standard", "auto", "on_demand"):
        word = ""  # what is charged when no tier is asked for
    if word:
        found.words[key] = word


def _direction(value: object) -> str | None:
    # Twilio's own words are "outbound-api" and "outbound-dial".
    word = value.lower().partition("-")[0] if isinstance(value, str) else ""
    return word if word in ("inbound", "outbound") else None


def _text(found: Reported, key: str, value: object) -> None:
    if isinstance(value, str):
        found.text = value
    else:
        found.errors.append(Problem(key, f"{key} is {shown(value)}: give the text that was sent"))


def _pieces(found: Reported, key: str, value: object) -> None:
    seconds_key = "call_seconds" if key == "legs" else "session_seconds"
    read_as: tuple[Piece, ...] | int | None
    if isinstance(value, list | tuple):
        pieces = [_piece(item, seconds_key) for item in value]
        wrong = next((index for index, piece in enumerate(pieces) if piece is None), None)
        if wrong is not None:
            item = value[wrong].get(seconds_key) if isinstance(value[wrong], Mapping) else value[wrong]
            found.errors.append(
                Problem(key, f"{key}[{wrong}] is {shown(item)}: give seconds, or an object with {seconds_key}")
            )
        read_as = tuple(piece for piece in pieces if piece is not None) or None
    else:
        amount = number(value)
        read_as = amount if isinstance(amount, int) else None
        if read_as is None:
            found.errors.append(Problem(key, f"{key} is {shown(value)}: give a list of seconds, or a whole number"))
    if key == "legs":
        found.legs = read_as
    else:
        found.sessions = read_as


def _piece(item: object, seconds_key: str) -> Piece | None:
    direction = None
    if isinstance(item, Mapping):
        direction = _direction(item.get("direction"))
        item = item.get(seconds_key)
    seconds = number(item)
    return None if seconds is None else Piece(seconds, direction=direction)


def _add_ons(found: Reported, key: str, value: object) -> None:
    names = (value,) if isinstance(value, str) else value
    if isinstance(names, list | tuple) and all(isinstance(name, str) and name for name in names):
        found.add_ons = tuple(dict.fromkeys((*found.add_ons, *names)))
    elif value:
        found.errors.append(Problem(key, f"{key} is {shown(value)}: give a list of names"))


def _total(found: Reported, _key: str, value: object) -> None:
    found.total_tokens = number(value) or 0


def _played(found: Reported, _key: str, value: object) -> None:
    found.characters_played = bool(value)


def _error(found: Reported, _key: str, value: object) -> None:
    found.failed = bool(value)


def _provider_reported(found: Reported, key: str, value: object) -> None:
    if reported_amount(value) is None:
        found.errors.append(
            Problem(key, f"{key} is {shown(value)}: give an amount, or an object with amount and currency")
        )


def reported_amount(value: object) -> tuple[Decimal, str] | None:
    """The amount and currency that a provider reported; what it charges may be negative (Twilio) or not."""
    currency: object = "USD"
    if isinstance(value, Mapping):
        currency = next((value[name] for name in ("currency", "price_unit") if value.get(name)), "USD")
        value = next((value[name] for name in ("amount", "price", "usd", "cost", "value") if name in value), None)
    if isinstance(value, str):
        value = value.strip().removeprefix("-")
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool) and value < 0:
        value = -value
    amount = number(value)
    if amount is None or not isinstance(currency, str):
        return None
    return Decimal(amount), currency.strip().upper() or "USD"


def _unknown(found: Reported, key: object, value: object) -> None:
    if isinstance(value, bool | int | float | str) and not value:
        return  # nothing of it was used
    name = key[:_SHOWN] if isinstance(key, str) else f"a key {shown(key)}"
    instead = _ELSEWHERE.get(name)
    near = [instead] if instead else difflib.get_close_matches(name, KNOWN - FACTS, n=1)
    found.unknown.append(
        Problem(name, f"{name} is no usage key" + (f": report {near[0]}" if near else ": see docs/usage-keys.md"))
    )


_READERS: Final[dict[str, Callable[[Reported, str, object], None]]] = {
    **dict.fromkeys(WHOLE_KEYS, _whole),
    **dict.fromkeys(WORD_KEYS, _word),
    **dict.fromkeys(ADD_ON_KEYS, _add_ons),
    "text": _text,
    "legs": _pieces,
    "sessions": _pieces,
    "provider_reported": _provider_reported,
    "error": _error,
    "total_tokens": _total,
    "characters_played": _played,
}
