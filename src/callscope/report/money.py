"""US dollars as people read them. A sum that is not complete says so; an unknown is never 0."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

_TINY: Final = Decimal("0.0001")


def money(usd: Decimal | None, unpriced: int, *, estimated: bool = False) -> str:
    """``$0.0123``, from one dollar on ``$1.23``; ``≥ $0.0310, 2 unpriced``; ``~$0.0123``; ``unpriced``.

    Args:
        usd: what is known; None when nothing is.
        unpriced: parts without an amount.
        estimated: something about the amount was assumed.
    """
    if usd is None:
        return "unpriced"
    shown = f"{'~' if estimated else ''}{_dollars(usd)}"
    return f"≥ {shown}, {unpriced} unpriced" if unpriced else shown


def _dollars(usd: Decimal) -> str:
    sign, size = ("-" if usd < 0 else ""), abs(usd)
    if not size or size >= 1:
        return f"{sign}${size:,.2f}"
    # Two figures of what is tiny: what is not zero never reads as zero.
    places = max(4, 1 - size.adjusted()) if size < _TINY else 4
    return f"{sign}${size:.{places}f}"
