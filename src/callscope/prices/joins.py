"""Which charges and which estimates are about the same thing.

By request id or call id where both sides have one; else by day and model; else by the provider's day; else by the days
that a charge is for. Nothing is in two groups, and nothing is left out of all: what found no partner is in a group with
one side only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal, TypeVar

import msgspec

from callscope.prices.estimate import Estimate
from callscope.prices.statements.charge import Charge

Join = Literal["request", "call", "model", "day", "period", "none", "unbilled", "outside"]

_Key = TypeVar("_Key", bound=tuple[Any, ...])

WORDS: Final[dict[Join, str]] = {
    "request": "request id",
    "call": "call id",
    "model": "day and model",
    "day": "day",
    "period": "period",
    "none": "nothing",
}
"""How charges were joined, for people."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared with what."""

    join: Join
    """``none``: charges that tell neither a day nor an id that is known; ``unbilled``: estimates of the statement's
    days without any charge; ``outside``: estimates of other days."""
    charges: tuple[Charge, ...] = ()
    estimates: tuple[Estimate, ...] = ()
    day: str | None = None
    model: str | None = None
    service: str | None = None


def joined(charges: Iterable[Charge], estimates: Iterable[Estimate], *, services: frozenset[str]) -> list[Group]:
    """The groups of one provider.

    Args:
        charges: the provider's usage charges.
        estimates: ours for the same provider.
        services: those that the statement tells of; empty: all.
    """
    joiner = _Joiner(estimates)
    rest = joiner.by_id("request", list(charges), lambda charge: charge.request_id, joiner.requests)
    rest = joiner.by_id("call", rest, lambda charge: charge.call_id, joiner.calls)
    days = [day for charge in charges for day in (charge.day, charge.last_day) if day is not None]
    rest = joiner.by_model([charge for charge in rest if not _is_placeholder(charge)])
    rest = joiner.by_days(rest)
    joiner.groups += [Group(join="none", charges=(charge,)) for charge in rest]
    joiner.leftovers(min(days, default=None), max(days, default=None), services)
    return joiner.groups


class _Joiner:
    def __init__(self, estimates: Iterable[Estimate]) -> None:
        self.groups: list[Group] = []
        self._free = dict(enumerate(estimates))
        self.requests: dict[str, list[int]] = defaultdict(list)
        self.calls: dict[str, list[int]] = defaultdict(list)
        self._days: dict[str, list[int]] = defaultdict(list)
        for number, estimate in self._free.items():
            if estimate.request_id is not None:
                self.requests[estimate.request_id].append(number)
            self.calls[estimate.call_id].append(number)
            self._days[estimate.day].append(number)

    def by_id(
        self,
        join: Join,
        charges: list[Charge],
        id_of: Callable[[Charge], str | None],
        known: dict[str, list[int]],
    ) -> list[Charge]:
        """Join by an id; gives the charges back whose id is not known."""
        rest: list[Charge] = []
        named: dict[tuple[str, str | None], list[Charge]] = defaultdict(list)
        for charge in charges:
            id_ = id_of(charge)
            if id_ is not None and id_ in known:
                named[id_, charge.service].append(charge)
            else:
                rest.append(charge)
        for (id_, service), of_id in _general_last(named):
            taken = self._take(known[id_], service=service)
            if taken:
                self.groups.append(_group(join, of_id, taken, service=service))
            else:
                rest += of_id
        return rest

    def by_model(self, charges: list[Charge]) -> list[Charge]:
        """Join by day and model; gives the charges back that have no model of ours on their day."""
        rest: list[Charge] = []
        of_model: dict[tuple[str, str, str | None], list[Charge]] = defaultdict(list)
        for charge in charges:
            if charge.day is not None and charge.last_day is None and charge.model is not None:
                of_model[charge.day, charge.model, charge.service].append(charge)
            else:
                rest.append(charge)
        for (day, model, service), found in _general_last(of_model):
            taken = self._take(self._days[day], service=service, model=model)
            if taken:
                self.groups.append(_group("model", found, taken, day=day, model=model, service=service))
            else:
                rest += found
        return rest

    def by_days(self, charges: list[Charge]) -> list[Charge]:
        """Join by the days that charges are for; gives those back that tell none."""
        of_days: dict[tuple[str, str | None, str | None], list[Charge]] = defaultdict(list)
        rest: list[Charge] = []
        for charge in charges:
            if charge.day is None:
                rest.append(charge)
            else:
                of_days[charge.day, charge.last_day, charge.service].append(charge)
        # What is for a day is joined before what is for a month.
        ordered = sorted(_general_last(of_days), key=lambda item: item[0][1] is not None)
        for (first, last, service), found in ordered:
            numbers = [n for day, of_day in self._days.items() if first <= day <= (last or first) for n in of_day]
            join: Join = "day" if last is None else "period"
            self.groups.append(_group(join, found, self._take(numbers, service=service), day=first, service=service))
        return rest

    def leftovers(self, first: str | None, last: str | None, services: frozenset[str]) -> None:
        """What nothing was charged for; on which days a statement tells of that, its charges say."""
        models = {group.model for group in self.groups if group.join == "model"}
        kept: dict[tuple[Join, str, str | None], list[Estimate]] = defaultdict(list)
        for estimate in self._free.values():
            if services and estimate.service not in services:
                continue
            inside = first is not None and last is not None and first <= estimate.day <= last
            model = estimate.model if estimate.model in models else None
            kept["unbilled" if inside else "outside", estimate.day, model].append(estimate)
        self.groups += [
            Group(join=join, estimates=tuple(estimates), day=day, model=model)
            for (join, day, model), estimates in sorted(kept.items(), key=lambda item: item[0][1])
        ]

    def _take(self, numbers: list[int], *, service: str | None, model: str | None = None) -> list[Estimate]:
        fitting = [
            number
            for number in numbers
            if number in self._free
            and (service is None or self._free[number].service == service)
            and (model is None or self._free[number].model == model)
        ]
        return [self._free.pop(number) for number in fitting]


def _group(
    join: Join,
    charges: list[Charge],
    estimates: list[Estimate],
    *,
    day: str | None = None,
    model: str | None = None,
    service: str | None = None,
) -> Group:
    return Group(join=join, charges=tuple(charges), estimates=tuple(estimates), day=day, model=model, service=service)


def _general_last(named: dict[_Key, list[Charge]]) -> list[tuple[_Key, list[Charge]]]:
    """Charges that name a service before those that do not, which get what is left."""
    return sorted(named.items(), key=lambda item: item[0][-1] is None)


def _is_placeholder(charge: Charge) -> bool:
    """Whether it says nothing but that on a day nothing was charged."""
    return charge.amount == 0 and not (charge.line_item or charge.model or charge.service or charge.unit)
