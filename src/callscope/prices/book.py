"""Which price applies: what was reported of a request, and a moment, to one dated entry.

The user's own price for the name that was reported comes first, then their price for the model that it is a name of,
then the one for every model (``*``), then the list price times their discount. Terms that an own price leaves out, as
rounding, are the list price's. Each step that is not certain says so (`Found.assumed`); where nothing applies,
`Found.reason` says what to do. An entry of another plan or service tier is never used.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from callscope.model.cost import USD, PriceSource
from callscope.prices.catalogue import Catalogue
from callscope.prices.entry import Entry, Model, Provider
from callscope.prices.models import RESOLD, ModelIndex
from callscope.prices.names import Biller, biller_of, model_names
from callscope.prices.own import NONE, Discount, OwnPrices, with_terms
from callscope.prices.variants import Choice, Wanted, choose, fitting, is_active, starts, untold

EVERY_MODEL: Final = "*"
_ONE: Final = Decimal(1)
_MS: Final = 1000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNDATED: Final = -1
_MOST_CACHED: Final = 4096
"""Kinds of request that are remembered. A process has some dozen; more are looked up each time anew."""
_ADD_PRICE: Final = "add a [[price]] for it to your prices file: docs/money.md"


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What `PriceBook.find` found."""

    provider: Provider | None
    """As the catalogue knows it; None also for one that only the user's prices know."""
    biller: str | None = None
    """Who bills, by the catalogue's id or the name that the user's prices know; None where nobody can tell."""
    entry: Entry | None = None
    """None: unpriced, and ``reason`` says why and what to do; or a local provider, which nobody bills."""
    source: PriceSource = "catalogue"
    factor: Decimal = _ONE
    """What the entry's rates are multiplied by: 1, or the user's discount."""
    assumed: str | None = None
    """What does not match exactly although the entry is used: the amount is ``estimated``."""
    reason: str | None = None


class _Request(NamedTuple):
    """Everything about a request but its moment."""

    service: str
    provider: str | None
    model: str | None
    wanted: Wanted
    addon_of: str | None = None
    """The provider that ``model`` is an add-on of."""


class _Subject(NamedTuple):
    """What a request means at any moment."""

    request: _Request
    biller: Biller
    provider: Provider | None
    model: Model | None
    assumed: tuple[str | None, ...]
    reason: str | None


class _Timeline:
    """What was found for one kind of request, by stretch of time. Between two bounds nothing changes."""

    __slots__ = ("bounds_ms", "found", "subject")

    def __init__(self, subject: _Subject, bounds_ms: list[int]) -> None:
        self.subject = subject
        self.bounds_ms = bounds_ms
        self.found: dict[int, Found] = {}


