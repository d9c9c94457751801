"""Which numbers may stay numbers: by the name they are under, their size, and what stands beside them in a list."""

from __future__ import annotations

import re
from typing import Any, Final

from callscope.redaction import spans, spoken
from callscope.redaction import text as personal
from callscope.redaction.keys import measure_of
from callscope.redaction.spans import Span

_PRIVATE_FROM: Final = 10 ** (spoken.PRIVATE_DIGITS - 1)
_CARDS_FROM: Final = 10 ** (spoken.CARD_DIGITS - 1)
_CARDS_TO: Final = 10**spoken.LONGEST_CARD
_TOO_LONG: Final = str(10 ** (spoken.LONGEST_CARD - 1))
"""Stands for longer numbers, of which Python refuses to show the longest."""
_MOMENTS_FROM: Final = 1_000_000_000
_MOMENTS_TO: Final = 3_000_000_000
"""Unix seconds, 2001 to 2065; also looked for in milliseconds, microseconds and nanoseconds."""
_LONGEST_PIECE: Final = 64
"""Characters of a list's text that may be one piece of a number; longer ones are texts of their own."""
_PLACEHOLDER: Final = re.compile(r"\[[a-z]{3,7}\]")
_GLANCES: Final = 8


def is_card(value: float) -> bool:
    """Whether a number is that of a card, under whatever name."""
    return _CARDS_FROM <= value < _CARDS_TO and personal.is_issued_card(str(int(value)))


def digits_of(value: float) -> str:
    """The digits of a whole number with as many of them as private numbers have; empty for any other number."""
    size = abs(value)
    if not size >= _PRIVATE_FROM or (isinstance(value, float) and not value.is_integer()):
        return ""
    return str(int(size)) if size < _CARDS_TO else _TOO_LONG


def is_measure(value: float, key: str) -> bool:
    """Whether the name tells that the number is a duration, a count, a price or a point in time."""
    measure = measure_of(key)
    return measure == "amount" or (measure == "time" and _is_moment(abs(value)))


def redact(value: float, key: str) -> float | str:
    """The number, or its placeholder when it has a private number's digits and the name does not explain them."""
    digits = digits_of(value)
    if not digits or (is_measure(value, key) and not is_card(value)):
        return value
    return personal.redact(digits)


def redact_list(items: list[Any], key: str) -> list[Any]:
    """The items, with a placeholder in each that makes a private number together with those beside it.

    ``["4111", 1111, "1111", 1111]`` is a card; what is private on its own is left to be looked at on its own. Numbers
    are looked at without the texts between them, too: ``off`` drops those, and a word must not hide a number.
    """
    for _ in range(_GLANCES):
        found: dict[int, str] = {}
        numbers = [None if isinstance(item, str) else item for item in items]
        for run in (*_runs(items, key), *_runs(numbers, key)):
            found.update(_together(run))
        if not found:
            break
        items = [found.get(index, item) for index, item in enumerate(items)]
    return items


def _runs(items: list[Any], key: str) -> list[list[tuple[int, str]]]:
    """Neighbours that may be pieces of one number, as texts with their indices."""
    runs: list[list[tuple[int, str]]] = [[]]
    for index, item in enumerate(items):
        piece = _piece(item, key)
        if piece:
            runs[-1].append((index, piece))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1]


def _piece(item: Any, key: str) -> str:
    if isinstance(item, str):
        return item if len(item) <= _LONGEST_PIECE and not _PLACEHOLDER.fullmatch(item) else ""
    if isinstance(item, bool) or not isinstance(item, int | float):
        return ""
    if not 0 <= item < _CARDS_TO or item != int(item) or is_measure(item, key):
        return ""
    return str(int(item))


def _together(run: list[tuple[int, str]]) -> dict[int, str]:
    """The pieces that are part of a private number, with their part of it replaced."""
    text = " ".join(piece for _, piece in run)
    found = spans.find(text[: personal.LONGEST], spoken.find)
    replaced: dict[int, str] = {}
    start = following = 0
    for index, piece in run:
        end = start + len(piece)
        while following < len(found) and found[following].end <= start:
            following += 1
        inside: list[Span] = []
        look = following
        while look < len(found) and found[look].start < end:
            span = found[look]
            inside.append(Span(max(span.start, start) - start, min(span.end, end) - start, span.label))
            look += 1
        if end > personal.LONGEST:
            replaced[index] = "[number]"  # nobody looked at it
        elif inside:
            replaced[index] = spans.replace(piece, inside)
        start = end + 1
    return replaced


def _is_moment(value: float) -> bool:
    return any(_MOMENTS_FROM * scale <= value < _MOMENTS_TO * scale for scale in (1, 10**3, 10**6, 10**9))
