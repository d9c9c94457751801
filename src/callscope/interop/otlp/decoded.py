"""What a request of OTLP holds, and what is wrong with it."""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from callscope.interop.spans import Record

Signal = Literal["traces", "metrics", "logs"]
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "metrics", "logs")
TRACE_DIGITS: Final = 32
SPAN_DIGITS: Final = 16
_ID: Final = re.compile(r"(?!0+\Z)[0-9a-f]+\Z")
_LAST_NS: Final = 1 << 63


class Decoded(msgspec.Struct, kw_only=True):
    """The records of one request."""

    records: list[Record] = []
    rejected: int = 0
    """Records that cannot be taken: their sender must not send them again."""
    why: str = ""
    """What is wrong with the first of them."""

    def reject(self, why: str) -> None:
        """Leave one out."""
        self.rejected += 1
        self.why = self.why or why


def is_id(value: str, digits: int) -> bool:
    """Whether a text is an id that is not all zeros."""
    return len(value) == digits and _ID.match(value) is not None


def moment(value: object) -> int | None:
    """Unix nanoseconds, as a number or as a text; None where it is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:  # noqa: PLR2004 -- of 64 bits
        value = int(value)
    return value if type(value) is int and 0 <= value < _LAST_NS else None
