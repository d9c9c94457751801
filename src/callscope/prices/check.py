"""What is wrong with the catalogue as a whole, where each file by itself is well formed.

Where a price says no end, a later one of its kind simply takes over (`callscope.prices.book`). So two overlap when
the earlier one says that it ends after the later one begins, or when both begin at once; and there is a gap before a
price when everything earlier says that it ended before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Final, Protocol, TypeVar

from callscope.prices.entry import Entry, Model, Provider
from callscope.prices.units import UNITS

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = 86_400
_NEVER: Final = -(2**62)
"""Before everything that has a date."""
_FOR_TIME: Final = ("meter", "increment_seconds", "minimum_seconds", "channels")
"""What only a price by time can have."""


class Dated(Protocol):
    """Something that holds from a moment (inclusive) to a moment (exclusive), in Unix seconds."""

    @property
    def effective_from(self) -> int | None: ...  # noqa: D102 -- see the class
    @property
    def effective_to(self) -> int | None: ...  # noqa: D102 -- see the class


D = TypeVar("D", bound=Dated)


def problems_of(providers: Iterable[Provider], *, today: date) -> list[str]:
    """Every problem, one sentence each, beginning with the id of what has it. Nothing is raised."""
    known = list(providers)
    tomorrow = _seconds(today) + _DAY
    found = [*_claims(known)]
    for provider in known:
        entries = [entry for model in provider.models for entry in model.prices]
        for entry in entries:
            found += (f"{entry.id}: {problem}" for problem in _entry(entry, today=today, tomorrow=tomorrow))
        found += _times(entries)
    return found


def stale(providers: Iterable[Provider], *, today: date, days: int = 90) -> list[Entry]:
    """Prices that apply today or later and were not read in the last ``days`` days."""
    now = _seconds(today)
    limit = (today - timedelta(days=days)).isoformat()
    found = []
    for provider in providers:
        for group in _kinds(entry for model in provider.models for entry in model.prices).values():
            lasting = [entry for entry in group if entry.effective_to is None or entry.effective_to > now]
            begun = max((_start(entry) for entry in lasting if _start(entry) <= now), default=_NEVER)
            found += [entry for entry in lasting if _start(entry) >= begun and entry.read_on < limit]
    return found


def overlaps(group: Iterable[D]) -> list[tuple[D, D]]:
    """Those of one kind that hold at the same time, as (earlier, later)."""
    found = []
    ordered = sorted(group, key=_start)
    furthest: D | None = None
    for earlier, later in pairwise(ordered):
        furthest = max(furthest or earlier, earlier, key=_said_end)
        if _start(earlier) == _start(later):
            found.append((earlier, later))
        elif _said_end(furthest) > _start(later):
            found.append((furthest, later))
    return found


def _times(entries: Iterable[Entry]) -> Iterator[str]:
    for group in _kinds(entries).values():
        for earlier, later in overlaps(group):
            yield f"{later.id}: applies at the same time as {earlier.id}; rates of several units go into one price"
        reach: int | None = None
        for entry in sorted(group, key=_start):
            if reach is not None and reach < _start(entry):
                yield f"{entry.id}: nothing is known between {_moment(reach)} and its beginning"
            if entry.effective_to is None:
                break
            reach = max(reach or entry.effective_to, entry.effective_to)


def _kinds(entries: Iterable[Entry]) -> dict[tuple[object, ...], list[Entry]]:
    """Entries that are told apart by time alone."""
    kinds: dict[tuple[object, ...], list[Entry]] = {}
    for one in entries:
        kind = (one.service, one.model, one.mode, one.plan, one.tier, one.direction, one.region, one.addon)
        kinds.setdefault(kind, []).append(one)
    return kinds


def _entry(entry: Entry, *, today: date, tomorrow: int) -> Iterator[str]:
    units = [*entry.rates, *(entry.long_context.rates if entry.long_context else ())]
    yield from (f"unknown unit {unit}" for unit in units if unit not in UNITS)
    if not entry.rates:
        yield "has no rates"
    if not entry.source:
        yield "has no source"
    if not entry.read_on:
        yield "has no read_on"
    if not entry.note and entry.read_on > today.isoformat():
        yield f"was read on {entry.read_on}, which is in the future, and no note says why"
    if not entry.note and (entry.effective_from or 0) >= tomorrow:
        yield f"begins on {_moment(entry.effective_from or 0)}, which is in the future, and no note says why"
    if entry.long_context and not entry.long_context.rates:
        yield "long_context has no rates"
    if entry.addon and any(UNITS[unit].family == "tokens" for unit in units if unit in UNITS):
        yield "is an add-on with a price by tokens, which are counted in its model already"
    yield from misplaced(entry)


def misplaced(entry: Entry) -> Iterator[str]:
    """What the entry says that none of its rates could use."""
    known = {UNITS[unit].family for unit in entry.rates if unit in UNITS}
    if "time" not in known:
        yield from (f'"{name}" without a price by time' for name in _FOR_TIME if getattr(entry, name) is not None)
    if entry.markup and not known & {"characters", "bytes"}:
        yield '"markup" without a price by characters or bytes'


def _claims(providers: Iterable[Provider]) -> Iterator[str]:
    """Names that two claim, so that what is meant would depend on who is asked first."""
    names: dict[str, str] = {}
    for provider in providers:
        for name in dict.fromkeys((provider.id, *provider.aliases, *provider.hosts)):
            if name in names:
                yield f'{provider.id}: "{name}" is {names[name]} already'
            names.setdefault(name, provider.id)
        models: dict[tuple[str, str], Model] = {}
        for model in provider.models:
            claimed = ((model.model.lower(), "name"), *((name, "name") for name in model.names))
            for name, what in dict.fromkeys((*claimed, *((pattern, "pattern") for pattern in model.patterns))):
                other = models.setdefault((f"{model.service} {what}", name), model)
                if other is not model:
                    yield f'{provider.id}/{model.service}/{model.model}: {what} "{name}" is {other.model}\'s already'


def _start(one: Dated) -> int:
    return _NEVER if one.effective_from is None else one.effective_from


def _said_end(one: Dated) -> int:
    return _NEVER if one.effective_to is None else one.effective_to


def _seconds(day: date) -> int:
    return int(datetime.combine(day, time(), UTC).timestamp())


def _moment(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
