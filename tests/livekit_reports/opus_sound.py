"""Sound as LiveKit's agents upload it."""

from __future__ import annotations

import io

import av
import numpy as np


def ogg(seconds: float = 1.0) -> bytes:
    """The caller (left) is silent, the agent (right) hums; Opus in Ogg, as livekit-agents writes it."""
    content = io.BytesIO()
    with av.open(content, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=48_000, layout="stereo")
        for start in range(0, round(seconds * 48_000), 960):
            moments = np.arange(start, start + 960) / 48_000
            hum = (np.sin(moments * 2 * np.pi * 440) * 8_000).astype(np.int16)
            samples = np.stack([np.zeros_like(hum), hum], axis=1).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="s16", layout="stereo")
            frame.sample_rate, frame.pts = 48_000, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return content.getvalue()
