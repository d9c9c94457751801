"""What becomes of a session's recording that a LiveKit agent uploads.

The session's traces, metrics and logs go where OTLP goes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from callscope.errors import UnreadableError
from callscope.interop import livekit_upload
from callscope.interop.livekit_report import Report
from callscope.interop.otlp.decoded import Decoded
from callscope.receivers import recording, sounds
from callscope.receivers.gathering import FullError
from callscope.receivers.uploads import Said

if TYPE_CHECKING:
    from callscope.receivers.receiver import Receiver


def take_recording(receiver: Receiver, root: Path, body: bytes, content_type: str) -> Said:
    """Take a session's recording: its report and history, and its sound. The same again changes nothing."""
    try:
        upload = recording.read(body, content_type)
        report = livekit_upload.put_together(upload.summary, upload.history, upload.header)
        if Report(report).started_ms is None:
            return Said(400, "the recording tells no moment: neither its header nor anything that was said is a time")
        if upload.sound:
            sounds.keep(root, Report(report).call_id, upload.sound)
    except UnreadableError as error:
        return Said(400, str(error))
    except OSError as error:
        return Said(503, f"the archive cannot be written ({error.strerror or error})")
    record = livekit_upload.record_of(report, has_sound=bool(upload.sound))
    try:
        receiver.take(Decoded(records=[record]))
    except FullError:
        return Said(429, "too many sessions are open at once")
    except OSError as error:
        return Said(503, f"the archive cannot be written ({error.strerror or error})")
    return Said(200)
