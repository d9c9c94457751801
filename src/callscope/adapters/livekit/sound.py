"""The sound of a session, as it goes through: the caller left, the agent right.

LiveKit can record a session itself (``record=True`` of ``session.start``). Two ways led to ``recording.wav``:

- Take LiveKit's Ogg when the session is over, as `callscope.receivers` does. It stands in nobody's way; but there is
  nothing of a job that is killed, nothing while the call runs, nothing outside of a job, and the file is in a
  directory that LiveKit deletes as soon as it was uploaded.
- Hear what goes through, which is this one. LiveKit's inputs and outputs are made to be put around each other, and its
  own recorder does the same; with `record=True` both hear. The file grows while the call runs, a second behind it.

Whether sound is kept, the application says: where nobody does, it is when LiveKit itself was told to record sound, and
nothing of the words is to be hidden (a recording cannot be masked).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.livekit.conversion import Conversion
from callscope.adapters.livekit.hearing import HeardInput, HeardOutput
from callscope.adapters.livekit.playback import Playback
from callscope.adapters.sound.stereo import Stereo
from callscope.clock import now_ms

if TYPE_CHECKING:
    from callscope.recorder.call_log import CallLog

_EVERY_SECONDS: Final = 0.5


class Sound:
    """Keeps the sound of one session.

    Args:
        log: the call.
        session: LiveKit's session.
        wanted: whether it is kept; asked when the session has started.
        caught: told of an error of ours, in an ``except`` block.
    """

    def __init__(
        self, log: CallLog, session: Any, *, wanted: Callable[[], bool], caught: Callable[[str], None]
    ) -> None:
        self._session = session
        self._wanted = wanted
        self._caught = caught
        self._stereo = Stereo(log, now_ms(), Conversion)
        self._playback = Playback(self._stereo)
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False

    def meet(self) -> None:
        """Hear the ways in and out that the session has now; before anything goes through them."""
        if self._is_over or not self._wanted():
            return
        ways_in, ways_out = self._session.input, self._session.output
        if ways_in.audio is not None and not _is_heard(ways_in.audio, HeardInput, "source"):
            ways_in.audio = HeardInput(ways_in.audio, self, self._caught)
        sink = ways_out.audio
        if sink is not None and not _is_heard(sink, HeardOutput, "next_in_chain") and _is_idle(sink):
            ways_out.audio = HeardOutput(sink, self, self._caught)

    def finish(self, at_ms: float) -> None:
        """The session is over: write what waits. What still goes through is not heard."""
        if self._is_over:
            return
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._playback.advance(at_ms)
        self._stereo.finish(at_ms)

    # What the ways in and out tell.

    def spoken(self, frame: Any) -> None:
        """The caller's sound came; it has no moment of its own, so its end is now."""
        if not self._is_over:
            self._stereo.spoken(_one_channel(frame), frame.sample_rate, now_ms())
            self._look_soon()

    def given(self, frame: Any) -> None:
        """The agent's sound was given to the output."""
        if not self._is_over:
            self._playback.given(_one_channel(frame), frame.sample_rate, now_ms())
            self._look_soon()

    def began(self, at_ms: float | None) -> None:
        """The output began to play it."""
        self._playback.began(now_ms() if at_ms is None else at_ms)
        self._look_soon()

    def paused(self) -> None:
        """The output is told to pause."""
        self._playback.paused(now_ms())

    def resumed(self) -> None:
        """The output is told to go on."""
        self._playback.resumed(now_ms())

    def cut_off(self) -> None:
        """The output is told to drop what it has not played."""
        self._playback.cut_off(now_ms())

    def progressed(self, until_seconds: float, *, dropped_seconds: float) -> None:
        """The output has played so much."""
        self._playback.progressed(until_seconds, dropped_seconds=dropped_seconds)

    def finished(self, played_seconds: float, *, interrupted: bool) -> None:
        """The output is done with an answer."""
        self._playback.finished(now_ms(), played_seconds, interrupted=interrupted)
        self._look_soon()

    def _look_soon(self) -> None:
        """Write in half a second; a session through which nothing goes has no timer."""
        if self._timer is None and not self._is_over:
            self._timer = asyncio.get_running_loop().call_later(_EVERY_SECONDS, self._look)

    def _look(self) -> None:
        self._timer = None
        try:
            at_ms = now_ms()
            self._playback.advance(at_ms)
            self._stereo.write(at_ms)
        except Exception:  # noqa: BLE001 -- never into the call; see guard
            self._caught("livekit sound")
        if self._stereo.waits or self._playback.waits:
            self._look_soon()


def is_recorded(session: Any) -> bool:
    """Whether LiveKit itself was told to record the sound; known when the session has started."""
    options = getattr(getattr(session, "options", None), "recording_options", None)  # 1.6 and later
    if isinstance(options, Mapping):
        return bool(options.get("audio"))
    return bool(getattr(session, "_enable_recording", False))  # has no public name


def _is_heard(way: Any, kind: type, behind: str) -> bool:
    """Whether somebody of ours is in a chain."""
    while way is not None:
        if isinstance(way, kind):
            return True
        way = getattr(way, behind, None)
    return False


def _is_idle(sink: Any) -> bool:
    """Whether an output plays nothing: one that is in the middle of an answer would tell the end of it only."""
    return not getattr(sink, "_pending_playback_count", 0)  # has no public name


def _one_channel(frame: Any) -> bytes:
    """A frame's samples; of several channels the first."""
    return bytes(frame.data[:: frame.num_channels])
