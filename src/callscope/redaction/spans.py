"""Found stretches of a text, and the text with them replaced.

Every finder sees at most `WINDOW` characters at once. Neighbouring windows share `OVERLAP` characters, so
what lies across an edge is whole in one of them; what is found twice is united. A stretch longer than the
overlap (100,000 digits in a row) is found in pieces, because a piece of such a stretch is itself one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

WINDOW: Final = 65_536
"""Characters that one regular expression is given at most."""
OVERLAP: Final = 4_096

_GLANCES: Final = 8

_SPACE: Final = re.compile(r"\s")


class Span(NamedTuple):
    """Characters ``start`` to ``end`` (exclusive) of a text, and what they are."""

    start: int
    end: int
    label: str
    """The placeholder without its brackets: ``card``, ``phone``, ``secret``, ..."""


Finder = Callable[[str], Iterable[Span]]

_RANK: Final = ("secret", "card", "iban", "email", "ssn", "account", "phone", "number")


def find(text: str, finder: Finder) -> list[Span]:
    """What ``finder`` finds in a text of any length: sorted by start, free of overlaps."""
    if len(text) <= WINDOW:
        return unite(finder(text))
    found: list[Span] = []
    for start, end in _windows(text):
        found.extend(Span(start + span.start, start + span.end, span.label) for span in finder(text[start:end]))
    return unite(found)


def unite(found: Iterable[Span]) -> list[Span]:
    """Sorted spans without overlaps: overlapping ones become one, under the graver of their labels."""
    united: list[Span] = []
    for span in sorted(found):
        if united and span.start < united[-1].end:
            last = united[-1]
            label = min(last.label, span.label, key=_RANK.index)
            united[-1] = Span(last.start, max(last.end, span.end), label)
        else:
            united.append(span)
    return united


def replace(text: str, found: list[Span]) -> str:
    """The text with each span as ``[label]``; the same object when there are none."""
    if not found:
        return text
    parts: list[str] = []
    done = 0
    for span in found:
        parts.append(text[done : span.start])
        parts.append(f"[{span.label}]")
        done = span.end
    parts.append(text[done:])
    return "".join(parts)


def settle(text: str, once: Callable[[str], str]) -> str:
    """``once`` applied until nothing changes any more, in texts of one window.

    A placeholder ends what stood before it, so what is left beside one can look different at a second glance.
    """
    for _ in range(_GLANCES):
        new = once(text)
        if new == text:
            return text
        text = new
        if len(text) > WINDOW:
            break
    return text


def _windows(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    while start + WINDOW < len(text):
        end = start + WINDOW
        yield start, end
        # A window that began in the middle of a word would take that word for something else.
        space = _SPACE.search(text, end - OVERLAP, end - OVERLAP // 2)
        start = space.end() if space else end - OVERLAP
    yield start, len(text)
