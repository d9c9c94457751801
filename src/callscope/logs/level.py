"""How much a line matters, in one scale for all who log, and how much of it each logger may say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TRACE: Final = 5
DEBUG: Final = 10
INFO: Final = 20
WARNING: Final = 30
ERROR: Final = 40
CRITICAL: Final = 50

NUMBERS: Final = {
    "trace": TRACE,
    "debug": DEBUG,
    "info": INFO,
    "warning": WARNING,
    "error": ERROR,
    "critical": CRITICAL,
}
_FROM_THE_TOP: Final = tuple(sorted(((number, name) for name, number in NUMBERS.items()), reverse=True))
_MAX_KNOWN: Final = 4096


def name_of(number: int) -> str:
    """The word for a number of any library: loguru's ``SUCCESS`` (25) is ``info``, what is below 10 ``trace``."""
    for least, name in _FROM_THE_TOP:
        if number >= least:
            return name
    return "trace"


def number_of(value: object) -> int:
    """The number of a level; raises `ValueError` for what is no level."""
    if isinstance(value, str) and value.strip().lower() in NUMBERS:
        return NUMBERS[value.strip().lower()]
    if type(value) is int and value in NUMBERS.values():
        return value
    raise ValueError(f"write one of {', '.join(NUMBERS)}")


class Levels:
    """What each logger may say: its own level, else that of the nearest logger above it, else the level of all.

    Args:
        level: of all that are not named.
        named: levels by logger; ``httpx`` is also that of ``httpx.client``.
    """

    def __init__(self, level: int, named: Mapping[str, int]) -> None:
        self.level = level
        self.named = dict(named)
        self.lowest = min([level, *self.named.values()])
        """What no logger may say anything below of."""
        self._known: dict[str, int] = {}

    def of(self, logger: str) -> int:
        """The least level that this logger may say."""
        known = self._known.get(logger)
        if known is None:
            known = self._find(logger)
            if len(self._known) < _MAX_KNOWN:
                self._known[logger] = known
        return known

    def _find(self, logger: str) -> int:
        name = logger
        while name:
            if name in self.named:
                return self.named[name]
            name = name.rpartition(".")[0]
        return self.level
