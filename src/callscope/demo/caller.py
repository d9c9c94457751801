"""The demo's caller: speaks, listens, cuts in, hangs up, and remembers what it heard and when.

What it heard is the truth that a record is held against, so nothing of it comes from the bot: only the
sound that arrived, and the moments at which it would have been played.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
from pipecat.frames.protobufs import frames_pb2
from websockets.asyncio.client import ClientConnection, connect

from callscope.demo.espeak import SAMPLE_RATE, speak
from callscope.demo.scenarios import Line, Scenario

_TICK_MS: Final = 20
_TICK_BYTES: Final = SAMPLE_RATE * 2 * _TICK_MS // 1000
_BLOCK_MS: Final = 10
_BLOCK_SAMPLES: Final = SAMPLE_RATE * _BLOCK_MS // 1000
_AUDIBLE: Final = 400
"""Of 32767: quieter samples are silence."""
_JOIN_MS: Final = 300
"""Silence up to this is a pause inside one stretch of sound."""
_FINISHED_MS: Final = 1000
"""After so long a silence the agent has finished."""
_POLL_SECONDS: Final = 0.02


class Said(msgspec.Struct, frozen=True):
    """Something that the caller said; Unix milliseconds of its first and last sound."""

    text: str
    started_at_ms: float
    stopped_at_ms: float
    cut_in: bool
    """The agent was to be heard when it began."""


class Heard(msgspec.Struct, frozen=True):
    """A stretch of sound from the agent; Unix milliseconds of its first and last sound."""

    started_at_ms: float
    stopped_at_ms: float


class CallHeard(msgspec.Struct, frozen=True, kw_only=True):
    """A whole call, by the caller's own mouth and ears."""

    connected_at_ms: float
    hung_up_at_ms: float
    said: tuple[Said, ...]
    heard: tuple[Heard, ...]
    bytes_heard: int
    late_ms: float
    """The most that the caller's own clock was behind."""
    choppy_ms: float
    """How long the agent's sound broke off in the middle of a word, because the machine was too busy to make or
    carry it in time. With ``late_ms``, this is how far the moments of the call may be trusted."""

    def wait_ms(self, said: Said) -> float | None:
        """From the end of what was said to the next sound of the agent; None when there was none."""
        later = [heard.started_at_ms for heard in self.heard if heard.started_at_ms >= said.stopped_at_ms]
        return min(later) - said.stopped_at_ms if later else None


class Ear:
    """Plays what arrives, as a telephone would: at once, and each sample after the one before it."""

    def __init__(self) -> None:
        self.bytes_heard = 0
        self.choppy_ms = 0.0
        self.heard: list[Heard] = []
        self._in_a_word = False
        self._played_until_ms = 0.0

    def sound(self, pcm: bytes, *, now_ms: float) -> None:
        """16-bit mono samples arrived."""
        self.bytes_heard += len(pcm)
        start_ms = max(self._played_until_ms, now_ms)
        if self._in_a_word and start_ms - self._played_until_ms <= _JOIN_MS:
            self.choppy_ms += start_ms - self._played_until_ms
        samples = np.abs(np.frombuffer(pcm, dtype=np.int16).astype(np.int32))
        for offset in range(0, len(samples), _BLOCK_SAMPLES):
            self._in_a_word = bool(samples[offset : offset + _BLOCK_SAMPLES].max() >= _AUDIBLE)
            if self._in_a_word:
                self._audible(start_ms + offset * 1000 / SAMPLE_RATE)
        self._played_until_ms = start_ms + len(samples) * 1000 / SAMPLE_RATE

    def cut(self, *, now_ms: float) -> None:
        """The agent was interrupted: what has not been played yet will not be."""
        self._played_until_ms = min(self._played_until_ms, now_ms)
        self._in_a_word = False
        if self.heard and self.heard[-1].stopped_at_ms > now_ms:
            self.heard[-1] = Heard(self.heard[-1].started_at_ms, now_ms)

    def first_after(self, moment_ms: float) -> float | None:
        """When the agent was first heard after a moment; None when it was not."""
        starts = [heard.started_at_ms for heard in self.heard if heard.started_at_ms >= moment_ms]
        return min(starts, default=None)

    def silent_since(self, now_ms: float) -> float:
        """Milliseconds since the agent's last sound; negative while it is still to be played."""
        return now_ms - self.heard[-1].stopped_at_ms if self.heard else now_ms

    def _audible(self, at_ms: float) -> None:
        last = self.heard[-1] if self.heard else None
        if last is not None and at_ms - last.stopped_at_ms <= _JOIN_MS:
            self.heard[-1] = Heard(last.started_at_ms, at_ms + _BLOCK_MS)
        else:
            self.heard.append(Heard(at_ms, at_ms + _BLOCK_MS))


