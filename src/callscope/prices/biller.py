"""Who bills a cost line, by the name that budgets and prices go by."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from callscope.model.cost import CostLine
from callscope.prices.book import PriceBook
from callscope.prices.names import biller_of


def billers(book: PriceBook) -> Callable[[CostLine], str | None]:
    """A function that gives a line's provider: the catalogue's id where it has one, None where nobody can tell.

    It is what the line itself says, see `CostLine.billed_by`. Where it says no more than what was reported, as of usage
    that was never priced, the book tells, so that no budget and no price misses it.
    """

    @cache
    def named(provider: str | None, model: str | None) -> str | None:
        return biller_of(book.catalogue, book.own.hosts, provider, model).id

    def of(line: CostLine) -> str | None:
        is_told = line.biller is not None or line.matched is not None
        return line.billed_by if is_told else named(line.provider, line.model)

    return of
