"""What was used on one day and billed on the next or the one before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from callscope.prices.difference import Difference, Part, money
from callscope.prices.joins import Group

_ZERO: Final = Decimal(0)
_DAILY: Final = frozenset({"model", "day", "unbilled"})


def shift(differences: Sequence[Difference], outside: Iterable[Group]) -> tuple[list[Difference], Decimal]:
    """Move usage that one day has too much, and a neighbour too little, from the part ``usage`` to ``time_shift``.

    Args:
        differences: those of one provider.
        outside: estimates of the days before and after the statement, which the bill may have begun or ended with.

    Returns:
        The differences, and how much was moved, in US dollars. Between days of the statement the two moves cancel out.
    """
    usage = {number: each.parts.get("usage", _ZERO) for number, each in enumerate(differences)}
    spare: dict[tuple[str | None, str], Decimal] = defaultdict(Decimal)
    for group in outside:
        for estimate in group.estimates:
            spare[group.model, estimate.day] += money(estimate.usd or _ZERO)
    series: dict[tuple[str | None, str], list[int]] = defaultdict(list)
    for number, each in enumerate(differences):
        if each.group.join in _DAILY and each.group.day is not None:
            series[each.group.model, each.group.day].append(number)
    moved: dict[int, Decimal] = defaultdict(Decimal)
    total = _ZERO
    for (model, day), numbers in sorted(series.items(), key=lambda item: item[0][1]):
        for number in numbers:
            for neighbour in (_day(day, -1), _day(day, 1)):
                others = series.get((model, neighbour), ())
                total += _within(usage, moved, number, others) if neighbour > day else _ZERO
                total += _from_outside(usage, moved, number, spare, (model, neighbour))
    return [_moved(each, moved[number]) if number in moved else each for number, each in enumerate(differences)], total


def _within(usage: dict[int, Decimal], moved: dict[int, Decimal], number: int, others: Sequence[int]) -> Decimal:
    total = _ZERO
    for other in others:
        if usage[number] * usage[other] < 0:
            amount = min(abs(usage[number]), abs(usage[other]))
            for each in (number, other):
                part = amount if usage[each] > 0 else -amount
                usage[each] -= part
                moved[each] += part
            total += amount
    return total


def _from_outside(
    usage: dict[int, Decimal],
    moved: dict[int, Decimal],
    number: int,
    spare: dict[tuple[str | None, str], Decimal],
    key: tuple[str | None, str],
) -> Decimal:
    amount = min(-usage[number], spare.get(key, _ZERO))
    if amount <= 0:
        return _ZERO
    spare[key] -= amount
    usage[number] += amount
    moved[number] -= amount
    return amount


def _moved(difference: Difference, amount: Decimal) -> Difference:
    parts: dict[Part, Decimal] = dict(difference.parts)
    parts["usage"] = parts.get("usage", _ZERO) - amount
    parts["time_shift"] = parts.get("time_shift", _ZERO) + amount
    return msgspec.structs.replace(difference, parts={part: usd for part, usd in parts.items() if usd})


def _day(day: str, step: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=step)).isoformat()
