"""Which calls to look at: the few that an index names, or all of them in the order that was asked for.

A condition that few calls fit is best answered by its index; one that many fit, by walking along the order until a
page is full. SQLite cannot know which is which (it keeps no statistics that are up to date), so each condition that
has an index is asked whether it names more than `FEW` calls: that costs under a millisecond, and bounds the work of
either way.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from callscope.index.compile import Parameter

FEW: Final = 4_000
"""Calls that are looked at one by one without a second thought."""
_STEP: Final = 6
_FIRST: Final = 2
"""Times `FEW`."""
_VERY_MANY: Final = 1_000_000
_LOOKS_AT_TEXT: Final = re.compile(r"\b(MATCH|REGEXP|GLOB)\b")
"""In a source, which holds names of ours and of parameters alone: it is dear to ask twice."""


def few_calls(
    db: sqlite3.Connection, sources: Iterable[str], parameters: dict[str, Parameter], *, most: int | None = None
) -> list[int] | None:
    """The numbers of the calls that the narrowest of some conditions names, in no order; None when each names many.

    Many are more than ``most``, else more than `FEW`.
    """
    few: list[int] | None = None
    for source in sources:
        limit = (FEW if most is None else most) + 1 if few is None else len(few)
        if not _LOOKS_AT_TEXT.search(source) and _names(db, source, parameters, limit):
            continue
        (found,) = db.execute(
            f"WITH named (id) AS ({source}) SELECT json_group_array(id) FROM (SELECT id FROM named LIMIT {limit})",  # noqa: S608 -- from the compiler
            parameters,
        ).fetchone()
        numbers = msgspec.json.decode(found, type=list[int])  # one text is handed over sooner than thousands of rows
        if len(numbers) < limit:
            few = list(dict.fromkeys(numbers))
        if few == []:
            break
    return few


def _names(db: sqlite3.Connection, source: str, parameters: dict[str, Parameter], limit: int) -> bool:
    """Whether a condition names so many calls; without handing over any."""
    statement = f"SELECT 1 FROM ({source}) LIMIT 1 OFFSET {limit - 1}"  # noqa: S608 -- from the compiler
    return db.execute(statement, parameters).fetchone() is not None


def narrowest(db: sqlite3.Connection, sources: Sequence[str], parameters: dict[str, Parameter]) -> str | None:
    """That of some conditions which names the fewest calls, of many; None when each names very many.

    All are counted in their indexes up to a limit, which grows until one of them is counted out.
    """
    limit = FEW * _FIRST
    while sources and limit < _VERY_MANY:
        counts = [
            int(db.execute(f"SELECT count(*) FROM ({source} LIMIT {limit})", parameters).fetchone()[0])  # noqa: S608 -- as above
            for source in sources
        ]
        if min(counts) < limit:
            return sources[counts.index(min(counts))]
        limit *= _STEP
    return None


def as_rows(numbers: list[int]) -> str:
    """Numbers as the parameter of ``json_each``."""
    return msgspec.json.encode(numbers).decode()
