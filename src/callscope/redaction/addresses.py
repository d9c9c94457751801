"""E-mail addresses, written and spoken ("john dot smith at gmail dot com"), and IBANs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from callscope.redaction.numerals import DIGITS, TEENS, TENS
from callscope.redaction.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_AT: Final = re.compile(r"[@\uff20]")
_HOST: Final = re.compile(r"[^\W_](?:[\w-]|\.(?=\w)){1,253}+")
_LOCAL: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]")
_LONGEST_LOCAL: Final = 256

_SPOKEN_AT: Final = (
    r"(?<=\w)(?:\s{1,8}+at\s(?:sign\s|the\srate\s(?:of\s)?)?\s{0,8}+"
    r"|\s{0,8}+[(\[{<]\s{0,2}+at\s{0,2}+[)\]}>]\s{0,8}+)"
    r"(?!(?:the|a|an|this|that|every|any|some|your|my|our)\s)"
)
_SPOKEN_DOT: Final = r"(?:\s{1,8}+(?:dot|period|point)\s{1,8}+|\s{0,8}+[(\[{<]\s{0,2}+dot\s{0,2}+[)\]}>]\s{0,8}+|\.)"
_SPOKEN: Final = re.compile(
    rf"{_SPOKEN_AT}(?:(?:[A-Za-z]\s){{0,16}}|(?:[\w-]{{1,63}}\s)??)"
    rf"[\w-]{{1,63}}+(?:{_SPOKEN_DOT}[\w-]{{1,63}}+){{1,5}}+",
    re.IGNORECASE,
)
_UNDOTTED: Final = re.compile(
    rf"{_SPOKEN_AT}(?:"
    r"(?:g\s?mail|hot\s?mail|yahoo|outlook|i\s?cloud|aol|proton(?:\s?mail)?|gmx|web|msn|comcast|verizon)"
    r"\s{1,8}+(?:com|net|org|de|fr|(?:co\s)?uk)"
    r"|(?:[A-Za-z]\s){0,16}(?!dot\s|point\s)[\w-]{1,63}+\s{1,8}+(?:com|org|edu))\b",
    re.IGNORECASE,
)
"""Addresses whose dot was not heard: "john at gmail com"."""
_ENDING: Final = re.compile(
    r"(?:com|org|net|edu|gov|mil|info|biz|name|mail|email|io|ai|co|app|dev|me|tv|us|uk|u\s?k|ca|au|nz|ie|in|de|fr|es|it"
    r"|nl|be|ch|at|se|no|dk|fi|pl|cz|pt|gr|ru|ua|tr|jp|cn|kr|br|mx|ar|za|eu|test|example|local)",
    re.IGNORECASE,
)
_HOST_WORD: Final = re.compile(r"[\w-]+")
_WORD_BEFORE: Final = re.compile(r"[\w.+'-]")
_CONNECTORS: Final = frozenset(("dot", "period", "underscore", "dash", "hyphen", "minus", "plus", "point"))
_SPELLED: Final = frozenset((*DIGITS, *TEENS, *TENS, "double", "triple", "hundred"))
_NO_NAME: Final = frozenset(
    {
        "it", "them", "that", "this", "me", "him", "her", "us", "is", "are", "was", "were", "be", "look",
        "looking", "online", "available", "find", "found", "visit", "shop", "order", "bought", "buy", "see",
        "check", "out", "here", "there", "not", "and", "or", "go", "went", "arrive", "stay", "staying",
        "work", "works", "working", "worked", "up", "back", "meet", "down", "one", "you", "it's", "its",
        "email", "mail", "address", "my", "the", "a", "to", "by",
    }
)  # fmt: skip
"""Words before "at shop dot com" that are nobody's mailbox."""
_MOST_PARTS: Final = 40

_IBAN: Final = re.compile(r"(?<![^\W_])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}+", re.ASCII)
_SHORTEST_IBAN: Final = 15
_IBAN_LOOKUPS: Final = 50
"""Candidates in one window whose check digits are computed; the rest are masked unchecked."""


