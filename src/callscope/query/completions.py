"""What could stand at a place of a query that is being typed: for the filter box of the pages, and for shells.

Pure: values that only an archive knows (agents, models, labels, ...) are named in `Completion.asks`, for
`callscope.index.index.Index.values`; `with_values` puts them in. Half a query is no error here: nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, Literal

import msgspec

from callscope.query import fields
from callscope.query.field_help import HELP, FieldHelp
from callscope.query.query import FLAGS, SORTS, STAGES
from callscope.query.scanner import escape

__all__ = ["ASKED", "HELP", "Candidate", "Completion", "FieldHelp", "complete", "with_values"]

ASKED: Final = ("agent", "version", "environment", "mode", "provider", "model", "tool")
"""Fields of which an index knows values. ``label.<name>`` is one, too; ``label.`` asks for the names of labels."""

_LABEL: Final = "label."
_STAGE: Final = "stage."
_NAME: Final = re.compile(
    r'(?P<name>label\."(?:[^"\\]|\\.)*+(?:"|\\?$)|[^\W\d]\w*+(?:\.[\w.-]*+)?)(?P<sign>:?(?:>=|<=|!=|[><=~])|:)?',
    re.DOTALL | re.IGNORECASE,
)
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?$)', re.DOTALL)
_PATTERN: Final = re.compile(r"/(?:[^/\\]|\\.)*+(?:/\w*+|\\?$)", re.DOTALL)
_VALUE: Final = re.compile(r'label\."(?:[^"\\]|\\.)*+(?:"|\\?$)|[^\s",]++', re.DOTALL | re.IGNORECASE)
_WORD: Final = re.compile(r'[^\s"]++')
_SPACE: Final = re.compile(r"\s*+")
_NOT: Final = re.compile(r"-|not\s++", re.IGNORECASE)
_PLAIN_VALUE: Final = re.compile(r"\w[\w.+@-]*+")
_PLAIN_LABEL: Final = re.compile(r"[\w.-]++")
_ESCAPED: Final = re.compile(r'\\(["\\])')

_SIGN_CHARACTERS: Final = ":<>="
_SIGNS: Final = {
    "words": ((":", "is"), ("!=", "is not"), (":~", "holds"), (":/", "fits a pattern")),
    "number": (
        (">", "more than"),
        (">=", "at least"),
        ("<", "less than"),
        ("<=", "at most"),
        (":", "exactly, or a range low..high"),
    ),
}
"""What may follow a name; of words and numbers the first is offered before the name is whole."""
_COLON: Final = ((":", ""),)
_NUMBERS: Final = {
    "ms": ("500ms", "1s", "2s", "5s", "1m"),
    "usd": ("0.05", "0.10", "0.50", "1"),
    "count": ("0", "1", "3", "10"),
}
_FIXED: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    **{field: tuple((word, "") for word in words) for field, words in fields.CHOICES.items()},
    "direction": (("inbound", ""), ("outbound", "")),
    "service": (("llm", ""), ("stt", ""), ("tts", ""), ("realtime", ""), ("telephony", "")),
    "since": (
        ("1h", "the last hour"),
        ("24h", "the last 24 hours"),
        ("7d", "the last seven days"),
        ("30d", "the last 30 days"),
        ("today", "from midnight UTC"),
        ("yesterday", "from the midnight before"),
    ),
    "until": (("1h", "an hour ago"), ("24h", "24 hours ago"), ("7d", "seven days ago"), ("today", "midnight UTC")),
    "on": (("today", "the UTC day so far"), ("yesterday", "the UTC day before")),
    "limit": (("20", ""), ("50", ""), ("100", ""), ("500", ""), ("1000", "")),
}


class Candidate(msgspec.Struct, frozen=True):
    """Something that could stand there."""

    text: str
    """What to put in place of ``start`` to ``end``."""
    help: str
    """One line; empty of what explains itself."""


class Completion(msgspec.Struct, frozen=True):
    """What could stand at the cursor."""

    start: int
    """Where the text begins that a candidate takes the place of, in characters from 0."""
    end: int
    """Where it ends; not before the cursor."""
    kind: Literal["field", "value", "none"]
    """``none``: in the midst of words to look for, or nothing is known that could stand there."""
    field: str | None
    """Of a value: the field that it is of, as the language knows it."""
    candidates: tuple[Candidate, ...]
    """The likeliest first."""
    asks: str | None = None
    """What `Index.values` knows more candidates of: one of `ASKED`, ``label.`` or ``label.<name>``."""
    prefix: str = ""
    """What of it stands before the cursor already, without quotes."""


def complete(text: str, cursor: int) -> Completion:
    """What could stand at a place of a query.

    Args:
        text: the query as far as it is typed; it need not be one yet.
        cursor: a place in it, in characters from 0; beyond the text it is its end.
    """
    cursor = max(0, min(cursor, len(text)))
    start = _item_at(text, cursor)
    name = _NAME.match(text, start)
    if name is not None and name["sign"] and cursor >= name.end():
        return _value(text, cursor, name)
    if cursor == start:
        is_free = cursor == len(text) or text[cursor].isspace()
        return _field(text, start, cursor, cursor, "") if is_free else _nothing(cursor, None)
    if name is None or cursor > name.end() or _word_goes_on(text, name):
        return _nothing(cursor, None)
    return _field(text, start, cursor, name.end(), name["sign"] or "")


def with_values(completion: Completion, values: Iterable[str]) -> Completion:
    """A completion with what an index knows, as it is written in a query, behind what was there."""
    if completion.asks is None:
        return completion
    if completion.asks != _LABEL:
        added = [_written(value) for value in values]
    else:
        added = [_label(value) + (":" if completion.kind == "field" else "") for value in values]
    return msgspec.structs.replace(
        completion, candidates=(*completion.candidates, *(Candidate(text, "") for text in added))
    )


def _item_at(text: str, cursor: int) -> int:
    """Where the condition begins that the cursor is in, behind its negation; the cursor, when it is in none."""
    at = 0
    while True:
        at = _after(_SPACE, text, at)
        negation = _NOT.match(text, at)
        if negation is not None:
            at = negation.end()
        if at >= cursor:
            return cursor
        end = _end_of_item(text, at)
        if cursor <= end:
            return at
        at = end


def _end_of_item(text: str, start: int) -> int:
    name = _NAME.match(text, start)
    if name is None or not name["sign"]:
        return max(_end_of_piece(text, start, _WORD), start + 1 if name is None else name.end())
    at = _end_of_piece(text, name.end(), _VALUE)
    while text.startswith(",", at):
        at = _end_of_piece(text, at + 1, _VALUE)
    return _after(_WORD, text, at)


def _end_of_piece(text: str, start: int, bare: re.Pattern[str]) -> int:
    enclosed = _QUOTED.match(text, start) or _PATTERN.match(text, start)
    return enclosed.end() if enclosed is not None else _after(bare, text, start)


def _after(expression: re.Pattern[str], text: str, start: int) -> int:
    found = expression.match(text, start)
    return start if found is None else found.end()


def _word_goes_on(text: str, name: re.Match[str]) -> bool:
    """Whether a word that began as a name is none: ``don't``."""
    return not name["sign"] and name.end() < len(text) and not text[name.end()].isspace()


