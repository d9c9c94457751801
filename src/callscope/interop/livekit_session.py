"""One session of LiveKit's that is told in several ways, some of them earlier: all of them as one call.

What was told earlier is read from what the archive kept of it, ``source/spans.jsonl`` and
``source/livekit_report.json``. So spans and report come to the same call whichever is told first, and it is the call
that a receiver makes of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from callscope.interop import calls, livekit_call, livekit_upload, spans
from callscope.interop.livekit_report import ORIGINAL, Report
from callscope.interop.spans import LogRecord, Record
from callscope.model import wire
from callscope.model.whole import WholeCall

FRAMEWORK: Final = "livekit-agents"


class _Telling(msgspec.Struct, frozen=True):
    """A report, and the bytes that it came in."""

    report: Report
    content: bytes

    @property
    def record(self) -> LogRecord:
        return livekit_upload.record_of(self.report.document, has_sound=False)


def retold(call: WholeCall, kept: Iterable[Mapping[str, bytes]]) -> WholeCall | None:
    """A call with what is kept of its session: spans are put together, of reports the one that tells most is taken.

    Args:
        call: as its source tells it now.
        kept: what calls of the same session keep in ``source/``, by file name.

    Returns:
        None where the kept cannot be read any more, as the privacy policy left too little of it.
    """
    kept = list(kept)
    if _is_known(call, kept):
        return call
    told = [records for each in kept if (records := _records(each))]
    reports = [each for each in map(_telling, (call.originals, *kept)) if each is not None]
    if len(kept) > sum(bool(_records(each) or _telling(each)) for each in kept):
        return None
    own = _records(call.originals)
    records = spans.distinct([*own, *(record for each in told for record in each)])
    best = max(reports, key=lambda each: livekit_upload.rank(each.record), default=None)
    if not records:
        return call if best is None or best.content == call.originals.get(ORIGINAL) else _alone(best)
    sent = [each for each in records if isinstance(each, LogRecord) and livekit_upload.is_one(each)]
    if best is not None and any(livekit_upload.rank(each) >= livekit_upload.rank(best.record) for each in sent):
        best = None
    if best is None and len(records) == len(own):
        return call
    return _together(call, records, best)


def _is_known(call: WholeCall, kept: list[Mapping[str, bytes]]) -> bool:
    """Whether nothing of what is kept is new to a call that holds spans, as with most tellings of a receiver."""
    own = call.originals.get(calls.SPANS_FILE)
    if own is None or not all(each.get(calls.SPANS_FILE) or each.get(ORIGINAL) for each in kept):
        return False
    reports = [each for each in map(_telling, kept) if each is not None]
    if reports:
        ours = _telling(call.originals)
        if ours is None or any(livekit_upload.rank(each.record) > livekit_upload.rank(ours.record) for each in reports):
            return False
    lines = set(own.split(b"\n"))
    return all(lines.issuperset(each.get(calls.SPANS_FILE, b"").split(b"\n")) for each in kept)


def _together(call: WholeCall, records: list[Record], best: _Telling | None) -> WholeCall | None:
    all_of_it = records if best is None else [*records, best.record]
    names = set(call.source.get("session", {}).values())
    for each in calls.gathered(all_of_it, is_silent=call.ended_at_ms is not None):
        whole = calls.tell(each)
        if whole is None or names.isdisjoint(whole.source.get("session", {}).values()):
            continue
        if best is None:
            return whole
        own = [record for record in each.records if record != best.record]
        return msgspec.structs.replace(
            whole,
            source={**whole.source, "revision": len(own)},
            originals={
                **whole.originals,
                ORIGINAL: best.content,
                **({calls.SPANS_FILE: b"".join(spans.encode(one) + b"\n" for one in own)} if own else {}),
            },
        )
    return None


def _alone(best: _Telling) -> WholeCall:
    return livekit_call.whole(best.report, {ORIGINAL: best.content})


def _records(originals: Mapping[str, bytes]) -> list[Record]:
    """The records of a ``spans.jsonl``, without lines that are none."""
    found: list[Record] = []
    for line in originals.get(calls.SPANS_FILE, b"").split(b"\n"):
        if line.strip():
            try:
                found.append(spans.decode(line))
            except (ValueError, RecursionError):
                continue
    return found


def _telling(originals: Mapping[str, bytes]) -> _Telling | None:
    try:
        document: Any = wire.decode(originals.get(ORIGINAL, b""))
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not Report.is_one(document):
        return None
    report = Report(document)
    return None if report.started_ms is None else _Telling(report, originals[ORIGINAL])
