"""A real `AgentSession` on this machine alone: a caller with a mouth and an ear, models on loopback, no LiveKit server.

How to use it::

    async def story(caller: Caller) -> None:
        await caller.listen()                       # until the greeting is over
        await caller.say("Where is my parcel?")
        await caller.listen()
        caller.hang_up()

    truth = await offline_call(answers=[Answer(text="In Berlin.")], story=story, before_start=record_it)

`before_start` gets the session before it starts: there it is recorded, watched, or whatever a test is about. What
`offline_call` returns is what the caller said and heard, by the caller's own clock, and the ledger of the models.
`livekit_stories.STORIES` are calls to begin with: tools, barge-in, a cough, errors, a handoff, typed text.

A session of a job, with a room's name and a report, is made by `job_agent.py`: it serves one job of LiveKit's own
`AgentServer` in a thread or a process. There `make_session` and `connect` are what is used of this module.

Real: the session, Silero's voice activity detection, the OpenAI plugins with their clients, the sound. Made here: the
network (16 kHz frames of 20 ms in real time), and what the models answer. Nothing leaves loopback. Several calls may
run in one loop at once; each takes as long as it would with a person.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

import msgspec
import numpy as np
import openai as sdk
from livekit.agents import Agent, AgentSession, APIConnectOptions
from livekit.agents.voice import io
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.agents.voice.events import CloseReason
from livekit.agents.voice.transcription import TranscriptSynchronizer
from livekit.plugins import openai, silero
from model_server import CHAT_MODEL, EAR_MODEL, KEY, SPEECH_MODEL, Answer, ModelServer, voiced

from callscope.demo.scenarios import Voice
from livekit import rtc

MOUTH_RATE: Final = 16_000
EAR_RATE: Final = 24_000
_TICK_SECONDS: Final = 0.02
_AUDIBLE: Final = 400
"""Of 32767: quieter samples are silence."""
_VAD_WINDOW_MS: Final = 32
"""Of sound are looked at by Silero at a time."""
_JOIN_MS: Final = 400
"""Silence up to this is a pause inside one stretch of sound."""
_CALLER: Final = Voice("en-us", words_per_minute=165, pitch=60)
Samples = np.ndarray[Any, np.dtype[np.int16]]
_PATIENCE_SECONDS: Final = 40.0
"""For what takes less than ten on a machine that does nothing else: a caller who gives up tells another story."""
_ANSWER_SECONDS: Final = 30.0
"""For an answer of the models, none of which needs a second: a request that is made twice is another call."""


class Said(msgspec.Struct, frozen=True):
    """Something that the caller said; Unix milliseconds of its first and last sound."""

    text: str
    started_at_ms: float
    stopped_at_ms: float
    sound: Samples
    """At `MOUTH_RATE`."""


class Heard(msgspec.Struct):
    """A stretch of the agent's sound; Unix milliseconds of its first and last sample."""

    started_at_ms: float
    stopped_at_ms: float
    pieces: list[Samples] = []
    """What was heard, from the first sample on, at `EAR_RATE`."""


class Truth(msgspec.Struct, frozen=True):
    """A whole call, by the caller's own mouth and ear, and by the ledger of the models."""

    said: list[Said]
    heard: list[Heard]
    models: ModelServer
    late_ms: float
    """The most that the caller's own clock was behind, at the mouth or at the ear, as on a busy machine."""
    behind_ms: float = 0.0
    """The most that the session's voice activity detection was behind the sound: so late it found its edges."""
    gave_up: str = ""
    """Why the caller hung up before the story's end; it did not, as a rule."""

    def wait_ms(self, place: int) -> float:
        """From the end of the caller's n-th line to the next sound of the agent."""
        end_ms = self.said[place].stopped_at_ms
        return min(each.started_at_ms for each in self.heard if each.started_at_ms > end_ms) - end_ms


