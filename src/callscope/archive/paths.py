"""Where the files of a call are.

::

    <root>/calls/YYYY/MM/DD/<name>/
      metadata.json      the envelope, always whole
      transcript.jsonl   one JSON object a turn
      events.jsonl       one JSON object an event
      recording.wav      optional: caller left, agent right
    <root>/logs/                              application logs: docs/design/logs.md
    <root>/.callscope/writers/<writer>.json   who writes now, and what it lost: see ``liveness.py``

The day is the UTC day of the call's start, also for what is written after midnight.

``<name>`` is the call id where that is a safe file name everywhere: 1 to 64 characters of ``A-Z a-z 0-9
. _ -``, no dot at either end, none of the names that Windows reserves. Any other id is made safe and gets
``~`` and 16 hex digits of its SHA-256. A safe id never holds ``~``, so no two ids share a name. What the file
system itself takes for the same (``CA1`` and ``ca1`` on macOS), and a second call with the same id on the same
day, is told apart when the directory is claimed: ``<name>~2``, ``<name>~3`` (see ``replace.claim``).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

CALLS: Final = "calls"
LOGS: Final = "logs"
STATE: Final = ".callscope"
METADATA: Final = "metadata.json"
TRANSCRIPT: Final = "transcript.jsonl"
EVENTS: Final = "events.jsonl"
RECORDING: Final = "recording.wav"

MAX_NAME: Final = 64
_HASH_DIGITS: Final = 16
_SAFE: Final = re.compile(r"[A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?", re.ASCII)
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_-]+", re.ASCII)
_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def safe_name(call_id: str) -> str:
    """The call id as a directory name of at most 64 characters; different ids have different names."""
    if _SAFE.fullmatch(call_id) and not _RESERVED.fullmatch(call_id):
        return call_id
    from hashlib import sha256  # noqa: PLC0415 -- loads OpenSSL; most ids are safe as they are

    digest = sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    room = MAX_NAME - _HASH_DIGITS - 1
    stem = _UNSAFE.sub("_", call_id)[:room].strip("_")
    return f"{stem or 'call'}~{digest}"


def day_dir(root: Path, ts_ms: int) -> Path:
    """The directory of the UTC day of a moment in Unix milliseconds."""
    day = datetime.fromtimestamp(ts_ms / 1000, tz=UTC)
    return root / CALLS / f"{day.year:04d}" / f"{day.month:02d}" / f"{day.day:02d}"


def call_dir(root: Path, call_id: str, started_at_ms: int) -> Path:
    """The directory that a call gets when nothing else has claimed it."""
    return day_dir(root, started_at_ms) / safe_name(call_id)


def writers_dir(root: Path) -> Path:
    """Where writers say that they are alive, and what they lost."""
    return root / STATE / "writers"
