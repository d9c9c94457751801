"""Comparing text without case, in any script, in SQL: patterns of ``GLOB`` with all cases of every letter.

SQLite knows the case of ASCII letters alone. Each letter becomes a set (``[zZ][üÜ]``), so no function of ours has to
be called. Letters are taken for the same as the trigram index takes them, but for those that got a second case after
Unicode 6.1.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from callscope.errors import SettingError

_MAX_BYTES: Final = 50_000
"""SQLite takes no longer pattern."""
_SIGNS: Final = frozenset("*?[")
_SEVERAL_CASES: Final = 0x2D30
"""Letters from here on have two cases at most."""
_LIKE_ASCII: Final = {"k": "\u212a", "s": "\u017f"}
"""The Kelvin sign and the long s."""
_TOKEN: Final = re.compile(r"\[[^\]]+\]|.", re.DOTALL)
_ANY: Final = {"*": "%", "?": "_"}
_CASES: Final = 2
_LOOSE: Final = re.compile(r"(?<=^%)_+|_+(?=%$)")
"""Any characters at an end that are any number of characters at least: more fits, and is found sooner."""
_TURKISH: Final = frozenset("ıİ")
"""Not the same as i."""


def clean(text: str) -> str:
    """A text as it would be stored: U+FFFD in place of NUL and of lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def glob(value: str, *, part: bool = False, wild: bool = True) -> str:
    """The pattern of ``GLOB`` for a value.

    Args:
        value: what to look for.
        part: anywhere in the text, not all of it.
        wild: ``*`` in it stands for any characters.

    Raises:
        SettingError: it is too long.
    """
    pattern = "".join(char if wild and char == "*" else _set_of(char) for char in clean(value))
    if part:
        pattern = f"*{pattern}*"
    if len(pattern.encode()) > _MAX_BYTES:
        raise SettingError(f"a value of {len(value):,} characters is too long to look for: write a part of it")
    return pattern


def like(pattern: str) -> str:
    """A pattern of ``LIKE`` that fits whatever a pattern of `glob` fits, and more: found out in a third of the time.

    ``LIKE`` knows the case of ASCII letters; a set of anything else is taken for any character.
    """
    parts = []
    for token in _TOKEN.findall(pattern):
        letters = token[1:-1] if len(token) > 1 else token
        if token in _ANY:
            parts.append(_ANY[token])
        elif letters in _ANY.values():
            parts.append("_")
        elif len(letters) == 1 or (len(letters) == _CASES and letters.isascii() and len(set(letters.lower())) == 1):
            parts.append(letters[-1])
        else:
            parts.append("_")
    return _LOOSE.sub("", "".join(parts))


@functools.lru_cache(maxsize=4096)
def _set_of(char: str) -> str:
    common = _common(char)
    if char in _TURKISH:
        cases = {char}
    elif common.isascii():
        cases = {common, common.upper(), _LIKE_ASCII.get(common, common)}
    else:
        cases = {char, common, *_cases().get(common, ()), *(case for case in (char.upper(),) if len(case) == 1)}
    if len(cases) == 1:
        return f"[{char}]" if char in _SIGNS else char
    return f"[{''.join(sorted(cases))}]"


@functools.cache
def _cases() -> dict[str, set[str]]:
    """The cases of letters that have more than two, and of their neighbours, by what is common to them."""
    found: dict[str, set[str]] = {}
    for char in map(chr, range(0x80, _SEVERAL_CASES)):
        common = _common(char)
        if common != char and char not in _TURKISH:
            found.setdefault(common, set()).add(char)
    return found


def _common(char: str) -> str:
    """What all cases of a letter have in common: the small one, where it is one character."""
    upper = char.upper()
    lower = (upper if len(upper) == 1 else char).lower()
    return lower if len(lower) == 1 else char
