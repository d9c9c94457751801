"""Small tables of what is open, and facts without the unknown ones."""

from __future__ import annotations

from typing import Any, Final

MAX_OPEN: Final = 64
"""Requests of a kind that may be open at once; beyond it the oldest are forgotten, so a call cannot grow."""


def bound(table: dict[Any, Any]) -> None:
    """Forget the oldest beyond `MAX_OPEN`."""
    while len(table) > MAX_OPEN:
        del table[next(iter(table))]


def known(data: dict[str, Any]) -> dict[str, Any]:
    """What is known of ``data``: without its Nones."""
    return {name: value for name, value in data.items() if value is not None}
