"""What tells of a person in the texts of machines: user directories in stacks, and IP addresses."""

from __future__ import annotations

import ipaddress
import re
from typing import Final

_WINDOWS: Final = re.compile(
    r"(?P<before>\b[A-Za-z]:[\\/]{1,4}(?:Users|Documents and Settings)[\\/]{1,4})"
    r"(?:[^\\/:*?\"'<>|\r\n]{1,64}(?=[\\/])|[^\s\\/:*?\"'<>|,;)\]}]{1,64})",
    re.IGNORECASE,
)
"""A name there may have spaces, as far as something follows it."""
_UNIX: Final = re.compile(r"(?P<before>/(?:home|Users)/)(?!\[)[^\s/\\:\"'<>|,;)\]}]{1,64}")
_IPV4: Final = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?!\w|\.\d)", re.ASCII)
_IPV6: Final = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:]|\.\d)", re.ASCII)
_FEWEST_COLONS: Final = 2


def hide_places(text: str) -> str:
    r"""The text with ``/home/[user]/``, ``C:\Users\[user]`` and ``[ip]`` for what was there."""
    if "/" in text or "\\" in text:
        for pattern in (_WINDOWS, _UNIX):
            text = pattern.sub(lambda match: f"{match['before']}[user]", text)
    if text.count(":") >= _FEWEST_COLONS:
        text = _IPV6.sub(_address, text)  # first, as one may end as the others are written
    return _IPV4.sub(_address, text) if "." in text else text


def _address(match: re.Match[str]) -> str:
    found = match.group()
    if not any(char.isdigit() for char in found):
        return found  # "::" is a name's part in many languages
    try:
        ipaddress.ip_address(found)
    except ValueError:
        return found
    return "[ip]"
