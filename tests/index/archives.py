"""Small archives for tests of the index: real files, as callscope and other writers leave them.

`write` makes one call from what happened in it; `small_archive` a fixed set of calls of every sort; `many` as many as
asked for, the same for the same seed. Moments are Unix milliseconds; `NOW_MS` is when the tests take place.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from callscope.archive.paths import CALLS
from callscope.model.wire import format_ts

NOW_MS = 1_795_255_200_000  # 2026-11-21T10:00:00Z
SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000


class Said(NamedTuple):
    """One exchange: what the caller said, what came back, after how long."""

    caller: str
    agent: str | None = "Certainly."
    """None: nobody answered."""
    wait_ms: int = 900
    interrupted: bool = False
    llm_ms: int | None = None
    """How much of the wait the model took; the rest is endpointing and synthesis."""


class Tool(NamedTuple):
    """A tool that the agent called in the first exchange."""

    name: str
    arguments: Any = None
    result: Any = None
    outcome: str = "completed"
    message: str | None = None


class Error(NamedTuple):
    """Something that failed, half a second after the call's start."""

    message: str
    provider: str = "openai"
    stage: str = "llm"
    exception_type: str = "APITimeoutError"
    category: str = "timeout"
    recovered: bool = False


def write(  # noqa: PLR0913 -- what a test wants to say of a call
    root: Path,
    name: str,
    *,
    started_at_ms: int = NOW_MS - HOUR_MS,
    said: Sequence[Said] = (Said("hello", "Good morning, how can I help?"),),
    greeting: str | None = None,
    tools: Iterable[Tool] = (),
    errors: Iterable[Error] = (),
    status: str = "completed",
    error: str | None = None,
    agent: str | None = "front-desk",
    provider: str = "openai",
    model: str = "gpt-4.1",
    mode: str = "pipeline",
    labels: dict[str, Any] | None = None,
    lines: Iterable[dict[str, Any]] = (),
    lost: dict[str, int] | None = None,
    writer: dict[str, Any] | None = None,
    **metadata: Any,
) -> Path:
    """One call of callscope's own shape; with ``status="in_progress"`` it goes on. Returns its directory."""
    story = _Story(started_at_ms)
    story.tell(said, greeting, list(tools), list(errors), {"provider": provider, "model": model})
    is_open = status == "in_progress"
    ended_at_ms = story.now_ms + SECOND_MS
    if not is_open:
        story.event(ended_at_ms, "client_disconnected")
    cost_lines = list(lines)
    usd = sum(float(line["usd"]) for line in cost_lines if line.get("usd") is not None)
    document = {
        "schema_version": "1.0",
        "call_id": name,
        "trace_id": None,
        "started_at": format_ts(started_at_ms),
        "ended_at": None if is_open else format_ts(ended_at_ms),
        "duration_ms": None if is_open else ended_at_ms - started_at_ms,
        "status": status,
        "caller": "***4567",
        "callee": "***1111",
        "direction": "inbound",
        "telephony_provider": "twilio",
        "provider_mode": mode,
        "agent": {"name": agent, "provider": provider, "model": model} if agent else {},
        "turns": 0 if is_open else len(story.turns),
        "cost": {"total": round(usd, 6)} if cost_lines else None,
        "latency": None,
        "error": error,
        "callscope": {
            "version": "0.1.0",
            "writer": writer or {"id": "gone", "host": "here", "pid": 1, "boot": None},
            "end_reason": None if is_open else "the caller hung up",
            "labels": {"agent_version": "2.4", "environment": "prod"} if labels is None else labels,
            "usage": [],
            "lost": lost or {},
            "cost_lines": cost_lines,
        },
        **metadata,
    }
    return write_files(root, name, started_at_ms, metadata=document, transcript=story.turns, events=story.events)


def cost_line(service: str, provider: str, usd: str | None, *, model: str | None = None) -> dict[str, Any]:
    """A line of ``callscope.cost_lines``; without an amount it is unpriced."""
    line = {"service": service, "provider": provider, "model": model, "status": "priced" if usd else "unpriced"}
    return {**line, "amount": usd, "usd": usd} if usd else line


