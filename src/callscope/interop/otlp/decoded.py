"""What a request of OTLP holds, and what is wrong with it."""

from __future__ import annotations

import re
from typing import Any, Final, Literal

import msgspec

from callscope.interop.spans import Record

Signal = Literal["traces", "metrics", "logs"]
SIGNALS: Final[tuple[Signal, ...]] = ("traces", "metrics", "logs")
TRACE_DIGITS: Final = 32
SPAN_DIGITS: Final = 16
_ID: Final = re.compile(r"(?!0+\Z)[0-9a-f]+\Z")
_LAST_NS: Final = 1 << 63
_LEFT_OUT: Final = 1_000
"""So many of the records that cannot be taken are kept."""


class Decoded(msgspec.Struct, kw_only=True):
    """The records of one request."""

    records: list[Record] = []
    rejected: int = 0
    """Records that cannot be taken: their sender must not send them again."""
    why: str = ""
    """What is wrong with the first of them."""
    left_out: list[Any] = []
    """The first of them, as their JSON has them."""

    @property
    def keeps_more(self) -> bool:
        """Whether another record that cannot be taken is kept."""
        return len(self.left_out) < _LEFT_OUT

    def reject(self, why: str, *record: Any) -> None:
        """Leave one out; ``record`` is it, where it can be kept."""
        self.rejected += 1
        self.why = self.why or why
        if self.keeps_more:
            self.left_out.extend(record)

    def add(self, part: Decoded, *, where: str) -> None:
        """Take in what another request holds, which stands at a place."""
        self.records += part.records
        self.rejected += part.rejected
        self.why = self.why or (f"{where}: {part.why}" if part.why else "")
        self.left_out += part.left_out[: _LEFT_OUT - len(self.left_out)]


def is_id(value: str, digits: int) -> bool:
    """Whether a text is an id that is not all zeros."""
    return len(value) == digits and _ID.match(value) is not None


def moment(value: object) -> int | None:
    """Unix nanoseconds, as a number or as a text; None where it is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:  # noqa: PLR2004 -- of 64 bits
        value = int(value)
    return value if type(value) is int and 0 <= value < _LAST_NS else None
