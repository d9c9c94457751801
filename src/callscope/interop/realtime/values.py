"""Values of events that others wrote: taken where they are what they should be, else unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

MAX_OPEN: Final = 64
"""Things of a kind that may be open at once; beyond it the oldest are forgotten, so a call cannot grow."""
_MOST: Final = 10**15
_BASE64_DIGITS: Final = 4
_BASE64_BYTES: Final = 3


def text(value: object) -> str | None:
    """A text with something in it; None for anything else."""
    return value if isinstance(value, str) and value.strip() else None


def number(value: object) -> float | None:
    """A number, a whole one as int; None for anything else, and for what is beyond all measure."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -_MOST <= value <= _MOST:
        return None
    return int(value) if isinstance(value, float) and value.is_integer() else value


def mapping(value: object) -> dict[str, Any]:
    """An object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> Iterator[dict[str, Any]]:
    """The objects of a list, in their order."""
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict):
            yield each


def within(document: Mapping[str, Any], *names: str) -> Any:
    """What stands under names, one inside the other; None when it does not."""
    value: Any = document
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def known(**values: Any) -> dict[str, Any]:
    """Those of the values that are known."""
    return {name: value for name, value in values.items() if value is not None}


def bound(table: dict[Any, Any]) -> None:
    """Forget the oldest beyond `MAX_OPEN`."""
    while len(table) > MAX_OPEN:
        del table[next(iter(table))]


def sound_bytes(delta: object) -> int:
    """How many bytes a piece of sound in base64 has; 0 where it was left out. It is not decoded: it may be any size."""
    if not isinstance(delta, str) or len(delta) % _BASE64_DIGITS:
        return 0
    return len(delta) // _BASE64_DIGITS * _BASE64_BYTES - delta.count("=", -2 if delta else 0)
