"""The waits of a call's exchanges as one small row, so that figures of many calls need not read their exchanges.

Greetings are left out, here as everywhere: a greeting is no answer to anybody. Waits are stored as whole milliseconds
in 32 bits, little endian, in the order of the exchanges, those that are known: bytes of many calls put together are
the waits of all of them. What is longer than `callscope.index.histogram.LONGEST_MS` counts as that, what is below 0
as 0.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, Final

from callscope.index.histogram import LONGEST_MS, NAMES
from callscope.query.query import STAGES

WAIT_BYTES: Final = 4
COLUMNS: Final = ("cut_off", *NAMES, "longest_ms")
"""Of ``call_waits``, after the call's number: how many answers were cut off, the waits by name, and the longest
response of them."""

_KIND_AT, _ANSWERED_AT, _RESPONSE_AT, _INTERRUPTED_AT = 1, 3, 4, 6
"""In a row of ``exchange``, without the call's number."""
_WAITS_AT: Final = (_RESPONSE_AT, *range(7, 7 + len(STAGES)))
_OF_NOBODY: Final[tuple[Any, ...]] = (0, *(b"" for _ in NAMES), None)


def row_of(exchanges: Iterable[Sequence[Any]]) -> tuple[Any, ...]:
    """The row of a call, `COLUMNS`, from its rows of ``exchange``; all without the call's number."""
    real = [row for row in exchanges if row[_KIND_AT] == "exchange"]
    if not real:
        return _OF_NOBODY
    columns = list(zip(*real, strict=True))
    cut_off = sum(
        bool(interrupted) and answered is not None
        for interrupted, answered in zip(columns[_INTERRUPTED_AT], columns[_ANSWERED_AT], strict=True)
    )
    longest_ms = max((wait for wait in columns[_RESPONSE_AT] if wait is not None), default=None)
    return (cut_off, *(packed(columns[at]) for at in _WAITS_AT), longest_ms)


def packed(waits_ms: Iterable[int | None]) -> bytes:
    """The known ones of some waits."""
    known = [wait for wait in waits_ms if wait is not None]
    if not known:
        return b""
    try:
        numbers = array("I", known)
    except OverflowError:
        numbers = array("I", [min(max(wait, 0), LONGEST_MS) for wait in known])
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def unpacked(blobs: Iterable[bytes]) -> array[int]:
    """The waits of many calls, in their order."""
    numbers = array("I", b"".join(blobs))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
