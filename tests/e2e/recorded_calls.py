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


class Sound:
    """recording.wav: the caller on the left, the agent on the right."""

    def __init__(self, recorded: Recorded) -> None:
        with wave.open(str(recorded.path / "recording.wav")) as file:
            assert file.getnchannels() == 2
            assert file.getsampwidth() == 2
            self.rate = file.getframerate()
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16).reshape(-1, 2)
        self._call = recorded.record.call
        self.caller, self.agent = samples[:, 0], samples[:, 1]

    @property
    def seconds(self) -> float:
        return float(len(self.caller) / self.rate)

    def first_sound_ms(self, channel: np.ndarray[tuple[int], np.dtype[np.int16]]) -> float:
        """Unix milliseconds of the first audible sample."""
        first = np.flatnonzero(np.abs(channel.astype(np.int32)) > 400)[0]
        assert self._call.started_at_ms is not None
        starts_at_ms = self._call.started_at_ms + self._call.callscope["recording"]["offset_ms"]
        return float(starts_at_ms + first * 1000 / self.rate)


def read(root: Path, call_id: str) -> Recorded:
    """The only call of that id (``*``: of any) under ``root``."""
    paths = list(root.glob(f"calls/*/*/*/{call_id}"))
    assert len(paths) == 1, f"{len(paths)} calls {call_id} under {root}"
    return Recorded(paths[0], read_call(paths[0], now_ms=now_ms()))
