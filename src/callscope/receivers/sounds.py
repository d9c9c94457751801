"""The sound of an upload, from its coming to the call's ``recording.wav``.

It comes as Ogg/Opus with two channels, caller and agent. Until its call is written it waits in the inbox, under a name
that is made of digits, never of what a sender chose. To decode it takes PyAV, which livekit-agents brings; where that
is missing, the sound is kept as ``recording.ogg`` beside the call.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import wave
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from callscope.archive.replace import FILE_MODE, make_dir
from callscope.errors import UnreadableError
from callscope.model.whole import WholeCall
from callscope.receivers import inbox

OGG: Final = "recording.ogg"
_RATE: Final = 16_000
"""Speech needs no more, and a third of the disk that LiveKit's 48 kHz take."""
_OGG_BEGINS: Final = b"OggS"
_LONGEST_S: Final = 12 * 3600


def keep(root: Path, of: str, content: bytes) -> None:
    """Keep a sound until its call is written.

    Args:
        root: the archive.
        of: what the upload's report calls the session.
        content: Ogg.

    Raises:
        UnreadableError: it is no Ogg file.
        OSError: the disk does not take it.
    """
    if not content.startswith(_OGG_BEGINS):
        raise UnreadableError("the sound is no Ogg file")
    name = _name(of)
    place = inbox.place(root)
    make_dir(place)
    temporary = place / f".{name}.{os.urandom(6).hex()}"
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "wb") as file:
            file.write(content)
        temporary.replace(place / name)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def added(root: Path, call: WholeCall) -> Iterator[WholeCall]:
    """The call with the sound that waits for it, as long as the block lasts; the call itself where none does."""
    waiting = _waiting(root, call)
    if waiting is None:
        yield call
        return
    decoded = waiting.with_suffix(f".{os.urandom(6).hex()}.wav")
    try:
        is_decoded = _decode(waiting, decoded)
        started_at_ms = _told(call).get("started_at_ms")
        begun_ms = started_at_ms if isinstance(started_at_ms, int) else None
        yield msgspec.structs.replace(call, sound=decoded, sound_started_at_ms=begun_ms) if is_decoded else call
    finally:
        decoded.unlink(missing_ok=True)


def settle(root: Path, call: WholeCall, directory: Path) -> None:
    """The call is written: what waited for it is not needed any more; not decoded, it is put beside the call."""
    waiting = _waiting(root, call)
    if waiting is None:
        return
    if call.sound is None and not (directory / OGG).exists():
        temporary = directory / f".{OGG}.{os.urandom(6).hex()}"
        try:
            shutil.copyfile(waiting, temporary)
            temporary.chmod(FILE_MODE)
            temporary.replace(directory / OGG)
        finally:
            temporary.unlink(missing_ok=True)
    waiting.unlink(missing_ok=True)


def _name(of: str) -> str:
    return f"{sha256(of.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.ogg"


def _told(call: WholeCall) -> dict[str, Any]:
    told = call.source.get("sound")
    return told if isinstance(told, dict) else {}


def _waiting(root: Path, call: WholeCall) -> Path | None:
    """The file of a call's sound; None when none waits."""
    of = _told(call).get("of")
    if not isinstance(of, str):
        return None
    path = inbox.place(root) / _name(of)
    return path if path.is_file() and not path.is_symlink() else None


def _decode(source: Path, target: Path) -> bool:
    """Decode Ogg to WAV; False where nothing here can, or where it is broken."""
    try:
        import av  # noqa: PLC0415 -- comes with livekit-agents, and is large
    except ImportError:
        return False
    try:
        with av.open(str(source)) as container, wave.open(str(target), "wb") as wav:
            stream = container.streams.audio[0]
            channels = min(2, stream.codec_context.channels)
            resampler = av.AudioResampler(format="s16", layout="stereo" if channels > 1 else "mono", rate=_RATE)
            wav.setnchannels(channels)
            wav.setsampwidth(2)
            wav.setframerate(_RATE)
            left = _LONGEST_S * _RATE
            for frame in _frames(container, stream, resampler):
                pcm = frame.to_ndarray().tobytes()
                left -= len(pcm) // (2 * channels)
                if left < 0:
                    return False  # longer than any call: a small file can be made to be
                wav.writeframesraw(pcm)
    except (OSError, ValueError, IndexError, av.FFmpegError):
        return False
    return True


def _frames(container: Any, stream: Any, resampler: Any) -> Iterator[Any]:
    for frame in container.decode(stream):
        yield from resampler.resample(frame)
    yield from resampler.resample(None)
