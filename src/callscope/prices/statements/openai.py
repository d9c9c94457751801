"""OpenAI: the organization's costs, and its usage.

Costs are daily buckets whose ``line_item`` is ``gpt-4.1-2025-04-14, cached input``. Usage has no amounts; there
``input_text_tokens`` and ``input_audio_tokens`` are those that were not cached, while ``input_tokens`` are all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from callscope.prices.statements.charge import Charge
from callscope.prices.statements.format import Format
from callscope.prices.statements.measure import measured, token_kind
from callscope.prices.statements.row import Row, day_of, last_day_of

_USAGE: Final = "organization.usage."
_ZERO: Final = Decimal(0)


def _is_page(document: Mapping[str, Any]) -> bool:
    buckets = document.get("data")
    return isinstance(buckets, list) and (
        all(isinstance(bucket, dict) and "results" in bucket for bucket in buckets)
        if buckets
        else document.get("object") == "page"
    )


def _is_usage(document: Mapping[str, Any]) -> bool:
    if not _is_page(document):
        return False
    results = [result for bucket in document["data"] for result in bucket["results"] or ()]
    return any(isinstance(each, dict) and str(each.get("object", "")).startswith(_USAGE) for each in results)


def _charges(page: Row, provider: str, file: str) -> Iterator[Charge]:  # noqa: ARG001 -- a format's interface
    for bucket in page.rows("data"):
        day = day_of(bucket.moment("start_time"))
        last_day = last_day_of(day, bucket.moment("end_time"))
        found = [charge for result in bucket.rows("results") for charge in _of(result, provider)]
        # A bucket without results tells something, too: nothing was charged.
        for charge in found or [Charge(provider=provider, amount=_ZERO)]:
            yield msgspec.structs.replace(charge, day=day, last_day=last_day)


def _of(result: Row, provider: str) -> Iterator[Charge]:
    kind = (result.text("object") or "").removeprefix(_USAGE).removesuffix(".result")
    if result.values.get("amount") is not None:
        yield _cost(result, provider)
    elif kind == "completions":
        yield from _completions(result, provider)
    elif kind == "audio_speeches":
        yield _counted(result, provider, service="tts", unit="characters", key="characters")
    elif kind == "audio_transcriptions":
        yield _counted(result, provider, service="stt", unit="seconds", key="seconds")
    elif (result.text("object") or "").startswith(_USAGE):
        yield Charge(provider=provider, model=result.text("model"), line_item=kind, kind="other")
    else:
        raise result.wrong("a result with neither an amount nor a known kind of usage")


def _cost(result: Row, provider: str) -> Charge:
    amount = result.row("amount")
    line_item = result.text("line_item") or ""
    model, _, meter = line_item.rpartition(", ")
    kind = token_kind(meter) if model else None
    quantity, unit = result.number("quantity"), result.text("quantity_unit")
    counted, quantity = measured(quantity, unit or ("tokens" if kind else None), meter=meter)
    return Charge(
        provider=provider,
        service=_service(model, kind) if model else None,
        model=model or None,
        unit=counted or kind,
        quantity=quantity,
        amount=amount.must("value"),
        currency=(amount.text("currency") or "USD").upper(),
        line_item=line_item,
    )


def _completions(result: Row, provider: str) -> Iterator[Charge]:
    def count(key: str) -> Decimal:
        return result.number(key) or _ZERO

    cached_audio, audio = count("input_cached_audio_tokens"), count("input_audio_tokens")
    write, spoken = count("input_cache_write_tokens"), count("output_audio_tokens")
    text = result.number("input_text_tokens")
    if text is None:
        text = count("input_tokens") - count("input_cached_tokens") - write - audio
    cached = result.number("input_cached_text_tokens")
    if cached is None:
        cached = count("input_cached_tokens") - cached_audio
    if text < 0 or cached < 0 or count("output_tokens") < spoken:
        raise result.wrong("the parts are more than the sum of the tokens")
    model = result.text("model")
    for unit, quantity in {
        "input_text_tokens": text,
        "cached_input_text_tokens": cached,
        "cache_write_tokens": write,
        "input_audio_tokens": audio,
        "cached_input_audio_tokens": cached_audio,
        "output_text_tokens": count("output_tokens") - spoken,
        "output_audio_tokens": spoken,
    }.items():
        if quantity:
            yield Charge(
                provider=provider,
                service=_service(model or "", unit),
                model=model,
                unit=unit,
                quantity=quantity,
                line_item=f"{model or 'completions'}, {unit}",
                mode="batch" if result.values.get("batch") is True else None,
            )


def _counted(result: Row, provider: str, *, service: str, unit: str, key: str) -> Charge:
    model = result.text("model")
    return Charge(
        provider=provider, service=service, model=model, unit=unit, quantity=result.must(key), line_item=model or key
    )


def _service(model: str, kind: str | None) -> str | None:
    if "realtime" in model or "audio-preview" in model:
        return "realtime"
    if "transcribe" in model or "whisper" in model:
        return "stt"
    if "tts" in model:
        return "tts"
    return "llm" if kind else None


FORMATS: Final = (
    Format("OpenAI usage (JSON)", _is_usage, _charges, provider="openai", partial=True),
    Format("OpenAI costs (JSON)", _is_page, _charges, provider="openai"),
)
