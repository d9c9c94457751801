"""The calls that tests in a browser look at, written by the recorder."""

from __future__ import annotations

import math
import time
from array import array
from pathlib import Path
from typing import Any, Final, NamedTuple

from callscope import CallLogger
from callscope.archive.paths import CALLS
from callscope.recorder.call_log import CallLog

LISTED: Final = 60
"""Calls of the list, ten minutes apart; more than a page of it holds."""
SOUND_BEGINS_MS: Final = 2_000
SOUND_MS: Final = 12_000
HOSTILE: Final = (
    "<script>window.pwned=1</script><img src=x onerror=window.pwned=2><svg/onload=alert(3)>"
    "\"'><a href=javascript:window.pwned=4>x</a>{{7*7}}{% include 'x' %}${7*7}</style></textarea></title>"
    "<iframe src=//evil.example></iframe><link rel=stylesheet href=//evil.example/x.css>"
    "\x1b[31mred\x1b[0m \u202egnp.exe\u2066 =cmd()|' /C calc'!A0 ' onfocus=window.pwned=5 autofocus x='"
)
"""What a caller may say: markup, templates, a terminal's colour, a turned direction, a formula."""
_RATE: Final = 8_000
_MINUTE_MS: Final = 60_000


class Shown(NamedTuple):
    """A dashboard that shows the calls."""

    address: str
    paths: dict[str, str]
    """The address of each call's page, below `address`, by its id."""

    def call(self, call_id: str) -> str:
        """The whole address of a call's page."""
        return self.address + self.paths[call_id]


def record(root: Path) -> dict[str, str]:
    """Write the calls; gives the address of each call's page by its id."""
    logger = CallLogger(root=root)
    now_ms = time.time() * 1000
    calls = [_listed(logger, now_ms, number) for number in range(LISTED)]
    calls += [sounding(logger, now_ms - 5 * _MINUTE_MS), _hostile(logger, now_ms - 3 * _MINUTE_MS)]
    calls += [_listed(logger, now_ms - 40 * 24 * 60 * _MINUTE_MS, LISTED)]
    logger.close()
    return {call.call_id: address_of(call, root) for call in calls}


def address_of(call: CallLog, root: Path) -> str:
    """The address of a call's page, below that of the dashboard."""
    assert call.path is not None
    return "/calls/" + call.path.relative_to(root / CALLS).as_posix()


def sounding(logger: CallLogger, start_ms: float, call_id: str = "with-sound", *, channels: int = 2) -> CallLog:
    """A call of 16 s whose sound begins 2 s after it: two exchanges, the second is answered late."""
    call = logger.start_call(call_id, at_ms=start_ms, agent={"name": "sounding"})
    exchange(call, start_ms, 1_000, said="Hello, who is there?", answered="The front desk.", wait_ms=800)
    exchange(call, start_ms, 7_000, said="Where is my parcel?", answered="It is on its way.", wait_ms=3_000)
    call.event("error", {"message": "the parcels answer late", "stage": "llm"}, at_ms=start_ms + 9_500)
    loud = [round(9_000 * math.sin(frame / 3)) for frame in range(_RATE * SOUND_MS // 1000)]
    samples = array("h", [value for value in loud for _ in range(channels)])
    call.audio(samples.tobytes(), sample_rate=_RATE, channels=channels, at_ms=start_ms + SOUND_BEGINS_MS)
    call.end(at_ms=start_ms + 16_000)
    return call


def exchange(
    call: CallLog,
    start_ms: float,
    at_ms: int,
    *,
    said: str = "Where is my order?",
    answered: str = "It is on its way.",
    wait_ms: int = 900,
) -> None:
    """The caller speaks for two seconds from that moment on; the answer comes after ``wait_ms``, for two seconds."""

    def event(type_: str, after_ms: int, **data: Any) -> None:
        call.event(type_, data, at_ms=start_ms + at_ms + after_ms)

    event("user_started_speaking", 0)
    event("user_stopped_speaking", 2_000)
    call.turn("user", said, at_ms=start_ms + at_ms, duration_ms=2_000)
    event("llm_started", 2_100, request_id=f"r{at_ms}", provider="openai", model="gpt-4.1-mini")
    event("llm_first_token", 2_000 + wait_ms - 200, request_id=f"r{at_ms}")
    event("agent_started_speaking", 2_000 + wait_ms)
    call.turn("assistant", answered, at_ms=start_ms + at_ms + 2_000 + wait_ms, duration_ms=2_000)
    event("agent_stopped_speaking", 4_000 + wait_ms)


def _listed(logger: CallLogger, now_ms: float, number: int) -> CallLog:
    start_ms = now_ms - (number + 1) * 10 * _MINUTE_MS
    agent = {"name": ("front-desk", "sales", "night-desk")[number % 3], "provider": "openai", "model": "gpt-4.1-mini"}
    labels = {"agent_version": f"2.{number % 2}"}
    call = logger.start_call(
        f"call-{number:02}", caller=f"+1555000{number:04}", at_ms=start_ms, agent=agent, labels=labels
    )
    exchange(call, start_ms, 1_000, said=f"Where is order {number}?", wait_ms=500 + number * 37 % 10 * 300)
    exchange(call, start_ms, 8_000, said="And the other one?", answered="That one is lost.", wait_ms=1_000)
    call.event(
        "tool_call", {"tool_call_id": "t", "name": "find_order", "arguments": {"order": number}}, at_ms=start_ms + 3_100
    )
    call.event(
        "tool_result", {"tool_call_id": "t", "name": "find_order", "outcome": "completed"}, at_ms=start_ms + 3_400
    )
    call.usage(
        "llm", provider="openai", model="gpt-4.1-mini", at_ms=start_ms + 4_000, input_tokens=900, output_tokens=40
    )
    call.usage("tts", provider="nobody", model="unknown", at_ms=start_ms + 5_000, characters=120)
    if number % 7 == 0:
        call.error(TimeoutError(f"no answer within {number} s"), at_ms=start_ms + 9_000, stage="llm", provider="openai")
    call.end(at_ms=start_ms + 20_000 + number * 1_000)
    return call


def _hostile(logger: CallLogger, start_ms: float) -> CallLog:
    call = logger.start_call(
        HOSTILE, caller=HOSTILE, at_ms=start_ms, agent={"name": HOSTILE, "provider": HOSTILE, "model": HOSTILE},
        labels={"agent_version": HOSTILE, HOSTILE: HOSTILE},
    )  # fmt: skip
    exchange(call, start_ms, 1_000, said=HOSTILE, answered=HOSTILE)
    named = {"tool_call_id": HOSTILE, "name": HOSTILE}
    call.event("tool_call", {**named, "arguments": {HOSTILE: HOSTILE}}, at_ms=start_ms + 3_000)
    call.event("tool_result", {**named, "result": HOSTILE, "outcome": HOSTILE}, at_ms=start_ms + 3_200)
    call.event(HOSTILE, {HOSTILE: HOSTILE}, at_ms=start_ms + 3_300)
    call.error(ValueError(HOSTILE), at_ms=start_ms + 3_400, stage=HOSTILE, provider=HOSTILE, category=HOSTILE)
    call.usage(HOSTILE, provider=HOSTILE, model=HOSTILE, at_ms=start_ms + 3_500, characters=10)
    call.end(at_ms=start_ms + 20_000)
    return call
