"""Where the difference between estimate and bill comes from, for one group of charges and estimates.

A difference is estimate minus actual: positive when the estimate is too high. Its parts add up to it exactly; money is
rounded to a millionth of a millionth of a dollar before anything is compared, so that sums have an end.

====================== ==========================================================================================
part                   what it is
====================== ==========================================================================================
usage                  the quantities differ; at our price
price                  the price of one unit differs
cached                 input tokens that the provider billed as cached, and that the usage did not report as such
unpriced               charges for what we have no price for
rounding               the quantities differ by less than one increment a request, or the amounts by their last digit
time_shift             usage that was billed on the day before or after
unexplained            the rest: charges that tell no quantity, and that differ
====================== ==========================================================================================
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, Literal

import msgspec

from callscope.prices.estimate import Estimate
from callscope.prices.joins import Group
from callscope.prices.statements.charge import Charge
from callscope.prices.units import UNITS

Part = Literal["usage", "price", "cached", "unpriced", "rounding", "time_shift", "unexplained"]

PARTS: Final[tuple[Part, ...]] = (
    "usage",
    "price",
    "cached",
    "unpriced",
    "rounding",
    "time_shift",
    "unexplained",
)
BLOCK: Final = 128
"""Cached tokens are counted in multiples of this."""

_ZERO: Final = Decimal(0)
_PICO: Final = Decimal("1e-12")
_CENT: Final = Decimal("0.01")
_CACHED_OF: Final = {
    "input_text_tokens": "cached_input_text_tokens",
    "input_audio_tokens": "cached_input_audio_tokens",
}


class Cached(msgspec.Struct, frozen=True):
    """Input tokens that were billed as cached."""

    model: str | None
    tokens: Decimal
    of: Decimal
    """All input tokens of the requests that were looked at."""


class UnitPrice(msgspec.Struct, frozen=True):
    """What one unit costs by the bill, where the quantities agree."""

    service: str
    model: str | None
    unit: str
    ours: Decimal
    theirs: Decimal
    day: str | None


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One group's difference and its parts."""

    group: Group
    estimate_usd: Decimal
    actual_usd: Decimal
    parts: dict[Part, Decimal]
    cached: tuple[Cached, ...] = ()
    unit_prices: tuple[UnitPrice, ...] = ()


class _Side:
    """One side's quantity and money for what one unit counts."""

    def __init__(self) -> None:
        self.lines = 0
        self.quantity = _ZERO
        self.usd = _ZERO
        self.unpriced = _ZERO
        """Quantity without a price of ours."""
        self.increments = _ZERO
        """What rounding may come to."""
        self.last_digits = _ZERO
        """What the rounding of amounts may come to."""


class _Parts:
    def __init__(self) -> None:
        self.of: dict[Part, Decimal] = defaultdict(Decimal)
        self.cached: list[Cached] = []
        self.unit_prices: list[UnitPrice] = []


def money(amount: Decimal) -> Decimal:
    """Dollars as they are compared: twelve places."""
    return amount.quantize(_PICO, rounding=ROUND_HALF_EVEN)


def differences_of(groups: Sequence[Group]) -> list[Difference]:
    """Split the differences of one provider's groups; the charges' amounts are US dollars.

    That amounts tell of cached tokens is believed when most of the requests whose amount differs say so: one alone may
    do so by accident.
    """
    found = [_difference(group, cached_by_amount=True) for group in groups]
    telling = sum("cached" in each.parts for each in found)
    silent = sum(each.group.join == "request" and "unexplained" in each.parts for each in found)
    return found if telling >= silent else [_difference(group, cached_by_amount=False) for group in groups]


