"""The problems strip: what somebody should look at, each with its moment, then what could not be read."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

import msgspec

from callscope.archive.reader import UNREADABLE, CallRecord
from callscope.model import call as statuses
from callscope.model.call import Call
from callscope.model.exchange import Exchange
from callscope.report import figures
from callscope.timeline.summary import Problem, Timeline
from callscope.web.call.axis import Axis
from callscope.web.call.links import Links, seconds
from callscope.web.call.waterfall import sentence_of


class ProblemLine(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence."""

    since_ms: int | None
    """Milliseconds after the call's start; None for what is wrong with a file."""
    at: str
    """The same in seconds, for scripts."""
    href: str
    text: str
    look: str
    """``bad``, ``warn``, or empty: of files."""
    is_first: bool
    """One of the `SHOWN` worst, which are read without unfolding the others."""


SHOWN: Final = 6
_LOOKS: Final = {
    "slow": "warn", "unanswered": "bad", "barge_in": "warn", "error": "bad", "silence": "bad", "unreported": "warn",
}  # fmt: skip

_ENDS: Final = {
    statuses.FAILED: "The call failed",
    statuses.ABANDONED: "The recording ended before the call did, so its end is not known",
    UNREADABLE: "The call's metadata cannot be read",
}


_Rank = tuple[int, int]
"""How telling a problem is, the lowest first."""
_END: Final = (0, 0)
_FILE: Final = (6, 0)


def problems_of(
    record: CallRecord, timeline: Timeline, axis: Axis, links: Links, *, target_ms: int
) -> tuple[ProblemLine, ...]:
    """What went wrong in the order of its moments, then the files."""
    found = [(_END, line) for line in _end(record.call, axis, links)]
    waits_ms = {_moment(each): each.waited_ms or 0 for each in timeline.exchanges}
    longest_ms = max(waits_ms.values(), default=0)
    for problem in sorted([*timeline.problems, *_slowest(timeline, target_ms)], key=lambda each: each.at_ms):
        since_ms = max(axis.since(problem.at_ms), 0)
        href = links.at(since_ms)
        if links.is_file:
            place = bisect_right(timeline.exchanges, problem.at_ms, key=lambda each: each.started_at_ms) - 1
            href = links.exchange(timeline.exchanges[place].index) if place >= 0 else ""
        look = "warn" if problem.kind == "error" and "; recovered" in problem.text else _LOOKS[problem.kind]
        rank = _rank(problem, look, waits_ms.get(problem.at_ms, 0), longest_ms)
        found.append((rank, _line(text=problem.text, look=look, since_ms=since_ms, href=href)))
    for unread in record.problems:
        where = unread.file if unread.line is None else f"{unread.file} line {unread.line}"
        found.append((_FILE, _line(text=f"{where}: {unread.message}")))
    worst = sorted(range(len(found)), key=lambda place: found[place][0])[:SHOWN]
    return tuple(msgspec.structs.replace(line, is_first=place in worst) for place, (_, line) in enumerate(found))


def _rank(problem: Problem, look: str, waited_ms: int, longest_ms: int) -> _Rank:
    """Unanswered first and the longest wait, then errors, other slow waits, barge-ins, and the rest."""
    is_wait = problem.kind in {"slow", "unanswered"}
    if problem.kind in {"unanswered", "silence"} or (is_wait and waited_ms == longest_ms):
        return 1, -waited_ms
    if problem.kind == "error":
        return (2, 0) if look == "bad" else (2, 1)
    if is_wait:
        return 3, -waited_ms
    return (4, 0) if problem.kind == "barge_in" else (5, 0)


def _moment(exchange: Exchange) -> int:
    """Where a problem of an exchange's wait stands."""
    return exchange.wait_from_ms if exchange.wait_from_ms is not None else exchange.started_at_ms


def _line(*, text: str, look: str = "", since_ms: int | None = None, href: str = "") -> ProblemLine:
    at = "" if since_ms is None else seconds(since_ms)
    return ProblemLine(since_ms=since_ms, at=at, href=href, text=text, look=look, is_first=False)


def _slowest(timeline: Timeline, target_ms: int) -> list[Problem]:
    """The longest wait, where it is beyond this page's target and no problem tells of it."""
    if any(problem.kind == "slow" for problem in timeline.problems):
        return []
    waits = [each for each in timeline.exchanges if each.kind == "exchange" and (each.response_ms or 0) >= target_ms]
    if not waits:
        return []
    worst = max(waits, key=lambda each: each.response_ms or 0)
    text = f"The caller waited {figures.wait(worst.response_ms)}. {sentence_of(worst)}"
    return [Problem(at_ms=_moment(worst), kind="slow", text=text)]


def _end(call: Call, axis: Axis, links: Links) -> list[ProblemLine]:
    """A call that failed is a problem whatever its rows say."""
    words = _ENDS.get(call.status)
    if words is None:
        return []
    reason = call.error or call.end_reason
    since_ms = round(call.duration_ms) if call.duration_ms is not None else axis.length_ms
    text = f"{words}: {reason}." if reason else f"{words}."
    return [_line(text=text, look="bad", since_ms=since_ms, href=links.at(since_ms))]
