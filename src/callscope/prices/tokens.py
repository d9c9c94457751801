"""Tokens as they are reported, into kinds of token that have a price: each token is of exactly one kind.

Providers count differently. ``input_tokens`` hold the cached ones (OpenAI) or stand beside them (Anthropic, Bedrock);
``output_tokens`` hold the reasoning, except Gemini's own. Totals of a model that charges text and audio
differently say nothing without their split, and are never taken for the cheaper of the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, Literal, NamedTuple

import msgspec

from callscope.model.cost import ERROR, ESTIMATED, PRICED, UNPRICED
from callscope.prices.reported import TOKEN_KEYS, Number

Side = Literal["input", "cached_input", "output"]

_TEXT: Final = "text"
_AUDIO: Final = "audio"


class Portion(NamedTuple):
    """Tokens of one kind."""

    usage: str
    """The key that told of them."""
    kind: str | None
    """One of `callscope.prices.units.TOKEN_KINDS`; None when it cannot be told."""
    tokens: Number
    status: str = PRICED
    """``priced``, ``estimated``, ``unpriced`` or ``error``."""
    reason: str | None = None


class _Split(msgspec.Struct):
    """One total by what it is of; changed while more becomes known."""

    key: str
    text: Number
    audio: Number
    rest: Number
    """Of which nobody told whether it is text or audio."""
    text_key: str
    audio_key: str
    told: bool = False
    """Whether anybody told."""
    guess: str | None = None
    """What was assumed of ``text`` and ``audio``."""
    gap: str | None = None
    """Why ``rest`` is left."""

    @property
    def total(self) -> Number:
        return self.text + self.audio + self.rest


class Reading(NamedTuple):
    """How a provider's and a model's tokens are to be read."""

    rates: Mapping[str, Decimal]
    cached_inside_input: bool
    reasoning_may_be_beside: bool
    total_tokens: Number
    """As reported; 0 when it was not."""
    text_unless_told: bool
    """A language model's totals are text, mostly: an estimate."""


class _Contradiction(Exception):  # noqa: N818 -- never leaves this module
    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.portion = Portion(key, None, 0, ERROR, reason)


def told(numbers: Mapping[str, Number]) -> bool:
    """Whether any token was reported, be it 0."""
    return not _TOLD.isdisjoint(numbers)


def usage_key(kind: str, *, split: bool) -> str:
    """The usage key to report for a kind of token; ``split``: text and audio have to be told apart."""
    if split and kind in TOKEN_KEYS:
        return kind
    return kind.replace("cached_input_", "cached_") if split and "cached" in kind else _KEYS.get(kind, kind)


def input_total(numbers: Mapping[str, Number], *, cached_inside_input: bool) -> Number:
    """Tokens that a request sent, cached ones included: what a long-context price goes by."""
    get = numbers.get
    split = get("input_text_tokens", 0) + get("input_audio_tokens", 0)
    total = max(get("input_tokens", 0), split)
    if cached_inside_input:
        return total
    cached = max(get("cached_tokens", 0), get("cache_read_input_tokens", 0))
    cached = max(cached, get("cached_text_tokens", 0) + get("cached_audio_tokens", 0))
    return total + cached + max(get("cache_creation_input_tokens", 0), get("ephemeral_1h_input_tokens", 0))


def portions(numbers: Mapping[str, Number], reading: Reading) -> list[Portion]:
    """Every token of the record, by kind. Kinds of which there are none are left out.

    A side that contradicts itself gives one portion of status ``error`` and nothing else.
    """
    found = _plain(numbers, reading)
    if found is not None:
        return found
    found = []
    for side in (_input, _output):
        try:
            found += list(side(numbers, reading))
        except _Contradiction as wrong:
            found.append(wrong.portion)
    return found


def _plain(numbers: Mapping[str, Number], reading: Reading) -> list[Portion] | None:
    """What most requests are: text, and nothing to be careful about. None for all others."""
    rates, get = reading.rates, numbers.get
    if not _CAREFUL.isdisjoint(numbers) or "1M_input_audio_tokens" in rates or "1M_output_audio_tokens" in rates:
        return None
    key = "cached_tokens" if "cached_tokens" in numbers else "cache_read_input_tokens"
    cached, fresh, made = get(key, 0), get("input_tokens", 0), get("output_tokens", 0)
    if reading.cached_inside_input:
        fresh -= cached
    both_names = "cached_tokens" in numbers and "cache_read_input_tokens" in numbers
    if fresh < 0 or both_names or get("reasoning_tokens"):
        return None
    found = [Portion("input_tokens", "input_text_tokens", fresh)] if fresh else []
    if cached:
        found.append(Portion(key, "cached_input_text_tokens", cached))
    if made:
        found.append(Portion("output_tokens", "output_text_tokens", made))
    return found


