"""Phone numbers of caller and callee: the last four digits, a hash, or as they are."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

_KEPT: Final = 4
"""Characters that a mask shows at most; what has no more than these shows none."""
_MASKED: Final = re.compile(r"\*\*\*.{0,4}", re.DOTALL)
_HASHED: Final = re.compile(r"sha256:[0-9a-f]{16}")
_URI: Final = re.compile(r"(?:tel|sips?):([^@;?]*)", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[+(]*+\d[\d\s().\-/\u00a0\u2010-\u2015]*+")
_DATE: Final = re.compile(r"\d{4}[-/.]\d\d?[-/.]\d\d?")
_SHORTEST_NUMBER: Final = 7
_MAX_NUMBER_CHARACTERS: Final = 64


def mask(raw: str) -> str:
    """``***`` and the last four digits of a number, the last four characters of anything else.

    What has four or fewer of them is ``***`` alone; an empty string stays empty.
    """
    if not raw or _MASKED.fullmatch(raw):
        return raw
    shown = _digits(raw) or raw.strip()
    return "***" + (shown[-_KEPT:] if len(shown) > _KEPT else "")


def hashed(raw: str, *, key: str | None = None) -> str:
    """``sha256:`` and 16 hexadecimal digits, the same for every way to write one number.

    With ``key`` it is HMAC-SHA256, so nobody can find the number by trying all of them. An empty string
    stays empty.
    """
    if not raw or _HASHED.fullmatch(raw):
        return raw
    digits = _digits(raw)
    plus = "+" if digits and _bare(raw).startswith("+") else ""
    normal = (plus + digits if digits else raw.strip().lower()).encode("utf-8", "surrogatepass")
    if key:
        digest = hmac.new(key.encode("utf-8", "surrogatepass"), normal, hashlib.sha256).hexdigest()
    else:
        digest = hashlib.sha256(normal).hexdigest()
    return f"sha256:{digest[:16]}"


def is_number(raw: str) -> bool:
    """Whether this is a ``tel:`` or ``sip:`` address, or is written as a number of some length and is no date."""
    return bool(_URI.match(raw)) or (len(_digits(raw)) >= _SHORTEST_NUMBER and not _DATE.fullmatch(raw))


def _bare(raw: str) -> str:
    """Without the scheme, the host and the parameters of a ``tel:`` or ``sip:`` address."""
    text = raw.strip()
    uri = _URI.match(text)
    return uri.group(1).strip() if uri else text


def _digits(raw: str) -> str:
    """The ASCII digits of what is written as a phone number; empty for anything else."""
    if len(raw) > _MAX_NUMBER_CHARACTERS * 4:
        return ""
    text = _bare(raw)
    if len(text) > _MAX_NUMBER_CHARACTERS or not _NUMBER.fullmatch(text):
        return ""
    return "".join(str(int(char)) for char in text if char.isdecimal())
