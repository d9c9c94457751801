"""The caller's side: speech, transcripts, typed messages, turns."""

from __future__ import annotations

from typing import Any

from callscope.interop.realtime import units
from callscope.interop.realtime.input_clock import InputClock
from callscope.interop.realtime.settings import PROVIDER, Settings
from callscope.interop.realtime.story import Story
from callscope.interop.realtime.values import (
    bound,
    known,
    mapping,
    number,
    objects,
    sound_bytes,
    text,
)
from callscope.model import event as kinds


class _Spoken:
    """One stretch of the caller's sound, which becomes an item of the conversation."""

    def __init__(self) -> None:
        self.began_ms: float | None = None
        self.ended_ms: float | None = None
        self.is_committed = False

    @property
    def length_ms(self) -> float | None:
        if self.began_ms is None or self.ended_ms is None:
            return None
        return max(0, round(self.ended_ms - self.began_ms))


class Caller:
    """The caller's side of the line.

    Args:
        story: to whom edges, transcripts and turns are told.
        settings: of the session.
        computed: names of what was worked out, added to.
    """

    def __init__(self, story: Story, settings: Settings, computed: set[str]) -> None:
        self._story = story
        self._settings = settings
        self._computed = computed
        self._clock = InputClock()
        self._spoken: dict[str, _Spoken] = {}
        self._idle: dict[str, bool] = {}
        self._typed: dict[str, bool] = {}
        self._unanswered_echo: list[str] = []
        self._manual: tuple[float, float] | None = None
        self.speech: tuple[float, float | None] | None = None
        """The newest sound: when it began, and when it ended."""
        self.asked_ms: float | None = None
        """When the newest typed message that waits for an answer was sent."""

    def reconnected(self) -> None:
        """Another session: its sound is counted anew."""
        self._clock = InputClock()

    def appended(self, at_ms: float, event: dict[str, Any]) -> None:
        """The client sent sound."""
        size = sound_bytes(event.get("audio"))
        if size:
            self._clock.append(at_ms, 1000 * size / self._settings.heard_bytes_a_second)

    def cleared(self) -> None:
        """The client dropped what was not committed."""
        self._clock.commit()

    def commits(self, at_ms: float) -> None:
        """The client says that the caller's turn is over."""
        self._manual = self._clock.commit()
        if self._settings.is_manual:
            self._story.event(kinds.USER_TURN_STOPPED, {"strategy": "manual"}, at_ms=at_ms)

    def started(self, at_ms: float, event: dict[str, Any]) -> None:
        """The server hears the caller."""
        place_ms, padding_ms = number(event.get("audio_start_ms")), self._settings.padding_ms
        began_ms = None
        if place_ms is not None and padding_ms is not None:
            began_ms = self._clock.moment(place_ms + padding_ms, until_ms=at_ms)
        if began_ms is None:
            began_ms = at_ms
        else:
            self._computed.add("user_started_speaking")
        self.speech = (began_ms, None)
        self._of(event).began_ms = began_ms
        self._story.event(kinds.USER_STARTED_SPEAKING, at_ms=began_ms)

    def stopped(self, at_ms: float, event: dict[str, Any]) -> None:
        """The server has decided that the caller stopped, after the silence that it was set to wait for."""
        place_ms, silence_ms = number(event.get("audio_end_ms")), self._settings.silence_ms
        ended_ms: float | None = None
        if silence_ms is not None:
            if place_ms is not None:
                ended_ms = self._clock.moment(place_ms - silence_ms, until_ms=at_ms)
            ended_ms = at_ms - silence_ms if ended_ms is None else ended_ms
            self._computed.add("user_stopped_speaking")
        ended_ms = at_ms if ended_ms is None else ended_ms
        spoken = self._of(event)
        if spoken.began_ms is not None:
            ended_ms = max(ended_ms, spoken.began_ms)
            self.speech = (spoken.began_ms, ended_ms)
        spoken.ended_ms = ended_ms
        delay_ms = round(at_ms - ended_ms)
        self._story.event(kinds.USER_STOPPED_SPEAKING, {"delay_ms": delay_ms} if delay_ms else None, at_ms=ended_ms)

    def timed_out(self, at_ms: float, event: dict[str, Any]) -> None:
        """The caller has said nothing for so long that the model is asked to speak up."""
        self._idle[str(event.get("item_id"))] = True
        bound(self._idle)
        told = {"code": "idle_timeout", "message": "the caller said nothing for so long that the model speaks up"}
        self._story.event(kinds.WARNING, told, at_ms=at_ms)

    def committed(self, at_ms: float, event: dict[str, Any]) -> None:
        """The caller's sound is an item of the conversation now."""
        item = str(event.get("item_id"))
        if item in self._idle:
            return
        spoken = self._of(event)
        spoken.is_committed = True
        manual, self._manual = self._manual, None
        if spoken.began_ms is None and manual is not None:
            spoken.began_ms, spoken.ended_ms = manual[0], manual[0] + manual[1]
        if spoken.ended_ms is not None:
            self._clock.commit()
        if not self._settings.is_transcribed:
            self._turn(item, None, at_ms)

    def transcribed(self, at_ms: float, event: dict[str, Any]) -> None:
        """What the caller said was written down, by a model of its own."""
        item, said = str(event.get("item_id")), text(event.get("transcript"))
        model = self._settings.transcriber
        if said:
            self._story.event(kinds.TRANSCRIPT, known(text=said, provider=PROVIDER, model=model), at_ms=at_ms)
            self._turn(item, said, at_ms)
        else:
            self._spoken.pop(item, None)
        used = units.of_transcription(mapping(event.get("usage")))
        if used:
            told = {"service": "stt", "provider": PROVIDER, "model": model, **used}
            self._story.event(kinds.USAGE, told, at_ms=at_ms)

    def not_transcribed(self, at_ms: float, event: dict[str, Any]) -> None:
        """It could not be written down: a turn without words."""
        self._turn(str(event.get("item_id")), None, at_ms)

    def item(self, at_ms: float, item: dict[str, Any], *, is_echo: bool) -> None:
        """A message of the caller that was typed, as it was sent or as the server says that it is there."""
        parts = [part.get("text") for part in objects(item.get("content")) if part.get("type") == "input_text"]
        said = " ".join(filter(None, map(text, parts)))
        key = text(item.get("id")) or ""
        if not said or key in self._typed:
            return
        if is_echo and said in self._unanswered_echo:
            self._unanswered_echo.remove(said)
            return
        if key:
            self._typed[key] = True
            bound(self._typed)
        elif not is_echo:
            self._unanswered_echo = [*self._unanswered_echo[-15:], said]
        self.asked_ms = at_ms
        self._story.turn("user", said, at_ms=at_ms)

    def finish(self, at_ms: float) -> None:
        """The session is over: what nobody wrote down is a turn without words."""
        for item in [item for item, spoken in self._spoken.items() if spoken.is_committed]:
            self._turn(item, None, at_ms)

    def spoke_over(self, since_ms: float, until_ms: float) -> bool:
        """Whether the caller made a sound within that time; also yes where nobody listens for it."""
        if self.speech is None:
            return self._settings.is_manual
        began_ms, ended_ms = self.speech
        return began_ms <= until_ms and (ended_ms is None or ended_ms > since_ms)

    def _turn(self, item: str, said: str | None, at_ms: float) -> None:
        spoken = self._spoken.pop(item, None)
        if spoken is None and said is None:
            return
        began_ms = at_ms if spoken is None or spoken.began_ms is None else spoken.began_ms
        self._story.turn("user", said, at_ms=began_ms, duration_ms=None if spoken is None else spoken.length_ms)

    def _of(self, event: dict[str, Any]) -> _Spoken:
        item = str(event.get("item_id"))
        if item not in self._spoken:
            self._spoken[item] = _Spoken()
            bound(self._spoken)
        return self._spoken[item]
