"""Errors that are the same but for their details get the same fingerprint. Pure; the same in every process.

The details are what changes from one occurrence to the next: numbers, ids, times, addresses, what stands in quotes.
They are replaced by a word for their kind (``<id>``, ``<number>``, ``<url>``, ``<text>`` ...), which leaves the pattern
of the message, for people. A status of HTTP is no detail.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Final

_READ: Final = 2000
"""Characters of a message that are looked at: the pattern of a stack trace is in its beginning."""
_KEPT: Final = 300
"""Characters of a pattern."""
_DIGEST_BYTES: Final = 8

_NUMBER: Final = r"[-+]?\d[\d,._]*(?<=\d)(?:e[-+]?\d+)?"
_UNIT: Final = r"(?:ns|us|µs|ms|milliseconds?|s|secs?|seconds?|min|minutes?|h|hours?)"
_STEPS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), word)
    for pattern, word in (
        (r"\b([a-z][a-z0-9+.-]{1,15}://[^\s/?#\"'<>]{1,200})[^\s\"'<>]*", r"<url \1>"),
        (r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}\b", "<address>"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<id>"),
        (r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?", "<time>"),
        (r"\b0x[0-9a-f]+\b", "<id>"),
        (r"\"[^\"\n]{1,500}\"|(?<!\w)'[^'\n]{1,500}'(?!\w)|`[^`\n]{1,500}`|“[^”\n]{1,500}”", "<text>"),
        (r"\b(?:req|request|call|chatcmpl|resp|msg|run|trace|span|sess|session|conn|ctx)[_-][0-9a-z_-]{4,}", "<id>"),
        (r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?\b", "<address>"),
        (r"\b(?=[0-9a-z_-]{0,64}\d)(?=[0-9a-z_-]{0,64}[a-z])[0-9a-z]{2,}[0-9a-z_-]{10,}\b", "<id>"),
        (r"\b(?=\d{0,64}[a-f])[0-9a-f]{12,}\b", "<id>"),
        (rf"(?<![\w.]){_NUMBER}\s?{_UNIT}\b", "<duration>"),
        (rf"((?:^|\b(?:http|status|code|error)[\s:=]{{1,2}})[45]\d\d\b)|{_NUMBER}", "<number>"),
    )
)
_BLANKS: Final = re.compile(r"\s+")


@lru_cache(maxsize=1024)
def pattern_of(message: str) -> str:
    """A message without its variable parts, on one line, of bounded length."""
    text = message[:_READ]
    for expression, word in _STEPS[:-1]:
        text = expression.sub(word, text)
    expression, word = _STEPS[-1]
    text = expression.sub(lambda found: found[1] or word, text)
    return _BLANKS.sub(" ", text).strip()[:_KEPT]


def fingerprint(*, provider: str, stage: str, exception_type: str, pattern: str) -> str:
    """16 hex digits that tell kinds of errors apart; parts that are not known are ``""``."""
    whole = f"{provider}\0{stage}\0{exception_type}\0{pattern}".lower()
    return blake2b(whole.encode("utf-8", "replace"), digest_size=_DIGEST_BYTES).hexdigest()