def find(text: str) -> Iterator[Span]:
    """E-mail addresses and IBANs of a text of at most one window."""
    yield from _written(text)
    for pattern in (_SPOKEN, _UNDOTTED):
        for match in pattern.finditer(text):
            end = _host_end(match)
            if end is not None:
                start = _local_start(text, match.start())
                bracketed = match.group().lstrip()[0] in "([{<"
                if bracketed or text[start : match.start()].lower() not in _NO_NAME:
                    yield Span(start, end, "email")
    yield from _ibans(text)


def _written(text: str) -> Iterator[Span]:
    done = 0
    for at in _AT.finditer(text):
        host = _HOST.match(text, at.end())
        if host is None:
            continue
        start = at.start()
        floor = max(done, start - _LONGEST_LOCAL)
        while start > floor and _LOCAL.match(text[start - 1]):
            start -= 1
        done = host.end()
        if start < at.start():
            yield Span(_parts_start(text, start), host.end(), "email")


def _host_end(match: re.Match[str]) -> int | None:
    """Where the host ends that this match holds; None when it ends as no host does."""
    last = _HOST_WORD.findall(match.group())[-1]
    return match.end() if _ENDING.fullmatch(last) else None


def _local_start(text: str, end: int) -> int:
    """Where the spoken mailbox begins whose last word ends here."""
    return _parts_start(text, _word_start(text, end))


def _parts_start(text: str, start: int) -> int:
    """Where the mailbox begins whose last part begins here: spelled letters and "john dot" belong to it."""
    for _ in range(_MOST_PARTS):
        gap = _gap_start(text, start)
        before = _word_start(text, gap)
        if before == gap:
            break
        word = text[before:gap].lower()
        if word in _CONNECTORS:
            gap = _gap_start(text, before)
            part = _word_start(text, gap)
            if part == gap:
                break
            start = part
        elif _goes_on(word, _word_at(text, start)):
            start = before
        else:
            break
    return start


def _goes_on(word: str, part: str) -> bool:
    """Whether a word and the part after it are one: "j o", "smith nine"."""
    return _is_spelled(part) and (_is_spelled(word) or (len(part) > 1 and word not in _NO_NAME))


def _is_spelled(word: str) -> bool:
    return (len(word) == 1 and word.isalnum() and word not in "ai") or word.isdecimal() or word in _SPELLED


def _word_at(text: str, start: int) -> str:
    end = start
    while end < len(text) and end - start < _LONGEST_LOCAL and _WORD_BEFORE.match(text[end]):
        end += 1
    return text[start:end].lower()


def _word_start(text: str, end: int) -> int:
    start = end
    while start > 0 and end - start < _LONGEST_LOCAL and _WORD_BEFORE.match(text[start - 1]):
        start -= 1
    return start


def _gap_start(text: str, end: int) -> int:
    start = end
    while start > 0 and end - start < _MOST_PARTS and text[start - 1].isspace():
        start -= 1
    return start


def _ibans(text: str) -> Iterator[Span]:
    for lookups, match in enumerate(_IBAN.finditer(text)):
        if lookups >= _IBAN_LOOKUPS:
            yield Span(*match.span(), "iban")
            continue
        end = _iban_end(match.group())
        if end:
            yield Span(match.start(), match.start() + end, "iban")


def _iban_end(candidate: str) -> int:
    """How many characters of the candidate are an IBAN: words may follow it without a break; 0 when none."""
    from stdnum import iban  # noqa: PLC0415 -- only where something is redacted

    count = sum(char.isalnum() for char in candidate)
    for end in range(len(candidate), 0, -1):
        if count < _SHORTEST_IBAN:
            break
        if candidate[end - 1].isalnum():
            if iban.is_valid(candidate[:end], check_country=False):
                return end
            count -= 1
    return 0
