"""Groups of errors over a stretch of time beside those of the equally long one before: new, rising, gone.

Counted are the calls in which an error happened: within one call it repeats itself. If nothing had changed, each call
with the error would lie in this time with the share that this time has of the calls of both; how often chance alone
makes as many of them as there are (or none) is a sum of the binomial distribution, which is what two Poisson counts
come to when their sum is known. So neither more traffic nor a few calls make an error rise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal

import msgspec

from callscope.index.error_groups import ErrorGroup
from callscope.index.index import Index
from callscope.query.query import CallQuery

State = Literal["new", "rising", "gone", ""]

STATES: Final[tuple[State, ...]] = ("new", "rising", "gone")
RISING_CHANCE: Final = 0.01
"""Of a hundred errors that did not change, at most one is called rising."""
GONE_CHANCE: Final = 0.05
_OF_ERRORS: Final = frozenset({"error", "fingerprint", "errors", "failed"})
_MOST: Final = 5000
"""Groups of the time before that are looked at."""


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A group and what became of it."""

    group: ErrorGroup
    """Of this time; of one that is gone, of the time before."""
    state: State
    """``new``: in none of the calls before. ``rising``: in more than chance explains. ``gone``: in none any more, and
    chance does not explain it."""
    count: int
    """Errors in this time."""
    calls: int
    """Calls in which it happened, in this time."""
    before: int | None
    """Errors in the time before; None: there is no such time, or nothing was recorded in it."""
    calls_before: int | None


def before_of(query: CallQuery, *, now_ms: int) -> CallQuery | None:
    """The same calls in the equally long time before; None for a time without a beginning."""
    if query.since_ms is None:
        return None
    length_ms = (now_ms if query.until_ms is None else query.until_ms) - query.since_ms
    if length_ms <= 0:
        return None
    return msgspec.structs.replace(query, since_ms=query.since_ms - length_ms, until_ms=query.since_ms)


def with_states(
    index: Index, query: CallQuery, groups: Sequence[ErrorGroup], *, now_ms: int, is_all: bool = True
) -> list[Line]:
    """Groups with their states, in their order, then those that are gone, the most frequent first.

    Args:
        index: the archive's.
        query: what the groups are of.
        groups: of this time.
        now_ms: Unix milliseconds: the end of a time that has none.
        is_all: there are no more groups of this time than these; else nobody can say which ones are gone.
    """
    before = before_of(query, now_ms=now_ms)
    calls_before = 0 if before is None else _calls(index, before)
    if before is None or not calls_before:
        return [_line(group, None, 0.5) for group in groups]
    calls = _calls(index, query)
    share = calls / (calls + calls_before)
    earlier = {group.fingerprint: group for group in index.errors(before, limit=_MOST)}
    lines = [_line(group, earlier, share) for group in groups]
    here = {group.fingerprint for group in groups}
    if calls and is_all:
        missing = [group for fingerprint, group in earlier.items() if fingerprint not in here]
        lines += [_gone(group) for group in missing if is_gone(group.calls, share)]
    return lines


def state_of(calls: int, calls_before: int, *, share: float) -> State:
    """What became of an error that happened in so many calls, and before in so many.

    Args:
        calls: in which it happened, in this time.
        calls_before: the same in the time before.
        share: of all calls of both times, how many are of this one.
    """
    if not calls:
        return "gone" if is_gone(calls_before, share) else ""
    if not calls_before:
        return "new"
    return "rising" if chance_of(calls, calls + calls_before, share) < RISING_CHANCE else ""


def is_gone(calls_before: int, share: float) -> bool:
    """Whether chance does not explain that an error of so many calls before is in none now."""
    return share > 0 and (1 - share) ** calls_before < GONE_CHANCE


def chance_of(hits: int, among: int, share: float) -> float:
    """How likely at least ``hits`` of ``among`` are, when each is one with a probability of ``share``."""
    if hits <= among * share:
        return 1.0
    if share <= 0:
        return 0.0
    logs = (
        math.lgamma(among + 1)
        - math.lgamma(each + 1)
        - math.lgamma(among - each + 1)
        + each * math.log(share)
        + (among - each) * math.log1p(-share)
        for each in range(hits, among + 1)
    )
    return min(1.0, math.fsum(map(math.exp, logs)))


def _calls(index: Index, query: CallQuery) -> int:
    return index.stats(_all_calls(query), stages=False)[0][1].calls


def _all_calls(query: CallQuery) -> CallQuery:
    """A query without what it asks of errors: how many calls there were, with and without them."""
    terms = tuple(term for term in query.terms if term.field not in _OF_ERRORS)
    words = tuple(each for each in query.words if each.where not in {"anywhere", "error"})
    return msgspec.structs.replace(query, terms=terms, words=words)


def _line(group: ErrorGroup, earlier: Mapping[str, ErrorGroup] | None, share: float) -> Line:
    if earlier is None:
        return Line(group=group, state="", count=group.count, calls=group.calls, before=None, calls_before=None)
    one = earlier.get(group.fingerprint)
    calls_before = 0 if one is None else one.calls
    return Line(
        group=group,
        state=state_of(group.calls, calls_before, share=share),
        count=group.count,
        calls=group.calls,
        before=0 if one is None else one.count,
        calls_before=calls_before,
    )


def _gone(group: ErrorGroup) -> Line:
    return Line(group=group, state="gone", count=0, calls=0, before=group.count, calls_before=group.calls)
