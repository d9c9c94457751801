"""What of a call may be written: the policy, applied to rows and single values.

Every function takes what a caller of the recorder may hand over, never raises on data, and never changes what
it was given. Under ``full`` it returns the same object when nothing had to be masked, and costs a few
microseconds for a usual row, so it can stand in the writer's way.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Literal

import msgspec

from callscope.model import wire
from callscope.model.event import WORD_KEYS
from callscope.redaction import figures, phone, secrets
from callscope.redaction import text as personal
from callscope.redaction.keys import USUAL, Kind, is_name, kind_of, nested_kind_of

_TOO_DEEP: Final = "[nested too deeply]"
_SHORTEST_SECRET: Final = 8
_LONGEST_TOKEN: Final = 128
_LONGEST_FIGURE: Final = 64
_IN_TOKENS: Final = str.maketrans("", "", "-_.:/@+#=~%")
_NUMBERS: Final = frozenset((int, float, bool, type(None)))
_BUILTIN: Final = (str, int, float, dict, list, tuple)
_BINARY: Final = (bytes, bytearray)
_TURN_WORDS: Final = frozenset(("text", "heard", "user_text", "agent_text"))
_WORDY: Final = _TURN_WORDS | WORD_KEYS

KindOf = Callable[[str], Kind]


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a call is written."""

    phone: Literal["mask", "full", "hash_only"] = "mask"
    """Caller and callee: ``***4567``, as they are, or a hash."""
    transcript: Literal["full", "redact", "off"] = "full"
    """Words: as they are, without personal data, or not at all. Secrets are masked under each."""
    hash_key: str | None = None
    """Key of the hash; without one, who has the files can find a number by trying all of them."""


def phone_number(raw: str, policy: Policy) -> str:
    """A caller's or callee's number or address as the policy allows; an empty string stays empty."""
    if policy.phone == "full":
        return raw
    return phone.hashed(raw, key=policy.hash_key) if policy.phone == "hash_only" else phone.mask(raw)


def words(text: str | None, policy: Policy) -> str | None:
    """One free text, such as an error or an end reason; None under ``off``."""
    if text is None or policy.transcript == "off":
        return None
    return personal.redact(text) if policy.transcript == "redact" else secrets.mask(text)


