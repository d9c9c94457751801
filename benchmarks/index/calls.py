"""Invents calls: real words, arrivals, tokens and timings; agents, errors and tools from `agents`. Pure.

The same seed and number give the same call. About 40 % of the calls come from a plain loop that tells speaking edges
alone, the others have the stage marks, too.
"""

from __future__ import annotations

from functools import cached_property
from random import Random
from typing import Any, Final, NamedTuple

from benchmarks.index import agents
from benchmarks.index.agents import Agent
from benchmarks.index.material import Material, Request, Timing

END_MS: Final = 1_795_219_200_000
"""2026-11-21T00:00:00Z. The archives hold the days before."""
DAYS: Final = 30
DAY_MS: Final = 86_400_000
START_MS: Final = END_MS - DAYS * DAY_MS
_MEAN_EXCHANGES: Final = 6.8
_MAX_EXCHANGES: Final = 60
_MAX_CHARACTERS: Final = 600
"""Of one turn; a chat's longest message is an essay."""
_CHARACTERS_A_MS: Final = 0.015
_GREETING: Final = "Hello, this is the {name} line. How can I help you today?"


class Script(NamedTuple):
    """A call as it is told to the recorder."""

    call_id: str
    start: dict[str, Any]
    """Keyword arguments of ``start_call``."""
    rows: list[tuple[str, int, dict[str, Any]]]
    """Kind (``turn`` or an event's type), moment in Unix milliseconds, data."""
    end: dict[str, Any]
    """Keyword arguments of ``end``."""


class Calls:
    """All calls of an archive by their numbers, in the order of their starts.

    Args:
        material: what they are made of.
        count: how many.
        seed: of everything that is drawn.
    """

    def __init__(self, material: Material, count: int, *, seed: int = 4) -> None:
        self.material = material
        self.count = count
        self._seed = seed

    @cached_property
    def starts_ms(self) -> list[int]:
        """When each call starts: the gaps of the traces in their order, stretched over the days."""
        requests = self.material.requests
        moments, now = [], 0.0
        for number in range(self.count):
            now += requests[number % len(requests)].gap_s
            moments.append(now)
        stretch = DAYS * DAY_MS / (now + 1)
        return [START_MS + int(moment * stretch) for moment in moments]

    def script(self, number: int) -> Script:
        """The call of a number; those from ``count`` on are later calls of the last minutes."""
        late = number - self.count
        started_at_ms = self.starts_ms[number] if late < 0 else END_MS - 600_000 + late * 1000
        rng = Random(f"{self._seed} {number}")  # noqa: S311 -- repeatable on purpose
        return _Author(self.material, rng, number, started_at_ms).script()


