"""Signs for an output that has no Unicode: each by what is most like it, of the same width, so that columns stay.

A name for ``errors=`` of a text stream; whatever a command prints goes through it, ours or not.
"""

from __future__ import annotations

import codecs
from typing import Final

NAME: Final = "callscope"
_SIGNS: Final = {
    **dict.fromkeys("█▉▊▋▌▍▎▏▇▆▅▄▃▂▁", "#"),
    **dict.fromkeys("─━−–—·", "-"),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("“”", '"'),
    **dict.fromkeys("│┃", "|"),
    "░": ".",
    "└": "`",
    "…": "~",
    "→": ">",
    "×": "x",
    "✓": "+",
    "✗": "x",
    "✅": "+",
    "❌": "x",
    "⚠": "!",
    "\ufe0f": "",
    "\xa0": " ",
}
_AT_LEAST: Final = "≥"
_UNKNOWN: Final = "?"


def register() -> None:
    """Make `NAME` known to Python's streams."""
    codecs.register_error(NAME, _instead)


def _instead(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, end = error.object[error.start : error.end], error.end
    if text[0] == _AT_LEAST:  # with the space behind it, it is two characters wide, as >= is
        end = error.start + 1
        return ">=", end + (error.object[end : end + 1] == " ")
    known, _, _ = text.partition(_AT_LEAST)
    return "".join(_SIGNS.get(sign, _UNKNOWN) for sign in known), error.start + len(known)