def _input(numbers: Mapping[str, Number], reading: Reading) -> Iterator[Portion]:
    fresh = _split(numbers, "input_tokens", "input_text_tokens", "input_audio_tokens")
    cached_key = _one_name(numbers, "cached_tokens", "cache_read_input_tokens")
    cached = _split(numbers, cached_key, "cached_text_tokens", "cached_audio_tokens")
    written = _one_within(numbers, "cache_creation_input_tokens", "ephemeral_1h_input_tokens")
    _resolve(fresh, "input", reading)
    if cached.rest:
        _divide(cached, fresh, reading)
        fresh.guess = fresh.guess or cached.guess
    if reading.cached_inside_input and any(key in numbers for key in _FRESH_KEYS):
        _take(fresh, cached, sum(written.values()))
    yield from _of(fresh, "input")
    yield from _of(cached, "cached_input")
    for key, tokens in written.items():
        if tokens:
            yield Portion(key, _WRITES[key], tokens)


def _output(numbers: Mapping[str, Number], reading: Reading) -> Iterator[Portion]:
    made = _split(numbers, "output_tokens", "output_text_tokens", "output_audio_tokens")
    reasoning = numbers.get("reasoning_tokens", 0)
    beside = not any(key in numbers for key in _MADE_KEYS) or (
        reading.reasoning_may_be_beside and _is_beside(numbers, made.total, reasoning, reading.total_tokens)
    )
    if not beside and reasoning > made.total:
        raise _Contradiction(
            "reasoning_tokens", f"reasoning_tokens {reasoning} is more than {made.key} {made.total}, which hold them"
        )
    _resolve(made, "output", reading)
    if reasoning and not beside and reading.reasoning_may_be_beside and not reading.total_tokens:
        inside = f"reasoning_tokens taken for a part of {made.key}: report total_tokens"
        made.guess = inside if made.guess is None else f"{made.guess}; {inside}"
    yield from _of(made, "output")
    if reasoning and beside:
        yield Portion("reasoning_tokens", "output_text_tokens", reasoning)


def _is_beside(numbers: Mapping[str, Number], made: Number, reasoning: Number, total: Number) -> bool:
    """Whether the output was told without the reasoning: the total of all tokens has it once more."""
    sent = input_total(numbers, cached_inside_input=True)
    return total == sent + made + reasoning if total else reasoning > made


def _of(split: _Split, side: Side) -> Iterator[Portion]:
    status = PRICED if split.guess is None else ESTIMATED
    if split.text:
        yield Portion(split.text_key, f"{side}_text_tokens", split.text, status, split.guess)
    if split.audio:
        yield Portion(split.audio_key, f"{side}_audio_tokens", split.audio, status, split.guess)
    if split.rest:
        yield Portion(split.key, None, split.rest, UNPRICED, split.gap)


def _split(numbers: Mapping[str, Number], key: str, text_key: str, audio_key: str) -> _Split:
    total, text, audio = numbers.get(key), numbers.get(text_key), numbers.get(audio_key)
    if text is None and audio is None:
        return _Split(key, 0, 0, total or 0, key, key)
    known = (text or 0) + (audio or 0)
    if total is None:
        return _Split(f"{text_key} and {audio_key}", text or 0, audio or 0, 0, text_key, audio_key, told=True)
    if known > total:
        parts = " and ".join(
            f"{name} {value}" for name, value in ((text_key, text), (audio_key, audio)) if value is not None
        )
        raise _Contradiction(key, f"{parts} are more than {key} {total}, which hold them")
    if text is None:
        return _Split(key, total - known, audio or 0, 0, key, audio_key, told=True)
    if audio is None:
        return _Split(key, text, total - known, 0, text_key, key, told=True)
    return _Split(key, text, audio, total - known, text_key, audio_key, told=True)


