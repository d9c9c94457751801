"""What calls cost by whatever tells cost lines apart, in exact dollars, and how many calls that is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from callscope.index.index import Index
from callscope.index.rolled_up import is_rolled_up
from callscope.query.query import CallQuery
from callscope.web.rows import CALLS, rows

_PLACES: Final = 9
_OF_LINES: Final = ("service", "provider", "model")

Key = tuple[str | int, ...]
"""One value for each of ``by``: of a period its first moment in Unix milliseconds; a text is empty when unknown."""


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What a group of cost lines comes to."""

    key: Key
    usd: Decimal | None
    """What is known; None when nothing is, also where nothing but zeros is known beside what has no amount."""
    lines: int
    unpriced: int
    """Lines without an amount."""


def spent(index: Index, query: CallQuery, *, by: Sequence[str]) -> list[Spent]:
    """Cost lines of the calls of a query by group, in the order of their keys; see `callscope.index.spend.spend`."""
    return [
        Spent(
            key=key,
            usd=_known(None if each.unpriced == each.lines else round(Decimal(str(each.usd)), _PLACES), each.unpriced),
            lines=each.lines,
            unpriced=each.unpriced,
        )
        for key, each in index.spend(query, by=tuple(by))
    ]


def regrouped(found: Iterable[Spent], key_of: Callable[[Key], Key]) -> list[Spent]:
    """Groups added up to fewer ones, those of the same new key to one."""
    groups: dict[Key, Spent] = {}
    for each in found:
        key = key_of(each.key)
        one = groups.get(key)
        unpriced = each.unpriced + (0 if one is None else one.unpriced)
        usd = each.usd if one is None or one.usd is None else one.usd + (each.usd or 0)
        groups[key] = Spent(
            key=key,
            usd=_known(usd, unpriced),
            lines=each.lines + (0 if one is None else one.lines),
            unpriced=unpriced,
        )
    return list(groups.values())


def _known(usd: Decimal | None, unpriced: int) -> Decimal | None:
    """As `callscope.report.spend.Sum.usd`: what costs nothing says nothing of what the rest costs."""
    return None if unpriced and not usd else usd


def calls_by(index: Index, query: CallQuery, by: Sequence[str]) -> dict[Key, int]:
    """Calls of a query by what they were billed for or told that they used, or by what they are told apart by.

    Raises as `callscope.index.index.Index.stats` and `callscope.web.rows.rows` do.
    """
    if "day" in by:
        return {key: figures.calls for key, figures in index.stats(query, by=tuple(by), stages=False)}
    column, table = ("services", "service") if set(by) <= set(_OF_LINES) else ("dimensions", "dimensions")
    key = "services" if column == "services" else "id"
    # What rollups are kept by, the index of these numbers has; anything else is in the calls alone.
    calls = f"call AS c INDEXED BY call_by_{column}" if is_rolled_up(query) else CALLS
    names, numbers = ", ".join(by), ", ".join(str(i + 1) for i in range(len(by)))
    found = rows(
        index,
        query,
        f"SELECT {names}, sum(g.n) FROM (SELECT c.{column} AS number, count(*) AS n FROM {calls} WHERE {{calls}} "  # noqa: S608 -- names of ours
        f"GROUP BY 1) AS g JOIN (SELECT DISTINCT {key} AS number, {names} FROM {table}) AS u ON u.number = g.number "
        f"GROUP BY {numbers}",
    )
    return {tuple(map(str, row[:-1])): int(str(row[-1])) for row in found}
