"""English number words, and the digits that a row of them stands for."""

from __future__ import annotations

from typing import Final, NamedTuple

DIGITS: Final = {
    "zero": "0", "oh": "0", "o": "0", "nought": "0", "naught": "0", "nil": "0", "one": "1", "two": "2",
    "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8", "nine": "9", "niner": "9",
}  # fmt: skip
TEENS: Final = {
    "ten": "10", "eleven": "11", "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15",
    "sixteen": "16", "seventeen": "17", "eighteen": "18", "nineteen": "19",
}  # fmt: skip
TENS: Final = {
    "twenty": "20", "thirty": "30", "forty": "40", "fourty": "40", "fifty": "50", "sixty": "60",
    "seventy": "70", "eighty": "80", "ninety": "90",
}  # fmt: skip
TIMES: Final = {"double": 2, "triple": 3, "treble": 3, "quadruple": 4}
SCALES: Final = {"hundred": 100, "thousand": 1000}
SOUNDALIKES: Final = {"to": "2", "too": "2", "for": "4", "won": "1", "ate": "8"}
"""What recognisers write for a digit; a digit only between two others."""


class Numeral(NamedTuple):
    """One group of written digits or one number word, with its place in the text."""

    start: int
    end: int
    kind: str
    """``written``, ``digit``, ``teen``, ``tens``, ``times`` or ``scale``."""
    value: str
    """Its digits; for ``times`` and ``scale`` the factor."""


_WORDS: Final = {
    **{word: ("digit", value) for word, value in DIGITS.items()},
    **{word: ("teen", value) for word, value in TEENS.items()},
    **{word: ("tens", value) for word, value in TENS.items()},
    **{word: ("times", str(value)) for word, value in TIMES.items()},
    **{word: ("scale", str(value)) for word, value in SCALES.items()},
}
NUMBER_WORDS: Final = frozenset(_WORDS)


def numeral(word: str, start: int, end: int) -> Numeral | None:
    """The numeral that a lower-case word is; None for other words."""
    found = _WORDS.get(word)
    return Numeral(start, end, *found) if found else None


def digits_of(numerals: list[Numeral]) -> str:
    """The digits that are meant: "twenty three double five" is 2355, "four thousand two hundred" is 4200."""
    pieces: list[str] = []
    index = 0
    while index < len(numerals):
        item = numerals[index]
        index += 1
        if item.kind == "times":
            repeated = numerals[index] if index < len(numerals) else None
            if repeated is not None and len(repeated.value) == 1 and repeated.kind in ("digit", "written"):
                pieces.append(repeated.value * int(item.value))
                index += 1
        elif item.kind == "scale":
            base = pieces.pop() if pieces and len(pieces[-1]) <= 3 else "1"  # noqa: PLR2004 -- up to 999 thousand
            number = int(base) * int(item.value)
            rest, index = _rest(numerals, index, below=int(item.value))
            pieces.append(str(number + rest))
        else:
            small, index = _small(numerals, index - 1)
            pieces.append(small)
    return "".join(pieces)


def _small(numerals: list[Numeral], index: int) -> tuple[str, int]:
    """Written digits as they are, or a spoken number below 100, and where the next one begins."""
    item = numerals[index]
    if item.kind == "tens" and index + 1 < len(numerals):
        unit = numerals[index + 1]
        if unit.kind == "digit" and unit.value != "0":
            return str(int(item.value) + int(unit.value)), index + 2
    return item.value, index + 1


def _rest(numerals: list[Numeral], index: int, *, below: int) -> tuple[int, int]:
    """What follows a scale as part of the same number: "hundred *and five*", not "hundred five five five"."""
    if index >= len(numerals) or numerals[index].kind not in ("digit", "teen", "tens"):
        return 0, index
    text, after = _small(numerals, index)
    follower = numerals[after].kind if after < len(numerals) else ""
    if follower == "scale" and int(numerals[after].value) < below:
        rest, after = _rest(numerals, after + 1, below=int(numerals[after].value))
        return int(text) * 100 + rest, after
    if follower in ("digit", "times", "written", "scale"):
        return 0, index
    return int(text), after
