"""A piece of a text around what was found in it, with the places of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

Span = tuple[int, int]

LENGTH: Final = 160
"""Characters of a snippet, about."""
_BEFORE: Final = 50
"""Characters in front of the first hit."""
_LONGEST_WORD: Final = 20
"""How far the next blank may be, for a cut to be made there."""


def snippet(text: str, spans: Sequence[Span]) -> tuple[str, tuple[Span, ...]]:
    """The text around the first span, and the spans as offsets into that, those that are cut off ending with it.

    A cut is made between words where one is near, and shown as ``…``.
    """
    first, last = spans[0] if spans else (0, 0)
    start = _cut_before(text, max(0, first - _BEFORE))
    start = min(start, first)
    end = max(start + LENGTH, min(last, first + LENGTH))
    end = _cut_after(text, end) if end < len(text) else len(text)
    before = "…" if start else ""
    after = "…" if end < len(text) else ""
    shift = len(before) - start
    marks = tuple((begin + shift, min(stop, end) + shift) for begin, stop in spans if start <= begin < end)
    return f"{before}{text[start:end]}{after}", marks


def _cut_before(text: str, at: int) -> int:
    """The beginning of the next word, if it is near."""
    if at == 0:
        return 0
    for place in range(at, min(at + _LONGEST_WORD, len(text))):
        if text[place - 1].isspace() and not text[place].isspace():
            return place
    return at


def _cut_after(text: str, at: int) -> int:
    """The end of the word before, if it is near."""
    for place in range(at, max(at - _LONGEST_WORD, 0), -1):
        if text[place].isspace() and not text[place - 1].isspace():
            return place
    return at
