"""What one usage record costs: usage, prices and a moment in, cost lines out. Pure, and never raises for bad usage.

Every number of a record ends in a line: charged at its price, or ``unpriced``, ``not_billed`` or ``error`` with the
reason. Keys and rules: docs/usage-keys.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, localcontext
from typing import Final

import msgspec

from callscope.model.cost import ERROR, ESTIMATED, PRICED, Actual, CostLine
from callscope.prices import characters, reported, seconds, tokens
from callscope.prices.book import Found, PriceBook
from callscope.prices.entry import Entry
from callscope.prices.exact import EXACT
from callscope.prices.reported import Number, Piece, Reported
from callscope.prices.tariff import Tariff, joined
from callscope.prices.units import UNITS

UNREPORTED: Final = "unreported_requests"
"""The usage key of a line for requests that nobody reported the usage of; `callscope.prices.ledger` estimates it."""

_NONE: Final[list[tuple[str | None, Number | None]]] = [(None, None)]
_LLM: Final = "llm"
_STT: Final = "stt"
_TTS: Final = "tts"
_ONE_A_RECORD: Final = frozenset({"request", "call"})
"""Units that a record is one of when it does not say how many."""
_TEXT_UNITS: Final = {
    "credits": ("credit",),
    "utf8_bytes": ("1M_utf8_bytes",),
    "characters": ("1M_chars", "1k_chars"),
}
_TIME: Final = frozenset(reported.SECONDS_KEYS)
_TEXT: Final = frozenset(reported.TEXT_KEYS)
_COUNTS: Final = frozenset(reported.COUNT_KEYS)
_INPUT_FAMILIES: Final = frozenset({"time", "characters", "bytes"})
_CREDIT: Final = "credit"
"""The unit, and the model that a provider's credits are listed under."""
_ZERO_KINDS: Final = {
    "cached_tokens": "cached_input_text_tokens",
    "cache_read_input_tokens": "cached_input_text_tokens",
    "cached_text_tokens": "cached_input_text_tokens",
    "cached_audio_tokens": "cached_input_audio_tokens",
    "cache_creation_input_tokens": "cache_write_tokens",
    "ephemeral_1h_input_tokens": "cache_write_1h_tokens",
    "input_tokens": "input_text_tokens",
    "output_tokens": "output_text_tokens",
    "reasoning_tokens": "output_text_tokens",
}
"""The kind of a key of which 0 was used; the other keys are kinds themselves."""


def cost_of(
    book: PriceBook,
    *,
    service: str,
    provider: str | None,
    model: str | None,
    usage: Mapping[str, object],
    at_ms: int | None,
) -> tuple[CostLine, ...]:
    """The lines of one record; at least one.

    Args:
        book: the prices.
        service: one of `callscope.model.usage.SERVICES`.
        provider: as reported.
        model: as reported.
        usage: keys of docs/usage-keys.md.
        at_ms: when it was used, in Unix milliseconds; None: the latest price.
    """
    with localcontext(EXACT):
        return tuple(_lines(book, service, provider, model, usage, at_ms))


def _lines(
    book: PriceBook,
    service: str,
    provider: str | None,
    model: str | None,
    usage: Mapping[str, object],
    at_ms: int | None,
) -> list[CostLine]:
    record = reported.read(usage)
    found = _find(book, record, service, provider, model, at_ms=at_ms, direction=record.words.get("direction"))
    tariff = Tariff(book, found, service=service, provider=provider, model=model, at_ms=at_ms, assumed=record.assumed)
    lines = [tariff.error(problem.key, problem.reason) for problem in record.errors]
    lines += _priced(tariff, record)
    if record.unknown:
        lines += [tariff.unpriced(problem.key, None, problem.reason) for problem in record.unknown]
    if not lines:
        lines.append(tariff.unpriced(None, None, joined(found.reason, _nothing(tariff))))
    return lines


def actual_of(*, service: str, provider: str | None, usage: Mapping[str, object]) -> Actual | None:
    """The amount that the provider itself reported (``provider_reported``); None when there is none."""
    given: object = usage
    amount = reported.reported_amount(given.get("provider_reported")) if isinstance(given, Mapping) else None
    if amount is None:
        return None
    return Actual(service=service, provider=provider, amount=amount[0], currency=amount[1])


