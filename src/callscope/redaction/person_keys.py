"""What the key of a value tells about a person: a name, an address, a date of birth."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_KINDS: Final = {
    "name": "name names firstname lastname fullname middlename surname forename nickname maiden",
    "person": "customer caller callee contact user patient guest passenger username login person spouse",
    "email": "email mail emailaddress",
    "phone": "phone telephone tel mobile cell cellphone fax msisdn whatsapp phonenumber",
    "address": "address addresses street city town zip zipcode postcode postal",
    "birth": "dob birth birthday birthdate birthplace dateofbirth",
    "number": "ssn passport account iban",
    "ip": "ip ips",
}
_KIND_OF: Final = {word: kind for kind, words in _KINDS.items() for word in words.split()}
_THINGS: Final = frozenset(
    {
        "tool", "function", "model", "service", "processor", "voice", "file", "host", "class", "event", "module",
        "agent", "product", "field", "metric", "package", "framework", "provider", "queue", "stage", "method",
    }
)  # fmt: skip
"""Before ``name``: what is no person."""
_ABOUT: Final = frozenset(
    {
        "text", "transcript", "transcription", "message", "utterance", "input", "query", "question", "reply", "answer",
        "response", "reason", "state", "status", "type", "kind", "role", "language", "locale", "timezone", "tier",
        "plan", "sentiment", "intent", "agent", "error",
    }
)  # fmt: skip
"""Last words of keys whose value tells of somebody without naming anybody: ``account_status``, ``user_text``."""
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LONGEST_KEY: Final = 128


def personal_kind(key: str) -> str | None:
    """``name``, ``person``, ``email``, ``phone``, ``address``, ``birth``, ``number`` or ``ip``; None: of nobody.

    Whole words of the key count, however they are put together: ``customer_name``, ``firstName``, ``Date-Of-Birth``.
    """
    return _looked_at(key) if len(key) <= _LONGEST_KEY else None


def is_about(key: str) -> bool:
    """Whether the value tells of somebody without naming anybody, such as a status or a language."""
    words = _WORD.findall(key[-_LONGEST_KEY:])
    return bool(words) and words[-1].lower() in _ABOUT


@lru_cache(maxsize=1024)
def _looked_at(key: str) -> str | None:
    words = [word.lower() for word in _WORD.findall(key)]
    if not words or words[-1] in _ABOUT:
        return None
    kinds = [kind for word in words if (kind := _KIND_OF.get(word) or _KIND_OF.get(word.removesuffix("s")))]
    if not kinds or (kinds == ["name"] and _THINGS.intersection(words)):
        return None
    return next((kind for kind in reversed(kinds) if kind != "person"), "person")