def write_patter(
    root: Path, name: str, *, started_at_ms: int, rows: Sequence[tuple[str, str]], **metadata: Any
) -> Path:
    """One call as Patter's SDKs leave it: exchanges as rows, flat latency, no events, no more of an envelope."""
    transcript = [
        {
            "timestamp": (started_at_ms + 5_000 * number) / 1000,
            "turn_index": number,
            "user_text": said,
            "agent_text": answered,
            "latency": {"stt_ms": 120, "llm_ms": 400, "tts_ms": 150, "agent_response_ms": 700 + number},
        }
        for number, (said, answered) in enumerate(rows)
    ]
    document = {
        "schema_version": "1.0",
        "call_id": name,
        "started_at": format_ts(started_at_ms),
        "ended_at": format_ts(started_at_ms + MINUTE_MS),
        "duration_ms": MINUTE_MS,
        "status": "completed",
        "agent": {"provider": "anthropic", "model": "claude-sonnet-4"},
        "turns": len(transcript),
        "cost": {"total": 0.031, "llm": 0.02, "stt": 0.011},
        "error": None,
        **metadata,
    }
    return write_files(root, name, started_at_ms, metadata=document, transcript=transcript)


def write_files(
    root: Path,
    name: str,
    started_at_ms: int,
    *,
    metadata: dict[str, Any] | bytes | None = None,
    transcript: list[Any] | bytes | None = None,
    events: list[Any] | bytes | None = None,
) -> Path:
    """A call's directory with what is given; bytes are written as they are, None is not written."""
    day = dt.datetime.fromtimestamp(started_at_ms / 1000, tz=dt.UTC).strftime("%Y/%m/%d")
    directory = root / CALLS / day / name
    directory.mkdir(parents=True, exist_ok=True)
    files = {"metadata.json": metadata, "transcript.jsonl": transcript, "events.jsonl": events}
    for file, content in files.items():
        if isinstance(content, bytes):
            (directory / file).write_bytes(content)
        elif isinstance(content, list):
            (directory / file).write_text("".join(json.dumps(item) + "\n" for item in content))
        elif content is not None:
            (directory / file).write_text(json.dumps(content))
    return directory