def _find(
    book: PriceBook,
    record: Reported,
    service: str,
    provider: str | None,
    model: str | None,
    *,
    at_ms: int | None,
    direction: str | None,
) -> Found:
    word = record.words.get
    return book.find(
        service,
        provider,
        model,
        at_ms=at_ms,
        mode=word("mode"),
        plan=word("plan"),
        tier=word("service_tier"),
        direction=direction,
        region=word("region"),
    )


def _priced(tariff: Tariff, record: Reported) -> list[CostLine]:
    about = tariff.found.provider
    unreported = record.whole.get(UNREPORTED, 0)
    if about is not None and about.local and tariff.entry is None:
        counted = [*_raw(record), (UNREPORTED, unreported)] if unreported else _raw(record)
        return [tariff.free(key, quantity, "runs on your own machine") for key, quantity in counted or _NONE]
    if record.failed and about is not None and about.failed_requests == "free":
        reason = f"{about.name} charges nothing for requests that fail"
        return [tariff.free(key, quantity, reason) for key, quantity in _raw(record) or _NONE]
    if tariff.entry is None:
        lines = [tariff.unpriced(key, quantity, tariff.found.reason) for key, quantity in _raw(record)]
    else:
        lines = _charged(tariff, record, tariff.entry)
    if record.failed and not lines:
        charges = about is not None and about.failed_requests == "billed"
        rule = f"{about.name} charges for it" if charges and about else "whether it is charged is not documented"
        lines.append(tariff.unpriced("error", None, f"the request failed and reported no usage: {rule}"))
    if record.add_ons:
        lines += _add_ons(tariff, record)
    if "attempts" in record.whole:
        lines += _attempts(tariff, record, lines)
    if unreported:
        lines.append(tariff.unpriced(UNREPORTED, unreported, "requests that ended without a usage report"))
    return lines


def _charged(tariff: Tariff, record: Reported, entry: Entry) -> list[CostLine]:
    numbers = record.numbers
    lines: list[CostLine] = []
    if entry.long_context is not None:
        _lengthen(tariff, record, entry)
    if tokens.told(numbers):
        lines += _tokens(tariff, numbers, record.total_tokens)
    elif record.total_tokens:
        lines.append(
            tariff.unpriced("total_tokens", None, "a total has no price: report input_tokens and output_tokens")
        )
    listed = record.legs is not None or record.sessions is not None
    if len(numbers) == 1 and not listed and not record.whole and (line := _plain_time(tariff, numbers, entry)):
        lines.append(line)
    elif listed or not _TIME.isdisjoint(numbers):
        stretches = seconds.pieces(record)
        if stretches:
            lines += _time(tariff, record, entry, stretches)
        if listed:
            lines += [tariff.unpriced(problem.key, None, problem.reason) for problem in seconds.lengthless(record)]
    if record.text is not None or record.characters_played or not _TEXT.isdisjoint(numbers):
        lines += _text(tariff, record, entry, alone=not lines)
    if not (_COUNTS.isdisjoint(numbers) and _ONE_A_RECORD.isdisjoint(tariff.rates)):
        lines += _counts(tariff, record, alone=not lines)
    return lines


def _lengthen(tariff: Tariff, record: Reported, entry: Entry) -> None:
    """Take the rates for long input where this request's is long."""
    about = tariff.found.provider
    long = entry.long_context
    total = tokens.input_total(record.numbers, cached_inside_input=about is None or about.cached_inside_input)
    if long is None or total <= long.above_input_tokens:
        return
    requests = record.numbers.get("requests") or 1
    if requests != 1:
        tariff.assumed = joined(tariff.assumed, "several requests told as one: how long each of them was is not known")
    if total > long.above_input_tokens * requests:
        tariff.rates = {**entry.rates, **long.rates}