def _field(text: str, start: int, cursor: int, end: int, sign: str) -> Completion:
    typed = text[start:cursor]
    lower = typed.lower()
    if lower.startswith(_LABEL):
        if sign:
            return _nothing(cursor, None)
        return Completion(start, end, "field", None, (), asks=_LABEL, prefix=_plain(typed[len(_LABEL) :]))
    names = list(_names(sign))
    if lower.startswith(_STAGE):
        names += [Candidate(f"{_STAGE}{stage}{sign or '>'}", "part of a wait") for stage in STAGES]
    whole = [] if sign else _with_each_sign(lower)
    fitting = [each for each in _fitting(names, lower) if each.text not in {candidate.text for candidate in whole}]
    if not whole and not fitting:
        return _nothing(cursor, None)
    return Completion(start, end, "field", None, (*whole, *fitting), prefix=typed)


def _names(sign: str) -> Iterator[Candidate]:
    """Every name with a sign behind it: the one that is there, or that which is written most."""
    for entry in HELP:
        if entry.name in FLAGS:
            if not sign:
                yield Candidate(entry.name, entry.means)
        elif entry.name.endswith(">"):
            yield Candidate(entry.name.partition("<")[0], entry.means)
        else:
            yield Candidate(f"{entry.name}{sign or _SIGNS.get(entry.kind, _COLON)[0][0]}", entry.means)


