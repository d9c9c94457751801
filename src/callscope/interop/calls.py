"""Records of a conversation into a call: all that came of it, as a whole, each time more comes."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from callscope.interop import (
    aliases,
    callscope_spans,
    conversations,
    generic_spans,
    livekit_merge,
    livekit_spans,
    livekit_tools,
    livekit_upload,
    pipecat_spans,
    spans,
)
from callscope.interop.spans import LogRecord, Point, Record, Span
from callscope.interop.told import Told
from callscope.model import event as events
from callscope.model.call import ABANDONED
from callscope.model.event import ERROR, Event
from callscope.model.whole import WholeCall

FORMAT: Final = "otlp"
SPANS_FILE: Final = "spans.jsonl"
_LABELS: Final = {
    "service.name": "service",
    "service.version": "agent_version",
    "deployment.environment.name": "environment",
    "deployment.environment": "environment",
}
_ERROR_SEVERITY: Final = 17
_MAX_LABELS: Final = 40
_MAX_LABEL: Final = 200
_SILENT: Final = "nothing came any more, and its end never did"


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one conversation."""

    name: str | None
    """As its spans name it; None where they do not."""
    records: tuple[Record, ...]
    """Each once, in the order of `callscope.interop.spans.distinct`."""
    is_silent: bool = False
    """Nothing has come for so long that nothing will."""

    @property
    def spans(self) -> list[Span]:
        """Of all records."""
        return [each for each in self.records if isinstance(each, Span)]

    @property
    def source_id(self) -> str:
        """What names it for ever."""
        return self.name or f"trace:{min((each.trace_id for each in self.spans), default='')}"


def gathered(records: list[Record], *, is_silent: bool = False) -> list[Conversation]:
    """The conversations that records in any order, any of them twice, are of."""
    found: dict[str, list[Record]] = {}
    names: dict[str, str | None] = {}
    traces: dict[str, list[Span]] = {}
    rest: list[Point | LogRecord] = []
    for each in spans.distinct(records):
        if isinstance(each, Span):
            traces.setdefault(each.trace_id, []).append(each)
        else:
            rest.append(each)
    for trace_id, held in sorted(traces.items()):
        for name, spoken in conversations.split(held).items():
            key = name or f"trace:{trace_id}"
            names[key] = name
            found.setdefault(key, []).extend(spoken)
    for key, part in found.items():
        own = [each for each in part if isinstance(each, Span)]
        known = {key, *(name for each in own if (name := conversations.second_name_of(each)))}
        ids = {each.trace_id for each in own}
        part.extend(
            each
            for each in rest
            if known.intersection(conversations.names_of(each))
            or (isinstance(each, LogRecord) and each.trace_id in ids)
        )
    for each in rest:
        if livekit_upload.is_one(each) and not found.keys() & set(conversations.names_of(each)):
            key = conversations.names_of(each)[0]  # of an agent that sends no traces
            names[key] = key
            found[key] = [one for one in rest if key in conversations.names_of(one)]
    return [
        Conversation(name=names[key], records=tuple(spans.distinct(part)), is_silent=is_silent)
        for key, part in sorted(found.items())
    ]


def is_ready(conversation: Conversation) -> bool:
    """Whether it is known well enough to be told: its name will not change, and somebody speaks in it."""
    held = conversation.spans
    if not held and livekit_upload.report_in(conversation.records) is not None:
        return True
    dialects = {conversations.dialect_of(each) for each in held} - {None}
    if not dialects:
        return False
    if conversation.name is not None or conversation.is_silent:
        return True
    if any(livekit_spans.is_sure(each) for each in held):
        return True
    known = {each.span_id for each in held}
    whole = [each for each in held if each.parent_id is None and conversations.dialect_of(each) is not None]
    return bool(whole) and all(each.parent_id is None or each.parent_id in known for each in held)


