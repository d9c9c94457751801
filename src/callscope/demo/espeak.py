"""Speech from text, in this process, by the espeak-ng library that the ``espeakng-loader`` package ships.

The library holds one synthesizer a process: every call of it is made under one lock. It is GPL-3.0, which
is why only the demo and the tests use it.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Final

import espeakng_loader
import numpy as np
import soxr  # type: ignore[import-untyped]  # it ships none

from callscope.demo.scenarios import Voice

SAMPLE_RATE: Final = 16_000
"""Of everything that is spoken here: 16-bit mono."""

_SYNCHRONOUS: Final = 2
_CHARS_UTF8: Final = 1
_RATE_PARAMETER: Final = 1
_PITCH_PARAMETER: Final = 3
_FROM_CHARACTER: Final = 1
_OK: Final = 0

_SampleCallback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Espeak:
    """The process's synthesizer. Loading it takes about 20 ms; it is never unloaded."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._samples: list[bytes] = []
        # Kept on the object: the library calls it for as long as it lives.
        self._callback = _SampleCallback(self._take)
        self._rate_hz = self._library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
        if self._rate_hz <= 0:
            raise RuntimeError("espeak-ng could not load its voices")
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: Voice) -> bytes:
        """16-bit mono sound of ``text`` at `SAMPLE_RATE`; raises `RuntimeError` when it cannot be made."""
        self._samples = []
        encoded = text.encode()
        library = self._library
        library.espeak_SetParameter(_RATE_PARAMETER, voice.words_per_minute, 0)
        library.espeak_SetParameter(_PITCH_PARAMETER, voice.pitch, 0)
        if library.espeak_SetVoiceByName(voice.name.encode()) != _OK:
            raise RuntimeError(f"espeak-ng has no voice {voice.name!r}")
        status = library.espeak_Synth(
            encoded, ctypes.c_size_t(len(encoded) + 1), 0, _FROM_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        if status != _OK:
            raise RuntimeError(f"espeak-ng failed with status {status}")
        native = np.frombuffer(b"".join(self._samples), dtype=np.int16)
        return bytes(soxr.resample(native, self._rate_hz, SAMPLE_RATE).astype(np.int16).tobytes())

    def _take(self, samples: ctypes._Pointer[ctypes.c_short], count: int, _events: object) -> int:
        if samples and count > 0:
            self._samples.append(ctypes.string_at(samples, count * 2))
        return 0


_lock = threading.Lock()
_engine: Espeak | None = None


def speak(text: str, voice: Voice) -> bytes:
    """16-bit mono sound of ``text`` at `SAMPLE_RATE`. Takes about a hundredth of the time it plays."""
    global _engine  # noqa: PLW0603 -- the library allows one synthesizer a process
    with _lock:
        if _engine is None:
            _engine = Espeak()
        return _engine.speak(text, voice)
