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
_NAMED: Final = re.compile(r"[^<>]*<([^<>]*)>[^<>]*")
"""An address with a display name before and parameters after it: ``"Bob" <sip:bob@example.com>;tag=1``."""
_SCHEME: Final = re.compile(r"(?:tel|sips?|whatsapp|sms|callto):", re.IGNORECASE)
_AFTER_USER: Final = re.compile(r"[@;?].*", re.DOTALL)
_PLUS: Final = "+\uff0b"
_NUMBER: Final = re.compile(rf"[{_PLUS}(]*+\d[\d\s().\-/\u00a0\u2010-\u2015]*+")
_TRUNK: Final = re.compile(r"\(0\)")
"""The zero of ``+44 (0)20``, which is dialled inside the country only."""
_ABROAD: Final = re.compile(r"00([1-9]\d{6,14})")
_NORTH_AMERICAN: Final = re.compile(r"1?([2-9]\d{9})")
_DATE: Final = re.compile(r"\d{4}[-/.]\d\d?[-/.]\d\d?")
_SHORTEST_NUMBER: Final = 7
_MAX_NUMBER_CHARACTERS: Final = 64


def mask(raw: str) -> str:
    """``***`` and the last four digits of a number, the last four characters of anything else.

    What has four or fewer of them is ``***`` alone; an empty string stays empty.
    """
    if not raw or _MASKED.fullmatch(raw):
        return raw
    shown = _digits(raw) or _address(raw)
    return "***" + (shown[-_KEPT:] if len(shown) > _KEPT else "")


def hashed(raw: str, *, key: str | None = None) -> str:
    """``sha256:`` and 16 hexadecimal digits: of the number with its country code, or of the text as it is.

    A number is the same number however it is written when it has a country code after ``+`` or ``00``. Without
    one, ten digits (eleven with a ``1`` before them) that do not begin with 0 or 1 are taken for a North
    American number; other national numbers stay apart from their international form.
    With ``key`` it is HMAC-SHA256, so nobody can find the number by trying all of them. An empty string
    stays empty.
    """
    if not raw or _HASHED.fullmatch(raw):
        return raw
    normal = (_international(raw) or _address(raw).lower()).encode("utf-8", "surrogatepass")
    if key:
        digest = hmac.new(key.encode("utf-8", "surrogatepass"), normal, hashlib.sha256).hexdigest()
    else:
        digest = hashlib.sha256(normal).hexdigest()
    return f"sha256:{digest[:16]}"


def is_number(raw: str) -> bool:
    """Whether this is a ``tel:`` or ``sip:`` address, or is written as a number of some length and is no date."""
    return bool(_SCHEME.match(_address(raw))) or (len(_digits(raw)) >= _SHORTEST_NUMBER and not _DATE.fullmatch(raw))


def is_masked(raw: str) -> bool:
    """Whether this is what `mask` or `hashed` leaves of a number."""
    return bool(_MASKED.fullmatch(raw) or _HASHED.fullmatch(raw))


def _address(raw: str) -> str:
    """Without the display name, and without what stands after the brackets of an address that has them."""
    named = _NAMED.fullmatch(raw) if len(raw) <= _MAX_NUMBER_CHARACTERS * 4 else None
    return (named.group(1) if named else raw).strip()


def _bare(raw: str) -> str:
    """Without the scheme, the host and the parameters of a ``tel:`` or ``sip:`` address."""
    address = _address(raw)
    scheme = _SCHEME.match(address)
    return _AFTER_USER.sub("", address[scheme.end() :] if scheme else address).strip()


def _written(raw: str) -> str:
    """What is written as a phone number, without what is around it; empty for anything else."""
    if len(raw) > _MAX_NUMBER_CHARACTERS * 4:
        return ""
    text = _bare(raw)
    return text if len(text) <= _MAX_NUMBER_CHARACTERS and _NUMBER.fullmatch(text) else ""


def _digits(raw: str) -> str:
    """The ASCII digits of what is written as a phone number; empty for anything else."""
    return "".join(str(int(char)) for char in _written(raw) if char.isdecimal())


def _international(raw: str) -> str:
    """The number with ``+`` and its country code as far as that can be told, else its digits; empty for no number."""
    text = _written(raw)
    is_international = text.lstrip("(")[:1] in tuple(_PLUS)
    digits = _digits(_TRUNK.sub("", text) if is_international else text)
    if is_international:
        return "+" + digits
    abroad = _ABROAD.fullmatch(digits)
    if abroad:
        return "+" + abroad.group(1)
    american = _NORTH_AMERICAN.fullmatch(digits)
    return "+1" + american.group(1) if american else digits
