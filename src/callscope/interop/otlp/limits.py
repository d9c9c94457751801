"""How much a receiver takes: what is beyond is cut, left out or refused, and counted."""

from __future__ import annotations

from typing import Any, Final

import msgspec

REQUEST_BYTES: Final = 32 << 20
"""Of a request's body, unpacked."""
REQUEST_RECORDS: Final = 20_000
"""Spans, points and log records of one request."""
_MARK: Final = " […]"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What of one record is kept."""

    attributes: int = 256
    """Of a span, a point or a log record."""
    events: int = 256
    """Of a span."""
    value_chars: int = 128 << 10
    """Of one text."""
    name_chars: int = 256
    """Of a name."""
    depth: int = 8
    """Of lists and objects in one another."""
    items: int = 4_096
    """Of a list or an object."""


LIMITS: Final = Limits()


class Cutter:
    """Cuts the values of one record, and counts what it cut."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self._limits = limits
        self.cut = 0

    def text(self, value: str) -> str:
        """A text as far as it is kept."""
        if len(value) <= self._limits.value_chars:
            return value
        self.cut += 1
        return value[: self._limits.value_chars] + _MARK

    def name(self, value: object) -> str:
        """A name as far as it is kept; empty for what is none."""
        if not isinstance(value, str):
            return ""
        return value if len(value) <= self._limits.name_chars else value[: self._limits.name_chars]

    def is_too_deep(self, depth: int) -> bool:
        """Whether what stands here is left out."""
        if depth < self._limits.depth:
            return False
        self.cut += 1
        return True

    def some(self, values: Any, most: int | None = None) -> list[Any]:
        """As many of a list as are kept."""
        most = self._limits.items if most is None else most
        if len(values) > most:
            self.cut += 1
        return list(values[:most])

    def attributes(self, values: Any) -> list[Any]:
        """As many attributes as are kept."""
        return self.some(values, self._limits.attributes)

    def events(self, values: Any) -> list[Any]:
        """As many events of a span as are kept."""
        return self.some(values, self._limits.events)
