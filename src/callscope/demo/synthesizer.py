"""Pipecat's side of the synthesizer: espeak-ng as a text-to-speech service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from pipecat.frames.frames import ErrorFrame, Frame
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService

from callscope.demo.espeak import SAMPLE_RATE, speak
from callscope.demo.scenarios import Voice


class EspeakTTSService(TTSService):  # type: ignore[misc]  # pipecat has no types that mypy reads
    """Speaks with espeak-ng, in this process."""

    def __init__(self, voice: Voice, **kwargs: Any) -> None:
        super().__init__(
            push_start_frame=True,
            push_stop_frames=True,
            settings=TTSSettings(model="espeak-ng", voice=voice.name, language=None),
            **kwargs,
        )
        self._espeak_voice = voice

    def can_generate_metrics(self) -> bool:
        """Pipecat asks before it measures."""
        return True

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame, None]:
        """Frames of speech, or one error frame when espeak-ng cannot speak the text."""
        await self.start_tts_usage_metrics(text)
        try:
            sound = await asyncio.to_thread(speak, text, self._espeak_voice)
        except RuntimeError as error:
            yield ErrorFrame(error=str(error), exception=error)
            return
        finally:
            await self.stop_ttfb_metrics()
        frames = self._stream_audio_frames_from_iterator(
            _once(sound), in_sample_rate=SAMPLE_RATE, context_id=context_id
        )
        async for frame in frames:
            yield frame


async def _once(sound: bytes) -> AsyncIterator[bytes]:
    yield sound
