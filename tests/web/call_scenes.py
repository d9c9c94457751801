"""Calls for tests of the call page: rows as a recorder writes them, by milliseconds after the call's start."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dashboards import NOW_MS

from callscope.archive.paths import CALLS
from callscope.archive.reader import CallRecord
from callscope.model.call import Call
from callscope.model.event import Event
from callscope.model.turn import Turn
from callscope.model.wire import format_ts
from callscope.web.call.links import Links
from callscope.web.call.page import CallPage, call_page

START_MS = NOW_MS - 3_600_000
LENGTH_MS = 30_000
TARGET_MS = 1_500


def event(at_ms: int | None, kind: str, /, **data: Any) -> Event:
    """An event so long after the start."""
    return Event(ts_ms=None if at_ms is None else START_MS + at_ms, type=kind, data=data)


def turn(at_ms: int | None, index: int, role: str, text: str | None, **more: Any) -> Turn:
    """A turn that began so long after the start."""
    return Turn(ts_ms=None if at_ms is None else START_MS + at_ms, turn_index=index, role=role, text=text, **more)


def call(**more: Any) -> Call:
    """An envelope."""
    known = {
        "call_id": "a-call",
        "path": "/nowhere",
        "started_at_ms": START_MS,
        "ended_at_ms": START_MS + LENGTH_MS,
        "duration_ms": LENGTH_MS,
        "status": "completed",
    }
    return Call(**{**known, **more})


def record(events: Iterable[Event] = (), turns: Iterable[Turn] = (), **more: Any) -> CallRecord:
    """A call's files."""
    return CallRecord(call=call(**more), events=tuple(events), turns=tuple(turns))


def exchange(at_ms: int, answer_ms: int, *, number: int = 1, until_ms: int = 2_000) -> list[Event]:
    """What a pipeline tells of one exchange: the caller speaks for two seconds, the answer comes so much later."""
    end, llm = at_ms + 2_000, f"llm-{number}"
    answered = end + answer_ms
    return [
        event(at_ms, "user_started_speaking"),
        event(end, "user_stopped_speaking", delay_ms=200),
        event(end + 300, "transcript", text="Where is it?", provider="deepgram", model="nova-3"),
        event(end + 310, "llm_started", request_id=llm, provider="openai", model="gpt-4.1-mini"),
        event(answered - 200, "llm_first_token", request_id=llm),
        event(answered - 100, "tts_started", request_id=f"tts-{number}", provider="cartesia", model="sonic-3"),
        event(answered - 20, "tts_first_audio", request_id=f"tts-{number}"),
        event(answered, "agent_started_speaking"),
        event(answered + 100, "llm_stopped", request_id=llm, outcome="completed"),
        event(answered + until_ms, "agent_stopped_speaking"),
    ]


def slow_call(**more: Any) -> CallRecord:
    """Two exchanges, at 1 s and at 12 s: the first is answered after 800 ms, the second after 4 s."""
    turns = [
        turn(1_000, 0, "user", "Hello?"),
        turn(3_800, 1, "assistant", "Hello. How can I help?", cost={"total": 0.0011, "llm": 0.0011}),
        turn(12_000, 2, "user", "Where is it?"),
        turn(18_000, 3, "assistant", "On its way.", cost={"total": 0.002, "llm": 0.002, "unpriced": 1}),
    ]
    return record([*exchange(1_000, 800), *exchange(12_000, 4_000, number=2)], turns, **more)


def page(of: CallRecord, *, now_ms: int = NOW_MS, **chosen: str) -> CallPage:
    """The page of a call; ``chosen`` is what its address selects."""
    return call_page(of, Links(address="/calls/2026/11/21/a-call"), chosen, now_ms=now_ms, target_ms=TARGET_MS)


def write(root: Path, of: CallRecord, name: str = "a-call", **metadata: Any) -> str:
    """Put a call on the disk; gives the address of its page."""
    about = of.call
    document = {
        "schema_version": "1.0",
        "call_id": about.call_id,
        "started_at": format_ts(START_MS),
        "ended_at": format_ts(about.ended_at_ms) if about.ended_at_ms is not None else None,
        "duration_ms": about.duration_ms,
        "status": about.status,
        "caller": about.caller,
        "agent": about.agent,
        "error": about.error,
        "callscope": about.callscope,
        **metadata,
    }
    day = dt.datetime.fromtimestamp(START_MS / 1000, tz=dt.UTC).strftime("%Y/%m/%d")
    directory = root / CALLS / day / name
    directory.mkdir(parents=True)
    (directory / "metadata.json").write_text(json.dumps(document))
    turns = [
        {"ts": format_ts(each.ts_ms or 0), "turn_index": each.turn_index, "role": each.role, "text": each.text,
         "cost": each.cost, "interrupted": each.interrupted, "heard": each.heard}
        for each in of.turns
    ]  # fmt: skip
    events = [{"ts": format_ts(each.ts_ms or 0), "type": each.type, "data": each.data} for each in of.events]
    for file, rows in (("transcript.jsonl", turns), ("events.jsonl", events)):
        (directory / file).write_text("".join(json.dumps({"schema_version": "1.0", **row}) + "\n" for row in rows))
    return f"/calls/{day}/{name}"
