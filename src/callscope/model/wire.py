"""The wire form: times as text and back, values that JSON can hold, one line a row.

Times are RFC 3339, UTC, milliseconds, ``Z``. Reading takes what other writers leave: offsets, missing
fractions, epoch seconds or milliseconds as numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

MAX_DEPTH: Final = 32
_MS_PER_SECOND: Final = 1000
_EPOCH_MS_FROM: Final = 100_000_000_000
"""Numbers from here on (the year 5138 in seconds, 1973 in milliseconds) are read as milliseconds."""
LAST_MS: Final = 253_402_300_799_999
"""9999-12-31T23:59:59.999Z, the last moment there is."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


@lru_cache(maxsize=64)
def _second(epoch_second: int) -> str:
    return datetime.fromtimestamp(epoch_second, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.")


def format_ts(ts_ms: int) -> str:
    """Unix milliseconds as ``2026-11-21T09:30:00.250Z``; moments outside the years 1970 to 9999 are clamped."""
    if not 0 <= ts_ms <= LAST_MS:
        ts_ms = min(max(ts_ms, 0), LAST_MS)
    seconds = ts_ms // _MS_PER_SECOND
    return f"{_second(seconds)}{ts_ms - seconds * _MS_PER_SECOND:03d}Z"


def parse_ts(value: object) -> int | None:
    """Unix milliseconds of a time as any writer may leave it; None when it is no time."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        if not 0 <= value <= LAST_MS:  # also not a number, and integers that no float can hold
            return None
        ms = value if value >= _EPOCH_MS_FROM else value * _MS_PER_SECOND
        return round(ms) if ms <= LAST_MS else None
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        ms = round(moment.timestamp() * _MS_PER_SECOND)
    except (OverflowError, ValueError):
        return None
    return ms if 0 <= ms <= LAST_MS else None


def encode(value: object) -> bytes:
    """Compact JSON of any value: what JSON cannot hold is made plain first, so this never raises on data."""
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):  # UnicodeEncodeError is a ValueError
        return _encoder.encode(plain(value))


def decode(data: bytes) -> Any:
    """The value of a JSON document; raises `msgspec.DecodeError` or `UnicodeDecodeError` when it is none."""
    return _decoder.decode(data)


def plain(value: object, depth: int = 0) -> Any:
    """A copy that JSON can hold.

    Lone surrogates become U+FFFD, NaN and infinities null, numbers beyond 64 bits text, bytes text with
    replacement, unknown objects their ``str`` (shortened), and what is nested deeper than `MAX_DEPTH`
    (circular data among it) a remark.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return int(value) if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if depth >= MAX_DEPTH:
        return "[nested too deeply]"
    if isinstance(value, Mapping):
        return {_key(key): plain(item, depth + 1) for key, item in list(value.items())}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, depth + 1) for item in list(value)]
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    return _text(_describe(value))


def name(value: object) -> str:
    """Anything as text for a name: an id, a word. Never raises, whatever the value does when it is looked at."""
    if type(value) is str:
        return _text(value)
    try:
        return str(plain(value))
    except Exception:  # noqa: BLE001 -- foreign code; the call must still have a name
        return f"<{type(value).__name__}>"


def _key(key: object) -> str:
    return _text(key) if isinstance(key, str) else _text(_describe(key))


def _describe(value: object) -> str:
    """``str(value)``, or the type's name when that fails: foreign code may raise anything here."""
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 -- foreign __str__; the row must still be written
        return f"<{type(value).__name__}>"
    return text if len(text) <= 1000 else text[:1000] + "…"  # noqa: PLR2004 -- an object's name, not a document


def _text(value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return str(value)
