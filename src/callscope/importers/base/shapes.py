"""Values of other people's documents: taken where they are what they should be, else unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from callscope.interop.realtime.values import mapping, number, objects, text
from callscope.model import wire

__all__ = ["Unknown", "known", "mapping", "moment", "number", "objects", "text", "within"]


def moment(value: object) -> int | None:
    """Unix milliseconds of a time as text, as seconds or as milliseconds; None when it is none."""
    return wire.parse_ts(value)


def known(**values: Any) -> dict[str, Any]:
    """Those of the values that are known."""
    return {name: value for name, value in values.items() if value is not None}


def within(document: Mapping[str, Any], *names: str) -> Any:
    """What stands under names, one inside the other; None when it does not."""
    value: Any = document
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


class Unknown:
    """Counts what was not understood, by what it was."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, what: str) -> None:
        """Note one thing."""
        self._counts[what[:100]] += 1

    def told(self) -> dict[str, dict[str, int]]:
        """For `WholeCall.source`; empty when everything was understood."""
        return {"not_understood": dict(sorted(self._counts.items()))} if self._counts else {}
