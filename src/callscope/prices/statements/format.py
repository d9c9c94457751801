"""What a format's module offers: how it is known, and how one of its objects or rows becomes charges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from callscope.prices.statements.charge import Charge
from callscope.prices.statements.row import Row


def _all(charges: list[Charge]) -> Iterable[Charge]:
    return charges


class Format(NamedTuple):
    """One way in which a provider tells its figures."""

    name: str
    recognises: Callable[[Mapping[str, Any]], bool]
    """Whether an object, or a CSV row with folded columns, is of this format."""
    charges: Callable[[Row, str, str], Iterable[Charge]]
    """The charges of one object or row; given the provider and the file's name, too."""
    provider: str | None = None
    partial: bool = False
    """Whether it tells of some of the provider's services only: those that its charges name."""
    kept: Callable[[list[Charge]], Iterable[Charge]] = _all
    """Which of all the charges count, where some are sums of others."""
