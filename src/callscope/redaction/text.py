"""Personal data in free text: found and replaced by what it was, as ``[card]`` or ``[email]``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from callscope.redaction import addresses, secrets, spans, spoken
from callscope.redaction.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST: Final = 500_000
"""Characters of one text that are looked at, at up to ten microseconds each; the rest is not kept."""
_LONGEST_ID: Final = 256
_SPACE: Final = re.compile(r"\s")
_DIGIT_RUN: Final = re.compile(r"(?<!\d)\d(?:[-._]?\d){12,18}(?!\d)")
_CARD_BEGINS: Final = "23456"
"""First digits of issued cards; clocks in milliseconds begin with 1."""
_INTERNATIONAL: Final = re.compile(r"\+\d{7,15}(?!\d)")


def redact(text: str) -> str:
    """The text without secrets and personal data; the same object when there are none."""
    if len(text) > LONGEST:
        return f"{redact(text[:LONGEST])} [{len(text) - LONGEST} more characters: too long to be redacted]"
    return spans.settle(text, _redact_once)


def redact_id(text: str) -> str:
    """Like `redact` for the value of an id or a name of the machinery, where long numbers are usual.

    Cards, e-mail addresses, international phone numbers and whatever has spaces are still redacted.
    """
    if len(text) > _LONGEST_ID or "@" in text or _SPACE.search(text):
        return redact(text)
    text = secrets.mask_id(text)
    found = [Span(*match.span(), "phone") for match in _INTERNATIONAL.finditer(text)]
    for match in _DIGIT_RUN.finditer(text):
        digits = "".join(str(int(char)) for char in match.group() if char.isdecimal())
        if is_issued_card(digits):
            found.append(Span(*match.span(), "card"))
    return spans.replace(text, spans.unite(found))


def is_issued_card(digits: str) -> bool:
    """Whether ASCII digits on their own are a card number: also by their first digit, unlike clocks."""
    return digits[0] in _CARD_BEGINS and spoken.is_card(digits)


def _redact_once(text: str) -> str:
    found = secrets.find(text) if secrets.is_suspicious(text) else []
    return spans.replace(text, spans.unite([*found, *spans.find(text, _personal)]))


def _personal(text: str) -> Iterator[Span]:
    yield from spoken.find(text)
    yield from addresses.find(text)
