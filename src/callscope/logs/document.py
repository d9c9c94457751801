"""A line as it is written: the JSON object of a file, and what the console shows of it."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any, Final

import msgspec

from callscope.clock import now_ms
from callscope.ids import pid
from callscope.logs import privacy, sentence
from callscope.logs.level import name_of
from callscope.logs.line import Line
from callscope.logs.origin import service_of
from callscope.model import wire
from callscope.recorder.snapshot import restore
from callscope.redaction.policy import Policy

_NS_PER_MS: Final = 1_000_000


def document_of(line: Line, policy: Policy) -> dict[str, Any]:
    """The object of one line: `ts`, `level`, `logger`, `event` first and always, then what is known."""
    document: dict[str, Any] = {
        "ts": wire.format_ts(line.at_ns // _NS_PER_MS),
        "level": name_of(line.level),
        "logger": line.logger,
        "event": privacy.text_of(line, policy),
    }
    if line.call_id is not None:
        document["call_id"] = line.call_id
    data = {} if line.data is None else restore(line.data)
    if line.origin == "call":
        data = {name: value for name, value in data.items() if value is not None}
    for name, known in zip(("stage", "provider"), service_of(line.logger), strict=True):
        value = data.pop(name) if isinstance(data.get(name), str) else known
        if value is not None:
            document[name] = value
    if line.failure is not None:
        document["exception"] = privacy.failure_of(line.failure, line.failure_type or "Exception", policy)
    elif line.origin == "call" and line.text == "error":
        document["exception"] = _told_failure(data)
    return document | _from(line) | ({"data": kept} if (kept := privacy.data_of(line, data, policy)) else {})


def encoded(document: dict[str, Any]) -> bytes:
    """The object as one line of a file."""
    return wire.encode(document) + b"\n"


def shown(line: Line, document: dict[str, Any]) -> dict[str, Any]:
    """What the console shows of a line: the event in words, and its fields."""
    data = document.get("data", {})
    own = line.origin == "call"
    service: dict[str, Any] = {name: document[name] for name in ("stage", "provider") if name in document}
    event = sentence.of(document["event"], data | service | document.get("exception", {})) if own else document["event"]
    fields: dict[str, Any] = {} if own else dict(data)
    if line.repeated:
        event = f"{event} (repeated {line.repeated:,} times)"
    if own and document["event"] in sentence.WITH_SERVICE:
        fields = dict(service)
    failure = document.get("exception", {})
    return {
        "timestamp": line.at_ns // _NS_PER_MS,
        "level": document["level"],
        "logger": "" if own else line.logger,
        "call_id": document.get("call_id", ""),
        "event": event,
        "fields": fields,
        "exception": failure.get("stack") or "",
    }


def notice(text: str, level: int, data: dict[str, Any] | None = None) -> Line:
    """A line about the logs themselves."""
    at_ns = now_ms() * _NS_PER_MS
    return Line(at_ns=at_ns, level=level, logger="callscope.logs", text=text, origin="logs", data=data, weight=0)


def unfit(line: Line) -> Line:
    """What is left of a line that cannot be made a document: that there was one."""
    text = "(a line that could not be written)"
    return msgspec.structs.replace(line, text=text, template=None, data=None, failure=None, origin="logs")


def _from(line: Line) -> dict[str, Any]:
    """Where it came from, and how many it stands for."""
    facts: dict[str, Any] = {}
    if line.path is not None:
        source = {"file": PurePath(line.path).name, "line": line.number, "function": line.function}
        facts["source"] = {key: value for key, value in source.items() if value}
    facts["process"] = pid()
    if line.thread is not None:
        facts["thread"] = line.thread
    if line.repeated:
        facts["repeated"] = line.repeated
    return facts


def _told_failure(data: dict[str, Any]) -> dict[str, Any]:
    """The exception of an error event, taken out of its facts, which the recorder's policy has gone over."""
    parts = {"type": data.pop("exception_type", None)}
    parts |= {name: data.pop(name, None) for name in ("message", "stack")}
    return {name: value for name, value in parts.items() if value is not None}
