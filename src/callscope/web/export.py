"""A call's page as one file: opens from an e-mail, offline, without scripts, and asks nobody for anything.

It is drawn by the same templates as the page, with the styles and, where that is asked for, the sound inside. A policy
in its head forbids the browser to load anything from anywhere.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from markupsafe import Markup

from callscope.archive.log_files import LogFiles
from callscope.archive.reader import CallRecord, read_call, read_file, read_metadata, root_of
from callscope.errors import NotFoundError, SettingError, UnreadableError
from callscope.index.log_lines import LogAnswer, log_lines
from callscope.report import figures
from callscope.report.log_lines import of_call
from callscope.web.call import files
from callscope.web.call.links import Links
from callscope.web.call.log_lines import MOST_IN_A_FILE, taken_out, with_lines
from callscope.web.call.notes import notes_of_call
from callscope.web.call.page import CallPage, call_page
from callscope.web.call.redacted import redacted
from callscope.web.call.sound import sound_of
from callscope.web.template import environment

MAX_SOUND_BYTES: Final = 25_000_000
"""Of a recording that goes into a file: what most mail servers take, and a browser still opens."""
_STATIC: Final = Path(__file__).parent / "static"
_STYLES: Final = ("app.css", "call.css", "player.css", "file.css")


class FilePage(msgspec.Struct, frozen=True, kw_only=True):
    """What ``call/file.html`` shows around the page."""

    title: str
    policy: str
    """Content security policy of the file."""
    styles: Markup
    sound: Markup
    """The recording as an address that holds it; empty: it is not in the file."""
    whole: CallPage
    """The page with its long tables, which are folded up at the end of the file."""
    made_ms: int
    """Unix milliseconds."""
    is_redacted: bool
    is_sound_left_out: bool
    """There is a recording, and it is not in the file."""
    version: str


class Exported(msgspec.Struct, frozen=True):
    """A file to be kept."""

    name: str
    text: str


def export_call(
    directory: Path,
    *,
    now_ms: Callable[[], int],
    target_ms: int,
    version: str,
    sound: bool = False,
    redact: bool = False,
) -> Exported:
    """Make the file of a call.

    Args:
        directory: the call's.
        now_ms: tells the time, in Unix milliseconds.
        target_ms: the wait from which it is slow.
        version: of callscope.
        sound: put the recording into it.
        redact: take secrets and personal data out of all texts.

    Raises:
        SettingError: the sound cannot go into it.
        NotFoundError: there is no sound.
    """
    if sound and redact:
        raise SettingError(
            "a redacted file never holds the sound: what was said is in it, and a voice cannot be redacted; "
            "leave out one of the two"
        )
    at_ms = now_ms()
    record = read_call(directory, now_ms=at_ms)
    recording = files.recording_of(record.call)
    heard = sound_of(recording, record.call)
    inside = _data_address(recording, directory) if sound else Markup("")
    metadata = None if redact else read_metadata(str(directory))
    lines = _lines_of(record, directory)
    if redact and lines is not None:
        record, found = taken_out(redacted(with_lines(record, lines.lines)), lines.lines)
        lines = msgspec.structs.replace(lines, lines=found, problems=())
    elif redact:
        record = redacted(record)
    page = call_page(
        record,
        Links(address="", is_file=True),
        {},
        now_ms=at_ms,
        target_ms=target_ms,
        metadata=metadata,
        sound=heard,
        notes=notes_of_call(record.call, "", is_file=True),
        lines=lines,
    )
    styles = _styles()
    around = FilePage(
        title=f"Call {record.call.call_id}",
        policy=_policy(styles),
        styles=Markup(styles),  # noqa: S704 -- our own sheets
        sound=inside,
        whole=page,
        made_ms=at_ms,
        is_redacted=redact,
        is_sound_left_out=heard is not None and not sound,
        version=version,
    )
    short = msgspec.structs.replace(page, events=None, log=None, raw=None)
    text = environment(now_ms).get_template("call/file.html").render(page=short, file=around)
    return Exported(f"{_name(record, directory, redact=redact)}.html", text)


def _lines_of(record: CallRecord, directory: Path) -> LogAnswer | None:
    """The lines of logs that belong to the call, from their files; None where there are none."""
    try:
        with LogFiles(root_of(str(directory))) as logs:
            return log_lines(logs, of_call(record.call, limit=MOST_IN_A_FILE)) if logs.files else None
    except UnreadableError as error:
        return LogAnswer(lines=(), more=False, problems=(str(error),))


def _name(record: CallRecord, directory: Path, *, redact: bool) -> str:
    return f"{record.call.call_id}-redacted" if redact else directory.name


def _data_address(recording: Path | None, directory: Path) -> Markup:
    if recording is None:
        raise NotFoundError(f"the call {directory.name} has no recording: leave out the sound")
    size = recording.stat().st_size
    if size > MAX_SOUND_BYTES:
        raise SettingError(
            f"the recording has {figures.size(size)}, and a file holds {figures.size(MAX_SOUND_BYTES)} at most: "
            f"leave out the sound, and send {recording.name} beside the file"
        )
    data = base64.b64encode(read_file(str(recording)).data or b"").decode()
    return Markup(f"data:audio/wav;base64,{data}")  # noqa: S704 -- letters and digits alone


def _styles() -> str:
    return "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in _STYLES)


def _policy(styles: str) -> str:
    digest = base64.b64encode(hashlib.sha256(styles.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; media-src data:; base-uri 'none'; form-action 'none'"
