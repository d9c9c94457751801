"""What a call was made from, as far as the privacy policy lets it be kept.

An original may hold anything: the caller's number, words, keys. JSON and lines of JSON are passed through the policy
value by value, other text as one text; bytes that cannot be looked into are kept only where nothing has to be hidden
in them. What the policy finds nothing in is kept as it came, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from callscope.model import wire
from callscope.redaction import policy as redaction
from callscope.redaction.policy import Policy

AS_IT_CAME: Final = "as it came"
REDACTED: Final = "redacted"
NOT_KEPT: Final = "not kept: the privacy policy cannot be applied to it"
_EVENT: Final = "original"
_SHORTEST_NUMBER: Final = 5
"""Digits from which a number is looked for everywhere in an original: fewer are found in anything."""
_NO_DIGITS: Final = re.compile(r"[^0-9]+")


class Originals:
    """Applies the policy to the originals of one call.

    Args:
        policy: what may be written.
        parties: numbers and addresses of caller and callee, as given.
    """

    def __init__(self, policy: Policy, parties: Iterable[str]) -> None:
        self._policy = policy
        self._hidden: dict[str, str] = {}
        if policy.phone != "full":
            for party in parties:
                self._hide(party)

    def kept(self, content: bytes) -> tuple[bytes | None, str]:
        """What of an original may be kept, and how it is kept, in words; None when nothing may."""
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            return self._opaque(content)
        if "\0" in text:
            return self._opaque(content)
        new = self._json(content) or self._lines(content)
        if new is None:
            words = redaction.words(text, self._policy)
            if words is None:
                return None, NOT_KEPT
            new = self._without_parties(words).encode("utf-8", "replace")
        return (content, AS_IT_CAME) if new == content else (new, REDACTED)

    def _json(self, content: bytes) -> bytes | None:
        """One document; None when it is none."""
        try:
            value = wire.decode(content)
        except (ValueError, RecursionError):
            return None
        if not isinstance(value, dict | list):
            return None
        new = self._value(value)
        return content if new == value else msgspec.json.format(wire.encode(new), indent=2) + b"\n"

    def _lines(self, content: bytes) -> bytes | None:
        """Lines of documents; None when one is none."""
        lines = []
        for line in content.split(b"\n"):
            if not line.strip():
                lines.append(line)
                continue
            try:
                value = wire.decode(line)
            except (ValueError, RecursionError):
                return None
            if not isinstance(value, dict | list):
                return None
            new = self._value(value)
            lines.append(line if new == value else wire.encode(new))
        return b"\n".join(lines)

    def _value(self, value: dict[str, Any] | list[Any]) -> Any:
        """A document. Documents in texts of it are looked into as well: as texts their figures would be numbers."""
        texts: list[tuple[_Place, str, Any]] = []
        opened = value if self._policy.transcript == "off" else _opened(value, (), texts)
        held = redaction.event_data(_EVENT, {"content": opened}, self._policy)["content"]
        for place, text, inner in texts:
            _close(held, place, text, inner)
        return self._hide_in(held) if self._hidden else held

    def _hide_in(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._without_parties(value)
        if isinstance(value, dict):
            return {self._without_parties(key): self._hide_in(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._hide_in(item) for item in value]
        if type(value) is int:
            return self._hidden.get(str(value), value)
        return value

    def _without_parties(self, text: str) -> str:
        for number, instead in self._hidden.items():
            if number in text:
                text = text.replace(number, instead)
        return text

    def _opaque(self, content: bytes) -> tuple[bytes | None, str]:
        is_free = self._policy.transcript == "full"
        if is_free and not any(number.encode("utf-8", "replace") in content for number in self._hidden):
            return content, AS_IT_CAME
        return None, NOT_KEPT

    def _hide(self, party: str) -> None:
        """Longest first, so that no digits of a number are left where a part of it is replaced."""
        digits = _NO_DIGITS.sub("", party)
        instead = redaction.phone_number(party, self._policy)
        found = {party} if len(party) >= _SHORTEST_NUMBER else set()
        if len(digits) >= _SHORTEST_NUMBER:
            found.add(digits)
        self._hidden.update(dict.fromkeys(found, instead))
        self._hidden = dict(sorted(self._hidden.items(), key=lambda item: -len(item[0])))


_Place = tuple[str | int, ...]


def _opened(value: Any, place: _Place, texts: list[tuple[_Place, str, Any]]) -> Any:
    """A value with the documents in its texts as what they are, each noted with its place."""
    if isinstance(value, dict):
        return {key: _opened(item, (*place, key), texts) for key, item in value.items()}
    if isinstance(value, list):
        return [_opened(item, (*place, number), texts) for number, item in enumerate(value)]
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return value
    try:
        inner = wire.decode(value.encode())
    except (ValueError, RecursionError):
        return value
    texts.append((place, value, inner))
    return inner


def _close(held: Any, place: _Place, text: str, inner: Any) -> None:
    """Have a text again at a place; where the policy has left nothing there, nothing."""
    *way, last = place
    try:
        for each in way:
            held = held[each]
        if isinstance(held[last], dict | list):
            held[last] = text if held[last] == inner else wire.encode(held[last]).decode()
    except (KeyError, IndexError, TypeError):
        return
