"""LiveKit's ways in and out of a session, with somebody who hears what goes through.

Both are made as LiveKit's own recorder is: they stand outermost in the chain, hand everything on as it is, and take
their own note of it afterwards. A note that fails is told and forgotten.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Protocol

from livekit.agents.voice import io

from callscope.adapters.livekit.moments import ms

_LABEL: Final = "callscope"


class Listener(Protocol):
    """Who hears."""

    def spoken(self, frame: Any) -> None:
        """The caller's sound came."""

    def given(self, frame: Any) -> None:
        """The agent's sound was given to the output."""

    def began(self, at_ms: float | None) -> None:
        """The output began to play it."""

    def paused(self) -> None:
        """The output is told to pause."""

    def resumed(self) -> None:
        """The output is told to go on."""

    def cut_off(self) -> None:
        """The output is told to drop what it has not played."""

    def progressed(self, until_seconds: float, *, dropped_seconds: float) -> None:
        """The output has played an answer so far; dropped is what follows and never will be played if it pauses."""

    def finished(self, played_seconds: float, *, interrupted: bool) -> None:
        """The output is done with an answer."""


class HeardInput(io.AudioInput):  # type: ignore[misc]  # LiveKit is not followed by the type checker
    """The caller's sound on its way to the session.

    Args:
        source: where it comes from.
        listener: who hears it.
        caught: told of an error of ours, in an ``except`` block.
    """

    def __init__(self, source: Any, listener: Listener, caught: Callable[[str], None]) -> None:
        super().__init__(label=_LABEL, source=source)
        self._told = _Shield(listener, caught)

    def __aiter__(self) -> AsyncIterator[Any]:
        """The frames, as they come."""
        return self

    async def __anext__(self) -> Any:
        """The next frame of the source."""
        frame = await self.source.__anext__()
        self._told.tell("spoken", frame)
        return frame


class HeardOutput(io.AudioOutput):  # type: ignore[misc]  # LiveKit is not followed by the type checker
    """The agent's sound on its way out of the session.

    Args:
        sink: where it goes.
        listener: who hears it.
        caught: told of an error of ours, in an ``except`` block.
    """

    def __init__(self, sink: Any, listener: Listener, caught: Callable[[str], None]) -> None:
        super().__init__(
            label=_LABEL,
            next_in_chain=sink,
            capabilities=io.AudioOutputCapabilities(pause=True),  # can_pause asks the sink, too
        )
        self._told = _Shield(listener, caught)

    @property
    def sample_rate(self) -> int | None:
        """What the sink asks for."""
        rate: int | None = self.next_in_chain.sample_rate
        return rate

    async def capture_frame(self, frame: Any) -> None:
        """Hand a frame on."""
        await self.next_in_chain.capture_frame(frame)
        await super().capture_frame(frame)
        self._told.tell("given", frame)

    def flush(self) -> None:
        """No more of this answer will come."""
        super().flush()
        self.next_in_chain.flush()

    def clear_buffer(self) -> None:
        """Stop at once."""
        self._told.tell("cut_off")
        self.next_in_chain.clear_buffer()

    def pause(self) -> None:
        """Be silent until `resume`."""
        self._told.tell("paused")
        super().pause()

    def resume(self) -> None:
        """Go on."""
        super().resume()
        self._told.tell("resumed")

    def on_playback_started(self, *, created_at: float) -> None:
        """The sink began to play."""
        super().on_playback_started(created_at=created_at)
        self._told.tell("began", ms(created_at))

    def on_playback_progressed(self, *, started_at: float, offset: float, duration: float) -> None:
        """The sink has played a stretch; versions before 1.8 do not say so."""
        super().on_playback_progressed(started_at=started_at, offset=offset, duration=duration)
        self._told.tell("progressed", offset + duration, dropped_seconds=_queued_seconds(self))

    def on_playback_finished(
        self, *, playback_position: float, interrupted: bool, synchronized_transcript: str | None = None
    ) -> None:
        """The sink is done with an answer."""
        super().on_playback_finished(
            playback_position=playback_position,
            interrupted=interrupted,
            synchronized_transcript=synchronized_transcript,
        )
        self._told.tell("finished", playback_position, interrupted=interrupted)


class _Shield:
    """A listener that cannot hurt."""

    def __init__(self, listener: Listener, caught: Callable[[str], None]) -> None:
        self._listener = listener
        self._caught = caught

    def tell(self, name: str, *args: Any, **kwargs: Any) -> None:
        try:
            getattr(self._listener, name)(*args, **kwargs)
        except Exception:  # noqa: BLE001 -- never into the call; see guard
            self._caught("livekit sound")


def _queued_seconds(output: Any) -> float:
    """What the source of LiveKit's room holds; it drops that when it pauses."""
    while getattr(output, "next_in_chain", None) is not None:
        output = output.next_in_chain
    seconds = getattr(getattr(output, "_audio_source", None), "queued_duration", 0.0)  # has no public name
    return seconds if isinstance(seconds, int | float) else 0.0
