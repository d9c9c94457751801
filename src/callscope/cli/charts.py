"""Shapes in a terminal: bars beside each other, a line of small columns. Plain ASCII where the output has no more.

A chart begins at zero, and of nothing there is nothing to be seen. What is not known is a dot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_EIGHTHS: Final = "▏▎▍▌▋▊▉█"
_LEVELS: Final = "▁▂▃▄▅▆▇█"
_ASCII_BAR: Final = "#"
_ASCII_LEVELS: Final = "_.-~=+*#"
_UNKNOWN: Final = "·"
_ASCII_UNKNOWN: Final = "?"
_NOTHING: Final = " "


class Charts:
    """Draws with what an encoding has.

    Args:
        encoding: that of the output.
    """

    def __init__(self, encoding: str) -> None:
        self.plain = not _can_write(_EIGHTHS + _LEVELS + _UNKNOWN, encoding)

    def bar(self, value: float, *, largest: float, width: int) -> str:
        """A bar of up to ``width`` characters; of what is above 0 something is always to be seen."""
        if value <= 0 or largest <= 0:
            return ""
        eighths = max(1, round(min(value / largest, 1) * width * 8))
        if self.plain:
            return _ASCII_BAR * max(1, round(eighths / 8))
        whole, rest = divmod(eighths, 8)
        return _EIGHTHS[-1] * whole + (_EIGHTHS[rest - 1] if rest else "")

    def sparkline(self, values: Sequence[float | None]) -> str:
        """A column a value, as high as its share of the largest."""
        largest = max((value for value in values if value is not None), default=0)
        return "".join(self._column(value, largest) for value in values)

    def _column(self, value: float | None, largest: float) -> str:
        if value is None:
            return _ASCII_UNKNOWN if self.plain else _UNKNOWN
        if value <= 0:
            return _NOTHING
        levels = _ASCII_LEVELS if self.plain else _LEVELS
        return levels[min(int(value / largest * len(levels)), len(levels) - 1)]


def _can_write(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True
