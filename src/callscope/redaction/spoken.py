"""Runs of digits, written, spoken as English words, or both: cards, phones, accounts, codes.

A run is numerals with nothing between them but punctuation and fillers ("uh", "and then"). It is private

* from `PRIVATE_DIGITS` digits on ("four eleven one eleven ..." counts as the digits it stands for),
* from `CUED_DIGITS` on after a word such as "account", "ending in", "code", "social" (`SHORT_CUED_DIGITS`
  after "pin" and "cvv"), with nothing but link words ("number is", "the last four of my") between,

except where its form tells that it is something else: a date, a decimal fraction, a sum with thousands
separators, an IP address, a list of years, an amount of fewer than ten digits ("1234567 dollars"), or part
of a word or id (``gpt-4.1-2025-04-14``).
No exception can hold a card: they have fewer than `CARD_DIGITS` digits, and years begin as no card does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from callscope.redaction.numerals import NUMBER_WORDS, SOUNDALIKES, Numeral, digits_of, numeral
from callscope.redaction.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

PRIVATE_DIGITS: Final = 7
CUED_DIGITS: Final = 4
SHORT_CUED_DIGITS: Final = 3
CARD_DIGITS: Final = 13
LONGEST_CARD: Final = 19

_TOKEN: Final = re.compile(
    r"\[(?:secret|card|iban|email|ssn|account|phone|number)\]"
    r"|(?<![0-9A-Za-z])(?=[0-9-]{0,36}[A-Fa-f])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z])"
    r"|(?<!\d)[0-2]?[0-9]:[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?(?!\d)"
    r"|(?<![\d.])(?:[12]?[0-9]{1,2}\.){3}[12]?[0-9]{1,2}:[0-9]{2,5}(?!\d)"
    r"|\d++|[Ff]ollowed by\b|[^\W\d_]++(?:['\u2019][^\W\d_]++)?"
)
"""Placeholders, UUIDs, times of day and ports (which no run goes across), groups of digits, and words."""
_GAP: Final = re.compile(
    r"[\s.,;!?()/_+*#'\"|~\\\u2010-\u2015\u2212\u200b-\u200d\u2060\ufeff\u00ad\ufe0f\u20e3-]{0,16}"
    r"|\s?[^\w\s:@%$€£¥]{1,2}\s?|\s:\s|::|\W"
)
"""What may stand between two numerals of one run: punctuation, ``->`` and the like, or one of any character.

