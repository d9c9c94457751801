"""The problems strip: what somebody should look at, each with its moment, then what could not be read."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

import msgspec

from callscope.archive.reader import UNREADABLE, CallRecord
from callscope.model import call as statuses
from callscope.model.call import Call
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


_LOOKS: Final = {"slow": "warn", "unanswered": "bad", "barge_in": "warn", "error": "bad", "unreported": "warn"}

_ENDS: Final = {
    statuses.FAILED: "The call failed",
    statuses.ABANDONED: "The recording ended before the call did, so its end is not known",
    UNREADABLE: "The call's metadata cannot be read",
}


def problems_of(
    record: CallRecord, timeline: Timeline, axis: Axis, links: Links, *, target_ms: int
) -> tuple[ProblemLine, ...]:
    """What went wrong in the order of its moments, then the files."""
    found = _end(record.call, axis, links)
    slowest = _slowest(timeline, target_ms)
    for problem in sorted([*timeline.problems, *slowest], key=lambda each: each.at_ms):
        since_ms = max(axis.since(problem.at_ms), 0)
        href = links.at(since_ms)
        if links.is_file:
            place = bisect_right(timeline.exchanges, problem.at_ms, key=lambda each: each.started_at_ms) - 1
            href = links.exchange(timeline.exchanges[place].index) if place >= 0 else ""
        look = "warn" if problem.kind == "error" and "; recovered" in problem.text else _LOOKS[problem.kind]
        found.append(ProblemLine(since_ms=since_ms, at=seconds(since_ms), href=href, text=problem.text, look=look))
    for unread in record.problems:
        where = unread.file if unread.line is None else f"{unread.file} line {unread.line}"
        found.append(ProblemLine(since_ms=None, at="", href="", text=f"{where}: {unread.message}", look=""))
    return tuple(found)


def _slowest(timeline: Timeline, target_ms: int) -> list[Problem]:
    """The longest wait, where it is beyond this page's target and no problem tells of it."""
    if any(problem.kind == "slow" for problem in timeline.problems):
        return []
    waits = [each for each in timeline.exchanges if each.kind == "exchange" and (each.response_ms or 0) >= target_ms]
    if not waits:
        return []
    worst = max(waits, key=lambda each: each.response_ms or 0)
    at_ms = worst.wait_from_ms if worst.wait_from_ms is not None else worst.started_at_ms
    text = f"The caller waited {figures.wait(worst.response_ms)}. {sentence_of(worst)}"
    return [Problem(at_ms=at_ms, kind="slow", text=text)]


def _end(call: Call, axis: Axis, links: Links) -> list[ProblemLine]:
    """A call that failed is a problem whatever its rows say."""
    words = _ENDS.get(call.status)
    if words is None:
        return []
    reason = call.error or call.end_reason
    since_ms = round(call.duration_ms) if call.duration_ms is not None else axis.length_ms
    text = f"{words}: {reason}." if reason else f"{words}."
    return [ProblemLine(since_ms=since_ms, at=seconds(since_ms), href=links.at(since_ms), text=text, look="bad")]
