"""A bot made of pipecat's own base classes whose parts do what a test says, when it says so.

Nothing here waits for time to pass: the loudspeaker takes sound at once (or holds it until it is told), the language
model gives its script, and a test waits for frames.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipecat.frames import frames as pf
from pipecat.metrics.metrics import LLMTokenUsage
from pipecat.observers.base_observer import BaseObserver
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallFromLLM, LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

SAMPLE_RATE = 16_000
SOUND_SECONDS_A_SENTENCE = 0.2
PATIENCE_SECONDS = 30
STOP_SECS = 0.2


@dataclass
class Answer:
    """What the language model does when it is asked."""

    text: tuple[str, ...] = ()
    tool: tuple[str, dict[str, Any]] | None = None
    error: Exception | None = None
    usage: LLMTokenUsage | None = field(
        default_factory=lambda: LLMTokenUsage(prompt_tokens=33, completion_tokens=16, total_tokens=49)
    )
    hang_before: int | None = None
    """Stop before this piece of text, until the request is cancelled."""


STORY = Answer(("Once there was a king. ", "He had a horse. ", "The end."))


@dataclass
class Heard(pf.SystemFrame):  # type: ignore[misc]
    """Makes the scripted recogniser understand something."""

    text: str = ""


class Ear(STTService):  # type: ignore[misc]
    """Understands what it is told."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(settings=STTSettings(model="ear-1", language=None), ttfs_p99_latency=0.0, **kwargs)

    def can_generate_metrics(self) -> bool:
        return True

    async def run_stt(self, audio: bytes) -> AsyncGenerator[pf.Frame | None, None]:
        del audio
        yield None

    async def process_frame(self, frame: pf.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, Heard):
            said = pf.TranscriptionFrame(text=frame.text, user_id="", timestamp="")
            said.finalized = True
            await self.push_frame(said)


class Mind(LLMService):  # type: ignore[misc]
    """Answers by a script."""

    def __init__(self, answers: list[Answer], model: str = "mind-1", **kwargs: Any) -> None:
        settings = LLMSettings(
            model=model, system_instruction=None, temperature=None, max_tokens=None, top_p=None, top_k=None,
            frequency_penalty=None, presence_penalty=None, seed=None,
            filter_incomplete_user_turns=False, user_turn_completion_config=None,
        )  # fmt: skip
        super().__init__(settings=settings, **kwargs)
        self.answers = answers

    def can_generate_metrics(self) -> bool:
        return True

    async def process_frame(self, frame: pf.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, pf.LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(pf.LLMFullResponseStartFrame())
        try:
            await self._answer(self.answers.pop(0), frame.context)
        except Exception as error:  # noqa: BLE001 -- as pipecat's own services do
            await self.push_error(error_msg=f"Error during completion: {error}", exception=error)
        finally:
            await self.push_frame(pf.LLMFullResponseEndFrame())

    async def _answer(self, answer: Answer, context: Any) -> None:
        await self.start_ttfb_metrics()
        if answer.error:
            raise answer.error
        for index, piece in enumerate(answer.text):
            if index == answer.hang_before:
                await asyncio.Event().wait()
            await self.stop_ttfb_metrics()
            await self._push_llm_text(piece) if hasattr(self, "_push_llm_text") else await self.push_frame(
                pf.LLMTextFrame(piece)
            )
        if answer.hang_before is not None:
            await asyncio.Event().wait()
        if answer.usage:
            await self.start_llm_usage_metrics(answer.usage)
        if answer.tool:
            name, arguments = answer.tool
            call = FunctionCallFromLLM(
                context=context, tool_call_id=f"call-{name}", function_name=name, arguments=arguments
            )
            await self.run_function_calls([call])


class Voice(TTSService):  # type: ignore[misc]
    """Speaks every sentence as the same short sound; fails where it is told to."""

    def __init__(self, *, failing: bool = False, **kwargs: Any) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            sample_rate=SAMPLE_RATE,
            settings=TTSSettings(model="voice-1", voice="anna", language=None),
            **kwargs,
        )
        self.failing = failing

    def can_generate_metrics(self) -> bool:
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[pf.Frame, None]:
        await self.start_tts_usage_metrics(text)
        if self.failing:
            yield pf.ErrorFrame(error="no such voice")
            return
        await self.stop_ttfb_metrics()
        sound = b"\x10\x20" * int(SAMPLE_RATE * SOUND_SECONDS_A_SENTENCE)
        yield pf.TTSAudioRawFrame(audio=sound, sample_rate=SAMPLE_RATE, num_channels=1, context_id=context_id)


