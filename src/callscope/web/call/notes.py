"""Labels and notes of a call as its page shows them."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from callscope.archive import annotate
from callscope.archive.annotate import Note, notes_of
from callscope.model import wire
from callscope.model.call import Call
from callscope.query.canonical import unparse
from callscope.query.query import CallQuery, Term


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """One label."""

    name: str
    value: str
    others: str
    """Address of the calls with the same label; empty in a file."""


class Notes(msgspec.Struct, frozen=True, kw_only=True):
    """What ``call/notes.html`` shows."""

    address: str
    """Of the call's page."""
    labels: tuple[Label, ...]
    notes: tuple[Note, ...]
    is_form: bool
    """Whether labels and notes can be changed here."""
    why_not: str
    """Why they cannot be changed now; empty: they can, or this is a file."""
    max_name: int = annotate.MAX_NAME
    max_value: int = annotate.MAX_VALUE
    max_note: int = annotate.MAX_NOTE


def notes_of_call(call: Call, address: str, *, is_file: bool = False) -> Notes:
    """What a person can see and change of a call's labels and notes.

    Args:
        call: its envelope.
        address: of its page.
        is_file: for an exported file, where nothing can be changed.
    """
    why_not = "" if is_file else annotate.why_not(call) or ""
    return Notes(
        address=address,
        labels=tuple(_label(name, value, is_file=is_file) for name, value in call.labels.items()),
        notes=notes_of(call),
        is_form=not is_file and not why_not,
        why_not=why_not,
    )


def _label(name: str, value: object, *, is_file: bool) -> Label:
    text = value if isinstance(value, str) else wire.encode(value).decode()
    query = unparse(CallQuery(terms=(Term(field=f"label.{name}", op="is", values=(text,)),)))
    return Label(name=name, value=text, others="" if is_file else "/calls?" + urlencode({"q": query}))
