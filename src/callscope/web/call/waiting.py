"""A call in progress as it is now: who waits, and for how long already."""

from __future__ import annotations

import msgspec

from callscope.model.call import IN_PROGRESS, Call
from callscope.report import figures
from callscope.timeline.summary import SLOW_MS, Problem, Timeline


def waiting_ms(timeline: Timeline, now_ms: int) -> int | None:
    """How long the caller of a call in progress has been waiting; None when nobody waits."""
    last = timeline.exchanges[-1] if timeline.exchanges else None
    if last is None or last.answered_at_ms is not None or last.wait_from_ms is None:
        return None
    return max(now_ms - last.wait_from_ms, 0)


def until_now(timeline: Timeline, call: Call, *, now_ms: int) -> Timeline:
    """The timeline with the wait that goes on counted up to now: it is not unanswered yet, and may be a problem."""
    waited = waiting_ms(timeline, now_ms) if call.status == IN_PROGRESS else None
    if waited is None:
        return timeline
    last = msgspec.structs.replace(timeline.exchanges[-1], silence_ms=waited)
    at_ms = last.wait_from_ms or last.started_at_ms
    problems = [each for each in timeline.problems if each.kind != "unanswered" or each.at_ms != at_ms]
    if waited > SLOW_MS:
        text = f"The caller is waiting: nothing was heard for {figures.wait(waited)} now."
        problems.append(Problem(at_ms=at_ms, kind="unanswered", text=text))
    return msgspec.structs.replace(
        timeline,
        exchanges=(*timeline.exchanges[:-1], last),
        unanswered=max(timeline.unanswered - (last.kind == "exchange"), 0),
        problems=tuple(sorted(problems, key=lambda each: each.at_ms)),
    )
