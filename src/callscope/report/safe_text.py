"""Text of callers, providers and models, made harmless for a terminal or a page.

What is spoken, called or returned in a call may hold anything: escape sequences that recolour, rename or type
into a terminal, marks that turn the writing direction round, line separators that fake a row. Whatever is
printed and is not ours goes through here.
"""

from __future__ import annotations

import json
import re
from typing import Final

_SEQUENCE: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|\x9c|$)"  # OSC and other strings: titles, links, clipboard
    r"|\x9b[0-?]*[ -/]*[@-~]"  # CSI in one character
    r"|\x1b[ -/]*[0-~]?",  # the short ones
    re.DOTALL,
)
_SPACES: Final = frozenset("\t\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_INVISIBLE: Final = (
    {0x00AD, 0x061C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2060, 0xFEFF}
    | set(range(0x202A, 0x202F))  # direction overrides
    | set(range(0x2066, 0x206A))  # direction isolates
    | set(range(0xE0000, 0xE0080))  # tags
)
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def _table() -> dict[int, str | None]:
    table: dict[int, str | None] = dict.fromkeys(
        [*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000)], _REPLACEMENT
    )
    table |= {ord(space): " " for space in _SPACES}
    table |= dict.fromkeys(_INVISIBLE)
    return table


_ONE_LINE: Final = _table()
_LINES: Final = _ONE_LINE | {ord(each): each for each in "\t\n"} | {ord("\r"): None}
_JSON: Final[dict[int, str]] = {
    code: json.dumps(chr(code))[1:-1] for code in (*range(0x80, 0xA0), 0x2028, 0x2029, *_INVISIBLE)
}
_JSON[0x7F] = "\\u007f"  # plain ASCII for `json`, and a control character for a terminal


def clean(text: object) -> str:
    """One harmless line: sequences and invisible marks go, controls become U+FFFD, line ends a space."""
    shown = str(text)
    # Whatever is taken out is not printable: most texts need no second look.
    return shown if shown.isprintable() else _SEQUENCE.sub("", shown).translate(_ONE_LINE)


def clean_lines(text: str) -> str:
    """The same of text whose line ends and tabs mean something, as in a page."""
    return text if text.isprintable() else _SEQUENCE.sub("", text).translate(_LINES)


def clean_json(document: str) -> str:
    """A JSON document with what a terminal may obey written as escapes; it means the same."""
    return document.translate(_JSON)
