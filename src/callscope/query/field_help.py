"""What can be asked for, each in a line with an example: for help panels, completions and docs/query.md.

A test holds this to the language: every field, flag and setting is here, every example is a query, and the tables of
docs/query.md say the same.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

FieldKind = Literal["text", "words", "number", "flag", "setting"]
"""``text``: looks for words; ``words`` and ``number``: a field of a call; ``flag``: stands alone; ``setting``: time,
order and pages."""


class FieldHelp(msgspec.Struct, frozen=True):
    """One name of the query language."""

    name: str
    """As it is written: without a sign. ``label.<name>`` and ``stage.<name>`` stand for many."""
    kind: FieldKind
    means: str
    """One line, without a full stop."""
    example: str
    """A query."""


HELP: Final[tuple[FieldHelp, ...]] = (
    FieldHelp("text", "text", "the letters occur anywhere: the same as the words alone", 'text:"cancel my"'),
    FieldHelp("caller_said", "text", "the caller said it", "caller_said:refund"),
    FieldHelp("agent_said", "text", "the agent said it", "agent_said:/sorry|apolog/i"),
    FieldHelp("tool_text", "text", "it stands in a tool's arguments or result", "tool_text:4412"),
    FieldHelp("error_text", "text", "it stands in an error", "error_text:refused"),
    FieldHelp("agent", "words", "the agent's name", "agent:front-desk"),
    FieldHelp("version", "words", "its version: the label agent_version or version", "version:2.4"),
    FieldHelp("environment", "words", "the label environment or env", "environment:prod"),
    FieldHelp("mode", "words", "pipeline, realtime, …", "mode:realtime"),
    FieldHelp(
        "status",
        "words",
        "in_progress, completed, failed, no_answer, busy, canceled, abandoned, unreadable",
        "status:failed",
    ),
    FieldHelp("provider", "words", "of any service of the call", "provider:deepgram"),
    FieldHelp("model", "words", "of any service; a part is enough", "model:gpt-4.1"),
    FieldHelp("service", "words", "used: llm, stt, tts, realtime, telephony, …", "service:realtime"),
    FieldHelp("tool", "words", "called", "tool:lookup_order"),
    FieldHelp("event", "words", "type of an event", "event:service_switched"),
    FieldHelp("error", "words", "message of any error; a part is enough", "error:timeout"),
    FieldHelp("fingerprint", "words", "group of an error, as callscope errors shows it", "fingerprint:3fa9*"),
    FieldHelp(
        "silence",
        "words",
        "not heard: no_answer, no_sound, no_transcript, never_spoke, no_synthesis, watchdog",
        "silence:no_answer",
    ),
    FieldHelp("reason", "words", "why it ended; a part is enough", 'reason:"hung up"'),
    FieldHelp(
        "cost_status",
        "words",
        "priced, estimated, partial, unpriced, not_billed, error",
        "cost_status:partial,unpriced",
    ),
    FieldHelp("direction", "words", "inbound, outbound", "direction:inbound"),
    FieldHelp("caller", "words", "number, as far as it was kept; a part is enough", "caller:4567"),
    FieldHelp("callee", "words", "the same of who was called", "callee:4567"),
    FieldHelp("telephony", "words", "provider of the line", "telephony:twilio"),
    FieldHelp("id", "words", "call id", "id:CA7d1f*"),
    FieldHelp("trace", "words", "trace id", "trace:4bf92f*"),
    FieldHelp("label.<name>", "words", "a label that you set", "label.env:prod"),
    FieldHelp("duration", "number", "its length", "duration>2m"),
    FieldHelp("turns", "number", "turns", "turns<3"),
    FieldHelp("exchanges", "number", "caller's turns and the answers to them", "exchanges>=10"),
    FieldHelp("unanswered", "number", "exchanges in which the caller heard nothing back", "unanswered>0"),
    FieldHelp("interruptions", "number", "answers that the caller cut off", "interruptions>2"),
    FieldHelp("errors", "number", "errors", "errors>0"),
    FieldHelp("p50", "number", "median of its response latencies", "p50<800ms"),
    FieldHelp("p95", "number", "95th percentile", "p95>1.5s"),
    FieldHelp("p99", "number", "99th percentile", "p99>3s"),
    FieldHelp("worst", "number", "its longest wait, answered or not", "worst:2s..5s"),
    FieldHelp("wait", "number", "the wait of any one of its exchanges, answered or not", "wait>4s"),
    FieldHelp("cost", "number", "what is known of its cost", "cost>$0.20"),
    FieldHelp("unpriced", "number", "parts of its cost that are not known", "unpriced>0"),
    FieldHelp("lost", "number", "rows that could not be recorded", "lost>0"),
    FieldHelp("stage.<name>", "number", "part of the wait of any one of its exchanges", "stage.llm>1s"),
    FieldHelp("interrupted", "flag", "in which the caller cut an answer off", "interrupted"),
    FieldHelp("silent", "flag", "in which the caller once heard nothing back", "silent"),
    FieldHelp("failed", "flag", "in which something failed", "failed"),
    FieldHelp("priced", "flag", "of which every cost is known", "priced"),
    FieldHelp("recorded", "flag", "with a recording; also has:recording", "recorded"),
    FieldHelp("live", "flag", "that go on now", "live"),
    FieldHelp("has", "flag", "in which a field has a value; a number of things: at least one", "has:error"),
    FieldHelp("since", "setting", "started then or later: an age, a day, a month, a moment", "since:7d"),
    FieldHelp("until", "setting", "started before", "until:2026-11-20"),
    FieldHelp("on", "setting", "started on that day, in that month", "on:yesterday"),
    FieldHelp("sort", "setting", "the order: - before it is highest first", "sort:-cost"),
    FieldHelp("limit", "setting", "calls on a page", "limit:20"),
    FieldHelp("cursor", "setting", "the page that begins where another one ended", 'cursor:"…"'),
)
"""Every name, in the order of docs/query.md. Meanings are of calls: "calls …", or of the field: "… of a call"."""
