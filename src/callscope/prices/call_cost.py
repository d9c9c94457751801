"""What one call costs, told of its usage as it comes: the parts of each turn, and the sums of its envelope.

A turn's cost is that of the usage that was told since the turn before. What belongs to no turn, such as the line that
the call came over, is in the call's sums alone: the turns and the rest add up to the call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from callscope.model.cost import ESTIMATED, Actual, Cost, CostLine, total
from callscope.prices.book import PriceBook
from callscope.prices.costing import UNREPORTED, actual_of, cost_of
from callscope.prices.ledger import Ledger

TELEPHONY: Final = "telephony"
_FROM_LENGTH: Final = "counted from the length of the call: nobody reported the seconds of the line"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What the call came over, as far as the envelope tells."""

    provider: str | None
    direction: str | None
    seconds: float | None
    """The length of the call; None while it goes on."""
    at_ms: int | None


class CallCost:
    """The cost of one call so far.

    Args:
        book: the prices.
    """

    def __init__(self, book: PriceBook) -> None:
        self._book = book
        self._ledger = Ledger()
        self._actual: dict[tuple[str, str | None, str], Decimal] = {}
        self._of_turn: list[CostLine] = []
        self._line_is_told = False

    def add(self, usage: Mapping[str, Any], *, at_ms: int | None, direction: str | None = None) -> tuple[CostLine, ...]:
        """Take the data of one ``usage`` event; gives its lines back."""
        service = usage.get("service")
        service = service if isinstance(service, str) and service else "other"
        provider, model = _name(usage.get("provider")), _name(usage.get("model"))
        units = {key: value for key, value in usage.items() if key not in ("service", "provider", "model")}
        if service == TELEPHONY:
            self._line_is_told = True
            if direction:
                units.setdefault("direction", direction)
        lines = cost_of(self._book, service=service, provider=provider, model=model, usage=units, at_ms=at_ms)
        self._ledger.add(lines)
        if service != TELEPHONY:
            self._of_turn += lines
        actual = actual_of(service=service, provider=provider, usage=units)
        if actual is not None:
            key = (actual.service, actual.provider, actual.currency)
            self._actual[key] = self._actual.get(key, Decimal(0)) + actual.amount
        return lines

    def turn(self) -> dict[str, float] | None:
        """The parts of the turn that ends now, in US dollars; None when nothing was used.

        ``unpriced`` counts what has no amount, ``estimated`` what was assumed. Without any known amount there is no
        ``total``.
        """
        lines, self._of_turn = self._of_turn, []
        return parts(lines) if lines else None

    def cost(self, line: Line | None = None) -> Cost:
        """The call's cost so far; ``line`` is priced by the call's length when no usage told of it."""
        lines = [*self._ledger.lines(), *self.of_line(line)]
        actual = [
            Actual(service=service, provider=provider, currency=currency, amount=amount)
            for (service, provider, currency), amount in self._actual.items()
        ]
        return total(lines, actual)

    def at_end(self, line: Line) -> list[CostLine]:
        """What only the end tells: the line's cost, and estimates of requests that nobody reported the usage of."""
        return [*self.of_line(line), *(each for each in self._ledger.lines() if each.usage == UNREPORTED)]

    def of_line(self, line: Line | None) -> list[CostLine]:
        """What the line cost, told by the length of the call; nothing when usage told of it, or the call goes on."""
        if line is None or not line.provider or line.seconds is None or self._line_is_told:
            return []
        usage = {"call_seconds": line.seconds, "direction": line.direction}
        found = cost_of(
            self._book, service=TELEPHONY, provider=line.provider, model=None, usage=usage, at_ms=line.at_ms
        )
        return [_estimated(each) for each in found]

    def document(self, line: Line | None = None) -> dict[str, Any]:
        """What metadata holds under ``callscope``, and ``cost`` for its top level."""
        cost = self.cost(line)
        document: dict[str, Any] = {
            "cost": _envelope(parts(cost.lines)),
            "cost_status": cost.status,
            "unpriced": cost.unpriced,
            "cost_lines": [msgspec.to_builtins(each) for each in cost.lines],
            "cost_catalogue": self._book.version,
        }
        if cost.actual:
            document["actual"] = [msgspec.to_builtins(each) for each in cost.actual]
        return document


def parts(lines: list[CostLine] | tuple[CostLine, ...]) -> dict[str, float]:
    """Sums by service in US dollars, ``total`` first, as numbers; what is not known is counted, not added."""
    sums: dict[str, Decimal] = {}
    for line in lines:
        if line.usd is not None:
            sums[line.service] = sums.get(line.service, Decimal(0)) + line.usd
    found: dict[str, float] = {}
    if sums:
        found["total"] = float(sum(sums.values()))
    found.update({service: float(amount) for service, amount in sorted(sums.items())})
    unpriced = _different(line for line in lines if line.usd is None)
    estimated = _different(line for line in lines if line.status == ESTIMATED)
    return found | ({"unpriced": unpriced} if unpriced else {}) | ({"estimated": estimated} if estimated else {})


def _different(lines: Iterable[CostLine]) -> int:
    """How many different things the lines are of: many reports of one are counted as the call counts them, once."""
    return len({(line.service, line.provider, line.model, line.usage) for line in lines})


def _envelope(sums: dict[str, float]) -> dict[str, float] | None:
    kept = {name: value for name, value in sums.items() if name not in ("unpriced", "estimated")}
    return kept or None


def _estimated(line: CostLine) -> CostLine:
    if line.usd is None or line.status not in ("priced", ESTIMATED):
        return line
    reason = _FROM_LENGTH if line.reason is None else f"{_FROM_LENGTH}; {line.reason}"
    return msgspec.structs.replace(line, status=ESTIMATED, reason=reason)


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
