"""LiveKit Agents' reports of sessions: ``session_report.json`` of ``console --record``, ``ctx.make_session_report()``.

Reports of 1.3 to 1.8 are read. What maps to what: docs/livekit-reports.md.
"""

from __future__ import annotations

from typing import Final

from callscope.importers.base.original import Original
from callscope.interop.livekit_call import whole
from callscope.interop.livekit_report import ORIGINAL, Report
from callscope.model.whole import WholeCall

HELP: Final = "LiveKit Agents: session reports, of 1.3 to 1.8."


def translate(original: Original) -> list[WholeCall]:
    """The call of a report.

    Raises:
        UnreadableError: it is no report, or tells no moment.
    """
    document = original.object()
    if not Report.is_one(document):
        raise original.unreadable(
            "is no session report of LiveKit: it has `room_id` or `job_id`, `timestamp`, and `events` or `chat_history`"
        )
    report = Report(document)
    if report.started_ms is None:
        raise original.unreadable("tells no moment: neither its timestamp nor anything in it is a time")
    return [whole(report, {ORIGINAL: original.content})]
