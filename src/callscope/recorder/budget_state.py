"""What an agent is told of a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from callscope.prices.budget import State


class BudgetState(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a budget is spent."""

    verdict: Literal["ok", "warning", "over", "unknown"]
    """``over`` from all of it on, ``warning`` from its first threshold on; ``unknown`` is never ``ok``."""
    spent_usd: float | None = None
    """What is known to be spent; a lower bound where ``unpriced`` is above 0."""
    limit_usd: float | None = None
    period: str | None = None
    """``2026-11-21``, ``2026-W47``, ``2026-11``, or the id of the call."""
    unpriced: int = 0
    """What was used and has no price."""

    @property
    def over(self) -> bool:
        """Whether all of it is known to be spent."""
        return self.verdict == "over"

    @classmethod
    def of(cls, state: State) -> BudgetState:
        """The state of a budget as the prices know it."""
        return cls(
            verdict=state.verdict,
            spent_usd=float(state.spent_usd),
            limit_usd=float(state.budget.usd),
            period=state.period,
            unpriced=state.unpriced,
        )


UNKNOWN = BudgetState(verdict="unknown")