def _resolve(split: _Split, side: Side, reading: Reading, *, named: str | None = None) -> None:
    """Take the rest of a total for text or audio where it can only be one of them, or is probably one."""
    if not split.rest:
        return
    parts = f"{named or side}_text_tokens and {named or side}_audio_tokens"
    if split.told:
        split.gap = f"more {split.key} than {parts} together: what the rest is was not reported"
    elif f"1M_{side}_audio_tokens" not in reading.rates:
        split.text, split.rest = split.rest, 0
    elif f"1M_{side}_text_tokens" not in reading.rates:
        split.audio, split.rest, split.guess = split.rest, 0, f"{split.key} taken for audio: report {parts}"
    elif reading.text_unless_told:
        split.text, split.rest, split.guess = split.rest, 0, f"{split.key} taken for text: report {parts}"
    else:
        split.gap = f"text and audio have different prices: report {parts}"


def _divide(cached: _Split, fresh: _Split, reading: Reading) -> None:
    """Cached tokens as text and audio, in the proportion of the input they are part of where nobody told."""
    rest = cached.rest
    if cached.told or fresh.rest or not (fresh.text or fresh.audio):
        _resolve(cached, "input", reading, named="cached")
    elif not fresh.audio:
        cached.text, cached.rest, cached.guess = rest, 0, fresh.guess
    elif not fresh.text:
        cached.audio, cached.rest, cached.guess = rest, 0, fresh.guess
    else:
        cached.text = rest * fresh.text // (fresh.text + fresh.audio)
        cached.audio, cached.rest = rest - cached.text, 0
        cached.guess = f"{cached.key} divided as the input is: report cached_text_tokens and cached_audio_tokens"


def _take(fresh: _Split, cached: _Split, written: Number) -> None:
    """Take what was cached, and what was written to the cache, out of an input that holds it."""
    if not cached.total and not written:
        return
    if cached.total + written > fresh.total:
        also = f" and cache writes {written} are" if written else " is"
        raise _Contradiction(
            cached.key, f"{cached.key} {cached.total}{also} more than {fresh.key} {fresh.total}, which hold them"
        )
    left = {"text": fresh.text, "audio": fresh.audio, "rest": fresh.rest}
    for amount, takes_from in (
        (cached.text, ("text", "rest")),
        (cached.audio, ("audio", "rest")),
        (written, ("text", "rest", "audio")),
        (cached.rest, ("rest", "text", "audio")),
    ):
        missing = amount
        for name in takes_from:
            taken = min(missing, left[name])
            left[name] -= taken
            missing -= taken
        if missing:
            name = takes_from[0]
            whole = fresh.text if name == "text" else fresh.audio
            raise _Contradiction(
                cached.key, f"cached_{name}_tokens {amount} is more than input_{name}_tokens {whole}, which hold them"
            )
    fresh.text, fresh.audio, fresh.rest = left["text"], left["audio"], left["rest"]


def _one_name(numbers: Mapping[str, Number], one: str, other: str) -> str:
    """Which of two names of one thing was used; both are fine when they agree."""
    if one in numbers and other in numbers:
        if numbers[one] != numbers[other]:
            raise _Contradiction(one, f"{one} {numbers[one]} and {other} {numbers[other]} are two names of one thing")
        return one
    return other if other in numbers else one


def _one_within(numbers: Mapping[str, Number], whole: str, part: str) -> dict[str, Number]:
    """Cache writes by how long they are kept; the hour's are inside the others."""
    long = numbers.get(part, 0)
    total = numbers.get(whole, long)
    if long > total:
        raise _Contradiction(part, f"{part} {long} is more than {whole} {total}, which hold them")
    return {whole: total - long, part: long}


_TOLD: Final = frozenset(TOKEN_KEYS)
_CAREFUL: Final = _TOLD - {
    "input_tokens", "output_tokens", "cached_tokens", "cache_read_input_tokens", "reasoning_tokens",
}  # fmt: skip
_FRESH_KEYS: Final = ("input_tokens", "input_text_tokens", "input_audio_tokens")
_MADE_KEYS: Final = ("output_tokens", "output_text_tokens", "output_audio_tokens")
_KEYS: Final = {
    "input_text_tokens": "input_tokens",
    "cached_input_text_tokens": "cached_tokens",
    "output_text_tokens": "output_tokens",
    "cache_write_tokens": "cache_creation_input_tokens",
    "cache_write_1h_tokens": "ephemeral_1h_input_tokens",
}
"""The usage key of a kind of token that is not one itself, or need not be told by kind."""
_WRITES: Final = {
    "cache_creation_input_tokens": "cache_write_tokens",
    "ephemeral_1h_input_tokens": "cache_write_1h_tokens",
}
