"""Keys, tokens and passwords inside texts: masked under every policy.

Two sieves keep this cheap for the texts that calls are made of. The first is one character class: what has
no digit, underscore, ``=`` or ``:`` holds no key. The second looks for a word of `_LONG_WORD` characters, or
for an assignment to something with a telling name. Only what passes both meets the patterns.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from callscope.redaction import spans
from callscope.redaction.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACEHOLDER: Final = "[secret]"

_LABEL: Final = "secret"
_SHORTEST: Final = 8  # pwd=abcd
_LONG_WORD: Final = 16
_SIEVED: Final = 4_096
"""Longer texts go straight to the patterns: splitting them into words would cost as much."""

_DIGITS: Final = "0123456789"
_TELLING: Final = ("key", "token", "secret", "pass", "pwd", "auth", "cred", "sig", "cookie")

_KNOWN: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk|ek|csk|gsk|pcsk|key|xai|nvapi|tvly|dop_v1|whsec|shpat|glpat|pypi|npm|hf|r8|fw|dg|lin_api)"
    r"[-_](?=[A-Za-z_-]{0,99}[0-9])[A-Za-z0-9_-]{12,}+"
    r"|gh[opsur]_[A-Za-z0-9]{16,}+"
    r"|github_pat_[A-Za-z0-9_]{16,}+"
    r"|x(?:ox[a-z]|app)-[A-Za-z0-9-]{10,}+"
    r"|AIza[A-Za-z0-9_-]{30,}+"
    r"|(?:AKIA|ASIA|AROA|AGPA)[A-Z0-9]{16}(?![A-Za-z0-9])"
    r"|SG\.[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{16,}+"
    r"|ya29\.[A-Za-z0-9_-]{16,}+"
    r"|SK[0-9a-f]{32}(?![A-Za-z0-9])"
    r"|eyJ[A-Za-z0-9_-]{6,}+\.[A-Za-z0-9_-]{4,}+(?:\.[A-Za-z0-9_-]*+)*+"
    r")",
    re.ASCII,
)
_KNOWN_BEGINS: Final = frozenset(
    {
        "sk", "pk", "rk", "ek", "cs", "gs", "pc", "ke", "xa", "nv", "tv", "do", "wh", "sh", "gl", "py",
        "np", "hf", "r8", "fw", "dg", "li", "gh", "gi", "xo", "AI", "AK", "AS", "AR", "AG", "SG", "ya",
        "SK", "ey",
    }
)  # fmt: skip
_BEARER: Final = re.compile(
    r"\bBearer\s{1,8}+(?=[A-Za-z._~+/=-]{0,99}[0-9])([A-Za-z0-9._~+/=-]{8,}+)", re.IGNORECASE | re.ASCII
)
_HEADER: Final = re.compile(
    r"\b(?:proxy-)?authorization\\?['\"]?\s{0,4}+[:=,]\s{0,4}+(?:b(?=['\"]))?\\?['\"]?"
    r"(?:(?:bearer|basic|token|digest|apikey|key)\s{1,8}+)?+(?!\[[a-z]{3,7}\])([^\s'\",;\\]{3,}+)",
    re.IGNORECASE | re.ASCII,
)
_URL: Final = re.compile(r"://[^\s/@:'\"]{0,256}+:(?!\[secret\]@)([^\s/@'\"]{1,512}+)@", re.ASCII)
_PASSWORD: Final = re.compile(
    r"(?:passw(?:or)?d|passphrase|pwd)\\?['\"]?\s{0,4}+[:=]\s{0,4}+\\?['\"]?(?!\[[a-z]{3,7}\])([^\s'\"&,;\\]{3,}+)",
    re.IGNORECASE | re.ASCII,
)
_ASSIGNED: Final = re.compile(
    r"(?:key|secret|token|signature|credentials?|cookie)(?:\sprovided|\sis|\swas)?"
    r"\\?['\"]?\s{0,4}+[:=]\s{0,4}+\\?['\"]?(?:(?:bearer|basic|token)\s{1,8}+)?+(?!\[[a-z]{3,7}\])"
    r"(?=[^\s'\"&,;\\]{0,99}[0-9]|[^\s'\"&,;\\]{16})([^\s'\"&,;\\]{6,}+)",
    re.IGNORECASE | re.ASCII,
)
_HEX: Final = re.compile(
    r"(?<![A-Za-z0-9_-])(?=[0-9]{0,99}[A-Fa-f])(?=[A-Fa-f]{0,99}[0-9])(?:[0-9a-f]{32,}+|[0-9A-F]{32,}+)(?![A-Za-z0-9])",
    re.ASCII,
)
_OPAQUE: Final = re.compile(
    r"(?<![A-Za-z0-9_+/.-])(?!(?:call|chatcmpl|resp|req|msg|run|toolu|item|event|thread)[-_])"
    r"(?=[a-z0-9_-]{0,99}[A-Z])(?=[A-Z0-9_-]{0,99}[a-z])(?=(?:[A-Za-z_-]{0,99}[0-9]){3})[A-Za-z0-9_-]{36,}+",
    re.ASCII,
)
_BASE64: Final = re.compile(
    r"(?<![A-Za-z0-9+/._-])(?=[a-z0-9+/]{0,39}[A-Z])(?=[A-Z0-9+/]{0,39}[a-z])(?=[A-Za-z+/]{0,39}[0-9])"
    r"[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/._-])",
    re.ASCII,
)
_CERTAIN: Final = (_KNOWN, _BEARER, _HEADER, _URL, _PASSWORD, _ASSIGNED)
_GUESSED: Final = (_HEX, _OPAQUE, _BASE64)
"""Long tokens without a mark of what they are; not looked for where an id is expected."""
_NAMED_ID: Final = re.compile(
    r"(?:\bid|_id|sid|uuid|trace|span|request|session|commit)['\"]?\s{0,2}[:=]?\s{0,2}['\"]?$", re.IGNORECASE
)
_NAMED_WITHIN: Final = 24
_KEY_BEGIN: Final = "-----BEGIN "
_KEY_END: Final = "-----END "


def is_suspicious(text: str, *, is_id: bool = False) -> bool:
    """The two sieves; False is certain. An id is suspicious if it begins as a key or is no single token."""
    if is_id:
        return text[:2] in _KNOWN_BEGINS or " " in text or "=" in text or "://" in text
    if "A" in text and ("AKIA" in text or "ASIA" in text or "PRIVATE KEY" in text):
        return True
    if "uthorization" in text:
        return True
    # Eleven to thirteen looks for one character each cost a third of one look for a class of characters.
    if not (":" in text or "=" in text or "_" in text or any(digit in text for digit in _DIGITS)):
        return False
    if len(text) > _SIEVED or max(map(len, text.split()), default=0) >= _LONG_WORD:
        return True
    if ":" not in text and "=" not in text:
        return False
    lower = text.lower()
    return any(name in lower for name in _TELLING)


def mask(text: str) -> str:
    """The text with every secret as ``[secret]``; the same object when there is none."""
    if len(text) < _SHORTEST or not is_suspicious(text):
        return text
    return spans.settle(text, lambda rest: spans.replace(rest, find(rest)))


def mask_id(text: str) -> str:
    """Like `mask`, for the value of an id: a long random token is expected there and stays."""
    if not is_suspicious(text, is_id=True):
        return text
    return spans.replace(text, spans.unite([*spans.find(text, _certain), *_key_blocks(text)]))


def find(text: str) -> list[Span]:
    """Where the secrets are in a text of any length."""
    return spans.unite([*spans.find(text, _all), *_key_blocks(text)])


def _certain(text: str) -> Iterator[Span]:
    for pattern in _CERTAIN:
        group = pattern.groups  # the last group is the secret itself; without groups all of the match is
        for match in pattern.finditer(text):
            yield Span(*match.span(group), _LABEL)


def _all(text: str) -> Iterator[Span]:
    yield from _certain(text)
    for pattern in _GUESSED:
        for match in pattern.finditer(text):
            start, end = match.span()
            if not _NAMED_ID.search(text[max(0, start - _NAMED_WITHIN) : start]):
                yield Span(start, end, _LABEL)


def _key_blocks(text: str) -> Iterator[Span]:
    """Private keys in PEM form; one without an end reaches to the end of the text."""
    start = text.find(_KEY_BEGIN)
    while start >= 0:
        head = text.find("-----", start + len(_KEY_BEGIN))
        title_ends = start + len(_KEY_BEGIN) + 64
        if 0 <= head < title_ends and "PRIVATE KEY" in text[start:head]:
            end = text.find(_KEY_END, head)
            closed = text.find("-----", end + len(_KEY_END)) if end >= 0 else -1
            stop = closed + 5 if closed >= 0 else len(text)
            yield Span(start, stop, _LABEL)
        else:
            stop = start + len(_KEY_BEGIN)
        start = text.find(_KEY_BEGIN, stop)
