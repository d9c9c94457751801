"""What a search found, in the words of people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from callscope.index.search import Hit
from callscope.report.safe_text import clean

_WHO: Final = {
    "user": "caller",
    "assistant": "agent",
    "system": "system",
    "tool": "tool",
    "arguments": "tool call",
    "result": "tool result",
    "error": "error",
}


def who(hit: Hit) -> str:
    """Who said it, or what it is."""
    return _WHO.get(hit.kind) or clean(hit.kind)


def pieces(hit: Hit) -> Iterator[tuple[str, bool]]:
    """The snippet, harmless, in pieces, and whether each is a hit."""
    at = 0
    for start, end in hit.marks:
        yield clean(hit.snippet[at:start]), False
        yield clean(hit.snippet[start:end]), True
        at = end
    yield clean(hit.snippet[at:]), False
