"""What a real call left on disk."""

from __future__ import annotations

import wave
from pathlib import Path

import msgspec
import numpy as np

from callscope.archive.reader import CallRecord, read_call
from callscope.clock import now_ms
from callscope.model.exchange import Exchange
from callscope.timeline.summary import summarise

AUDIBLE = 400
"""Of 32767, as the demo's caller hears."""
PAUSE_MS = 300


class Recorded(msgspec.Struct, frozen=True):
    """What one call's directory says."""

    path: Path
    record: CallRecord

    @property
    def exchanges(self) -> list[Exchange]:
        call = self.record.call
        return list(summarise(call.started_at_ms, call.ended_at_ms, self.record.turns, self.record.events).exchanges)

    def spoken(self) -> list[tuple[str, str]]:
        """Role and text of what was said, without the tool's rows."""
        return [
            (turn.role, " ".join((turn.text or "").split()))
            for turn in self.record.turns
            if turn.role in {"user", "assistant"}
        ]

    def data_of(self, event_type: str) -> list[dict[str, object]]:
        return [event.data for event in self.record.events if event.type == event_type]

    def moments_ms(self, event_type: str) -> list[float]:
        """Unix milliseconds of the events of a type."""
        return [event.ts_ms for event in self.record.events if event.type == event_type and event.ts_ms is not None]


class Sound:
    """recording.wav: the caller on the left, the agent on the right."""

    def __init__(self, recorded: Recorded) -> None:
        with wave.open(str(recorded.path / "recording.wav")) as file:
            assert file.getnchannels() == 2
            assert file.getsampwidth() == 2
            self.rate = file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16).reshape(-1, 2)
        call = recorded.record.call
        assert call.started_at_ms is not None
        self._starts_at_ms = call.started_at_ms + call.callscope["recording"]["offset_ms"]
        self.caller, self.agent = samples[:, 0], samples[:, 1]

    @property
    def seconds(self) -> float:
        return float(len(self.caller) / self.rate)

    def between(
        self, channel: np.ndarray[tuple[int], np.dtype[np.int16]], from_ms: float, to_ms: float
    ) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
        """A channel's samples between two moments, in Unix milliseconds."""
        first, last = (max(0, round((at - self._starts_at_ms) * self.rate / 1000)) for at in (from_ms, to_ms))
        return channel[first:last]

    def onsets_ms(self, channel: np.ndarray[tuple[int], np.dtype[np.int16]]) -> list[float]:
        """Unix milliseconds of each sound's beginning; a pause of `PAUSE_MS` is inside a sound."""
        audible = np.flatnonzero(np.abs(channel.astype(np.int32)) > AUDIBLE)
        begins = np.flatnonzero(np.diff(audible, prepend=-self.rate) > PAUSE_MS * self.rate / 1000)
        return [float(self._starts_at_ms + audible[index] * 1000 / self.rate) for index in begins]


def nearest(moments_ms: list[float], moment_ms: float) -> float:
    return min(moments_ms, key=lambda each: abs(each - moment_ms), default=float("inf"))


def read(root: Path, call_id: str) -> Recorded:
    """The only call of that id (``*``: of any) under ``root``."""
    paths = list(root.glob(f"calls/*/*/*/{call_id}"))
    assert len(paths) == 1, f"{len(paths)} calls {call_id} under {root}"
    return Recorded(paths[0], read_call(paths[0], now_ms=now_ms()))