class _Author:
    def __init__(self, material: Material, rng: Random, number: int, started_at_ms: int) -> None:
        self._material = material
        self._rng = rng
        self._number = number
        self._started_at_ms = self._now = started_at_ms
        self._rows: list[tuple[str, int, dict[str, Any]]] = []
        self._agent: Agent = rng.choices(agents.AGENTS, [agent.share for agent in agents.AGENTS])[0]
        day = (started_at_ms - START_MS) // DAY_MS
        running = [name for since, name in agents.VERSIONS if since <= day]
        self._version = running[-2] if len(running) > 1 and rng.random() < 0.1 else running[-1]
        slow = agents.SLOW_VERSION[2] if agents.SLOW_VERSION[:2] == (self._agent.name, self._version) else 1.0
        self._pace = self._agent.pace * slow * rng.lognormvariate(0, 0.25)
        self._detailed = rng.random() < 0.6
        self._turns = self._requests = 0
        self._heard_ms = self._characters = 0
        self._tokens = [0, 0]
        self._failed = False

    def script(self) -> Script:
        status = self._rng.choices(*zip(*agents.STATUSES, strict=True))[0]
        if status in {"no_answer", "busy"}:
            self._now += self._rng.randrange(2_000, 30_000)
        else:
            self._conversation()
        if self._failed:
            status = "failed"
        rng, line = self._rng, self._agent.line
        start = {
            "caller": f"+1415555{rng.randrange(10_000):04d}",
            "callee": f"+1212555{agents.AGENTS.index(self._agent):04d}",
            "direction": "outbound" if status in {"no_answer", "busy"} or self._agent.name == "survey" else "inbound",
            "telephony_provider": line,
            "provider_mode": self._agent.mode,
            "agent": {"name": self._agent.name, "provider": self._agent.llm[0], "model": self._agent.llm[1]},
            "trace_id": f"{rng.getrandbits(128):032x}",
            "labels": {
                "agent_version": self._version,
                "environment": "staging" if rng.random() < 0.05 else "production",
                "region": rng.choice(agents.REGIONS),
            },
            "framework": {"name": "pipecat", "version": "1.14.0"},
            "at_ms": self._started_at_ms,
        }
        end = {"status": status, "reason": None if self._failed else "the caller hung up", "at_ms": self._now}
        return Script(f"CA{self._number:07d}-{rng.getrandbits(48):012x}", start, self._rows, end)

    def _conversation(self) -> None:
        rng = self._rng
        self._event("client_connected", transport=self._agent.line or "webrtc")
        self._say(_GREETING.format(name=self._agent.name), wait_ms=rng.randrange(300, 900), marks=None)
        chat = rng.choice(self._material.chats)
        wanted = min(_MAX_EXCHANGES, 1 + int(rng.expovariate(1 / _MEAN_EXCHANGES)))
        first = rng.randrange(max(1, len(chat) - wanted + 1))
        pairs = chat[first : first + wanted]
        failing = rng.randrange(len(pairs)) if rng.random() < 0.06 else -1
        for place, (said, answer) in enumerate(pairs):
            self._exchange(_shorten(said), _shorten(answer))
            if place == failing:
                self._failure(last=place == len(pairs) - 1)
                if self._failed:
                    break
        self._usage()
        self._event("client_disconnected", reason="the caller hung up")

    def _exchange(self, said: str, answer: str) -> None:
        """What the caller says, and the answer to it; now and then none, or one that is cut off."""
        rng = self._rng
        begun_ms = self._now = self._now + rng.randrange(150, 2_500)
        self._event("user_started_speaking")
        spoken_ms = int(len(said) / _CHARACTERS_A_MS) + 400
        self._now += spoken_ms
        self._heard_ms += spoken_ms
        self._event("user_stopped_speaking", delay_ms=200)
        self._turn("user", said, at_ms=begun_ms, duration_ms=spoken_ms)
        if rng.random() < 0.01:
            self._now += rng.randrange(4_000, 12_000)  # nobody answers
            return
        timing = rng.choice(self._material.timings)
        wait_ms = int(timing.agent_started * self._pace * rng.lognormvariate(0, 0.2))
        tool_ms = self._tool() if self._detailed and rng.random() < 0.12 else 0
        self._say(answer, wait_ms=wait_ms + tool_ms, marks=timing, tool_ms=tool_ms)

    def _say(self, text: str, *, wait_ms: int, marks: Timing | None, tool_ms: int = 0) -> None:
        rng, stopped_ms = self._rng, self._now
        if marks is not None:
            if self._detailed:
                self._stages(marks, stopped_ms, wait_ms - tool_ms, tool_ms)
            request: Request = rng.choice(self._material.requests)
            self._tokens[0] += min(request.input_tokens, 8_000)
            self._tokens[1] += min(request.output_tokens, 400)
        self._now = began_ms = stopped_ms + wait_ms
        self._event("agent_started_speaking")
        whole_ms = int(len(text) / _CHARACTERS_A_MS) + 300
        cut = marks is not None and rng.random() < 0.08
        played = rng.uniform(0.1, 0.9) if cut else 1.0
        spoken_ms = int(whole_ms * played)
        self._now += spoken_ms
        self._characters += len(text)
        if cut:
            self._event("barge_in", heard_characters=int(len(text) * played), generated_characters=len(text))
        self._event("agent_stopped_speaking", interrupted=cut)
        told = {"interrupted": True, "heard": text[: int(len(text) * played)]} if cut else {}
        self._turn("assistant", text, at_ms=began_ms, duration_ms=spoken_ms, **told)

    def _stages(self, timing: Timing, stopped_ms: int, wait_ms: int, tool_ms: int) -> None:
        """The marks of one answer, as far apart as in a recorded one of the same length."""
        self._requests += 1
        stretch = wait_ms / timing.agent_started
        stt, llm, tts = self._agent.stt, self._agent.llm, self._agent.tts
        request, synthesis = f"llm {self._requests}", f"tts {self._requests}"
        marks: list[tuple[str, int, int, dict[str, Any]]] = [
            ("transcript", timing.transcript, 0, _service(stt)),
            ("llm_started", timing.llm_started, 0, {"request_id": request, **_service(llm)}),
            ("llm_first_token", timing.llm_first_token, tool_ms, {"request_id": request}),
            ("tts_started", timing.tts_started, tool_ms, {"request_id": synthesis, **_service(tts)}),
            ("tts_first_audio", timing.tts_first_audio, tool_ms, {"request_id": synthesis}),
        ]
        for kind, after_ms, more_ms, data in marks:
            service = {"transcript": stt, "tts_started": tts, "tts_first_audio": tts}.get(kind, llm)
            if service is not None:
                self._now = stopped_ms + int(after_ms * stretch) + more_ms
                self._event(kind, **data)

    def _tool(self) -> int:
        """A tool is called while the answer is made; how long it took."""
        rng = self._rng
        name, took_ms = rng.choice(agents.TOOLS), int(rng.lognormvariate(5.5, 0.7))
        call = f"call_{rng.getrandbits(48):012x}"
        order = f"ORD-{rng.randrange(10**7):07d}"
        failed = rng.random() < 0.05
        before_ms, self._now = self._now, self._now + 250
        self._event("tool_call", tool_call_id=call, name=name, arguments={"order": order, "channel": "voice"})
        self._now += took_ms
        result = {"order": order, "state": rng.choice(("shipped", "paid", "refunded", "on its way"))}
        self._event(
            "tool_result", tool_call_id=call, name=name, outcome="failed" if failed else "completed",
            duration_ms=took_ms, **({"message": f"{order} is locked"} if failed else {"result": result}),
        )  # fmt: skip
        self._now = before_ms
        return took_ms + 250

    def _failure(self, *, last: bool) -> None:
        rng = self._rng
        failure = rng.choice(agents.FAILURES)
        error = f"e{rng.getrandbits(32):08x}"
        services = {"stt": self._agent.stt, "tts": self._agent.tts, "llm": self._agent.llm}
        details = {
            "id": f"{rng.getrandbits(56):014x}",
            "number": rng.randrange(10**7),
            "ms": rng.randrange(1_000, 30_000),
        }
        self._failed = last and rng.random() < 0.5
        self._event(
            "error", message=failure.message.format(**details), error_id=error, stage=failure.stage,
            exception_type=failure.exception_type, category=failure.category, fatal=self._failed,
            **_service(services.get(failure.stage)),
        )  # fmt: skip
        if not last:
            self._now += 50
            self._event("error_recovered", error_id=error, stage=failure.stage, after_ms=50)

    def _usage(self) -> None:
        agent = self._agent
        service = "realtime" if agent.mode == "realtime" else "llm"
        tokens = {"input_tokens": self._tokens[0], "output_tokens": self._tokens[1]}
        if self._tokens[0]:
            self._event("usage", service=service, **_service(agent.llm), **tokens)
        if agent.stt is not None:
            self._event("usage", service="stt", **_service(agent.stt), audio_seconds=self._heard_ms / 1000)
        if agent.tts is not None:
            self._event("usage", service="tts", **_service(agent.tts), characters=self._characters)

    def _turn(self, role: str, text: str, *, at_ms: int, **data: Any) -> None:
        self._turns += 1
        self._rows.append(("turn", at_ms, {"role": role, "text": text, **data}))

    def _event(self, kind: str, **data: Any) -> None:
        self._rows.append((kind, self._now, data))


def _service(service: agents.Service | None) -> dict[str, str]:
    return {} if service is None else {"provider": service[0], "model": service[1]}


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else text[:_MAX_CHARACTERS].rpartition(" ")[0] or text[:_MAX_CHARACTERS]