class Mouth:
    """A microphone: one frame every 20 ms for as long as the call lasts, silence where nothing is said."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._frames: deque[bytes] = deque()
        self._next_ms = 0.0
        self.late_ms = 0.0

    async def run(self) -> None:
        """Send until the connection closes. Frames that the machine could not send in time follow at once."""
        self._next_ms = _now_ms()
        while True:
            await asyncio.sleep(max(0.0, self._next_ms - _now_ms()) / 1000)
            self.late_ms = max(self.late_ms, _now_ms() - self._next_ms)
            self._next_ms += _TICK_MS
            frame = self._frames.popleft() if self._frames else bytes(_TICK_BYTES)
            message = frames_pb2.Frame(
                audio=frames_pb2.AudioRawFrame(audio=frame, sample_rate=SAMPLE_RATE, num_channels=1)
            )
            await self._connection.send(message.SerializeToString())

    def say(self, pcm: bytes) -> tuple[float, float]:
        """Put sound into the next frames; Unix milliseconds of its first and last audible sample."""
        for offset in range(0, len(pcm), _TICK_BYTES):
            self._frames.append(pcm[offset : offset + _TICK_BYTES].ljust(_TICK_BYTES, b"\0"))
        audible = np.flatnonzero(np.abs(np.frombuffer(pcm, dtype=np.int16).astype(np.int32)) >= _AUDIBLE)
        # A microphone hands a frame over when it is full: its first sample is one tick older.
        first_ms = self._next_ms - _TICK_MS
        return first_ms + audible[0] * 1000 / SAMPLE_RATE, first_ms + audible[-1] * 1000 / SAMPLE_RATE


async def call(scenario: Scenario, *, url: str, saying: Callable[[str], None] | None = None) -> CallHeard:
    """Make one call and return what was said and heard; raises `OSError` when nobody answers.

    ``saying`` is told each line as the caller begins to say it.
    """
    sounds = [await asyncio.to_thread(speak, line.text, scenario.caller) for line in scenario.lines]
    async with connect(url, max_size=None) as connection:
        connected_at_ms = _now_ms()
        ear, mouth = Ear(), Mouth(connection)
        tasks = [asyncio.create_task(_listen(connection, ear)), asyncio.create_task(mouth.run())]
        try:
            said = await _talk(scenario, sounds, ear=ear, mouth=mouth, saying=saying)
            hung_up_at_ms = _now_ms()
        finally:
            for task in tasks:
                task.cancel()
            # A bot that died has closed the connection under them: what was heard until then stands.
            await asyncio.gather(*tasks, return_exceptions=True)
    return CallHeard(
        connected_at_ms=connected_at_ms,
        hung_up_at_ms=hung_up_at_ms,
        said=tuple(said),
        heard=tuple(ear.heard),
        bytes_heard=ear.bytes_heard,
        late_ms=mouth.late_ms,
        choppy_ms=ear.choppy_ms,
    )


async def _talk(
    scenario: Scenario,
    sounds: list[bytes],
    *,
    ear: Ear,
    mouth: Mouth,
    saying: Callable[[str], None] | None,
) -> list[Said]:
    """Say every line when its moment has come, and hear the last answer out."""
    said: list[Said] = []
    since_ms = _now_ms()
    for line, sound in zip(scenario.lines, sounds, strict=True):
        await _wait_for_turn(ear, line, since_ms=since_ms, patience_ms=scenario.patience_ms)
        cut_in = ear.silent_since(_now_ms()) < _JOIN_MS
        started_at_ms, since_ms = mouth.say(sound)
        if saying is not None:
            saying(line.text)
        said.append(Said(line.text, started_at_ms, since_ms, cut_in))
        await asyncio.sleep(max(0.0, since_ms - _now_ms()) / 1000)
    await _answered(ear, since_ms=since_ms, patience_ms=scenario.patience_ms)
    return said


async def _listen(connection: ClientConnection, ear: Ear) -> None:
    async for message in connection:
        if not isinstance(message, bytes):
            continue
        frame = frames_pb2.Frame.FromString(message)
        match frame.WhichOneof("frame"):
            case "audio":
                ear.sound(frame.audio.audio, now_ms=_now_ms())
            case "interruption":
                ear.cut(now_ms=_now_ms())


async def _wait_for_turn(ear: Ear, line: Line, *, since_ms: float, patience_ms: int) -> None:
    if line.cut_in_ms is None:
        await _answered(ear, since_ms=since_ms, patience_ms=patience_ms)
        return
    began_ms = await _first_sound(ear, since_ms=since_ms, patience_ms=patience_ms)
    if began_ms is not None:
        await asyncio.sleep(max(0.0, began_ms + line.cut_in_ms - _now_ms()) / 1000)


async def _answered(ear: Ear, *, since_ms: float, patience_ms: int) -> None:
    """Until the agent has spoken and finished, or patience is at its end."""
    if await _first_sound(ear, since_ms=since_ms, patience_ms=patience_ms) is None:
        return
    # A clock, not an event: nothing happens at the moment when a silence has become long enough.
    while (still_ms := _FINISHED_MS - ear.silent_since(_now_ms())) > 0:  # noqa: ASYNC110 -- see above
        await asyncio.sleep(still_ms / 1000)


async def _first_sound(ear: Ear, *, since_ms: float, patience_ms: int) -> float | None:
    while (began_ms := ear.first_after(since_ms)) is None:
        if _now_ms() - since_ms > patience_ms:
            return None
        await asyncio.sleep(_POLL_SECONDS)
    return began_ms


def _now_ms() -> float:
    return time.time_ns() / 1_000_000
