"""Numbers as people type them: ``1.5s``, ``20ms``, ``$0.20``, ``3``; kept in the field's own unit."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from callscope.errors import SettingError
from callscope.query.query_error import quoted

_NUMBER: Final = re.compile(r"(\$?)([0-9]++(?:\.[0-9]++)?|\.[0-9]++)([^\W\d]*+)")
_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000}
_LARGEST: Final = 10**15
"""More than any call has of anything; still exact in a float."""
_SECOND_MS: Final = 1_000


def number(text: str, *, field: str, unit: str) -> float:
    """A number in ``unit`` (``ms``, ``usd`` or ``count``).

    Raises:
        SettingError: it is none, or its unit is missing or another one; says what to write.
    """
    found = _NUMBER.fullmatch(text)
    if found is None:
        raise SettingError(f"{quoted(text)} is no number: {example(field, unit)}")
    sign, digits, suffix = found[1], Decimal(found[2]), found[3].lower()
    if unit != "usd" and sign:
        raise SettingError(f"{field} is no amount of money: {example(field, unit)}")
    if unit == "ms":
        if not suffix and digits:
            raise SettingError(f"a unit is missing: {field} is a time; {example(field, unit)}")
        if suffix and suffix not in _MS:
            raise SettingError(f"no unit {quoted(suffix)}: times are in ms, s, m or h; {example(field, unit)}")
        digits *= _MS.get(suffix, 1)
    elif suffix:
        raise SettingError(f"{field} has no unit {quoted(suffix)}: {example(field, unit)}")
    if digits > _LARGEST:
        raise SettingError(f"{quoted(text)} is too large a number")
    return float(digits)


def written(value: float, *, unit: str) -> str:
    """The shortest text that `number` reads as exactly this."""
    digits = Decimal(repr(float(value)))
    if unit != "ms" or not digits:
        return _plain(digits)
    return f"{_plain(digits)}ms" if digits < _SECOND_MS else f"{_plain(digits.scaleb(-3))}s"


def example(field: str, unit: str) -> str:
    """How a condition on a number is written."""
    few, many = {"ms": ("500ms", "1.5s"), "usd": ("0.05", "0.20")}.get(unit, ("1", "3"))
    return f"write as in {field}>{many} or {field}:{few}..{many}"


def _plain(digits: Decimal) -> str:
    text = f"{digits:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