def small_archive(root: Path) -> dict[str, Path]:
    """A fixed archive: several agents, versions, days, statuses, tools, errors, labels, costs, writers; by name."""
    day, hour = NOW_MS - DAY_MS, HOUR_MS
    dear = [
        cost_line("llm", "openai", "0.21", model="gpt-4.1"),
        cost_line("stt", "deepgram", "0.043", model="nova-3"),
        cost_line("tts", "cartesia", "0.06", model="sonic-2"),
    ]
    calls = [
        write(root, "refund", started_at_ms=NOW_MS - 2 * hour, lines=dear, greeting="Welcome to the shop.", said=[
            Said("I want a refund for order 1234", "Let me look that up.", 1800, llm_ms=1200),
            Said("please cancel my subscription", "It is cancelled.", 700),
        ], tools=[Tool("lookup_order", {"order": 1234}, {"state": "shipped"})]),
        write(root, "barged", started_at_ms=NOW_MS - 3 * hour, lines=dear[:1], said=[
            Said("tell me about your opening hours", "We are open from nine to", 600, interrupted=True),
            Said("thanks", "You are welcome.", 500),
        ]),
        write(root, "silent", started_at_ms=NOW_MS - 4 * hour, status="failed", error="the caller heard nothing",
              said=[Said("is anybody there", None)], errors=[
                  Error("Request timed out after 30.5 s (req_8f3a9c2d7b)"),
                  Error("Request timed out after 12 s (req_1c2d3e4f5a)"),
              ]),
        write(root, "got-over", started_at_ms=day - hour, labels={"agent_version": "2.5", "environment": "prod"},
              lines=[cost_line("llm", "openai", None, model="gpt-4.1")],
              errors=[Error("429 Too Many Requests", exception_type="RateLimitError", category="rate_limit",
                            recovered=True)]),
        write(root, "tool-failed", started_at_ms=day - 2 * hour, agent="billing", model="gpt-4.1-mini",
              labels={"agent_version": "1.0", "environment": "staging", "tenant": "acme"}, lines=dear[1:],
              said=[Said("what do I owe", "I cannot see that now.", 4200)],
              tools=[Tool("get_balance", {"account": "77"}, None, "failed", "connection refused to 10.0.0.7:5432")]),
        write(root, "other-model", started_at_ms=day - 26 * hour, agent="billing", provider="anthropic",
              model="claude-sonnet-4", mode="realtime", labels={"agent_version": "1.1", "tenant": "globex"}),
        write(root, "no-answer", started_at_ms=day - 27 * hour, status="no_answer", said=[], direction="outbound"),
        write(root, "live", started_at_ms=NOW_MS - MINUTE_MS, status="in_progress", writer={"id": "w", "host": "else"},
              said=[Said("dzień dobry, chciałbym zwrócić książkę", "Oczywiście, już sprawdzam.", 950)]),
        write(root, "chinese", started_at_ms=NOW_MS - 5 * hour, labels={"env": "prod"},
              said=[Said("我想取消我的订单", "好的，请告诉我订单号。", 820),
                    Said("订单号是八八六 🙂", "已取消。", 1010)]),
        write(root, "hostile", started_at_ms=NOW_MS - 6 * hour,
              labels={"x'; DROP TABLE call;--": "\0\ud800", "n": 10**30},
              said=[Said('\0nul \ud800 " OR 1=1 -- %_*', "<script>alert(1)</script> \u202e", 640)],
              tools=[Tool("t\0ool", "\ud800", float("nan"))]),
        write_patter(root, "CA-patter", started_at_ms=NOW_MS - 7 * hour, rows=[
            ("", "Hello, this is Patter."), ("where is my parcel", "It arrives tomorrow."), ("ok", "[interrupted]"),
        ]),
        write_patter(root, "CA-failed", started_at_ms=day - 3 * hour, rows=[], error="LLM provider error: 503"),
        write_files(root, "torn", NOW_MS - 8 * hour,
                    metadata=b'{"schema_version": "1.0", "call',
                    transcript=b'{"ts":"2026-11-21T02:00:00Z","role":"user","text":"a whole row"}\n{"ts":"2026-11-2'),
    ]  # fmt: skip
    keep_alive(root)
    settle(root)
    return {path.name: path for path in calls}


