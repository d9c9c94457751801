"""Labels and notes that a person adds to a call that has ended: ``callscope.labels`` and ``callscope.notes``.

The envelope is read, changed and put back in one step, under a lock of the call's directory that others who annotate
wait for. Who replaces the envelope without the lock (`callscope reprice`, `callscope repair`) is noticed by the file's
identity, and the change is made again on what is there then, so that nobody's change is lost.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from callscope.archive import jsonl
from callscope.archive.directory_lock import locked
from callscope.archive.paths import METADATA
from callscope.archive.reader import UNREADABLE, read_envelope, read_file
from callscope.archive.replace import touch_day, write_json
from callscope.errors import SettingError, UnreadableError
from callscope.model.call import ABANDONED, IN_PROGRESS, Call
from callscope.model.wire import format_ts, parse_ts

MAX_NAME: Final = 60
"""Characters of a label's name."""
MAX_VALUE: Final = 200
MAX_LABELS: Final = 100
MAX_NOTE: Final = 4_000
"""Characters of a note."""
MAX_NOTES: Final = 200
_TRIES: Final = 5
_LINE: Final = frozenset("\t\n")


class Note(msgspec.Struct, frozen=True):
    """What a person wrote about a call."""

    at: str
    """When, as it stands in the file: RFC 3339. No two notes of a call have the same."""
    text: str


def notes_of(call: Call) -> tuple[Note, ...]:
    """The notes of a call in their order; what is none is left out."""
    notes = call.callscope.get("notes")
    return tuple(
        Note(at=each["at"], text=each["text"])
        for each in (notes if isinstance(notes, list) else ())
        if isinstance(each, dict) and isinstance(each.get("at"), str) and isinstance(each.get("text"), str)
    )


def why_not(call: Call) -> str | None:
    """Why nothing can be added to a call now, in a sentence; None when it can."""
    if call.status == UNREADABLE:
        return "Its metadata cannot be read, so nothing can be added."
    if call.status == IN_PROGRESS:
        return "It goes on and is still being written: labels and notes can be added once it has ended."
    if call.status == ABANDONED and call.ended_at_ms is None:
        return "Its writer died and nobody closed it: run `callscope repair`, then labels and notes can be added."
    return None


def annotate(
    path: Path,
    *,
    set_labels: Mapping[str, str] | None = None,
    remove_labels: Collection[str] = (),
    add_note: str | None = None,
    remove_note: str | None = None,
    now_ms: int,
) -> Call:
    """Change a call's labels and notes; everything else in its envelope stays as it is.

    Args:
        path: the call's directory.
        set_labels: values by name; a label that is there gets the new value.
        remove_labels: names; one that is not there is removed already.
        add_note: its text.
        remove_note: `Note.at` of the one to go; one that is not there is removed already.
        now_ms: Unix milliseconds.

    Returns:
        The envelope as it is now.

    Raises:
        SettingError: a name, value or text is not allowed, or the call goes on.
        UnreadableError: the envelope cannot be read, or cannot be written.
    """
    labels = {_name(name): _value(value) for name, value in (set_labels or {}).items()}
    text = None if add_note is None else _text(add_note)
    try:
        with locked(path):
            for _ in range(_TRIES):
                before = _identity(path)
                document = _document(path, now_ms)
                ours = document.get("callscope")
                ours = dict(ours) if isinstance(ours, dict) else {}
                _change_labels(ours, labels, remove_labels)
                _change_notes(ours, text, remove_note, now_ms)
                if _identity(path) == before:
                    write_json(path / METADATA, {**document, "callscope": ours})
                    touch_day(path)
                    return read_envelope(path, now_ms=now_ms)
    except OSError as error:
        raise UnreadableError(f"{path}: nothing was changed ({error.strerror or error})") from error
    raise UnreadableError(f"{path}: {METADATA} is replaced by somebody else all the time: try again")


def _document(path: Path, now_ms: int) -> dict[str, Any]:
    content = read_file(str(path / METADATA))
    document = jsonl.decode_object(content.data or b"")
    if document is None:
        raise UnreadableError(f"{path}: {METADATA} is {content.complaint or 'no JSON object'}: nothing was changed")
    reason = why_not(read_envelope(path, now_ms=now_ms))
    if reason is not None:
        raise SettingError(reason)
    return document


def _change_labels(ours: dict[str, Any], labels: dict[str, str], removed: Collection[str]) -> None:
    if not labels and not removed:
        return
    known = ours.get("labels")
    known = known if isinstance(known, dict) else {}
    new = {name: value for name, value in known.items() if name not in removed} | labels
    if len(new) > max(MAX_LABELS, len(known)):
        raise SettingError(f"a call has at most {MAX_LABELS} labels: remove one first")
    ours["labels"] = new


def _change_notes(ours: dict[str, Any], text: str | None, removed: str | None, now_ms: int) -> None:
    if text is None and removed is None:
        return
    known = ours.get("notes")
    notes = [
        each
        for each in (known if isinstance(known, list) else [])
        if removed is None or not (isinstance(each, dict) and each.get("at") == removed)
    ]
    if text is not None:
        if len(notes) >= MAX_NOTES:
            raise SettingError(f"a call has at most {MAX_NOTES} notes: remove one first")
        taken = [parse_ts(each.get("at")) for each in notes if isinstance(each, dict)]
        at_ms = max([now_ms, *(ms + 1 for ms in taken if ms is not None)])
        notes.append({"at": format_ts(at_ms), "text": text})
    ours["notes"] = notes


def _name(name: str) -> str:
    """A label's name, one that ``label.name:`` or ``label."name":`` asks for."""
    stripped = name.strip()
    if not 0 < len(stripped) <= MAX_NAME or not _is_line(stripped):
        raise SettingError(f"a label's name has 1 to {MAX_NAME} characters, and no control characters")
    return stripped


def _value(value: str) -> str:
    stripped = value.strip()
    if not 0 < len(stripped) <= MAX_VALUE or not _is_line(stripped):
        raise SettingError(f"a label's value has 1 to {MAX_VALUE} characters, and no control characters")
    return stripped


def _text(text: str) -> str:
    stripped = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not 0 < len(stripped) <= MAX_NOTE or not _is_line("".join(sign for sign in stripped if sign not in _LINE)):
        raise SettingError(f"a note has 1 to {MAX_NOTE} characters, and no control characters but line ends and tabs")
    return stripped


def _is_line(text: str) -> bool:
    return not any(unicodedata.category(sign) in {"Cc", "Cs", "Zl", "Zp"} for sign in text)


def _identity(path: Path) -> tuple[int, int, int]:
    status = os.stat(path / METADATA, follow_symlinks=False)  # noqa: PTH116 -- the same call either way
    return status.st_ino, status.st_mtime_ns, status.st_size