def _with_each_sign(name: str) -> list[Candidate]:
    """A name that is whole, with each sign that may follow it; nothing of any other."""
    if fields.known(name) != name:
        return []
    signs = _SIGNS["number"] if fields.unit(name) else _SIGNS["words"] if fields.is_words(name) else ()
    return [Candidate(f"{name}{sign}", means) for sign, means in signs]


def _value(text: str, cursor: int, name: re.Match[str]) -> Completion:
    start, end = _piece_at(text, cursor, name.end())
    typed = text[start:cursor]
    field = _known(name["name"])
    if field is None or typed.startswith("/"):
        return _nothing(cursor, field)
    prefix = _plain(typed)
    if field == "has" and prefix.lower().startswith(_LABEL):
        return Completion(start, end, "value", field, (), asks=_LABEL, prefix=_plain(prefix[len(_LABEL) :]))
    asks = field if field in ASKED or field.startswith(_LABEL) else None
    candidates = tuple(_fitting(_values_of(field), prefix.lower()))
    if asks is None and not candidates:
        return _nothing(cursor, field)
    return Completion(start, end, "value", field, candidates, asks=asks, prefix=prefix)


def _piece_at(text: str, cursor: int, start: int) -> tuple[int, int]:
    """The one of several values that the cursor is in."""
    end = _end_of_piece(text, start, _VALUE)
    while cursor > end and text.startswith(",", end):
        start = end + 1
        end = _end_of_piece(text, start, _VALUE)
    return start, max(end, cursor)


def _known(name: str) -> str | None:
    of_label = name[: len(_LABEL)].lower() == _LABEL
    return fields.known(_LABEL + _plain(name[len(_LABEL) :]) if of_label else name)


def _plain(typed: str) -> str:
    """What is meant by a value or a name that may be in quotes, and that may be half of one."""
    return _ESCAPED.sub(r"\1", typed[1:].removesuffix('"')) if typed.startswith('"') else typed


def _values_of(field: str) -> list[Candidate]:
    """What can be said without an archive."""
    unit = fields.unit(field)
    if unit is not None:
        return [Candidate(number, "") for number in _NUMBERS[unit]]
    if field == "sort":
        down = [Candidate(f"-{order}", "newest first" if order == "started" else "highest first") for order in SORTS]
        return down + [Candidate(order, "oldest first" if order == "started" else "lowest first") for order in SORTS]
    if field == "has":
        of_calls = [entry for entry in HELP if entry.kind in {"words", "number"} and entry.name != "stage.<name>"]
        names = [Candidate(entry.name.partition("<")[0], entry.means) for entry in of_calls]
        return [*names, *(Candidate(name, "") for name in fields.HAS)]
    return [Candidate(word, means) for word, means in _FIXED.get(field, ())]


def _fitting(candidates: Sequence[Candidate], typed: str) -> list[Candidate]:
    """Those that begin so, then those that hold it elsewhere."""
    first: list[Candidate] = []
    for each in candidates:
        if each.text.lower().startswith(typed):
            name = each.text.rstrip(_SIGN_CHARACTERS)
            longer = (place for place, other in enumerate(first) if other.text.startswith(name))
            first.insert(next(longer, len(first)), each)  # "agent" goes before "agent_said"
    return first + [each for each in candidates if typed in each.text.lower() and each not in first]


def _written(value: str) -> str:
    return value if _PLAIN_VALUE.fullmatch(value) else f'"{escape(value)}"'


def _label(name: str) -> str:
    return f"{_LABEL}{name}" if _PLAIN_LABEL.fullmatch(name) else f'{_LABEL}"{escape(name)}"'


def _nothing(cursor: int, field: str | None) -> Completion:
    return Completion(cursor, cursor, "none", field, ())