class PriceBook:
    """The catalogue with the user's own prices over it.

    Threads may share one: what is remembered is only ever added, and would come out the same.
    """

    def __init__(self, catalogue: Catalogue, own: OwnPrices = NONE) -> None:
        self.catalogue = catalogue
        self.own = own
        self.version = catalogue.version
        self._timelines: dict[object, _Timeline] = {}
        self._indexes: dict[str, ModelIndex] = {}
        self._today_ms = _end_of_day(catalogue.version)

    def find(
        self,
        service: str,
        provider: str | None,
        model: str | None,
        *,
        at_ms: int | None,
        mode: str | None = None,
        plan: str | None = None,
        tier: str | None = None,
        direction: str | None = None,
        region: str | None = None,
    ) -> Found:
        """The price of one request.

        Args:
            service: one of `callscope.model.usage.SERVICES`.
            provider: as reported: an id, an alias, a host.
            model: as reported.
            at_ms: Unix milliseconds of the request; None: the price at the catalogue's own date.
            mode: ``streaming`` or ``batch``; None: streaming where the two are priced apart.
            plan: the plan it is billed under; None: the user's, else the one that list prices are for.
            tier: the service tier that the request asked for, as ``priority``.
            direction: ``inbound`` or ``outbound``.
            region: as the catalogue names it.
        """
        key = (service, provider, model, mode, plan, tier, direction, region)
        timeline = self._timelines.get(key)
        if timeline is None:
            wanted = Wanted(mode=mode, plan=plan, tier=tier, direction=direction, region=region)
            timeline = self._remember(key, _Request(service, provider, model, wanted))
        index = _UNDATED if at_ms is None else bisect_right(timeline.bounds_ms, at_ms)
        return timeline.found.get(index) or self._fill(timeline, index, at_ms)

    def addon(self, found: Found, name: str, *, at_ms: int | None) -> Found:
        """The price of an add-on, charged on top of what was found, under the same plan."""
        provider, entry = found.provider, found.entry
        if provider is None:
            reason = f'the add-on "{name}" is of no provider that is known; {_ADD_PRICE}'
            return Found(provider=None, biller=found.biller, reason=reason)
        service = entry.service if entry else ""
        wanted = Wanted(mode=entry.mode, plan=entry.plan, region=entry.region) if entry else Wanted()
        request = _Request(service, provider.id, name, wanted, addon_of=provider.id)
        timeline = self._timelines.get(request) or self._remember(request, request)
        index = _UNDATED if at_ms is None else bisect_right(timeline.bounds_ms, at_ms)
        return timeline.found.get(index) or self._fill(timeline, index, at_ms)

    def to_usd(self, amount: Decimal, currency: str, at_ms: int | None) -> Decimal | None:
        """An amount in US dollars; None without an exchange rate for that day."""
        if currency == USD:
            return amount
        rates = [rate for rate in self.own.exchange if rate.currency == currency]
        begun = [rate for rate in rates if self._has_begun(rate.as_of, at_ms)]
        if begun:
            return amount * max(begun, key=lambda rate: rate.as_of).usd
        return amount * min(rates, key=lambda rate: rate.as_of).usd if rates and at_ms is None else None

    def _remember(self, key: object, request: _Request) -> _Timeline:
        subject = self._subject(request)
        timeline = _Timeline(subject, self._bounds_ms(subject))
        if len(self._timelines) < _MOST_CACHED:
            self._timelines[key] = timeline
        return timeline

    def _fill(self, timeline: _Timeline, index: int, at_ms: int | None) -> Found:
        found = self._at(timeline.subject, at_ms)
        timeline.found[index] = found = msgspec.structs.replace(found, biller=timeline.subject.biller.id)
        return found

    def _subject(self, request: _Request) -> _Subject:
        biller = biller_of(self.catalogue, self.own.hosts, request.provider, request.model)
        resold = RESOLD.get(biller.id or "", {}).get(request.service)
        if resold is not None:
            biller = biller._replace(id=resold)
        if request.addon_of is not None:
            biller = Biller(request.addon_of)
        provider = self.catalogue.provider(biller.id) if biller.id else None
        if provider is None or provider.local:
            return _Subject(request, biller, provider, None, (), None)
        index = self._index(provider)
        if request.addon_of is not None:
            addon = index.addon(request.service, request.model or "")
            return _Subject(request, biller, provider, addon, (), None)
        match = index.match(request.service, request.model, direction=request.wanted.direction)
        return _Subject(request, biller, provider, match.model, (match.assumed,), match.reason)

    def _index(self, provider: Provider) -> ModelIndex:
        index = self._indexes.get(provider.id)
        if index is None:
            index = self._indexes[provider.id] = ModelIndex(provider)
        return index

    def _bounds_ms(self, subject: _Subject) -> list[int]:
        """Every moment at which what is found may change."""
        dated: list[Entry | Discount] = list(subject.model.prices) if subject.model else []
        dated += [entry for entry in self.own.prices if entry.provider == subject.biller.id]
        dated += [discount for discount in self.own.discounts if discount.provider == subject.biller.id]
        moments = {moment for one in dated for moment in (one.effective_from, one.effective_to) if moment is not None}
        return sorted(moment * _MS for moment in moments)

    def _at(self, subject: _Subject, at_ms: int | None) -> Found:
        mine = [entry for entry in self.own.prices if entry.provider == subject.biller.id]
        own = self._own(subject, at_ms, [entry for entry in mine if self._is_valid(entry, at_ms)])
        if own is not None:
            return own
        listed = self._listed(subject, at_ms)
        if listed.entry is not None or at_ms is not None:
            return listed
        nearest = self._own(subject, at_ms, mine)
        if nearest is None:
            return listed
        said = "when it was used is not known, and no price holds on the catalogue's own date: the nearest one taken"
        return msgspec.structs.replace(nearest, assumed=_joined((nearest.assumed, said)))

    def _listed(self, subject: _Subject, at_ms: int | None) -> Found:
        provider, model = subject.provider, subject.model
        if provider is None:
            return Found(provider=None, reason=subject.biller.reason or self._unknown(subject))
        if provider.local:
            return Found(provider=provider, reason="runs on your own machine")
        if model is None:
            return Found(provider=provider, reason=subject.reason or self._unknown(subject))
        choice = self._choice(subject, model, provider, at_ms)
        if choice.entry is None:
            return Found(provider=provider, reason=f"{provider.id} {model.model}: {choice.reason}; or {_ADD_PRICE}")
        factor = self._factor(choice.entry, at_ms)
        return Found(
            provider=provider,
            entry=choice.entry,
            source="catalogue" if factor is None else "discount",
            factor=_ONE if factor is None else factor,
            assumed=_joined((*subject.assumed, *choice.assumed, choice.entry.varies)),
        )

    def _choice(self, subject: _Subject, model: Model, provider: Provider, at_ms: int | None) -> Choice:
        wanted = subject.request.wanted
        wanted = wanted._replace(plan=wanted.plan or self.own.plans.get(provider.id))
        entries = model.prices
        if at_ms is None and self._today_ms is not None:
            today_ms = self._today_ms
            entries = tuple(one for one in entries if is_active(one.effective_from, one.effective_to, today_ms))
        return choose(entries or model.prices, wanted, list_plan=provider.plan, at_ms=at_ms, today_ms=self._today_ms)

    def _own(self, subject: _Subject, at_ms: int | None, mine: list[Entry]) -> Found | None:
        """The user's price of those: for the name that was reported, else for its model, else for every model."""
        if not mine:
            return None
        request, model = subject.request, subject.model
        services = {request.service, model.service if model else request.service}
        listed = model.prices if model else ()
        plan = request.wanted.plan or self.own.plans.get(subject.biller.id or "")
        for meant in self._meant(subject):
            pool = fitting(
                (entry for entry in mine if entry.service in services and entry.model.lower() == meant),
                request.wanted._replace(plan=plan),
                listed=listed,
            )
            wanted = request.wanted._replace(plan=None)
            choice = choose(pool, wanted, list_plan=plan, at_ms=at_ms, today_ms=self._today_ms)
            if choice.entry is not None:
                assumed = () if meant == EVERY_MODEL else subject.assumed
                unsure = untold(choice.entry, request.wanted, named=listed if request.model else ())
                return Found(
                    provider=subject.provider,
                    entry=with_terms(choice.entry, self._terms(subject, at_ms)),
                    source="override",
                    assumed=_joined((*assumed, *choice.assumed, *unsure)),
                )
        return None

    def _meant(self, subject: _Subject) -> Iterable[str]:
        """The names that a price of the user's may have to hold for a request, the nearest first."""
        request, provider, model = subject.request, subject.provider, subject.model
        names: list[str] = []
        if request.model and provider is not None and not provider.local and request.addon_of is None:
            names += self._index(provider).names_of(request.service, request.model, model)
        elif request.model:
            names += model_names(request.model, provider)
        if model is not None:
            names.append(model.model.lower())
        if request.addon_of is None:
            names.append(EVERY_MODEL)
        return dict.fromkeys(names)

    def _terms(self, subject: _Subject, at_ms: int | None) -> Entry | None:
        """The list price whose terms hold for a request: the one that would apply, else the latest of its mode."""
        provider, model = subject.provider, subject.model
        if provider is None or model is None:
            return None
        choice = self._choice(subject, model, provider, at_ms)
        if choice.entry is not None:
            return choice.entry
        modes = {None, subject.request.wanted.mode or "streaming"}
        return max((entry for entry in model.prices if entry.mode in modes), key=starts, default=None)

    def _factor(self, entry: Entry, at_ms: int | None) -> Decimal | None:
        discounts = [
            discount
            for discount in self.own.discounts
            if discount.provider == entry.provider
            and discount.service in {None, entry.service}
            and self._is_valid(discount, at_ms)
        ]
        if not discounts:
            return None
        return max(discounts, key=lambda one: (one.service is not None, one.effective_from or 0)).factor

    def _is_valid(self, one: Entry | Discount, at_ms: int | None) -> bool:
        """Whether something of the user's holds at a moment; without one at the catalogue's own date."""
        moment = self._today_ms if at_ms is None else at_ms
        return moment is None or is_active(one.effective_from, one.effective_to, moment)

    def _has_begun(self, start: int, at_ms: int | None) -> bool:
        moment = self._today_ms if at_ms is None else at_ms
        return moment is None or start * _MS <= moment

    def _unknown(self, subject: _Subject) -> str:
        request = subject.request
        if subject.provider is None:
            return f'the provider "{subject.biller.id}" is not known; {_ADD_PRICE}'
        what = "add-on" if request.addon_of else f"{request.service} model"
        return f'no price is known for the {what} "{request.model}" of {subject.provider.id}; {_ADD_PRICE}'


def _joined(assumed: Iterable[str | None]) -> str | None:
    return "; ".join(dict.fromkeys(one for one in assumed if one)) or None


def _end_of_day(version: str) -> int | None:
    """The last millisecond of the day that a catalogue's version begins with; None when it begins otherwise."""
    try:
        day = datetime.fromisoformat(version.partition(".")[0]).replace(tzinfo=UTC)
    except ValueError:
        return None
    return (day + timedelta(days=1) - _EPOCH) // timedelta(milliseconds=1) - 1