class WordVoice(TTSService):  # type: ignore[misc]
    """Tells words with their times, as those that are reached by a socket do: the sound comes when all is announced."""

    def __init__(self, sentences: int, **kwargs: Any) -> None:
        super().__init__(
            push_text_frames=False,
            push_start_frame=True,
            sample_rate=SAMPLE_RATE,
            settings=TTSSettings(model="voice-1", voice="anna", language=None),
            **kwargs,
        )
        self._left = sentences
        self._words: list[str] = []

    def can_generate_metrics(self) -> bool:
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[pf.Frame | None, None]:
        self._left -= 1
        self._words += text.split()
        yield None
        if self._left:
            return
        for word in self._words:
            sound = b"\x10\x20" * int(SAMPLE_RATE * 0.05)
            yield pf.TTSAudioRawFrame(audio=sound, sample_rate=SAMPLE_RATE, num_channels=1, context_id=context_id)
            await self.add_word_timestamps([(word, 0.0)], context_id)
        yield pf.TTSStoppedFrame(context_id=context_id)
        await self.remove_audio_context(context_id)


class Loudspeaker(BaseOutputTransport):  # type: ignore[misc]
    """Plays at once, or holds what it plays until `playing` is set."""

    def __init__(self) -> None:
        super().__init__(TransportParams(audio_out_enabled=True, audio_out_sample_rate=SAMPLE_RATE))
        self.playing = asyncio.Event()
        self.playing.set()

    async def start(self, frame: pf.StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: pf.OutputAudioRawFrame) -> bool:
        del frame
        await self.playing.wait()
        return True


class Line(FrameProcessor):  # type: ignore[misc]
    """The caller's side: passes frames on, and tells voice activity as pipecat's aggregator does: as a pair."""

    async def process_frame(self, frame: pf.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)

    async def connect(self) -> None:
        await self.push_frame(pf.ClientConnectedFrame())

    async def start_speaking(self) -> None:
        await self.push_frame(pf.VADUserStartedSpeakingFrame(start_secs=STOP_SECS))
        await self.push_frame(pf.VADUserStartedSpeakingFrame(start_secs=STOP_SECS), FrameDirection.UPSTREAM)

    async def stop_speaking(self) -> None:
        await self.push_frame(pf.VADUserStoppedSpeakingFrame(stop_secs=STOP_SECS))
        await self.push_frame(pf.VADUserStoppedSpeakingFrame(stop_secs=STOP_SECS), FrameDirection.UPSTREAM)


