"""Which of one model's entries applies: they differ in mode, direction, region, tier, plan and time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from callscope.prices.entry import Entry

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = 1000
_NEVER: Final = -(2**62)
_STANDARD_TIERS: Final = frozenset({"default", "standard", "auto", "on_demand"})
_MODES: Final = ("streaming", None, "batch")
"""In the order of preference when nobody said: this is for live calls."""
_USUAL: Final = {"direction": "inbound", "region": "US"}


class Wanted(NamedTuple):
    """What a request was like, as far as it was told."""

    mode: str | None = None
    plan: str | None = None
    tier: str | None = None
    direction: str | None = None
    region: str | None = None


class Choice(NamedTuple):
    """The entry, what had to be assumed for it, or why there is none."""

    entry: Entry | None
    assumed: tuple[str, ...] = ()
    reason: str | None = None


def choose(
    entries: Sequence[Entry],
    wanted: Wanted,
    *,
    list_plan: str | None,
    at_ms: int | None,
    today_ms: int | None = None,
) -> Choice:
    """One entry of those of one model.

    Args:
        entries: all of the model's.
        wanted: what the request was like.
        list_plan: the plan that list prices are for; entries without a plan are for everybody.
        at_ms: when; None: whichever had begun last by ``today_ms``, else the earliest.
        today_ms: what is taken for today; None: after every price's beginning.
    """
    pool = [entry for entry in entries if not entry.addon] or list(entries)
    modes = (wanted.mode, None) if wanted.mode else _MODES
    pool = next((same for mode in modes if (same := [entry for entry in pool if entry.mode == mode])), [])
    if not pool:
        return Choice(None, reason=f"no price is known for mode {wanted.mode}")
    assumed: list[str] = []
    for attribute, value in (("direction", wanted.direction), ("region", wanted.region)):
        pool, said = _apart(pool, attribute, value)
        assumed += said
    pool, said = _of_tier(pool, wanted.tier)
    assumed += said
    if not pool:
        return Choice(None, reason="a price is known for special service tiers only: report the tier")
    plans = sorted({entry.plan for entry in pool if entry.plan})
    pool, said = _of_plan(pool, wanted.plan, list_plan)
    assumed += said
    if not pool:
        return Choice(
            None,
            reason=f"a price is known for plan {', '.join(plans)} only: write yours under [plans] in your prices file",
        )
    return _undated(pool, today_ms, assumed) if at_ms is None else _of_time(pool, at_ms, assumed)


def fitting(own: Iterable[Entry], wanted: Wanted, *, listed: Sequence[Entry]) -> list[Entry]:
    """Those of the user's entries that are meant for such a request.

    Args:
        own: of the same model.
        wanted: what the request was like.
        listed: list prices of the same model: what their directions and regions are, the request's may be.
    """
    modes = {None, wanted.mode or "streaming"}
    places = [
        {None, value} if value else {getattr(one, name) for one in listed} | {None}
        for name, value in (("direction", wanted.direction), ("region", wanted.region))
    ]
    return [
        entry
        for entry in own
        if entry.mode in modes
        and entry.plan in {None, wanted.plan}
        and entry.tier in {None, wanted.tier}
        and (entry.direction in places[0] or places[0] == {None})
        and (entry.region in places[1] or places[1] == {None})
    ]


def untold(entry: Entry, wanted: Wanted, *, named: Sequence[Entry]) -> list[str]:
    """What the user's entry is for and nobody reported.

    Args:
        entry: the user's.
        wanted: what the request was like.
        named: list prices of the model that was reported: where they are all for one direction, its name tells it.
    """
    return [
        _unreported(attribute, value)
        for attribute in ("direction", "region")
        if (value := getattr(entry, attribute)) is not None
        and getattr(wanted, attribute) is None
        and {getattr(one, attribute) for one in named} != {value}
    ]


def starts(entry: Entry) -> int:
    """When it begins, in Unix seconds; before everything when nobody knows."""
    return _NEVER if entry.effective_from is None else entry.effective_from


def is_active(effective_from: int | None, effective_to: int | None, at_ms: int) -> bool:
    """Whether a stretch of Unix seconds, its end not included, holds a moment."""
    return (effective_from is None or effective_from * _MS <= at_ms) and (
        effective_to is None or at_ms < effective_to * _MS
    )


def _apart(pool: list[Entry], attribute: str, value: str | None) -> tuple[list[Entry], list[str]]:
    """Entries of a direction or region; where only one is known it belongs to the model's name."""
    known = {getattr(entry, attribute) for entry in pool}
    chosen = next((one for one in (value, None) if one in known), _USUAL[attribute])
    if chosen not in known:
        chosen = min(known)
    pool = [entry for entry in pool if getattr(entry, attribute) == chosen]
    if chosen in {value, None} or (value is None and len(known) == 1):
        return pool, []
    return pool, [_unreported(attribute, chosen, value)]


def _unreported(attribute: str, meant: str | None, value: str | None = None) -> str:
    return f"the price is for {attribute} {meant}, and {value or 'none'} was reported"


def _of_tier(pool: list[Entry], tier: str | None) -> tuple[list[Entry], list[str]]:
    standard = [entry for entry in pool if entry.tier is None]
    if tier is None or tier in _STANDARD_TIERS:
        return standard, []
    special = [entry for entry in pool if entry.tier == tier]
    return (special, []) if special else (standard, [f'no price is known for tier "{tier}": the standard one assumed'])


def _of_plan(pool: list[Entry], plan: str | None, list_plan: str | None) -> tuple[list[Entry], list[str]]:
    listed = [entry for entry in pool if list_plan and entry.plan == list_plan]
    listed = listed or [entry for entry in pool if entry.plan is None]
    if plan is None or plan == list_plan:
        return listed, []
    held = [entry for entry in pool if entry.plan == plan]
    return (held, []) if held else (listed, [f'no price is known for plan "{plan}": the list price assumed'])


def _undated(pool: list[Entry], today_ms: int | None, assumed: list[str]) -> Choice:
    begun = [entry for entry in pool if today_ms is None or starts(entry) * _MS <= today_ms]
    return Choice(max(begun, key=starts) if begun else min(pool, key=starts), tuple(assumed))


def _of_time(pool: list[Entry], at_ms: int, assumed: list[str]) -> Choice:
    active = [entry for entry in pool if is_active(entry.effective_from, entry.effective_to, at_ms)]
    if active:
        return Choice(max(active, key=starts), tuple(assumed))
    earliest = min(pool, key=starts)
    if starts(earliest) * _MS > at_ms:
        assumed.append(f"its price is known from {_day(starts(earliest))} on only")
        return Choice(earliest, tuple(assumed))
    return Choice(None, reason=f"no price is known for {_day(at_ms // _MS)}: the one before it had ended")


def _day(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).date().isoformat()
