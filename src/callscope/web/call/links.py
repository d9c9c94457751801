"""Addresses of one call's page: what is selected stands in them, and what list the call was opened from."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import msgspec

SELECTED: Final = "#at"
"""The row that is selected has this id, so that a browser brings it into view."""


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """Links of one call's page, relative to its own address; in an exported file there are only those within it."""

    address: str
    """Of the page, without parameters."""
    kept: dict[str, str] = {}
    """Parameters that every link keeps: the list that the call was opened from, and the tab."""
    is_file: bool = False

    def at(self, since_ms: int) -> str:
        """The moment that many milliseconds after the call's start; empty in a file, which has none for each."""
        return "" if self.is_file else self._link({"t": seconds(since_ms)}) + SELECTED

    def exchange(self, index: int) -> str:
        """One exchange, and where its wait went."""
        return f"#exchange-{index}" if self.is_file else self._link({"exchange": str(index)}) + SELECTED

    def tab(self, name: str, **more: str) -> str:
        """One of the tables at the end of the page."""
        return f"#{name}" if self.is_file else self._link({"tab": name, **more}) + "#tabs"

    def lines(self) -> str:
        """The lines of logs."""
        return self._link({}) + "#log-lines"

    def _link(self, parameters: dict[str, str]) -> str:
        return "?" + urlencode({**parameters, **{k: v for k, v in self.kept.items() if k not in parameters}})


def seconds(since_ms: int) -> str:
    """Milliseconds as seconds without more digits than they have: ``34.2``."""
    return f"{max(since_ms, 0) / 1000:.3f}".rstrip("0").rstrip(".")