def _difference(group: Group, *, cached_by_amount: bool) -> Difference:
    estimate_usd = sum((money(each.usd) for each in group.estimates if each.usd is not None), _ZERO)
    actual_usd = sum((money(charge.amount) for charge in group.charges if charge.amount is not None), _ZERO)
    parts = _Parts()
    if not group.charges or not group.estimates:
        unpriced = any(each.usd is None for each in group.estimates)
        parts.of["unpriced" if unpriced and not estimate_usd else "usage"] = estimate_usd - actual_usd
    elif all(charge.unit is not None and charge.quantity is not None for charge in group.charges):
        _compare_quantities(group, parts)
    else:
        _compare_amounts(group, parts, estimate_usd - actual_usd, with_cached=cached_by_amount)
    parts.of["unexplained"] += estimate_usd - actual_usd - sum(parts.of.values(), _ZERO)
    return Difference(
        group=group,
        estimate_usd=estimate_usd,
        actual_usd=actual_usd,
        parts={part: parts.of[part] for part in PARTS if parts.of.get(part)},
        cached=tuple(parts.cached),
        unit_prices=tuple(parts.unit_prices),
    )


def _compare_quantities(group: Group, parts: _Parts) -> None:
    ours = _ours(group.estimates, as_billed=all(charge.as_billed for charge in group.charges))
    theirs = _theirs(group.charges)
    for plain, cached in _CACHED_OF.items():
        _move_cached(group, plain, cached, ours, theirs, parts)
    for counts in sorted({*ours, *theirs}):
        mine, bill = ours.get(counts, _Side()), theirs.get(counts, _Side())
        if mine.unpriced:
            share = mine.unpriced / (mine.unpriced + mine.quantity)
            unpriced = money(bill.usd * share) if mine.quantity else bill.usd
            parts.of["unpriced"] -= unpriced
            bill.usd -= unpriced
            bill.quantity -= min(mine.unpriced, bill.quantity) if mine.quantity else bill.quantity
        _compare(group, counts, mine, bill, parts)


def _compare(group: Group, counts: str, ours: _Side, theirs: _Side, parts: _Parts) -> None:
    """Split one unit's difference into usage or rounding, and price."""
    rest = ours.usd - theirs.usd
    gap = ours.quantity - theirs.quantity
    if not ours.quantity or not theirs.quantity:
        parts.of["usage"] += rest
        return
    price = ours.usd / ours.quantity
    # More charges than uses of ours are no rounding: a leg that was not recorded, say.
    if gap and abs(gap) < ours.increments and theirs.lines <= ours.lines:
        most = money(price * ours.increments)
        rounding = max(-most, min(rest, most))
        parts.of["rounding"] += rounding
        rest -= rounding
    elif gap:
        usage = money(price * gap)
        parts.of["usage"] += usage
        rest -= usage
    if abs(rest) <= theirs.last_digits:
        parts.of["rounding"] += rest
        return
    parts.of["price"] += rest
    if not gap:
        parts.unit_prices += _unit_prices(group, counts, theirs)


def _compare_amounts(group: Group, parts: _Parts, rest: Decimal, *, with_cached: bool) -> None:
    """Without quantities: what an amount alone can tell."""
    if rest < 0 and any(each.usd is None for each in group.estimates):
        parts.of["unpriced"] = rest
        return
    cached = _cached_by_amount(group, rest) if with_cached else None
    if cached is not None:
        parts.cached.append(cached[0])
        parts.of["cached"] = cached[1]
        rest -= cached[1]
    last_digits = sum((_last_digit(charge) for charge in group.charges), _ZERO)
    increments = sum((_increment_usd(each) for each in group.estimates), _ZERO)
    if abs(rest) <= max(last_digits, increments):
        parts.of["rounding"] = rest


def _cached_by_amount(group: Group, rest: Decimal) -> tuple[Cached, Decimal] | None:
    """The cached tokens that one request's amount tells of, and what they saved; None when it tells of none.

    One cached token saves the difference of two prices; a multiple of `BLOCK` of them that saves just what the
    estimate is too high, and that the input has room for, is no accident.
    """
    inputs = [each for each in group.estimates if each.cached_price is not None and each.billed]
    told = any((each.counts or "").startswith("cached_") and each.used for each in group.estimates)
    if group.join != "request" or len(inputs) != 1 or told:
        return None
    (line,) = inputs
    if not line.price or not line.billed or line.cached_price is None or line.unit not in UNITS or line.usd is None:
        return None
    saved = line.usd / line.billed * (1 - line.cached_price / line.price)
    if saved <= 0:
        return None
    tokens = rest / saved
    whole = (tokens / BLOCK).to_integral_value() * BLOCK
    if abs(tokens - whole) > Decimal("0.5") or not 0 <= whole <= line.billed:
        return None
    return Cached(line.model, whole, line.billed), money(saved * whole)


