"""The fold on two real Pipecat calls, recorded as frames; read where they lie, skipped where they do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from timeline_script import at

from callscope.model.event import Event
from callscope.timeline.summary import Timeline, summarise

SESSIONS = Path(__file__).resolve().parents[3] / "shared" / "data" / "sessions"
VAD_MS = 200
"""Start and stop delay of the recorded calls' voice activity detection."""

pytestmark = pytest.mark.skipif(not SESSIONS.is_dir(), reason="the recorded sessions are not here")


class Translation:
    """Frames to events, as far as these recordings go."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.start_s = 0.0
        self.agent_speaks = False
        self.cut = False
        self.requests = 0
        self.syntheses = 0
        self.first_audio_ms: int | None = None
        self.seen: dict[str, float] = {}

    def frame(self, row: dict[str, Any]) -> None:
        name, t = row["frame"], row["t"]
        if name == "StartFrame":
            self.start_s = t
        ms = round((t - self.start_s) * 1000)
        if name == "MetricsFrame":
            if not row["src"].startswith("PipelineWorker"):
                for metric in row["metrics"]:
                    self.metric(ms, metric)
            return
        twin = t - self.seen.get(name, float("-inf")) < 0.01
        self.seen[name] = t
        if not twin:
            self.edge(name, ms)

    def edge(self, name: str, ms: int) -> None:
        if name == "BotStartedSpeakingFrame":
            self.agent_speaks = True
        if name == "InterruptionFrame" and self.agent_speaks:
            self.cut = True
            self.add(ms, "barge_in")
        if name == "BotStoppedSpeakingFrame":
            self.add(ms, "agent_stopped_speaking", interrupted=self.cut)
            self.agent_speaks = self.cut = False
        if name == "UserStartedSpeakingFrame":
            self.add(ms - VAD_MS, "user_started_speaking")
            self.add(ms, "user_turn_started")
        self.requests += name == "LLMFullResponseStartFrame"
        self.syntheses += name == "TTSStartedFrame"
        request, synthesis = f"llm {self.requests}", f"tts {self.syntheses}"
        simple: dict[str, tuple[str, dict[str, Any]]] = {
            "StartFrame": ("client_connected", {}),
            "BotStartedSpeakingFrame": ("agent_started_speaking", {}),
            "UserStoppedSpeakingFrame": ("user_turn_stopped", {"strategy": "turn analyzer"}),
            "TranscriptionFrame": ("transcript", {"processor": "WhisperSTTService#0"}),
            "LLMFullResponseStartFrame": ("llm_started", {"request_id": request, "model": "smollm"}),
            "LLMFullResponseEndFrame": ("llm_stopped", {"request_id": request, "outcome": "completed"}),
            "TTSStartedFrame": ("tts_started", {"request_id": synthesis, "processor": "PiperTTSService#0"}),
            "EndFrame": ("call_ended", {"reason": "the caller's clips are over"}),
        }
        if name in simple:
            kind, data = simple[name]
            self.add(ms, kind, **data)

    def metric(self, ms: int, metric: dict[str, Any]) -> None:
        kind = metric["type"]
        if kind == "STTUsageMetricsData":  # a segmented recogniser reports when voice activity detection decides
            self.add(ms - VAD_MS, "user_stopped_speaking", delay_ms=VAD_MS)
        elif kind == "TurnMetricsData":
            self.add(ms, "turn_detection", complete=metric["is_complete"], processor=metric["processor"])
        elif kind == "TTFATMetricsData":
            self.add(ms, "llm_first_token", request_id=f"llm {self.requests}")
        elif kind == "TTFBMetricsData" and metric["processor"].startswith("Piper"):
            self.first_audio_ms = ms
        elif kind == "TTFAMetricsData" and self.first_audio_ms is not None:
            silence_ms = metric["leading_silence"] * 1000
            self.add(
                self.first_audio_ms,
                "tts_first_audio",
                request_id=f"tts {self.syntheses}",
                leading_silence_ms=silence_ms,
            )

    def add(self, ms: int, kind: str, **data: Any) -> None:
        self.events.append(at(ms, kind, **data))


def session(name: str) -> Timeline:
    translation = Translation()
    for line in (SESSIONS / name / "frames.jsonl").read_text().splitlines():
        translation.frame(json.loads(line))
    start = translation.events[0].ts_ms
    return summarise(start, translation.events[-1].ts_ms, [], translation.events)


def latencies_told_by_pipecat(name: str) -> list[int]:
    """What the framework's own spans say about the same answers, in milliseconds."""
    found: list[tuple[int, int]] = []
    for line in (SESSIONS / name / "otlp.jsonl").read_text().splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    for attribute in span.get("attributes", []):
                        if attribute["key"] == "turn.user_bot_latency_seconds":
                            seconds = attribute["value"]["doubleValue"]
                            found.append((int(span["startTimeUnixNano"]), round(seconds * 1000)))
    return [ms for _, ms in sorted(found)]


@pytest.mark.parametrize("name", ["pipecat-barge-in", "pipecat-no-barge-in"])
def test_the_waits_of_a_recorded_call_are_those_that_pipecat_measured(name: str) -> None:
    timeline = session(name)
    waits = [exchange.response_ms for exchange in timeline.exchanges if exchange.kind == "exchange"]
    told = latencies_told_by_pipecat(name)
    assert waits == [pytest.approx(ms, abs=5) for ms in told]
    assert timeline.exchanges[0].kind == "greeting"
    assert timeline.unanswered == 0


def test_the_caller_cut_off_the_greeting_and_one_later_answer() -> None:
    timeline = session("pipecat-barge-in")
    assert [exchange.interrupted for exchange in timeline.exchanges] == [True, False, True, False]
    assert timeline.interruptions == timeline.facts.barge_ins == 2


def test_a_call_that_just_ends_has_no_interruption() -> None:
    timeline = session("pipecat-no-barge-in")
    assert [exchange.interrupted for exchange in timeline.exchanges] == [False] * 4
    assert timeline.interruptions == timeline.facts.barge_ins == 0


def test_the_longest_wait_of_a_recorded_call_is_explained_by_the_turn_model() -> None:
    timeline = session("pipecat-no-barge-in")
    (slow,) = (problem for problem in timeline.problems if problem.kind == "slow")
    assert "turn detection (BaseSmartTurn)" in slow.text


@pytest.mark.parametrize("name", ["pipecat-barge-in", "pipecat-no-barge-in"])
def test_almost_nothing_of_a_recorded_wait_is_unexplained(name: str) -> None:
    for exchange in session(name).exchanges[1:]:
        assert exchange.response_ms is not None
        unexplained = sum(part.duration_ms for part in exchange.parts if part.stage == "unexplained")
        assert unexplained <= 0.05 * exchange.response_ms, exchange.parts
