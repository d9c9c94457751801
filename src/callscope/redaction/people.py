"""People whom a call's own fields name: their values go, and then their names from every other text of the call.

A name cannot be recognised in a text; a value under ``customer_name`` can. So a call is read twice: `People.read`
takes out what stands under a key that tells of a person, and remembers it; `People.hide`, when all is read, takes the
remembered values and their longer words out of everything else.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Any, Final

import msgspec

from callscope.model import wire
from callscope.redaction import spans
from callscope.redaction.keys import USUAL, measure_of
from callscope.redaction.person_keys import is_about, personal_kind
from callscope.redaction.places import hide_places
from callscope.redaction.spans import Span

_NOBODY: Final[frozenset[str]] = frozenset()
_TOO_DEEP: Final = "[nested too deeply]"
_HOLDERS: Final = frozenset({"person", "number"})
"""Objects of these kinds hold much that names nobody: all of it goes, but its words stay elsewhere."""
_WORD: Final = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+")
_NAMED: Final = re.compile(
    r"""(?<![\w.-])(?P<quote>["']?)(?P<key>[A-Za-z][\w-]{1,63})(?P=quote)"""
    r"""(?P<sign>\s{0,4}[:=]\s{0,4}["']|=)(?P<value>[^"'\r\n&;]{1,200})"""
)
"""A value beside its key in a text: ``'name': 'Jane'``, ``?name=Jane&``; without quotes it ends at a space."""
_MACHINE: Final = frozenset(
    {
        "type", "role", "outcome", "stage", "service", "category", "initiator", "provider", "model", "unit", "status",
        "direction", "processor", "language", "voice", "exception_type", "strategy", "cost_status",
    }
)  # fmt: skip
"""Keys of words of the machinery, of which none is a person's."""
_EMPTY: Final = frozenset(
    {"unknown", "none", "null", "anonymous", "true", "false", "person", "user", "customer", "caller", "phone", "email"}
)
"""What is written where nobody is named."""
_SHORTEST: Final = 4
_WIDE: Final = 0x2E80
"""From here on a sign tells about as much as two letters, and words stand without spaces."""
_GAP: Final = 3
"""Signs between the words of a value at most: ``Jane Doe``, ``jane.doe``, ``12, Baker Street``."""
_MOST_WORDS: Final = 12
"""Of a value whose words are remembered one by one."""
_LONGEST_PHRASE: Final = 50
"""Words of a longer value that are compared."""
_LONG_NUMBER: Final = 1_000_000


class People:
    """What a call's fields told of people."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._phrases: dict[tuple[str, ...], str] = {}
        self._lengths: dict[str, set[int]] = {}
        self._wide: dict[str, str] = {}

    def add(self, value: str, kind: str, *, words: bool = True) -> None:
        """Remember a value, and unless told otherwise its words; of an e-mail address those before the ``@``."""
        tokens = _tokens(value)
        if not tokens or value.strip().casefold() in _EMPTY:
            return
        joined = "".join(tokens)
        if _length(joined) >= _SHORTEST:
            phrase = tuple(tokens[:_LONGEST_PHRASE])
            self._phrases.setdefault(phrase, kind)
            self._lengths.setdefault(tokens[0], set()).add(len(phrase))
            self._one(joined, kind)
        if words and len(tokens) <= _MOST_WORDS:
            for word in _tokens(value.partition("@")[0]):
                if _length(word) >= _SHORTEST and word not in _EMPTY:
                    self._one(word, kind)

    def read(self, data: dict[str, Any], *, kept: frozenset[str] = _NOBODY) -> dict[str, Any]:
        """A copy of an object without what stands under keys of people, and what was there remembered.

        Args:
            data: as it was recorded; nothing of it is changed.
            kept: keys of ``data`` itself that name no person here, such as a tool's ``name``.
        """
        return {
            key: self._read(value, None if key in kept else personal_kind(str(key)), str(key), 0)
            for key, value in data.items()
        }

    def read_text(self, text: str) -> str:
        """A text without user directories, IP addresses, and what stands beside keys of people in it."""
        if text.lstrip()[:1] in ("{", "["):
            try:
                inside = msgspec.json.decode(text)
            except (msgspec.DecodeError, RecursionError, UnicodeError):
                pass
            else:
                read = self._read(inside, None, "", 0)
                if read != inside:
                    return wire.encode(read).decode("utf-8", "replace")
        return _NAMED.sub(self._named, hide_places(text))

    def hide(self, text: str) -> str:
        """A text without the values that are remembered; the same object when there are none."""
        for value, kind in self._wide.items():
            text = text.replace(value, f"[{kind}]")
        found: list[Span] = []
        tokens = list(_WORD.finditer(text))
        folded = [_fold(token.group()) for token in tokens]
        place = 0
        while place < len(tokens):
            count, kind = self._at(text, tokens, folded, place)
            if count:
                start, end = tokens[place].start(), tokens[place + count - 1].end()
                if found and found[-1].label == kind and text[found[-1].end : start] == " ":
                    start = found.pop().start
                found.append(Span(start, end, kind))
            place += count or 1
        return spans.replace(text, found)

    def hide_in(self, value: Any, key: str = "") -> Any:
        """The same of all texts in a value, and of long numbers that are remembered ones."""
        if isinstance(value, str):
            return value if key in _MACHINE else self.hide(value)
        if isinstance(value, dict):
            return {
                name if name in USUAL else self.hide(str(name)): self.hide_in(inner, str(name))
                for name, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.hide_in(inner, key) for inner in value]
        if type(value) is int and value >= _LONG_NUMBER and measure_of(key) == "nothing" and str(value) in self._words:
            return f"[{self._words[str(value)]}]"
        return value

    def _one(self, word: str, kind: str) -> None:
        known = self._wide if ord(word[0]) >= _WIDE else self._words
        known.setdefault(word, kind)

    def _at(self, text: str, tokens: list[re.Match[str]], folded: list[str], place: int) -> tuple[int, str]:
        """How many words from here on are a remembered value, at most, and of which kind."""
        best, kind = 0, ""
        for length in sorted(self._lengths.get(folded[place], ()), reverse=True):
            known = self._phrases.get(tuple(folded[place : place + length]))
            if known is not None and _is_close(tokens[place : place + length]):
                best, kind = length, known
                break
        if not best and folded[place] in self._words:
            best, kind = 1, self._words[folded[place]]
        start, end = tokens[place].start(), tokens[place].end()
        is_placeholder = text[start - 1 : start] == "[" and text[end : end + 1] == "]"
        return (0, "") if best == 1 and is_placeholder else (best, kind)

    def _read(self, value: Any, kind: str | None, key: str, depth: int, *, words: bool = True) -> Any:
        if depth >= wire.MAX_DEPTH:
            return _TOO_DEEP
        if isinstance(value, dict):
            return {name: self._inner(inner, kind, str(name), depth, words=words) for name, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self._read(inner, kind, key, depth + 1, words=words) for inner in value]
        if isinstance(value, str) and kind is None:
            return self.read_text(value)
        if value is None or isinstance(value, bool) or value == "" or kind is None:
            return value
        if isinstance(value, int | float) and measure_of(key) == "amount":
            return value
        if words:
            self.add(str(value), kind)
        return f"[{kind}]"

    def _inner(self, value: Any, parent: str | None, key: str, depth: int, *, words: bool) -> Any:
        own = personal_kind(key)
        if own is None and (parent is None or is_about(key)):
            return self._read(value, None, key, depth + 1)
        words = own is not None or (words and parent not in _HOLDERS)
        return self._read(value, own or parent, key, depth + 1, words=words)

    def _named(self, match: re.Match[str]) -> str:
        kind, value = personal_kind(match["key"]), match["value"]
        if kind is None:
            return match.group()
        rest = ""
        if match["sign"] == "=":
            value, space, rest = value.partition(" ")
            rest = space + rest
        if value.startswith("["):
            return match.group()
        self.add(value, kind)
        before = match.group()[: match.start("value") - match.start()]
        return f"{before}[{kind}]{rest}"


def _is_close(tokens: list[re.Match[str]]) -> bool:
    return all(after.start() - before.end() <= _GAP for before, after in pairwise(tokens))


def _tokens(text: str) -> list[str]:
    return [_fold(word) for word in _WORD.findall(text)]


def _fold(word: str) -> str:
    """Letters without case and accents."""
    if word.isascii():
        return word.lower()
    plain = "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))
    return unicodedata.normalize("NFKC", plain).casefold()


def _length(word: str) -> int:
    return sum(2 if ord(char) >= _WIDE else 1 for char in word)