class Mouth(io.AudioInput):  # type: ignore[misc]  # LiveKit is not followed by the type checker
    """The caller's side of the line: 20 ms of speech or silence, in real time."""

    def __init__(self) -> None:
        super().__init__(label="mouth")
        self.late_ms = 0.0
        """The most that its clock was behind: so far the moments of the call may be trusted."""
        self._samples = np.zeros(0, dtype=np.int16)
        self._next_at = 0.0
        self._began: asyncio.Future[float] | None = None

    async def speak(self, pcm: bytes) -> tuple[float, float]:
        """Say it, and give the Unix milliseconds of its first and its last sample."""
        self._began = asyncio.get_running_loop().create_future()
        self._samples = np.frombuffer(pcm, dtype=np.int16)
        seconds = len(self._samples) / MOUTH_RATE
        began = await self._began
        await asyncio.sleep(max(0.0, began + seconds - time.time()))
        return began * 1000, (began + seconds) * 1000

    async def __anext__(self) -> rtc.AudioFrame:
        """The next 20 ms."""
        now = time.perf_counter()
        due_at = self._next_at + _TICK_SECONDS if self._next_at else now + _TICK_SECONDS
        self.late_ms = max(self.late_ms, (now - due_at) * 1000)
        self._next_at = max(due_at, now - 0.2)
        await asyncio.sleep(self._next_at - now)
        count = round(MOUTH_RATE * _TICK_SECONDS)
        if self._samples.size and self._began is not None and not self._began.done():
            self._began.set_result(time.time() - _TICK_SECONDS)  # a frame is sent when its sound is over
        piece, self._samples = self._samples[:count], self._samples[count:]
        frame = np.zeros(count, dtype=np.int16)
        frame[: piece.size] = piece
        return rtc.AudioFrame(data=frame.tobytes(), sample_rate=MOUTH_RATE, num_channels=1, samples_per_channel=count)