def many(root: Path, count: int, *, days: int = 30, seed: int = 1, turns: int = 10) -> None:
    """As many calls as asked for over the days before `NOW_MS`, each of so many turns, in callscope's own shape."""
    dice = random.Random(seed)
    words = [f"{a}{b}{c}" for a in _HEADS for b in _MIDDLES for c in _TAILS]
    for number in range(count):
        said = [
            Said(_sentence(dice, words), _sentence(dice, words), int(dice.lognormvariate(6.8, 0.5)), _one_in(dice, 20))
            for _ in range(turns // 2)
        ]
        errors = [Error(f"Request timed out after {dice.random() * 30:.1f} s")] if _one_in(dice, 30) else []
        cents = f"{dice.random() / 10:.6f}"
        write(
            root,
            f"call-{number:06x}-{dice.randrange(1 << 24):06x}",
            started_at_ms=NOW_MS - 1 - dice.randrange(days * DAY_MS),
            said=said,
            errors=errors,
            status="failed" if errors else "completed",
            agent=dice.choice(["front-desk", "billing", "sales"]),
            labels={"agent_version": dice.choice(["2.4", "2.5"]), "environment": dice.choice(["prod", "staging"])},
            lines=[cost_line("llm", "openai", cents, model="gpt-4.1"), cost_line("stt", "deepgram", cents)],
        )


def settle(root: Path, at_ms: int = NOW_MS - HOUR_MS) -> None:
    """Give every file and directory the time of a last writing that is long ago."""
    for directory, _, files in os.walk(root / CALLS):
        for path in (*(f"{directory}/{file}" for file in files), directory):
            os.utime(path, (at_ms / 1000, at_ms / 1000))


_HEADS = ("re", "in", "con", "de", "pro", "ex", "sub", "trans")
_MIDDLES = ("fund", "port", "tract", "form", "ject", "vert", "miss", "pend")
_TAILS = ("", "s", "ing", "ion", "able", "er", "ed", "ly")


def _sentence(dice: random.Random, words: list[str]) -> str:
    return " ".join(words[min(int(dice.paretovariate(0.7)) - 1, len(words) - 1)] for _ in range(dice.randint(4, 20)))


def _one_in(dice: random.Random, times: int) -> bool:
    return dice.randrange(times) == 0


def keep_alive(root: Path, writer: str = "w") -> int:
    """Let a writer live until the descriptor that this gives is closed, or this process ends."""
    writers = root / ".callscope" / "writers"
    writers.mkdir(parents=True, exist_ok=True)
    fd = os.open(writers / f"{writer}.json", os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_EX)
    return fd


class _Story:
    """Rows of a call, as time goes on."""

    def __init__(self, started_at_ms: int) -> None:
        self.now_ms = started_at_ms
        self.turns: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []

    def tell(
        self, said: Sequence[Said], greeting: str | None, tools: list[Tool], errors: list[Error], of: dict[str, str]
    ) -> None:
        self.event(self.now_ms, "client_connected", transport="websocket")
        for number, error in enumerate(errors):
            self.event(self.now_ms + 500, "error", error_id=f"e{number}", **error._asdict())
        if greeting is not None:
            self.event(self.now_ms + 400, "agent_started_speaking")
            self.turn(self.now_ms + 400, "assistant", greeting)
            self.event(self.now_ms + 2000, "agent_stopped_speaking")
        for number, each in enumerate(said):
            self._exchange(each, tools if number == 0 else [], of)

    def event(self, at_ms: int, kind: str, **data: Any) -> None:
        self.now_ms = max(self.now_ms, at_ms)
        self.events.append({"schema_version": "1.0", "ts": format_ts(at_ms), "type": kind, "data": data})

    def turn(self, at_ms: int, role: str, text: str, **more: Any) -> None:
        row = {"ts": format_ts(at_ms), "turn_index": len(self.turns), "role": role, "text": text}
        self.turns.append({"schema_version": "1.0", **row, "latency": None, "cost": None, **more})

    def _exchange(self, said: Said, tools: list[Tool], of: dict[str, str]) -> None:
        began = self.now_ms + 1_000
        ended = began + 2_000
        self.event(began, "user_started_speaking")
        self.event(ended, "user_stopped_speaking", delay_ms=200)
        self.turn(began, "user", said.caller)
        for number, tool in enumerate(tools):
            facts = {"tool_call_id": f"t{number}", "name": tool.name}
            self.event(ended + 250, "tool_call", **facts, arguments=tool.arguments)
            result = {"result": tool.result} if tool.message is None else {"message": tool.message}
            self.event(ended + 300, "tool_result", **facts, outcome=tool.outcome, **result)
        if said.llm_ms is not None:
            self.event(ended + 300, "llm_started", request_id="r", **of)
            self.event(ended + 300 + said.llm_ms, "llm_first_token", request_id="r", **of)
        if said.agent is None:
            self.now_ms = ended + 8_000
            return
        answered = ended + said.wait_ms
        self.event(answered, "agent_started_speaking")
        self.turn(answered, "assistant", said.agent, **({"interrupted": True} if said.interrupted else {}))
        if said.interrupted:
            self.event(answered + 700, "user_started_speaking")
            self.event(answered + 710, "barge_in")
            self.event(answered + 720, "agent_stopped_speaking", interrupted=True)
            self.event(answered + 900, "user_stopped_speaking", delay_ms=100)
            self.now_ms = answered + 900
            return
        self.event(answered + 2_500, "agent_stopped_speaking")
