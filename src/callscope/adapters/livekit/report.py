"""LiveKit's own report of a session, kept beside the call as ``source/livekit_report.json``.

It holds the whole conversation, so it passes the privacy policy like everything else. Under ``full`` it is what
LiveKit made, but for keys and the parties' numbers.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Any, Final

from callscope.model import wire
from callscope.recorder.originals import Originals
from callscope.redaction.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from callscope.recorder.call_log import CallLog
    from callscope.recorder.logger import CallLogger

PLACE: Final = "source"
NAME: Final = "livekit_report.json"
_FLUSH_SECONDS: Final = 5.0


async def keep(log: CallLog, logger: CallLogger, ctx: Any, session: Any, *, parties: Iterable[str] = ()) -> bool:
    """Write the report of a session that was closed.

    Args:
        log: its call.
        logger: where the call goes; its settings say what may be written.
        ctx: the job, which makes the report.
        session: whose report.
        parties: numbers of caller and callee, which the phone policy hides.

    Returns:
        False where there is nothing to write: LiveKit's recorder still runs, or the call is not on disk.

    Raises:
        OSError: it could not be written; nothing half-written is left.
    """
    make = getattr(ctx, "make_session_report", None)
    if make is None or not getattr(session, "_recorded_events", None):
        return False
    try:
        report = make(session)
    except RuntimeError:  # LiveKit's recorder of sound is not closed yet
        return False
    await logger.aflush(_FLUSH_SECONDS)
    path = log.path
    if path is None or log.file is None:
        return False
    settings = logger.settings
    policy = Policy(phone=settings.phone, transcript=settings.transcript, hash_key=settings.hash_key)
    originals = Originals(policy, parties)
    return await asyncio.to_thread(_write, path, report, originals)


def _write(call: Path, report: Any, originals: Originals) -> bool:
    content, _ = originals.kept(wire.encode(wire.plain(report.to_dict())))
    if content is None:
        return False
    directory = call / PLACE
    directory.mkdir(mode=0o700, exist_ok=True)
    temporary = directory / f".tmp.{os.urandom(6).hex()}.json"
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        temporary.replace(directory / NAME)
    finally:
        temporary.unlink(missing_ok=True)
    return True
