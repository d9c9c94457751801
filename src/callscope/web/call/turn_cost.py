"""What single turns cost, as their rows say."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from callscope.model.turn import Turn
from callscope.report import figures
from callscope.report.money import at_least


class TurnCost(msgspec.Struct, frozen=True, kw_only=True):
    """A sum over turns."""

    usd: Decimal | None
    """US dollars; None when nothing has a price."""
    unpriced: int
    """Things used that have none; one of several turns counts once for each, so it is no number to show."""
    is_estimated: bool
    parts: dict[str, Decimal]
    """US dollars by service, as ``llm``."""

    @property
    def words(self) -> str:
        """For the margin: ``$0.00110``, ``≥ $0.00110`` when something has no price."""
        return at_least(self.usd, self.unpriced, estimated=self.is_estimated)


def turn_cost(turns: Iterable[Turn]) -> TurnCost | None:
    """What turns cost together; None when none of them says anything."""
    told = [turn.cost for turn in turns if turn.cost]
    if not told:
        return None
    unpriced, usd, parts = 0, None, dict[str, Decimal]()
    for cost in told:
        missing = cost.get("unpriced")
        unpriced += missing if type(missing) is int and missing > 0 else 0
        total = figures.known(cost.get("total"))
        if total is not None and (total or not missing):
            usd = (usd or Decimal(0)) + Decimal(str(total))
        for service, value in cost.items():
            amount = figures.known(value)
            if amount is not None and service not in ("total", "unpriced", "estimated"):
                parts[service] = parts.get(service, Decimal(0)) + Decimal(str(amount))
    estimated = any(bool(cost.get("estimated")) for cost in told)
    return TurnCost(usd=usd, unpriced=unpriced, is_estimated=estimated, parts=parts)