class Ear(io.AudioOutput):  # type: ignore[misc]  # LiveKit is not followed by the type checker
    """The agent's side of the line, played in real time into the caller's ear, which remembers what it heard when."""

    def __init__(self) -> None:
        super().__init__(label="ear", capabilities=io.AudioOutputCapabilities(pause=True), sample_rate=EAR_RATE)
        self.heard: list[Heard] = []
        self.late_ms = 0.0
        """The most that a piece of sound was played after its time."""
        self._queue: deque[np.ndarray[Any, np.dtype[np.int16]]] = deque()
        self._flushed = self._started = False
        self._position = 0.0
        self._playing: asyncio.Task[None] | None = None
        self._goes_on = asyncio.Event()
        self._goes_on.set()

    @property
    def silent_for_ms(self) -> float:
        """Since the last sound; without any, no time at all."""
        return time.time() * 1000 - self.heard[-1].stopped_at_ms if self.heard else 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Take a frame to play; faster than it plays, as networks do."""
        await super().capture_frame(frame)
        samples = np.frombuffer(frame.data, dtype=np.int16)
        step = round(EAR_RATE * _TICK_SECONDS)
        self._queue.extend(samples[at : at + step] for at in range(0, len(samples), step))
        if self._playing is None or self._playing.done():
            self._flushed = False
            self._playing = asyncio.create_task(self._play())

    def flush(self) -> None:
        """No more of this segment will come."""
        super().flush()
        self._flushed = True

    def clear_buffer(self) -> None:
        """Stop at once."""
        self._queue.clear()
        if self._playing is not None and not self._playing.done():
            self._playing.cancel()
            self._finish(interrupted=True)

    def pause(self) -> None:
        """Be silent until `resume`."""
        self._goes_on.clear()

    def resume(self) -> None:
        """Go on where it paused."""
        self._goes_on.set()

    async def _play(self) -> None:
        play_at = time.time()
        while self._queue or not self._flushed:
            if not self._goes_on.is_set():
                await self._goes_on.wait()
                play_at = time.time()
            if not self._queue:
                await asyncio.sleep(_TICK_SECONDS / 4)
                play_at = max(play_at, time.time())
                continue
            piece = self._queue.popleft()
            self.late_ms = max(self.late_ms, (time.time() - play_at) * 1000)
            play_at = max(play_at, time.time() - 0.1)
            if not self._started:
                self._started = True
                self.on_playback_started(created_at=play_at)
            self._hear(piece, play_at)
            self._position += len(piece) / EAR_RATE
            play_at += len(piece) / EAR_RATE
            await asyncio.sleep(max(0.0, play_at - time.time()))
        self._finish(interrupted=False)

    def _hear(self, piece: np.ndarray[Any, np.dtype[np.int16]], at: float) -> None:
        loud = np.flatnonzero(np.abs(piece.astype(np.int32)) > _AUDIBLE)
        if not loud.size:
            return
        first, last = (at * 1000 + int(place) * 1000 / EAR_RATE for place in (loud[0], loud[-1]))
        if self.heard and first - self.heard[-1].stopped_at_ms <= _JOIN_MS:
            self.heard[-1].stopped_at_ms = last
            self.heard[-1].pieces.append(piece)
        else:
            self.heard.append(Heard(first, last, [piece[loud[0] :]]))

    def _finish(self, *, interrupted: bool) -> None:
        position, self._position = self._position, 0.0
        self._started = False
        self.on_playback_finished(playback_position=position, interrupted=interrupted)


class Caller:
    """What a story moves: somebody who speaks, listens and hangs up."""

    def __init__(self, session: AgentSession[Any], models: ModelServer, mouth: Mouth, ear: Ear) -> None:
        self.session = session
        self.models = models
        self.ear = ear
        self.said: list[Said] = []
        self.closed = asyncio.Event()
        """Set when the session is closed, whoever did it."""
        self.behind_ms = 0.0
        """The most that voice activity detection was behind the sound."""
        self._behind_ms = 0.0
        self._mouth = mouth
        session.on("close", lambda _event: self.closed.set())
        rtc.EventEmitter.on(session, "metrics_collected", self._on_metrics)

    def _on_metrics(self, event: Any) -> None:
        figures = event.metrics
        if figures.type == "vad_metrics":  # told every second
            took_ms = figures.inference_duration_total * 1000
            self._behind_ms = max(0.0, self._behind_ms + took_ms - figures.inference_count * _VAD_WINDOW_MS)
            self.behind_ms = max(self.behind_ms, self._behind_ms)

    async def say(self, text: str, *, expected: str | None = None) -> None:
        """Say a line to its end.

        Args:
            text: what is said.
            expected: what the recogniser makes of it; the same when left out.
        """
        sound = await asyncio.to_thread(voiced, text, sample_rate=MOUTH_RATE, voice=_CALLER)
        self.models.expect(text if expected is None else expected)
        began_ms, ended_ms = await self._mouth.speak(sound)
        self.said.append(Said(text, began_ms, ended_ms, np.frombuffer(sound, dtype=np.int16)))

    async def listen(self, *, silence_ms: float = 700) -> None:
        """Wait until the agent has said something new and is silent for so long."""
        since = len(self.ear.heard)
        if self.said and self.ear.heard and self.ear.heard[-1].started_at_ms > self.said[-1].stopped_at_ms:
            since -= 1
        await self.until(lambda: len(self.ear.heard) > since and self.ear.silent_for_ms > silence_ms)

    async def hear(self, *, more_than_ms: float = 0) -> None:
        """Wait until the agent has begun something new and has been speaking for so long, and its models are done."""
        since = len(self.ear.heard)
        await self.until(
            lambda: (
                len(self.ear.heard) > since
                and not self.models.busy
                and self.ear.heard[-1].stopped_at_ms - self.ear.heard[-1].started_at_ms > more_than_ms
            )
        )

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait for a condition; raises `TimeoutError` when patience is at its end."""
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > give_up:
                raise TimeoutError(f"the caller waited {_PATIENCE_SECONDS:.0f} s in vain after {len(self.said)} lines")
            await asyncio.sleep(_TICK_SECONDS)

    def hang_up(self) -> None:
        """Leave, as LiveKit's room tells a session that its participant did."""
        self.session._close_soon(reason=CloseReason.PARTICIPANT_DISCONNECTED)


Story = Callable[[Caller], Awaitable[None]]