def turn_row(row: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """A transcript row of either shape; under ``off`` words are None and ``<key>_length`` is their length."""
    if policy.transcript == "full":
        return _masked_object(row, policy, 0)
    return _Walk(policy).object(row, 0, lambda key: "words" if key in _TURN_WORDS else kind_of(key))


def event_data(event_type: str, data: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """An event's data; under ``off`` only numbers and the tokens under known machine keys are left.

    What stands under a word key goes as a whole, whatever its type: ``<key>_length`` is the length of its
    text, or of its JSON.
    """
    if policy.transcript == "full":
        return _masked_object(data, policy, 0)
    return _Walk(policy).object(data, 0, lambda key: kind_of(key, event_type=event_type))


def fields(value: dict[str, Any], policy: Policy) -> dict[str, Any]:
    """Facts that the operator set: metadata's agent and labels.

    Under ``off`` single tokens (``eu-west-1``) are kept under any key that is not a word key; texts are not.
    """
    if policy.transcript == "full":
        return _masked_object(value, policy, 0)
    return _Walk(policy, tokens=True).object(value, 0, kind_of)


def _masked_object(data: dict[str, Any], policy: Policy, depth: int, parent: Kind = "other") -> dict[str, Any]:
    """Under ``full``: the object itself, or a copy with its secrets and the parties' numbers masked."""
    if parent == "other" and _is_harmless(data):
        return data
    kinds = _within(parent) if depth else kind_of
    out: dict[str, Any] = {}
    same = True
    for key, value in list(data.items()):  # a copy: the caller may still be writing to its own dict
        name = _masked_key(key)
        kind = kinds(name)
        new: Any
        if type(value) is str and kind in ("words", "other"):
            new = secrets.mask(value) if len(value) >= _SHORTEST_SECRET else value
        elif kind == "secret":
            new = _placeholder(value)
        elif type(value) is str and kind == "machine":
            new = secrets.mask_id(value)
        else:
            new = _masked(value, policy, depth, name, "party" if kind == "party" else "other")
        same = same and new is value and name is key
        out[_free(name, out)] = new
    return data if same else out


def _is_harmless(data: dict[str, Any]) -> bool:
    """The quick way out for usual rows: nothing but numbers, texts without secrets, and figures by name."""
    for key, value in list(data.items()):
        kind = type(value)
        if kind in _NUMBERS:
            if key not in USUAL and not _is_figure(key):
                return False
        elif key not in USUAL:
            return False
        elif kind is str:
            if len(value) >= _SHORTEST_SECRET and secrets.is_suspicious(value, is_id=key not in _WORDY):
                return False
        elif kind is not dict or not _are_figures(value):
            return False
    return True


def _are_figures(data: dict[Any, Any]) -> bool:
    """Whether an object is nothing but numbers by name, as latencies and costs are."""
    for key, value in list(data.items()):
        if type(value) not in _NUMBERS or (key not in USUAL and not _is_figure(key)):
            return False
    return True


def _is_figure(key: object) -> bool:
    """Whether a number may stay under this key, and the key with it."""
    return type(key) is str and len(key) <= _LONGEST_FIGURE and _names_a_figure(key)


@lru_cache(maxsize=1024)
def _names_a_figure(key: str) -> bool:
    return is_name(key) and secrets.mask_id(key) is key and nested_kind_of(key) not in ("secret", "party")


def _masked(value: Any, policy: Policy, depth: int, key: str, kind: Kind) -> Any:
    if isinstance(value, str):
        return _party(str.__str__(value), policy) if kind == "party" else secrets.mask(str.__str__(value))
    if type(value) in _NUMBERS or isinstance(value, int | float):
        return _party_number(value, key, policy) if kind == "party" else value
    if depth + 1 >= wire.MAX_DEPTH:
        return _TOO_DEEP
    if type(value) is dict:
        return _masked_object(value, policy, depth + 1, kind)
    if type(value) is list or type(value) is tuple:
        items = list(value)
        new = [_masked(item, policy, depth + 1, key, kind) for item in items]
        return value if all(map(operator.is_, new, items)) else new
    return _masked(_plain(value), policy, depth, key, kind)


class _Walk:
    """``redact`` and ``off``: a copy of an object that holds what the policy allows."""

    def __init__(self, policy: Policy, *, tokens: bool = False) -> None:
        self._policy = policy
        self._off = policy.transcript == "off"
        self._tokens = tokens  # under off, single tokens may stay under every key

    def object(self, data: dict[Any, Any], depth: int, kinds: KindOf) -> dict[str, Any]:
        out: dict[str, Any] = {}
        lengths: dict[str, int] = {}
        for index, (key, value) in enumerate(list(data.items())):
            name = _key(key)
            kind = kinds(name)
            name = _free(self._key(name, index), out)
            new = self._value(value, kind, depth, name)
            out[name] = new
            if new is None and value is not None:
                lengths[f"{name}_length"] = _length(value)
        out.update(lengths)
        return out

    def _key(self, key: str, index: int) -> str:
        if is_name(key):
            return secrets.mask_id(key)
        return f"key_{index}" if self._off else personal.redact(key)

    def _value(self, value: Any, kind: Kind, depth: int, key: str) -> Any:
        """The value as it may be written; None for what may not."""
        if value is None or (isinstance(value, str) and not value and not self._off):
            return value
        if kind == "secret":
            return _placeholder(value)
        if kind in ("words", "private") and self._off:
            return None
        if not isinstance(value, _BUILTIN):
            value = _plain(value)
        if isinstance(value, bool):
            return value
        if kind == "private" and isinstance(value, str | int | float):
            return "[number]"
        if isinstance(value, str):
            return self._text(str.__str__(value), kind)
        if isinstance(value, int | float):
            return self._number(value, kind, key)
        return self._container(value, kind, depth, key)

    def _text(self, value: str, kind: Kind) -> str | None:
        if kind == "party" and phone.is_number(value):
            return _party(value, self._policy)
        if kind == "party" and phone.is_masked(value):
            return value
        if not self._off:
            return personal.redact_id(value) if kind == "machine" else personal.redact(value)
        if not _is_token(value) or personal.redact_id(value) is not value:
            return None
        # Of an id a long random token is expected; of a label it is a secret.
        return value if kind == "machine" or (self._tokens and secrets.mask(value) is value) else None

    def _number(self, value: float, kind: Kind, key: str) -> Any:
        if kind == "party":
            new = _party_number(value, key, self._policy)
            if new is not value or self._policy.phone == "full":
                return new
        if kind == "machine" and not figures.is_card(value):
            return value
        new = figures.redact(value, key)
        return None if self._off and new is not value else new

    def _container(self, value: Any, kind: Kind, depth: int, key: str) -> Any:
        if depth + 1 >= wire.MAX_DEPTH:
            return None if self._off else _TOO_DEEP
        inherited: Kind = kind if kind in ("party", "private") else "other"
        if isinstance(value, dict):
            return self.object(value, depth + 1, _within(inherited, known=not self._off))
        items = list(value)
        if inherited == "other":
            items = figures.redact_list(items, key)
        return [self._value(item, inherited, depth + 1, key) for item in items]


def _within(parent: Kind, *, known: bool = True) -> KindOf:
    """The kinds of keys in an object of this kind; unless ``known``, no key makes a text fit to be written."""

    def kind_within(key: str) -> Kind:
        kind = nested_kind_of(key)
        if kind == "machine" and not known:
            kind = "other"
        return parent if kind == "other" else kind

    return kind_within


def _placeholder(value: Any) -> Any:
    """What stands for a secret; flags, and the absence of a secret, are none."""
    nothing = value is None or isinstance(value, bool) or (isinstance(value, str) and not value)
    return value if nothing else secrets.PLACEHOLDER


def _party(value: str, policy: Policy) -> str:
    return phone_number(value, policy) if phone.is_number(value) else secrets.mask(value)


def _party_number(value: Any, key: str, policy: Policy) -> Any:
    """A party's number that came as a number; what the name or the size tells to be another stays."""
    if value is None or isinstance(value, bool) or policy.phone == "full":
        return value
    digits = figures.digits_of(value)
    return phone_number(digits, policy) if digits and not figures.is_measure(value, key) else value


def _is_token(value: str) -> bool:
    return len(value) <= _LONGEST_TOKEN and (not value or value.translate(_IN_TOKENS).isalnum())


def _masked_key(key: object) -> str:
    name = key if type(key) is str else _key(key)
    return secrets.mask_id(name) if is_name(name) else secrets.mask(name)


def _key(key: object) -> str:
    return str.__str__(key) if isinstance(key, str) else str(wire.plain(key))


def _free(name: str, taken: dict[str, Any]) -> str:
    """The name, or one beside it when two keys became the same."""
    return name if name not in taken else f"{name}_{len(taken)}"


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(wire.encode(value).decode("utf-8", "replace"))


def _plain(value: Any) -> Any:
    """A foreign object as JSON will hold it, so that its texts are looked at before they are written."""
    if isinstance(value, _BINARY):
        return wire.plain(value)
    try:
        return msgspec.to_builtins(value, builtin_types=_BINARY)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return wire.plain(value)