def _move_cached(
    group: Group, plain: str, cached: str, ours: dict[str, _Side], theirs: dict[str, _Side], parts: _Parts
) -> None:
    """Take the tokens that the bill counts as cached and the usage as plain out of the comparison of both."""
    lines = [each for each in group.estimates if each.counts == plain and each.usd is not None and each.billed]
    if not lines or cached not in theirs or any(each.cached_price is None or not each.price for each in lines):
        return
    mine, cached_mine = ours[plain], ours.setdefault(cached, _Side())
    bill = theirs.get(plain, _Side())
    tokens = min(mine.quantity - bill.quantity, theirs[cached].quantity - cached_mine.quantity)
    if tokens <= 0:
        return
    # Where requests have different prices, all of them are taken to have cached alike.
    at_cached = sum(((each.usd or _ZERO) * (each.cached_price or _ZERO) / (each.price or 1) for each in lines), _ZERO)
    before, after = money(mine.usd * tokens / mine.quantity), money(at_cached * tokens / mine.quantity)
    parts.of["cached"] += before - after
    parts.cached.append(Cached(group.model or lines[0].model, tokens, mine.quantity))
    mine.quantity, mine.usd = mine.quantity - tokens, mine.usd - before
    cached_mine.quantity, cached_mine.usd = cached_mine.quantity + tokens, cached_mine.usd + after


def _ours(estimates: Iterable[Estimate], *, as_billed: bool) -> dict[str, _Side]:
    sides: dict[str, _Side] = defaultdict(_Side)
    for each in estimates:
        quantity = (each.billed if as_billed else each.used) or _ZERO
        side = sides[each.counts or ""]
        side.lines += 1
        if each.usd is None:
            side.unpriced += quantity
        else:
            side.quantity += quantity
            side.usd += money(each.usd)
            side.increments += each.increment
    return sides


def _theirs(charges: Iterable[Charge]) -> dict[str, _Side]:
    sides: dict[str, _Side] = defaultdict(_Side)
    for charge in charges:
        side = sides[charge.unit or ""]
        side.lines += 1
        side.quantity += charge.quantity or _ZERO
        side.usd += money(charge.amount or _ZERO)
        side.last_digits += _last_digit(charge)
    return sides


def _last_digit(charge: Charge) -> Decimal:
    """Half of an amount's last digit, at most half a cent: what rounding it may come to."""
    if charge.amount is None:
        return _ZERO
    exponent = charge.amount.as_tuple().exponent
    digit = Decimal(1).scaleb(exponent) if isinstance(exponent, int) else _CENT
    return min(digit, _CENT) / 2


def _increment_usd(each: Estimate) -> Decimal:
    """What rounding one use up by one increment costs."""
    if not each.usd or not each.billed:
        return _ZERO
    return each.usd / each.billed * each.increment


def _unit_prices(group: Group, counts: str, theirs: _Side) -> Sequence[UnitPrice]:
    """What the bill's price of our unit is, where one price of ours stands against it."""
    lines = [each for each in group.estimates if each.counts == counts and each.usd is not None]
    prices = {(each.service, each.model, each.unit, each.price) for each in lines}
    if len(prices) != 1:
        return ()
    ((service, model, unit, ours),) = prices
    if unit not in UNITS or ours is None:
        return ()
    implied = (theirs.usd / theirs.quantity * UNITS[unit].per).quantize(Decimal("1e-6"))
    return (UnitPrice(service, model, unit, ours, implied, group.day),)
