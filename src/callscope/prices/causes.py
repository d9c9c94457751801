"""Why a provider's bill differs, in words, where the figures say so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from callscope.prices.difference import Difference

_DAYS: Final = 3
"""Days on which a price has to differ in the same way before another one is offered."""
_SAME: Final = Decimal("0.005")
"""Prices closer than this are the same: amounts are rounded."""
_ZERO: Final = Decimal(0)


def causes_of(provider: str, differences: Sequence[Difference]) -> tuple[str, ...]:
    """One sentence a cause."""
    return (*_cached(differences), *_prices(provider, differences))


def _cached(differences: Sequence[Difference]) -> list[str]:
    tokens: dict[str | None, Decimal] = defaultdict(Decimal)
    inputs: dict[str | None, Decimal] = defaultdict(Decimal)
    for difference in differences:
        for cached in difference.cached:
            tokens[cached.model] += cached.tokens
            inputs[cached.model] += cached.of
    return [
        f"{model or 'input'}: cached input tokens are billed at the cached rate and the usage does not report them: "
        f"{tokens[model]:,.0f} of {inputs[model]:,.0f} input tokens"
        for model in tokens
        if tokens[model]
    ]


def _prices(provider: str, differences: Sequence[Difference]) -> list[str]:
    """Prices that differ while the quantities agree, on enough days to be a rate of the user's own."""
    seen: dict[tuple[str, str | None, str, Decimal], list[tuple[Decimal, str | None]]] = defaultdict(list)
    for difference in differences:
        for each in difference.unit_prices:
            seen[each.service, each.model, each.unit, each.ours].append((each.theirs, each.day))
    found = []
    for (service, model, unit, ours), prices in seen.items():
        theirs = sorted(price for price, _ in prices)
        middle = theirs[len(theirs) // 2]
        alike = [day for price, day in prices if abs(price - middle) <= middle * _SAME]
        name = " ".join(filter(None, (provider, service, model)))
        if len(set(alike)) >= _DAYS or (len(alike) >= _DAYS and None in alike):
            found.append(
                f"{name}: the quantities agree, and a {unit} costs {_plain(middle)} instead of {_plain(ours)}: if that "
                "is your rate, add it to your prices file"
            )
        else:
            found.append(f"{name}: a {unit} was billed at {_plain(middle)}; our price is {_plain(ours)}")
    return found


def _plain(price: Decimal) -> str:
    text = f"{price:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