def tell(conversation: Conversation) -> WholeCall | None:
    """The call; None when nothing in it is understood as one."""
    held = conversation.spans
    if not held:
        source = {"format": FORMAT, "id": conversation.source_id, "revision": len(conversation.records)}
        return livekit_merge.alone(conversation.records, source)
    told, dialect = Told(), _dialect(held)
    ours = [each for each in held if conversations.dialect_of(each) is not None]
    if dialect is None:
        return None
    if dialect == "callscope" and callscope_spans.has_rows(held):
        callscope_spans.tell(told, held)
    elif dialect == "livekit":
        livekit_spans.tell(told, held, conversation.records)
    elif dialect == "pipecat":
        pipecat_spans.tell(told, held)
    else:
        generic_spans.tell(told, held)
    _tell_logs(told, conversation)
    if told.started_ms is None:
        told.started_ms = min(each.start_ms for each in ours)
        told.computed.add("started_at")
    if conversation.is_silent and told.ended_ms is None:
        told.ended_ms = max(each.end_ms for each in ours)
        told.computed.add("ended_at")
        if told.has_root:
            told.end |= {"status": ABANDONED, "reason": _SILENT}
    return livekit_merge.completed(_whole(conversation, told, dialect), conversation.records)


def _whole(conversation: Conversation, told: Told, dialect: str) -> WholeCall:
    held = conversation.spans
    first = min(held, key=lambda each: (each.start_ns, each.span_id))
    source: dict[str, Any] = {
        "format": FORMAT,
        "id": conversation.source_id,
        "dialect": dialect,
        "spans": len(held),
        "revision": len(conversation.records),
        **told.about,
    }
    if told.computed:
        source["computed"] = sorted(told.computed)
    cut = sum(each.cut for each in held)
    if cut:
        told.not_understood["too long or too many, cut"] = cut
    if told.not_understood:
        source["not_understood"] = dict(sorted(told.not_understood.items())[:100])
    started_ms = told.started_ms or 0
    fields = {"trace_id": first.trace_id, **told.fields, "agent": told.agent, "labels": _labels(told, held)}
    return WholeCall(
        call_id=conversation.name or first.trace_id,
        started_at_ms=started_ms,
        ended_at_ms=None if told.ended_ms is None else max(started_ms, told.ended_ms),
        fields=fields,
        rows=told.rows(),
        end={name: value for name, value in told.end.items() if value is not None},
        source=source,
        originals={SPANS_FILE: b"".join(spans.encode(each) + b"\n" for each in conversation.records)},
    )


def _dialect(held: list[Span]) -> str | None:
    """The one that knows most: a framework's own before what any library writes."""
    found = {conversations.dialect_of(each) for each in held}
    return next((each for each in ("callscope", "livekit", "pipecat", "gen_ai") if each in found), None)


def _labels(told: Told, held: list[Span]) -> dict[str, Any]:
    labels: dict[str, Any] = {}
    if "callscope" not in {conversations.dialect_of(each) for each in held}:
        for each in held:
            for name, label in _LABELS.items():
                value = aliases.text(each.resource, (name,))
                if value is not None and not value.startswith("unknown_service"):
                    labels.setdefault(label, value)
    labels |= told.labels
    kept = list(labels.items())[:_MAX_LABELS]
    return {name: value[:_MAX_LABEL] if isinstance(value, str) else value for name, value in kept}


def _tell_logs(told: Told, conversation: Conversation) -> None:
    """Errors that are in a log and in no span."""
    known = {_cause(row.data) for row in told.rows() if isinstance(row, Event) and row.type == ERROR}
    for each in conversation.records:
        if not isinstance(each, LogRecord) or each.severity < _ERROR_SEVERITY or livekit_tools.is_failure(each):
            continue
        kind = aliases.text(each.attributes, ("exception.type",))
        if kind is None:
            continue
        message = aliases.text(each.attributes, ("exception.message",)) or (
            each.body if isinstance(each.body, str) else ""
        )
        data = {
            "message": message or kind,
            "exception_type": kind,
            "stack": aliases.text(each.attributes, ("exception.stacktrace",)),
        }
        if _cause(data) not in known:
            known.add(_cause(data))
            told.event(events.ERROR, each.at_ms, **data)


def _cause(data: dict[str, Any]) -> tuple[str, str]:
    return str(data.get("exception_type") or "").rpartition(".")[2], str(data.get("message") or "").strip()