def _tokens(tariff: Tariff, numbers: Mapping[str, Number], total: Number) -> Iterator[CostLine]:
    about = tariff.found.provider
    rates = tariff.rates
    reading = tokens.Reading(
        rates,
        about is None or about.cached_inside_input,
        about is not None and about.reasoning_may_be_beside,
        total,
        tariff.service == _LLM,
    )
    found = tokens.portions(numbers, reading)
    for usage, kind, quantity, status, reason in found:
        if status == ERROR:
            yield tariff.error(usage, reason or "")
        elif kind is None:
            yield tariff.unpriced(usage, quantity, reason)
        elif (unit := f"1M_{kind}") in rates:
            yield tariff.charge(usage, unit, quantity, assumed=reason)
        else:
            yield tariff.unpriced(usage, quantity, tariff.no_price(unit))
    if not found:
        for key in reported.TOKEN_KEYS:
            if key in numbers and (unit := f"1M_{_ZERO_KINDS.get(key, key)}") in rates:
                yield tariff.charge(key, unit, 0)


def _plain_time(tariff: Tariff, numbers: Mapping[str, Number], entry: Entry) -> CostLine | None:
    """What most recognisers and carriers report: the seconds that they bill, and nothing else. None for all others."""
    meter = seconds.meter_of(entry)
    used, unit = numbers.get(meter), _time_unit(tariff.rates)
    if used is None or unit is None or UNITS[unit].estimate:
        return None
    return tariff.charge(meter, unit, used, seconds.rounded(used, entry))


def _time(
    tariff: Tariff, record: Reported, entry: Entry, stretches: Mapping[str, tuple[Piece, ...]]
) -> Iterator[CostLine]:
    unit = _time_unit(tariff.rates)
    if unit is None:
        for meter, pieces in stretches.items():
            if seconds.used(pieces):
                yield tariff.unpriced(seconds.told_by(record, meter), seconds.used(pieces), tariff.no_price("minute"))
        return
    meter = seconds.nearest(entry, stretches)
    if UNITS[unit].estimate and tokens.told(record.numbers):
        meter, instead = "", "what is billed are tokens, which were reported"
    else:
        yield from _stretches(tariff, record, entry, unit, meter, stretches[meter])
        instead = f"what is billed is {seconds.told_by(record, meter)}, which was reported"
    for other, pieces in stretches.items():
        if other != meter and seconds.used(pieces):
            yield tariff.free(seconds.told_by(record, other), seconds.used(pieces), instead)


def _time_unit(rates: Mapping[str, Decimal]) -> str | None:
    """The unit of time that is billed; a provider's approximation of another meter only when there is no other."""
    estimate = None
    for unit in rates:
        size = UNITS[unit]
        if size.family == "time":
            if not size.estimate:
                return unit
            estimate = unit
    return estimate


def _stretches(
    tariff: Tariff,
    record: Reported,
    entry: Entry,
    unit: str,
    meter: str,
    pieces: tuple[Piece, ...],
    label: str | None = None,
) -> Iterator[CostLine]:
    """Lines of one meter: one a direction, as inbound and outbound legs have prices of their own."""
    usage = label or seconds.told_by(record, meter)
    assumed = None
    if UNITS[unit].estimate:
        others = ", ".join(sorted(each for each in tariff.rates if each != unit))
        assumed = f"the provider's own estimate of what is billed per {others or 'another unit'}"
    billed_by = seconds.meter_of(entry)
    if billed_by != meter:
        assumed = joined(assumed, f"what is billed is {billed_by}, which was not reported: {meter} taken for it")
    requests = record.numbers.get("requests", 1)
    if entry.scope == "request" and seconds.rounds(entry) and isinstance(requests, int) and requests > 1:
        pieces = (Piece(Decimal(seconds.used(pieces)) / requests, times=requests),)
        assumed = joined(assumed, "several requests told as one: taken as equally long")
    channels = record.whole.get("channels", 1)
    if channels > 1:
        if entry.channels is None and tariff.service == _STT:
            assumed = joined(assumed, "whether each channel is charged is not documented: taken as charged")
        elif entry.channels != "multiplied":
            channels = 1
    own = record.words.get("direction")
    for direction in dict.fromkeys(piece.direction or own for piece in pieces):
        way = tuple(piece for piece in pieces if (piece.direction or own) == direction)
        there = tariff if direction == own or label is not None else _towards(tariff, record, direction)
        if there.entry is None or unit not in there.rates:
            reason = there.found.reason if there.entry is None else there.no_price(unit)
            yield tariff.unpriced(usage, seconds.used(way), reason)
        else:
            rule = entry if there is tariff else there.entry
            billed = seconds.billed(way, rule) * channels
            yield there.charge(usage, unit, seconds.used(way), billed, assumed=assumed)


