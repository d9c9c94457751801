"""US dollars as people read them. A sum that is not complete says so; an unknown is never 0."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

UNPRICED: Final = "unpriced"
_FIGURES: Final = 3
"""Significant digits of what is below a dollar."""


def money(usd: Decimal | None, unpriced: int, *, estimated: bool = False) -> str:
    """``$0.0123``, from one dollar on ``$1.23``; ``≥ $0.0310, 2 unpriced``; ``~$0.0123``; ``unpriced``.

    Where nothing but zeros is known beside what is unpriced, that is no amount: ``2 unpriced``.

    Args:
        usd: what is known; None when nothing is.
        unpriced: parts without an amount.
        estimated: something about the amount was assumed.
    """
    if usd is None:
        return UNPRICED
    if unpriced and not usd:
        return f"{unpriced:,} {UNPRICED}"
    shown = at_least(usd, unpriced, estimated=estimated)
    return f"{shown}, {unpriced:,} {UNPRICED}" if unpriced else shown


def at_least(usd: Decimal | None, unpriced: int, *, estimated: bool = False) -> str:
    """The same without the number of what is unpriced: ``≥ $0.0310``, ``≥ ~$0.0310``, ``unpriced``."""
    if usd is None or (unpriced and not usd):
        return UNPRICED
    return f"{'≥ ' if unpriced else ''}{'~' if estimated else ''}{_dollars(usd)}"


def _dollars(usd: Decimal) -> str:
    sign, size = ("-" if usd < 0 else ""), abs(usd)
    if size and size < 1:
        size = round(size, _FIGURES - 1 - size.adjusted())  # 0.9996 is a dollar then
    if not size or size >= 1:
        return f"{sign}${size:,.2f}"
    return f"{sign}${size:.{_FIGURES - 1 - size.adjusted()}f}"
