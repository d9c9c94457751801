"""Both sides of a call on their way to the recorder: caller left, agent right."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final

from callscope.adapters.sound.side import Convert, Side

if TYPE_CHECKING:
    from callscope.recorder.call_log import CallLog

_LAG_MS: Final = 1_000
"""Sound is written this much later: by then what was late has come, and what was cut off is known."""
_PATIENCE_MS: Final = 5_000
"""So long the caller's sound may fail to come before its place is taken for silence."""
_PAUSE_MS: Final = 5_000
"""A longer silence of both sides is left to the recorder to fill."""


class Stereo:
    """Puts the sides together where they were heard.

    Args:
        log: the call.
        began_ms: Unix milliseconds of the call's start, before which there is no sound.
        convert: makes conversions between rates.
        sample_rate: of the recording; the first sound's when left out.
    """

    def __init__(self, log: CallLog, began_ms: float, convert: Convert, *, sample_rate: int = 0) -> None:
        self._log = log
        self._began_ms = began_ms
        self._convert = convert
        self._sample_rate = sample_rate
        self._caller, self._agent = Side(sample_rate, convert), Side(sample_rate, convert)
        self._run_began_ms: float | None = None
        self._run_samples = 0
        self._until_ms = began_ms

    @property
    def waits(self) -> bool:
        """Whether there is sound that is not written yet."""
        return self._caller.first_ms is not None or self._agent.first_ms is not None

    def spoken(self, pcm: bytes, sample_rate: int, until_ms: float) -> None:
        """Sound of the caller's, of which the last sample was spoken by then, or before what is spoken next."""
        self._begin(sample_rate)
        self._caller.spoken(pcm, sample_rate, until_ms)

    def played(self, pcm: bytes, sample_rate: int, from_ms: float) -> None:
        """Sound of the agent's that is played from then on, or after what is still to be played."""
        self._begin(sample_rate)
        self._agent.played(pcm, sample_rate, from_ms)

    def cut(self, at_ms: float) -> None:
        """Of what is not written yet, the agent is not heard from that moment on."""
        self._agent.cut(at_ms)

    def write(self, now_ms: float) -> None:
        """Write what is final."""
        end_ms = self._caller.end_ms
        here_ms = self._until_ms if end_ms is None else end_ms
        self._write(min(now_ms - _LAG_MS, max(here_ms, now_ms - _PATIENCE_MS)))

    def finish(self, at_ms: float) -> None:
        """The call is over: write what waits."""
        self._agent.cut(at_ms)
        ends = [end for side in (self._caller, self._agent) if (end := side.end_ms) is not None]
        if ends:
            self._write(max(ends))
        self._end_run()

    def _begin(self, sample_rate: int) -> None:
        if not self._sample_rate:
            self._sample_rate = sample_rate
            self._caller, self._agent = Side(sample_rate, self._convert), Side(sample_rate, self._convert)

    def _write(self, until_ms: float) -> None:
        """Write up to a moment; nothing when no sound waits."""
        waiting = [first for side in (self._caller, self._agent) if (first := side.first_ms) is not None]
        first_ms = max(self._began_ms, min(waiting, default=until_ms))
        if first_ms >= until_ms:
            return
        if self._run_began_ms is None or first_ms - self._until_ms > _PAUSE_MS:
            self._end_run()
            self._begin_run(first_ms)
        if until_ms > self._until_ms:
            self._until_ms = until_ms
            self._caller.take(until_ms)
            self._agent.take(until_ms)
            self._keep()

    def _begin_run(self, at_ms: float) -> None:
        self._run_began_ms = self._until_ms = at_ms
        self._run_samples = 0
        self._caller.begin(at_ms)
        self._agent.begin(at_ms)

    def _end_run(self) -> None:
        if self._run_began_ms is not None:
            self._caller.end()
            self._agent.end()
            self._keep()

    def _keep(self) -> None:
        samples = min(self._caller.ready_samples, self._agent.ready_samples)
        if not samples or self._run_began_ms is None:
            return
        both = array("h", bytes(samples * 4))
        both[0::2] = array("h", self._caller.give(samples))
        both[1::2] = array("h", self._agent.give(samples))
        at_ms = self._run_began_ms + self._run_samples * 1000 / self._sample_rate
        self._run_samples += samples
        self._log.audio(both.tobytes(), sample_rate=self._sample_rate, channels=2, at_ms=at_ms)