def _towards(tariff: Tariff, record: Reported, direction: str | None) -> Tariff:
    """The same record at the price of another direction: of its model, else of the model's counterpart."""
    found = _in_direction(tariff, record, tariff.model, direction)
    entry = found.entry
    if entry is None or direction is None or entry.direction in (None, direction):
        return tariff.at(found)
    counterpart = (tariff.model or "").lower().replace(entry.direction, direction)
    for name in (counterpart, None):
        other = _in_direction(tariff, record, name, direction)
        if other.entry and (other.entry.direction, other.entry.region) == (direction, entry.region):
            return tariff.at(other)
    return tariff.at(found)


def _in_direction(tariff: Tariff, record: Reported, model: str | None, direction: str | None) -> Found:
    return _find(tariff.book, record, tariff.service, tariff.provider, model, at_ms=tariff.at_ms, direction=direction)


def _text(tariff: Tariff, record: Reported, entry: Entry, *, alone: bool) -> Iterator[CostLine]:
    """What was sent to be spoken: one of its measures is billed, the others measure the same text."""
    numbers = record.numbers
    told = {key: numbers[key] for key in _TEXT_UNITS if key in numbers}
    charged = None
    for key in _TEXT_UNITS if record.text is not None else told:
        line = _measured(tariff, record, entry, key)
        if line is not None:
            charged = line.usage
            yield line
            break
    if charged is None and alone and "credits" in told and (line := _credits(tariff, record)):
        charged = line.usage
        yield line
    for key, quantity in told.items():
        if key != charged and quantity:
            if charged:
                yield tariff.free(key, quantity, f"another measure of the same text: what is billed is {charged}")
            else:
                yield tariff.unpriced(key, quantity, tariff.no_price(_TEXT_UNITS[key][0]))
    if alone and not told and charged is None:
        if record.text:
            yield tariff.unpriced("text", len(record.text), tariff.no_price("character"))
        elif record.characters_played:
            yield tariff.unpriced(
                "characters_played", None, "what was sent is billed, not what was played: report characters"
            )


def _measured(tariff: Tariff, record: Reported, entry: Entry, key: str) -> CostLine | None:
    """The text by one measure, where that is billed and was told or can be counted."""
    unit = next((unit for unit in _TEXT_UNITS[key] if unit in tariff.rates), None)
    if unit is None:
        return None
    quantity = record.numbers.get(key)
    if quantity is not None:
        return tariff.charge(key, unit, quantity)
    counted = None if key == "credits" else characters.measured(record, entry, key)
    return None if counted is None else tariff.charge("text", unit, counted.quantity, assumed=counted.assumed)


def _credits(tariff: Tariff, record: Reported) -> CostLine | None:
    """Credits at what one costs on the plan, where the provider has a price for credits as such."""
    for service in dict.fromkeys((tariff.service, _TTS)):
        found = _find(tariff.book, record, service, tariff.provider, _CREDIT, at_ms=tariff.at_ms, direction=None)
        if found.entry is not None and _CREDIT in found.entry.rates:
            return tariff.at(found).charge("credits", _CREDIT, record.numbers["credits"])
    return None


def _counts(tariff: Tariff, record: Reported, *, alone: bool) -> Iterator[CostLine]:
    numbers = record.numbers
    billed = set()
    for unit in tariff.rates:
        size = UNITS[unit]
        if size.family != "count" or size.usage == "credits":
            continue
        billed.add(size.usage)
        if size.usage in numbers:
            yield tariff.charge(size.usage, unit, numbers[size.usage])
        elif unit in _ONE_A_RECORD and not alone:
            yield tariff.charge(size.usage, unit, 1, assumed=f"one {unit} a record: report {size.usage}")
    for key in reported.COUNT_KEYS:
        # How many requests the other numbers are the sum of is no usage beside them.
        if numbers.get(key) and key not in billed and (alone or key != "requests"):
            yield tariff.unpriced(key, numbers[key], tariff.no_price(key.removesuffix("s")))


