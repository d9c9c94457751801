"""Numbers of calls and documents: the order of numbers is the order of time, so a stretch of time is a range of them.

A call's number is the second of its start times `NUMBERS_A_SECOND` and the first free one from there on: a second that
is full goes on in the next. A document's number is that of its call, then `DOCUMENT_BITS` for its place in it.
"""

from __future__ import annotations

from typing import Final

NUMBERS_A_SECOND: Final = 4096
DOCUMENT_BITS: Final = 20
EPOCH_S: Final = 1_577_836_800
"""2020-01-01, from which calls are numbered."""
LAST_S: Final = (1 << 31) - (1 << 24)
"""Documents' numbers have 63 bits; later calls are numbered from here on."""
SLACK_S: Final = 3_600
"""How much later than its own second a call may be numbered, where seconds are full."""


def second_of(started_at_ms: int) -> int:
    """The second that a call is numbered in."""
    return min(started_at_ms // 1000 - EPOCH_S, LAST_S)


def numbers_between(since_ms: int, until_ms: int) -> tuple[int, int]:
    """The first and the last number that a call can have that began in this time; others may have them, too."""
    return second_of(since_ms) * NUMBERS_A_SECOND, (second_of(until_ms) + SLACK_S) * NUMBERS_A_SECOND


def documents_of(number: int) -> tuple[int, int]:
    """The first and the last number that a document of a call can have; those of its details, too."""
    first = number << DOCUMENT_BITS
    return first, first + (1 << DOCUMENT_BITS) - 1
