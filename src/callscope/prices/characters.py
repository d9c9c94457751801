"""Text as it is billed: characters or bytes of what was sent, with or without its markup.

What was sent counts, not what was played: a synthesizer charges for the rest of a sentence that the caller cut off.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from callscope.prices.entry import Entry
from callscope.prices.reported import Reported

_TAG: Final = re.compile(r"<!--.*?-->|<\?.*?\?>|</?[A-Za-z][^<>]*>", re.DOTALL)
_MARK: Final = re.compile(r"</?mark\b[^<>]*>", re.IGNORECASE)


class Counted(NamedTuple):
    """A measure of the text that was sent."""

    quantity: int
    assumed: str | None


def measured(reported: Reported, entry: Entry | None, unit: str) -> Counted | None:
    """``characters`` or ``utf8_bytes`` of the record's text, by the entry's rule for markup; None without a text."""
    if reported.text is None:
        return None
    text = reported.text
    rule = None if entry is None else entry.markup
    assumed = None
    if rule == "excluded":
        text = _TAG.sub("", text)
    elif rule == "counted_except_mark":
        text = _MARK.sub("", text)
    elif rule is None and _TAG.search(text) is not None:
        assumed = "whether markup is charged is not documented: taken as charged"
    quantity = len(text) if unit == "characters" else len(text.encode("utf-8", "surrogatepass"))
    return Counted(quantity, assumed)