def _add_ons(tariff: Tariff, record: Reported) -> Iterator[CostLine]:
    for name in record.add_ons:
        label = f"addon:{name}"
        found = tariff.book.addon(tariff.found, name, at_ms=tariff.at_ms)
        if found.entry is None:
            yield tariff.unpriced(label, None, found.reason)
            continue
        extra = tariff.at(found)
        rule = _with_meter_of(found.entry, tariff.entry)
        for unit in found.entry.rates:
            yield from _add_on(extra, record, rule, unit, label)


def _add_on(tariff: Tariff, record: Reported, entry: Entry, unit: str, label: str) -> Iterator[CostLine]:
    size = UNITS[unit]
    if size.family == "time":
        stretches = seconds.pieces(record)
        if stretches:
            meter = seconds.nearest(entry, stretches)
            yield from _stretches(tariff, record, entry, unit, meter, stretches[meter], label)
            return
    elif size.usage in record.numbers:
        yield tariff.charge(label, unit, record.numbers[size.usage])
        return
    elif unit in _ONE_A_RECORD:
        yield tariff.charge(label, unit, 1)
        return
    elif (counted := characters.measured(record, entry, size.usage)) and size.family in _INPUT_FAMILIES:
        yield tariff.charge(label, unit, counted.quantity, assumed=counted.assumed)
        return
    yield tariff.unpriced(label, None, f"{tariff.matched} is charged per {unit}: report {size.usage}")


def _with_meter_of(entry: Entry, base: Entry | None) -> Entry:
    """An add-on is measured as what it is added to, where it does not say otherwise."""
    if base is None or entry.meter is not None or seconds.rounds(entry):
        return entry
    return msgspec.structs.replace(
        entry,
        meter=seconds.meter_of(base),
        increment_seconds=base.increment_seconds,
        minimum_seconds=base.minimum_seconds,
        scope=base.scope,
        channels=entry.channels or base.channels,
    )


def _attempts(tariff: Tariff, record: Reported, lines: list[CostLine]) -> list[CostLine]:
    """Attempts that failed before the one that is told of: their input, where failures are not free."""
    failed = record.whole.get("attempts", 1) - 1
    if not failed:
        return []
    about = tariff.found.provider
    if about is not None and about.failed_requests == "free":
        return [tariff.free("attempts", failed, f"{about.name} charges nothing for requests that fail")]
    again = [
        msgspec.structs.replace(
            line,
            status=ESTIMATED,
            usage="attempts",
            reason=joined(line.reason, "attempts that failed, at the input of the one that did not"),
            **{name: _times(getattr(line, name), failed) for name in ("quantity", "quantity_billed", "amount", "usd")},
        )
        for line in lines
        if line.status in (PRICED, ESTIMATED) and _is_input(line)
    ]
    return again or [tariff.unpriced("attempts", failed, "attempts that failed: what they sent was not reported")]


def _is_input(line: CostLine) -> bool:
    unit = line.unit or ""
    if (line.usage or "").startswith("addon:"):
        return False
    size = UNITS[unit]
    return size.family in _INPUT_FAMILIES or unit == "credit" or (size.family == "tokens" and "output" not in unit)


def _times(value: Decimal | None, number: int) -> Decimal | None:
    return None if value is None else value * number


def _raw(record: Reported) -> list[tuple[str, Number]]:
    """What was reported, as it was reported: for records whose price does not matter or is not known."""
    listed = {
        name: seconds.used(pieces)
        for name, pieces in (("legs", record.legs), ("sessions", record.sessions))
        if isinstance(pieces, tuple)
    }
    found: dict[str, Number] = {**record.numbers, **listed}
    if record.text is not None and not any(key in found for key in _TEXT_UNITS):
        found["text"] = len(record.text)
    return [(key, quantity) for key, quantity in found.items() if quantity] or list(found.items())


def _nothing(tariff: Tariff) -> str:
    split = any("audio" in unit for unit in tariff.rates)
    wanted = dict.fromkeys(
        seconds.meter_of(tariff.entry)
        if UNITS[unit].family == "time"
        else tokens.usage_key(UNITS[unit].usage, split=split)
        for unit in tariff.rates
        if tariff.entry is not None
    )
    return "no usage was reported" + (f": report {', '.join(wanted)}" if wanted else "")
