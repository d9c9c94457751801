"""Which calls to look at: the few that an index names, or all of them in the order that was asked for.

A condition that few calls fit is best answered by its index; one that many fit, by walking along the order until a
page is full. SQLite cannot know which is which (it keeps no statistics that are up to date), so each condition that
has an index is asked for a few more than `FEW` numbers of calls: that costs under a millisecond, and bounds the work
of either way.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Final

from callscope.index.compile import Parameter

FEW: Final = 4_000
"""Calls that are looked at one by one without a second thought."""


def few_calls(db: sqlite3.Connection, sources: Iterable[str], parameters: dict[str, Parameter]) -> list[int] | None:
    """The numbers of the calls that the narrowest of some conditions names, in no order; None when each names many."""
    few: list[int] | None = None
    for source in sources:
        limit = FEW + 1 if few is None else len(few)
        found = db.execute(f"SELECT * FROM ({source}) LIMIT {limit}", parameters).fetchall()  # noqa: S608 -- from the compiler
        if len(found) < limit:
            few = list(dict.fromkeys(number for (number,) in found))
        if few == []:
            break
    return few


def as_rows(numbers: list[int]) -> str:
    """Numbers as the parameter of ``json_each``."""
    return json.dumps(numbers)
