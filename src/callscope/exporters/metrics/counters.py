"""Counters that only go up, though the archive forgets: kept in a file beside the index.

An archive deletes its old days, so a sum over it goes down, and Prometheus would take that for a restart and count
everything again. Therefore what is counted is what is *added*: to the days from `State.since_ms` on, which is the day
before yesterday, where nothing is deleted yet. What is added is the difference to the last look, by metric and labels;
a difference below zero (a call was priced anew, a call that seemed abandoned went on) adds nothing. The first look
counts the whole archive.

What that leaves out: calls that came and went between two looks, and what changes in calls of older days.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from callscope.archive.replace import make_dir, write_json
from callscope.errors import CallscopeError, UnreadableError
from callscope.exporters.metrics import catalogue
from callscope.exporters.metrics.tally import Key, Tally, tally
from callscope.index import database
from callscope.index.periods import DAY_MS
from callscope.report.safe_text import clean

_VERSION: Final = 1
_DAYS: Final = 2
"""Whole days before today that are looked at."""
_LONGEST: Final = 100
"""Characters of a label's value."""
_TRIES: Final = 40
_PAUSE_SECONDS: Final = 0.05


class Series(msgspec.Struct, array_like=True):
    """A counter."""

    key: Key
    shown: float
    """What Prometheus is told, before `catalogue.Metric.scale`."""
    seen: float
    """What it came to over the days since `State.since_ms` at the last look."""


class State(msgspec.Struct, kw_only=True):
    """What is kept."""

    version: int = _VERSION
    since_ms: int | None = None
    """The first day that is looked at; None before the first look."""
    known: dict[str, list[Key]] = {}
    """By family, the combinations of labels that are told apart: once told apart, always told apart."""
    series: list[Series] = []


def place_of(index: Path) -> Path:
    """The file with the counters of the archive of an index."""
    return index.with_name(f"{index.name}-counters.json")


def advance(db: sqlite3.Connection, state: State, *, now_ms: int) -> State:
    """The counters after a look at the index."""
    since_ms = now_ms - now_ms % DAY_MS - _DAYS * DAY_MS
    added = tally(db, state.since_ms)
    known = _admitted(state.known, added)
    bounded = _bounded(added, known)
    is_first = state.since_ms is None
    if state.since_ms is not None and since_ms <= state.since_ms:
        since_ms, seen = state.since_ms, bounded
    else:
        seen = _bounded(tally(db, since_ms), known)
    before = {series.key: series for series in state.series}
    series = []
    for key in before.keys() | bounded.keys() | seen.keys():
        was = before.get(key)
        more = bounded.get(key, 0) if was is None or is_first else max(0, bounded.get(key, 0) - was.seen)
        series.append(Series(key, more + (was.shown if was is not None else 0), seen.get(key, 0)))
    series.sort(key=lambda each: each.key)
    return State(since_ms=since_ms, known=known, series=series)


def kept(db: Callable[[], contextlib.AbstractContextManager[sqlite3.Connection]], place: Path, *, now_ms: int) -> State:
    """The counters after a look, kept for the next one. Processes that do so at once wait for each other.

    Raises:
        UnreadableError: the file is damaged.
        CallscopeError: it cannot be written, or another process holds it for too long.
    """
    with _held(place):
        state = _loaded(place)
        with db() as connection:
            state = advance(connection, state, now_ms=now_ms)
        try:
            make_dir(place.parent)
            write_json(place, msgspec.to_builtins(state))
        except OSError as error:
            raise CallscopeError(f"{place} cannot be written ({error.strerror})") from error
    return state


@contextlib.contextmanager
def _held(place: Path) -> Iterator[None]:
    for _ in range(_TRIES):
        with database.lock(place) as is_ours:
            if is_ours:
                yield
                return
        time.sleep(_PAUSE_SECONDS)
    raise CallscopeError(f"another process is counting: {place} is held")


def _loaded(place: Path) -> State:
    try:
        state = msgspec.json.decode(place.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UnreadableError(f"{place} cannot be read ({error}): remove it, and counting begins anew") from error
    if state.version != _VERSION:
        raise UnreadableError(f"{place} is of another version of callscope: remove it, and counting begins anew")
    return state


def _admitted(known: dict[str, list[Key]], found: Tally) -> dict[str, list[Key]]:
    """The combinations that are told apart: those that were, and the most used of the others while there is room."""
    use: dict[str, dict[Key, float]] = {family: {} for family in catalogue.MOST}
    for key in found:
        metric = catalogue.METRICS[key[0]]
        if metric.family:
            labels = _named(key)
            use[metric.family].setdefault(labels, 0)
            if metric in {catalogue.CALLS, catalogue.COST_LINES, catalogue.ERRORS}:
                use[metric.family][labels] += found[key]
    admitted = {}
    for family, most in catalogue.MOST.items():
        there = [tuple(each) for each in known.get(family, [])]
        others = sorted(use[family].keys() - set(there), key=lambda labels: (-use[family][labels], labels))
        admitted[family] = there + others[: max(0, most - len(there))]
    return admitted


def _named(key: Key) -> Key:
    """The labels of a family, in the form in which they are told."""
    family = catalogue.METRICS[key[0]].family
    count = 1 if family == "agent" else 3
    return tuple(clean(value)[:_LONGEST] or catalogue.UNKNOWN for value in key[1 : 1 + count])


def _bounded(found: Tally, known: dict[str, list[Key]]) -> Tally:
    """The same with `catalogue.OTHER` in place of what is not told apart."""
    sets = {family: set(each) for family, each in known.items()}
    bounded: Tally = {}
    for key, value in found.items():
        family = catalogue.METRICS[key[0]].family
        told = key
        if family:
            labels = _named(key)
            if labels not in sets[family]:
                labels = (catalogue.OTHER,) * len(labels)
            told = (key[0], *labels, *key[1 + len(labels) :])
        bounded[told] = bounded.get(told, 0) + value
    return bounded
