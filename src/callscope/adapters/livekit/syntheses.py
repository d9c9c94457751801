"""What the synthesizer was given and when its sound came, from the agent's ``tts_node``."""

from __future__ import annotations

import asyncio
from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from callscope.adapters.livekit import models
from callscope.adapters.livekit.moments import known
from callscope.adapters.livekit.nodes import COMPLETED, FAILED, INTERRUPTED
from callscope.adapters.livekit.requests import MAX_TEXT, squeezed
from callscope.clock import now_ms
from callscope.model import event as events

if TYPE_CHECKING:
    from callscope.adapters.livekit.errors import Errors
    from callscope.recorder.call_log import CallLog

_STARTED: Final = "lk.tts_started_time"
"""Under this key the first frames of a synthesis say, by ``perf_counter``, when its text was sent; not in 1.3."""
_PATIENCE_SECONDS: Final = 1.0
"""So long is waited for a first sound that tells when its text was sent; after that the start is told without."""
_KEPT: Final = 16


class Syntheses:
    """Starts, first sounds and ends of syntheses."""

    def __init__(self, log: CallLog, session: Any, errors: Errors) -> None:
        self._log = log
        self._session = session
        self._errors = errors
        self._count = 0
        self._open: dict[str, Synthesis] = {}
        self._kept: deque[Synthesis] = deque(maxlen=_KEPT)

    @property
    def failing(self) -> bool:
        """Whether the synthesizer has failed and has made no sound since."""
        return self._errors.failing("tts")

    def start(self) -> Synthesis:
        """A run of the node begins; its text is still to come."""
        self._count += 1
        synthesis = Synthesis(self, f"tts-{self._count}")
        model = models.current(self._session, "tts")
        synthesis.facts = models.facts(model)
        self._errors.watch(model)
        self._open[synthesis.id] = synthesis
        self._kept.append(synthesis)
        return synthesis

    def of(self, text: str) -> Synthesis | None:
        """The newest synthesis that such a text is the beginning of."""
        start = squeezed(text)
        return next((each for each in reversed(self._kept) if start and squeezed(each.words).startswith(start)), None)

    def unheard(self) -> list[tuple[str, float]]:
        """Texts that were to be spoken and of which no sound came, with the moments; each is given once."""
        found = [each for each in self._kept if each.failed and each.audio_seconds == 0 and each.words.strip()]
        for each in found:
            self._kept.remove(each)
        return [(each.words.strip(), each.began_ms or now_ms()) for each in found]

    def finish(self) -> None:
        """The session is over: what is still open was cut off."""
        for synthesis in list(self._open.values()):
            synthesis.ended(INTERRUPTED)

    def began(self, synthesis: Synthesis, at_ms: float) -> None:
        """Text went to the synthesizer."""
        told = {"request_id": synthesis.id, "text_length": len(synthesis.words), **synthesis.facts}
        self._log.event(events.TTS_STARTED, told, at_ms=at_ms)

    def sounded(self, synthesis: Synthesis, ttfb_ms: float | None) -> None:
        """Its first sound came."""
        at_ms = now_ms()
        ttfb = round(ttfb_ms) if ttfb_ms is not None else None
        self._log.event(events.TTS_FIRST_AUDIO, known({"request_id": synthesis.id, "ttfb_ms": ttfb}), at_ms=at_ms)
        self._errors.worked("tts", at_ms)

    def close(self, synthesis: Synthesis, outcome: str) -> None:
        """It gives no more sound."""
        if self._open.pop(synthesis.id, None) is None or not synthesis.told:
            return
        told = {
            "request_id": synthesis.id,
            "audio_seconds": round(synthesis.audio_seconds, 3),
            "interrupted": outcome == INTERRUPTED,
            "outcome": outcome,
        }
        self._log.event(events.TTS_STOPPED, told)


class Synthesis:
    """One run of ``tts_node``."""

    __slots__ = ("_syntheses", "_timer", "audio_seconds", "began_ms", "facts", "failed", "id", "told", "words")

    def __init__(self, syntheses: Syntheses, id_: str) -> None:
        self._syntheses = syntheses
        self._timer: asyncio.TimerHandle | None = None
        self.id = id_
        self.facts: dict[str, Any] = {}
        self.words = ""
        self.began_ms: float | None = None
        """When its text was sent, as far as is known."""
        self.audio_seconds = 0.0
        self.failed = False
        self.told = False

    def text(self, text: str) -> None:
        """Words came from the language model."""
        if not text.strip() and not self.words:
            return
        if self.began_ms is None:
            self.began_ms = now_ms()
            self._timer = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, self._tell)
        if len(self.words) < MAX_TEXT:
            self.words += text

    def text_ended(self) -> None:
        """All its text has come: what was held back to the end of a sentence is sent now at the latest."""
        if self.audio_seconds == 0 and self.began_ms is not None and not self.told:
            self.began_ms = now_ms()

    def item(self, frame: Any) -> None:
        """A frame of sound."""
        if self.audio_seconds == 0:
            ttfb_ms = self._first(frame)
            self._syntheses.sounded(self, ttfb_ms)
        self.audio_seconds += frame.duration

    def ended(self, outcome: str) -> None:
        """No more sound will come."""
        if self._timer is not None:
            self._timer.cancel()
        silent = outcome == COMPLETED and self.audio_seconds == 0 and bool(self.words.strip())
        self.failed = outcome == FAILED or silent or self._is_given_up()
        if self.failed or self.audio_seconds > 0:
            self._tell()
        self._syntheses.close(self, FAILED if self.failed else outcome)

    def _is_given_up(self) -> bool:
        """Whether it was cut off while its synthesizer failed and was tried again."""
        return self.audio_seconds == 0 and bool(self.words.strip()) and self._syntheses.failing

    def _first(self, frame: Any) -> float | None:
        """Tell the start, which the first frame knows best; milliseconds since then, None where it does not say."""
        sent = (getattr(frame, "userdata", None) or {}).get(_STARTED)
        ttfb_ms = None
        if isinstance(sent, float) and sent > 0:
            ttfb_ms = (perf_counter() - sent) * 1000
            self.began_ms = now_ms() - ttfb_ms
        self._tell()
        return ttfb_ms

    def _tell(self) -> None:
        if not self.told and self.began_ms is not None:
            self.told = True
            self._syntheses.began(self, self.began_ms)