class Watch(BaseObserver):  # type: ignore[misc]
    """Lets a test wait for frames."""

    def __init__(self) -> None:
        super().__init__()
        self.pushed: Counter[str] = Counter()
        self._seen: set[int] = set()
        self._news = asyncio.Event()

    async def on_push_frame(self, data: Any) -> None:
        frame = data.frame
        played = isinstance(data.source, BaseOutputTransport) and isinstance(frame, pf.TTSTextFrame)
        if frame.id in self._seen and not played:
            return
        self._seen.add(frame.id)
        upstream_twin = frame.broadcast_sibling_id is not None and data.direction == FrameDirection.UPSTREAM
        if not upstream_twin:
            self.pushed["played" if played else type(frame).__name__] += 1
            self._news.set()

    async def until(self, name: str, count: int) -> None:
        """Wait until so many frames of a class were pushed."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.pushed[name] < count:
                self._news.clear()
                await self._news.wait()


class Bot:
    """A worker and its parts."""

    def __init__(
        self,
        answers: list[Answer] | None = None,
        *,
        mind: FrameProcessor | None = None,
        voice: FrameProcessor | None = None,
        before: list[FrameProcessor] | None = None,
        after: list[FrameProcessor] | None = None,
        context: LLMContext | None = None,
        turns: UserTurnStrategies | None = None,
        turn_stop_timeout: float = PATIENCE_SECONDS,
        **worker_options: Any,
    ) -> None:
        self.line = Line()
        self.ear = Ear()
        self.mind = mind or Mind(answers or [])
        self.voice = voice or Voice()
        self.loudspeaker = Loudspeaker()
        self.watch = Watch()
        self.user, self.assistant = LLMContextAggregatorPair(
            context or LLMContext(),
            user_params=LLMUserAggregatorParams(
                user_turn_strategies=turns
                or UserTurnStrategies(stop=[SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.0)]),
                user_turn_stop_timeout=turn_stop_timeout,
            ),
        )
        parts = [
            *(before or []), self.line, self.ear, self.user, self.mind, self.voice, self.loudspeaker,
            *(after or []), self.assistant,
        ]  # fmt: skip
        self.worker = PipelineWorker(
            Pipeline(parts),
            params=PipelineParams(audio_in_sample_rate=SAMPLE_RATE, audio_out_sample_rate=SAMPLE_RATE),
            observers=[self.watch],
            **worker_options,
        )
        self.started = asyncio.Event()
        self.worker.add_event_handler("on_pipeline_started", lambda *_: self.started.set())
        self._waited: Counter[str] = Counter()

    async def until(self, name: str, count: int = 1) -> None:
        """Wait for the next frames of a class, counted from the last time this was called for it."""
        self._waited[name] += count
        await self.watch.until(name, self._waited[name])

    def skip(self, name: str) -> None:
        """Count from now on."""
        self._waited[name] = self.watch.pushed[name]

    async def say(self, text: str) -> None:
        """The caller says something, to the end of the turn."""
        self.skip("UserStoppedSpeakingFrame")
        await self.line.start_speaking()
        await self.line.push_frame(Heard(text=text))
        await self.line.stop_speaking()
        await self.until("UserStoppedSpeakingFrame")

    async def ask(self, text: str) -> None:
        """The caller says something and hears the answer to its end."""
        self.skip("BotStoppedSpeakingFrame")
        await self.say(text)
        await self.until("BotStoppedSpeakingFrame")

    async def greet(self, text: str) -> None:
        """The agent says something by itself, to the end."""
        self.skip("BotStoppedSpeakingFrame")
        await self.worker.queue_frame(pf.TTSSpeakFrame(text))
        await self.until("BotStoppedSpeakingFrame")


async def hear_one_sentence(bot: Bot) -> None:
    """The caller has heard the first sentence, and the second is on."""
    heard = bot.loudspeaker
    played: list[pf.Frame] = []

    async def hold_after_first(_speaker: Any, frame: pf.Frame) -> None:
        if isinstance(frame, pf.TTSTextFrame) and not played:
            played.append(frame)
            heard.playing.clear()

    heard.add_event_handler("on_after_push_frame", hold_after_first)
    await bot.say("Tell me a story.")
    await bot.until("played")
    await bot.until("TTSStoppedFrame")


@asynccontextmanager
async def running(*bots: Bot) -> AsyncIterator[None]:
    """The bots in one runner; at the end those that go on are ended by themselves."""
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(*(bot.worker for bot in bots))
    task = asyncio.create_task(runner.run())
    try:
        for bot in bots:
            await asyncio.wait_for(bot.started.wait(), PATIENCE_SECONDS)
            await bot.line.connect()
            await bot.until("ClientConnectedFrame")
        yield
        for bot in bots:
            if not bot.worker.has_finished():
                await bot.worker.queue_frame(pf.EndFrame(reason="the test is over"))
        await asyncio.wait_for(asyncio.shield(task), PATIENCE_SECONDS)
    finally:
        if not task.done():
            for bot in bots:
                await bot.worker.cancel()
            await asyncio.wait([task], timeout=PATIENCE_SECONDS)


@dataclass
class Recorded:
    """One call as it is on disk."""

    path: Path
    metadata: dict[str, Any]
    turns: list[dict[str, Any]]
    events: list[dict[str, Any]]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The data of the events of a type."""
        return [event["data"] for event in self.events if event["type"] == kind]

    def moments(self, kind: str) -> list[str]:
        """The moments of the events of a type."""
        return [event["ts"] for event in self.events if event["type"] == kind]

    def kinds(self, *kinds: str) -> list[str]:
        """The types of the events, in order, of those that are asked for."""
        return [event["type"] for event in self.events if event["type"] in kinds]

    def texts(self) -> list[tuple[str, str]]:
        """Role and text of the turns."""
        return [(turn["role"], turn["text"]) for turn in self.turns]

    @property
    def everything(self) -> str:
        """All that is on disk of this call."""
        return "".join(file.read_text() for file in self.path.iterdir() if file.suffix in {".json", ".jsonl"})


def read(root: Path) -> list[Recorded]:
    """All calls under a root, by id."""
    return sorted((_read(path.parent) for path in root.rglob("metadata.json")), key=lambda each: each.path.name)


def _read(path: Path) -> Recorded:
    def rows(name: str) -> list[dict[str, Any]]:
        file = path / name
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    metadata = json.loads((path / "metadata.json").read_text())
    return Recorded(path, metadata, rows("transcript.jsonl"), rows("events.jsonl"))
