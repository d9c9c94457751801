"""Values as cells of a CSV file that no spreadsheet calculates.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` for a formula (and ``|`` for one of another
program), so such a text gets an apostrophe in front; numbers are written by us and stay numbers.
"""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from callscope.report.safe_text import clean

_FORMULA: Final = tuple("=+-@|\t\r\n\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}")


def text_cell(text: str | None) -> str:
    """A text as a cell that no spreadsheet calculates; one line, without what a terminal would obey."""
    if not text:
        return ""
    shown = clean(text)
    return f"'{shown}" if text.startswith(_FORMULA) or shown.lstrip().startswith(_FORMULA) else shown


def path_cell(path: str) -> str:
    """A call's place, as it stands in the address of its page: what a text would lose is percent-encoded."""
    if path.isprintable() and "%" not in path:
        return text_cell(path)
    return text_cell(
        "".join(quote(os.fsencode(sign), safe="") if sign == "%" or clean(sign) != sign else sign for sign in path)
    )


def number_cell(value: float | None, *, places: int = 3) -> str:
    """A number as a cell: plain digits, at most so many after the point; empty when it is not known."""
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    digits = f"{round(Decimal(str(value)), places):f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
