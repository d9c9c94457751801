"""Quantities as providers write them, as what is counted and how much of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from callscope.prices.statements.row import fold
from callscope.prices.units import TOKEN_KINDS, UNITS

_ONE: Final = Decimal(1)
_NAMES: Final[dict[str, tuple[str, Decimal]]] = {
    **{fold(unit): (counted.usage, counted.per) for unit, counted in UNITS.items()},
    **{fold(kind): (kind, _ONE) for kind in TOKEN_KINDS},
    "s": ("seconds", _ONE),
    "sec": ("seconds", _ONE),
    "audioseconds": ("seconds", _ONE),
    "callseconds": ("seconds", _ONE),
    "sessionseconds": ("seconds", _ONE),
    "min": ("seconds", Decimal(60)),
    "characters": ("characters", _ONE),
    "character": ("characters", _ONE),
    "chars": ("characters", _ONE),
    "inputtokens": ("input_text_tokens", _ONE),
    "outputtokens": ("output_text_tokens", _ONE),
    "cachedtokens": ("cached_input_text_tokens", _ONE),
    "cachedinputtokens": ("cached_input_text_tokens", _ONE),
    "inputcachedtokens": ("cached_input_text_tokens", _ONE),
    "cachereadtokens": ("cached_input_text_tokens", _ONE),
}


def measured(quantity: Decimal | None, unit: str | None, *, meter: str = "") -> tuple[str | None, Decimal | None]:
    """What is counted, and how much of it; two None when the unit is none that is known.

    Args:
        quantity: how many of ``unit``.
        unit: ``minutes``, ``1M_chars``, ``tokens``, ...
        meter: of ``tokens``, which: ``cached input``, ``audio output``, ``Cache Read Tokens``.
    """
    if quantity is None or not unit:
        return None, None
    name = fold(unit)
    if name in {"tokens", "token"}:
        kind = token_kind(meter)
        return (None, None) if kind is None else (kind, quantity)
    found = _NAMES.get(name) or _NAMES.get(name.removesuffix("s"))
    return (None, None) if found is None else (found[0], quantity * found[1])


def token_kind(meter: str) -> str | None:
    """The kind of token that a line's words tell of; None when they tell of none."""
    words = set(meter.lower().replace("_", " ").replace("-", " ").split())
    if words & {"image", "video", "training"}:
        return None
    sound = "audio" if "audio" in words else "text"
    if "cache" in words and words & {"write", "writes", "creation"}:
        return "cache_write_tokens"
    if words & {"cached", "cache"}:
        return f"cached_input_{sound}_tokens"
    if "input" in words:
        return f"input_{sound}_tokens"
    return f"output_{sound}_tokens" if "output" in words else None