"1006: 5551" are two numbers, and so are "$100 $200".
"""
_DIGIT: Final = re.compile(r"\d")
_TIGHT: Final = frozenset(("", "-", "_", ".", "/", "\u2010", "\u2011"))
_CUE_GAP: Final = 16
_MOST_FILLERS: Final = 3
_PHONE_LOOKUPS: Final = 50
"""Candidates in one window that are asked about by `phonenumbers`; the rest are masked as ``[number]``."""
_SSN_GROUPS: Final = [3, 2, 4]
_LONGEST_PHONE: Final = 17

_FILLERS: Final = frozenset(
    {
        "uh", "uhm", "um", "umm", "er", "erm", "ah", "eh", "hm", "hmm", "mm", "mhm", "well", "and", "then",
        "dash", "hyphen", "minus", "space", "slash", "dot", "period", "comma", "plus", "x", "ext",
        "extension", "okay", "ok", "yeah", "yes", "sorry", "please", "finally", "lastly", "again",
        "followed by",
    }
)  # fmt: skip
_CUES: Final = {
    **dict.fromkeys(("social", "ssn"), "ssn"),
    **dict.fromkeys(("account", "acct", "routing", "aba"), "account"),
    **dict.fromkeys(("card", "code", "pin", "passcode", "password", "otp", "cvv", "cvc", "ending", "ends"), "number"),
}
_SHORT_CUES: Final = frozenset(("pin", "cvv", "cvc"))
_ENDING: Final = frozenset(("ending", "ends", "code"))
"""Cues that leave the label to an earlier one: "account ending in"."""
_NO_CODE: Final = frozenset(
    {
        "error", "status", "exit", "close", "closing", "response", "return", "http", "country", "area",
        "reason", "result", "source",
    }
)  # fmt: skip
_LINKS: Final = frozenset(
    {
        "number", "numbers", "num", "no", "nr", "is", "it's", "its", "are", "was", "were", "the", "my",
        "your", "his", "her", "their", "of", "that's", "this", "a", "in", "with", "security",
        "verification", "digits", "digit", "last", "first", "uh", "um", "er", "like",
    }
)  # fmt: skip
_UNITS: Final = frozenset(
    {
        "dollars", "dollar", "bucks", "euros", "pounds", "cents", "percent", "people", "miles", "tokens",
        "characters", "bytes", "s", "ms", "seconds", "milliseconds", "minutes", "hours", "days", "years",
    }
)  # fmt: skip
_CURRENCY: Final = frozenset("$€£¥")
_DATE: Final = (
    r"(?:(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:3[01]|[0-2]?\d)|[0-3]?\d[-/.][0-3]?\d[-/.](?:19|20)\d\d)"
)
_ORDINARY: Final = re.compile(
    rf"{_DATE}"
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?"
    r"|(?![2-9]\d\d\.\d{7}\Z|[2-9]\d{5}\.\d{4}\Z)\d{1,6}\.\d+"
    r"|\d{1,3}(?:\.\d{1,3}){3}"
)
"""Dates, numbers with thousands separators, decimal fractions (``555.1234567`` is a phone number), IP addresses."""
_AMOUNT: Final = r"(?:\d{1,9}(?:[.,]\d+)?|\d{1,3}(?:,\d{2,3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+(?:,\d+)?)"
_SUM: Final = re.compile(rf"{_AMOUNT}(?:\s?[-\u2013]\s?{_AMOUNT})?")
"""What a currency or a unit makes an amount; ten digits in a row are a phone number all the same."""
_YEARS: Final = re.compile(r"(?:(?:19|20)\d\d[ ,/-]{1,3}){1,30}(?:19|20)\d\d")
_ORDINARY_CHARACTERS: Final = 256


class _Token(NamedTuple):
    start: int
    end: int
    word: str


def find(text: str) -> Iterator[Span]:
    """The private runs of a text of at most one window."""
    if not _DIGIT.search(text) and NUMBER_WORDS.isdisjoint(_TOKEN.findall(text.lower())):
        return
    tokens = [_Token(match.start(), match.end(), match.group().lower()) for match in _TOKEN.finditer(text)]
    cue = ""
    lookups = 0
    index = 0
    while index < len(tokens):
        first = _numeral(tokens, index)
        if first is None or _counts_digits(tokens, index):
            cue = _cue(cue, tokens, index)
            index += 1
            continue
        run, after = _run(text, tokens, index, first)
        if not (cue and first.start - tokens[index - 1].end <= _CUE_GAP):
            cue = ""
        for numerals in _private(text, tokens, index, after, run, cue):
            lookups += 1
            yield _span(text, numerals, cue, phones=lookups <= _PHONE_LOOKUPS)
        cue = ""
        index = after


def is_card(digits: str) -> bool:
    """Whether these ASCII digits are a card number by their count and check digit."""
    from stdnum import luhn  # noqa: PLC0415 -- only where something is redacted

    return CARD_DIGITS <= len(digits) <= LONGEST_CARD and bool(luhn.is_valid(digits))


def _numeral(tokens: list[_Token], index: int) -> Numeral | None:
    start, end, word = tokens[index]
    if not word[0].isdecimal():
        return numeral(word, start, end)
    if word.isascii():
        return Numeral(start, end, "written", word) if word.isdecimal() else None  # a UUID or a time
    return Numeral(start, end, "written", "".join(str(int(char)) for char in word))


def _counts_digits(tokens: list[_Token], index: int) -> bool:
    """The four of "the last four are ..." is no digit of the number."""
    return tokens[index].word in ("four", "4") and index > 0 and tokens[index - 1].word == "last"


def _cue(cue: str, tokens: list[_Token], index: int) -> str:
    """The cue after this token: a new one, the one so far, or none."""
    word = tokens[index].word
    before = tokens[index - 1].word if index else ""
    if word == "code" and before in _NO_CODE:
        return ""
    if word in _CUES:
        return cue if cue and word in _ENDING else word
    if _counts_digits(tokens, index):
        return cue or "ending"
    return cue if word in _LINKS else ""


def _run(text: str, tokens: list[_Token], index: int, first: Numeral) -> tuple[list[Numeral], int]:
    """The numerals that belong together from here on, and the index of the token after them."""
    run = [first]
    last = index
    look = index + 1
    while look < len(tokens) and look - last <= _MOST_FILLERS + 1:
        token = tokens[look]
        if not _GAP.fullmatch(text, tokens[look - 1].end, token.start):
            break
        item = _numeral(tokens, look)
        if item is not None:
            run.append(item)
            last = look
        elif token.word in SOUNDALIKES:
            after = _numeral(tokens, look + 1) if look + 1 < len(tokens) else None
            if look - last > 1 or after is None or not (run[-1].kind == after.kind == "digit"):
                break  # "twenty five to thirty five" are two numbers
            run.append(Numeral(token.start, token.end, "digit", SOUNDALIKES[token.word]))
            last = look
        elif token.word not in _FILLERS:
            break
        look += 1
    return run, last + 1


def _private(
    text: str, tokens: list[_Token], index: int, after: int, run: list[Numeral], cue: str
) -> Iterator[list[Numeral]]:
    """What of a run is to be masked: all, nothing, or the part that is not inside a word or id."""
    written = text[run[0].start : run[-1].end] if run[-1].end - run[0].start <= _ORDINARY_CHARACTERS else ""
    if not cue and _YEARS.fullmatch(written):
        return
    count = len(digits_of(run))
    if count >= CARD_DIGITS:
        yield run
        return
    follower = tokens[after] if after < len(tokens) else None
    if not cue:
        if _ORDINARY.fullmatch(written):
            return
        is_amount = text[run[0].start - 1 : run[0].start] in _CURRENCY
        is_amount = is_amount or (follower is not None and follower.word in _UNITS)
        if is_amount and _SUM.fullmatch(written):
            return
        run = _outside_words(text, tokens, index, follower, run)
        count = len(digits_of(run))
    least = PRIVATE_DIGITS if not cue else SHORT_CUED_DIGITS if cue in _SHORT_CUES else CUED_DIGITS
    if count >= least and sum(item.value != "0" or item.kind == "written" for item in run) >= min(3, len(run)):
        yield run


def _outside_words(
    text: str, tokens: list[_Token], index: int, follower: _Token | None, run: list[Numeral]
) -> list[Numeral]:
    """The run without the written groups that are joined to a word before or after it."""
    before = tokens[index - 1] if index else None
    if (
        run[0].kind == "written"
        and before is not None
        and before.word[0].isalpha()
        and before.word not in _CUES
        and text[before.end : run[0].start] in _TIGHT
    ):
        joined = 1
        while (
            joined < len(run)
            and run[joined].kind == "written"
            and text[run[joined - 1].end : run[joined].start] in _TIGHT
        ):
            joined += 1
        run = run[joined:]
    if run and run[-1].kind == "written" and follower is not None and follower.start == run[-1].end:
        run = run[:-1]
    return run


def _span(text: str, run: list[Numeral], cue: str, *, phones: bool) -> Span:
    start, end = run[0].start, run[-1].end
    while start > 0 and text[start - 1] in "+(":
        start -= 1
    digits = digits_of(run)
    if is_card(digits) or (len(digits) > 16 and is_card(digits[:16])):  # noqa: PLR2004 -- a card and its expiry
        label = "card"
    elif _CUES.get(cue) == "ssn" or [len(item.value) for item in run] == _SSN_GROUPS:
        label = "ssn"
    elif _CUES.get(cue) == "account":
        label = "account"
    elif phones and not cue and _is_phone(digits, international=text[start] == "+"):
        label = "phone"
    else:
        label = "number"
    return Span(start, end, label)


def _is_phone(digits: str, *, international: bool) -> bool:
    if len(digits) > _LONGEST_PHONE:
        return False
    import phonenumbers  # noqa: PLC0415 -- only where something is redacted

    try:
        parsed = phonenumbers.parse("+" + digits if international else digits, "US")
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_possible_number(parsed))
