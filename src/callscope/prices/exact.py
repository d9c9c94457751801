"""Arithmetic of money: the same whatever precision the program around it has set for its own numbers."""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

EXACT: Final = Context(prec=28)
"""To compute in: ``with localcontext(EXACT)``.

It holds 10^15 tokens at a price of ten digits. Only a division by 60 or 3,600 can end in a rounded digit.
"""

ZERO: Final = Decimal(0)


def plain(amount: Decimal | None) -> str | None:
    """As text without an exponent, as JSON tells it; None of what is unknown."""
    if amount is None:
        return None
    return f"{amount:f}" if amount else "0"
