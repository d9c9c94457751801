"""The names of the query language: what each is, what people write in its place, what is nearest."""

from __future__ import annotations

import difflib
from typing import Final

from callscope.model.call import STATUSES
from callscope.query.query import FLAGS, NUMBERS, STAGES, WORDS, Where

SAID: Final[dict[str, Where]] = {
    "text": "anywhere",
    "caller_said": "caller",
    "agent_said": "agent",
    "tool_text": "tool",
    "error_text": "error",
}
"""Fields that look for words, and where."""

SETTINGS: Final = ("since", "until", "on", "sort", "limit", "cursor")
"""What is said of the whole query; of these, times can be negated."""

PARTS: Final = frozenset({"caller", "callee", "error", "model", "reason"})
"""Word fields of which a part is asked for; of the others the whole."""

CHOICES: Final = {
    "status": (*STATUSES, "unreadable"),
    "cost_status": ("priced", "estimated", "partial", "unpriced", "not_billed", "error"),
    "silence": ("no_answer", "no_sound", "no_transcript", "never_spoke", "no_synthesis", "watchdog"),
}
"""Word fields that have a few known values."""

HAS: Final = {"recording": "recorded", "interruption": "interruptions", "tools": "tool"}
"""What ``has:`` also understands."""

_MEANT: Final = {
    "agent_version": "version",
    "assistant": "agent_said",
    "call": "id",
    "call_id": "id",
    "date": "on",
    "day": "on",
    "ended": "until",
    "env": "environment",
    "from": "since",
    "interruption": "interruptions",
    "latency": "p95",
    "length": "duration",
    "label": "label.<name>",
    "message": "error",
    "order": "sort",
    "price": "cost",
    "said": "text",
    "silences": "silence",
    "stage": "stage.<name>",
    "started": "since",
    "state": "status",
    "to": "until",
    "user": "caller_said",
    "wait_ms": "wait",
}
"""Names that the nearest spelling does not lead to."""

_LONGEST: Final = 40
_STAGE: Final = "stage."
_LABEL: Final = "label."


def known(name: str) -> str | None:
    """The field of that name as `callscope.query.query.Term` has it, or another name of this module; else None."""
    if name[: len(_LABEL)].lower() == _LABEL:
        return _LABEL + name[len(_LABEL) :] if len(name) > len(_LABEL) else None
    lower = name.lower()
    if lower in NUMBERS or lower in WORDS or lower in FLAGS or lower in SAID or lower in SETTINGS or lower == "has":
        return lower
    return lower if lower.removeprefix(_STAGE) in STAGES and lower.startswith(_STAGE) else None


def unit(field: str) -> str | None:
    """``ms``, ``usd`` or ``count`` of a field that is a number; else None."""
    return "ms" if field.startswith(_STAGE) else NUMBERS.get(field)


def is_words(field: str) -> bool:
    """Whether a known field is words: labels are, too."""
    return field in WORDS or field.startswith(_LABEL)


def advice(name: str) -> str:
    """What may have been meant by an unknown name; empty when nothing is near."""
    meant = _MEANT.get(name.lower())
    if meant is None:
        names = [*NUMBERS, *WORDS, *SAID, *SETTINGS, *FLAGS, "has", *(f"{_STAGE}{stage}" for stage in STAGES)]
        meant = nearest(name, names)
    return f"did you mean {meant}?" if meant else ""


def nearest(word: str, words: list[str]) -> str | None:
    """The known word that is spelled most alike, if one is at all."""
    found = difflib.get_close_matches(word[:_LONGEST].lower(), words, n=1)
    return found[0] if found else None