def model_client(base_url: str) -> sdk.AsyncClient:
    """A client without certificates: to load them takes a third of a second, in which no sound moves."""
    web = sdk.DefaultAsyncHttpxClient(verify=False)
    return sdk.AsyncClient(base_url=base_url, api_key=KEY, max_retries=0, http_client=web)


def make_session(models: ModelServer, **options: Any) -> AgentSession[Any]:
    """A session with real plugins whose models are on loopback; options as `AgentSession` takes them."""
    client = model_client(models.base_url)
    retry = APIConnectOptions(max_retry=1, retry_interval=0.1, timeout=_ANSWER_SECONDS)
    given: dict[str, Any] = {
        "stt": openai.STT(model=EAR_MODEL, language="en", client=client),
        "llm": openai.LLM(model=CHAT_MODEL, client=client),
        "tts": openai.TTS(model=SPEECH_MODEL, voice="ash", response_format="pcm", client=client),
        "vad": _vad(),
        "turn_handling": {
            "turn_detection": "vad",
            "endpointing": {"min_delay": 0.3, "max_delay": 1.0},
            "interruption": {"mode": "vad", "min_duration": 0.3, "false_interruption_timeout": 0.8},
        },
        "aec_warmup_duration": None,
        "user_away_timeout": None,
        "session_close_transcript_timeout": 0.2,
        "conn_options": SessionConnectOptions(
            stt_conn_options=retry, llm_conn_options=retry, tts_conn_options=retry, max_unrecoverable_errors=1
        ),
    }
    return AgentSession(**{**given, **options})


def connect(session: AgentSession[Any]) -> tuple[Mouth, Ear]:
    """Give a session a mouth and an ear, with its words following the sound, as LiveKit's rooms do."""
    mouth, ear = Mouth(), Ear()
    together = TranscriptSynchronizer(next_in_chain_audio=ear, next_in_chain_text=None)
    session.input.audio = mouth
    session.output.audio = together.audio_output
    session.output.transcription = together.text_output
    return mouth, ear


async def offline_call(
    *,
    answers: list[Answer],
    story: Story,
    before_start: Callable[[AgentSession[Any]], Any],
    agent: Agent | None = None,
    mute: bool = False,
    text_only: bool = False,
    start: dict[str, Any] | None = None,
    **options: Any,
) -> Truth:
    """Run one call from its first to its last moment.

    Args:
        answers: what the language model does, one for each request.
        story: what the caller does; the call ends with it.
        before_start: gets the session before it starts.
        agent: who answers; left out, one that does what `answers` say.
        mute: the synthesizer refuses everything.
        text_only: without mouth and ear.
        start: options of ``AgentSession.start``.
        options: of `AgentSession`, over those of `make_session`.
    """
    async with ModelServer(answers, mute=mute).serving() as models:
        session = make_session(models, **options)
        mouth, ear = (Mouth(), Ear()) if text_only else connect(session)
        before_start(session)
        caller = Caller(session, models, mouth, ear)
        gave_up = ""
        try:
            await session.start(agent or Agent(instructions="Answer in one sentence."), **(start or {}))
            await story(caller)
        except TimeoutError as error:
            gave_up = str(error)
        finally:
            if session._closing_task is None:
                await session.aclose()
            with suppress(TimeoutError):
                await asyncio.wait_for(caller.closed.wait(), _PATIENCE_SECONDS)
            await _close_models(session)
    late_ms = max(mouth.late_ms, ear.late_ms)
    return Truth(caller.said, ear.heard, models, late_ms, caller.behind_ms, gave_up)


async def _close_models(session: AgentSession[Any]) -> None:
    """Close the clients' connections: who runs many calls in a process must not leave them open."""
    for model in (session.stt, session.llm, session.tts):
        if isinstance(model, openai.STT | openai.LLM | openai.TTS):
            await model.aclose()
            await model._client.close()


_loaded: list[Any] = []


def _vad() -> Any:
    """Silero's detector, loaded once: all calls of a process may share it."""
    if not _loaded:
        _loaded.append(silero.VAD.load(min_silence_duration=0.25))
    return _loaded[0]
