"""Pipecat's side of the recogniser: pocketsphinx with a grammar of all that the callers may say.

With so small a grammar, and beams this wide, pocketsphinx hears synthesized speech exactly; with its
default beams it does not.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable
from typing import Any, Final

from pipecat.frames.frames import Frame, TranscriptionFrame
from pipecat.services.settings import STTSettings
from pipecat.services.stt_service import SegmentedSTTService
from pipecat.transcriptions.language import Language
from pipecat.utils.time import time_now_iso8601
from pocketsphinx import Config, Decoder

from callscope.demo.espeak import SAMPLE_RATE

_SLOWEST_SECONDS: Final = 0.5
"""Pipecat's turn end waits at most this long for a transcript."""


class SphinxSTTService(SegmentedSTTService):  # type: ignore[misc]  # pipecat has no types that mypy reads
    """Recognises one of the given sentences in each stretch of speech."""

    def __init__(self, sentences: Iterable[str], **kwargs: Any) -> None:
        super().__init__(
            sample_rate=SAMPLE_RATE,
            ttfs_p99_latency=_SLOWEST_SECONDS,
            settings=STTSettings(model="pocketsphinx-en-us", language=Language.EN),
            **kwargs,
        )
        self._written = {spoken(sentence): sentence for sentence in sentences}
        self._decoder = _decoder(self._written)

    @property
    def wants_wav_segments(self) -> bool:
        """Pocketsphinx takes plain samples."""
        return False

    def can_generate_metrics(self) -> bool:
        """Pipecat asks before it measures."""
        return True

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame, None]:
        """The sentence that was said, as it is written; nothing when it was none of them."""
        await self.start_processing_metrics()
        heard = await asyncio.to_thread(self._decode, audio)
        await self.stop_processing_metrics()
        if heard:
            yield TranscriptionFrame(heard, self._user_id, time_now_iso8601(), Language.EN)

    def _decode(self, audio: bytes) -> str | None:
        self._decoder.start_utt()
        self._decoder.process_raw(audio, full_utt=True)
        self._decoder.end_utt()
        best = self._decoder.hyp()
        return self._written.get(best.hypstr) if best is not None else None


def spoken(sentence: str) -> str:
    """The words of a sentence as pocketsphinx gives them back: lower case, without punctuation."""
    return " ".join(re.findall(r"[a-z']+", sentence.lower()))


def _decoder(sentences: Iterable[str]) -> Any:
    config = Config(
        lm=None,
        samprate=SAMPLE_RATE,
        beam=1e-120,
        wbeam=1e-100,
        pbeam=1e-120,
        maxhmmpf=-1,
        bestpath=False,
        loglevel="FATAL",
    )
    decoder = Decoder(config)
    decoder.add_jsgf_string("demo", f"#JSGF V1.0; grammar demo; public <line> = {' | '.join(sentences)};")
    decoder.activate_search("demo")
    return decoder
