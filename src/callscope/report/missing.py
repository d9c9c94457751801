"""What was used and has no known amount: how much, since when, why, and what to write into the own prices file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from callscope.archive.spend import LINES, CallSpend
from callscope.model.cost import UNPRICED, USD, CostLine
from callscope.model.wire import format_ts
from callscope.prices.exact import plain
from callscope.prices.units import TOKEN_KINDS, UNITS
from callscope.report.safe_text import clean

_UNIT_OF_USAGE: Final = {
    "audio_seconds": "minute",
    "session_seconds": "minute",
    "call_seconds": "minute",
    "characters": "1k_chars",
    "text": "1k_chars",
    "utf8_bytes": "1M_utf8_bytes",
    "input_tokens": "1M_input_text_tokens",
    "cached_tokens": "1M_cached_input_text_tokens",
    "cache_read_input_tokens": "1M_cached_input_text_tokens",
    "cache_creation_input_tokens": "1M_cache_write_tokens",
    "cached_audio_tokens": "1M_cached_input_audio_tokens",
    "output_tokens": "1M_output_text_tokens",
    **{kind: f"1M_{kind}" for kind in TOKEN_KINDS},
}
"""The unit that is usual for a usage key: what the price to be filled in is for."""

_Model = tuple[str, str | None, str | None]
_Key = tuple[str, str | None, str | None, str | None, str | None, str | None]


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """One thing without an amount."""

    service: str
    provider: str | None
    model: str | None
    usage: str | None
    """The usage key that was counted."""
    unit: str | None
    """The unit of ``quantity``; None: that of the usage key."""
    reason: str | None
    lines: int
    calls: int
    quantity: Decimal | None
    """What was used; None when that is not known either."""
    first_seen_ms: int
    """Start of the first call with it, Unix milliseconds."""
    last_seen_ms: int
    toml: str | None
    """What to paste into the own prices file; None where a price is not what is missing."""


class _Group:
    __slots__ = ("calls", "first_ms", "last_ms", "line", "lines", "priceable", "quantity")

    def __init__(self, call: CallSpend, line: CostLine) -> None:
        self.line = line
        self.lines = 0
        self.calls: set[str] = set()
        self.quantity: Decimal | None = None
        self.first_ms = self.last_ms = call.started_at_ms
        self.priceable = False

    def add(self, call: CallSpend, line: CostLine) -> None:
        self.lines += 1
        self.calls.add(call.path)
        if line.quantity is not None:
            self.quantity = (self.quantity or Decimal(0)) + line.quantity
        self.first_ms = min(self.first_ms, call.started_at_ms)
        self.last_ms = max(self.last_ms, call.started_at_ms)
        self.priceable |= call.source == LINES and line.status == UNPRICED and line.amount is None


def missing(calls: Iterable[CallSpend], biller: Callable[[CostLine], str | None]) -> list[Missing]:
    """Group the lines without an amount; what a price can be written for, and what most calls have, comes first.

    Args:
        calls: what they cost.
        biller: who bills a line, by the name that a price has to be written for.
    """
    groups: dict[_Key, _Group] = {}
    rates: dict[_Model, dict[str, str]] = {}
    for call in calls:
        for line in call.lines:
            if line.usd is None:
                key = (line.service, line.provider, line.model, line.usage, line.unit, line.reason)
                groups.setdefault(key, _Group(call, line)).add(call, line)
            elif line.unit in UNITS and line.price is not None and line.currency == USD:
                rates.setdefault(_model(line), {})[line.unit] = f"{line.price:f}"
    for group in groups.values():
        unit = _unit(group.line)
        if group.priceable and unit is not None:
            rates.setdefault(_model(group.line), {}).setdefault(unit, "")
    found = [_missing(group, rates.get(_model(group.line), {}), biller(group.line)) for group in groups.values()]
    return sorted(
        found, key=lambda each: (each.toml is None, -each.calls, each.service, each.provider or "", each.model or "")
    )


def document(value: Missing) -> dict[str, Any]:
    """As JSON; quantities are strings, so that nothing is lost."""
    fields: dict[str, Any] = msgspec.to_builtins(value)
    for name in ("first_seen", "last_seen"):
        fields[name] = format_ts(fields.pop(f"{name}_ms"))
    fields["quantity"] = plain(value.quantity)
    return fields


def _missing(group: _Group, rates: Mapping[str, str], provider: str | None) -> Missing:
    line = group.line
    return Missing(
        service=line.service,
        provider=line.provider,
        model=line.model,
        usage=line.usage,
        unit=line.unit,
        reason=line.reason,
        lines=group.lines,
        calls=len(group.calls),
        quantity=group.quantity,
        first_seen_ms=group.first_ms,
        last_seen_ms=group.last_ms,
        toml=_toml(line, rates, provider) if group.priceable and _unit(line) and provider else None,
    )


def _model(line: CostLine) -> _Model:
    return line.service, line.provider, line.model


def _unit(line: CostLine) -> str | None:
    """The unit that a price of the line would be for; None where nobody could say."""
    return line.unit if line.unit in UNITS else _UNIT_OF_USAGE.get(line.usage or "")


def _toml(line: CostLine, rates: Mapping[str, str], provider: str) -> str:
    """All prices of the model: one's own takes the place of the list's, so it holds the known ones, too."""
    rows = ["[[price]]", f"provider = {_quoted(provider)}", f"service = {_quoted(line.service)}"]
    rows.append(f"model = {_quoted(line.model or '*')}")
    if len(rates) == 1:
        rows += [f'{name} = "{value}"' for name, value in zip(("unit", "price"), *rates.items(), strict=True)]
    else:
        rows.append("rates = { " + ", ".join(f'{unit} = "{price}"' for unit, price in rates.items()) + " }")
    return "\n".join(rows)


def _quoted(text: str) -> str:
    """A TOML string; what a terminal may obey is an escape in it, so the text is the same and harmless."""
    return '"' + "".join(_escaped(character) for character in text) + '"'


def _escaped(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if clean(character) == character:
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004 -- TOML's two forms
