"""A catalogue of a few providers, each with one of the ways to bill, and a way to price with it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from callscope.model.cost import CostLine
from callscope.prices.book import PriceBook
from callscope.prices.catalogue import Catalogue
from callscope.prices.costing import cost_of
from callscope.prices.entry import Entry, LongContext, Model, Provider
from callscope.prices.own import NONE, OwnPrices

AT_MS = 1_795_253_412_000  # 2026-11-21T09:30:12Z
D = Decimal


def rates(**prices: str) -> dict[str, Decimal]:
    """Units that begin with a digit are written with a leading underscore."""
    return {unit.removeprefix("_"): Decimal(price) for unit, price in prices.items()}


def model(provider: str, service: str, name: str, *variants: dict[str, Any], **entry: Any) -> Model:
    prices = [
        Entry(
            id="/".join([provider, service, name, *(value for value in variant.values() if isinstance(value, str))]),
            provider=provider, service=service, model=name, **{**entry, **variant},
        )
        for variant in (variants or ({},))
    ]  # fmt: skip
    return Model(service=service, model=name, prices=tuple(prices))


def provider(id_: str, *models: Model, **about: Any) -> Provider:
    return Provider(id=id_, name=id_.title(), models=models, **about)


GPT = rates(_1M_input_text_tokens="2", _1M_cached_input_text_tokens="0.5", _1M_output_text_tokens="8")
CLAUDE = rates(
    _1M_input_text_tokens="1", _1M_cached_input_text_tokens="0.1", _1M_cache_write_tokens="1.25",
    _1M_cache_write_1h_tokens="2", _1M_output_text_tokens="5",
)  # fmt: skip
SPOKEN = rates(
    _1M_input_text_tokens="4", _1M_cached_input_text_tokens="0.4", _1M_input_audio_tokens="32",
    _1M_cached_input_audio_tokens="0.4", _1M_output_text_tokens="16", _1M_output_audio_tokens="64",
)  # fmt: skip
TRANSCRIBED = rates(
    _1M_input_text_tokens="2.5", _1M_input_audio_tokens="6", _1M_output_text_tokens="10", minute_estimate="0.006"
)
PER_LEG = {"increment_seconds": D(60), "scope": "leg"}

PROVIDERS = [
    provider(
        "openai",
        model("openai", "llm", "gpt-4.1", rates=GPT),
        model("openai", "llm", "gpt-4-turbo", rates=rates(_1M_input_text_tokens="10", _1M_output_text_tokens="30")),
        model("openai", "llm", "gpt-audio", rates=SPOKEN),
        model("openai", "realtime", "gpt-realtime", rates=SPOKEN),
        model("openai", "realtime", "gpt-live-1", rates=rates(minute="0.05"), meter="session_seconds"),
        model("openai", "stt", "gpt-4o-transcribe", rates=TRANSCRIBED),
        model(
            "openai", "tts", "gpt-4o-mini-tts", rates=rates(_1M_input_text_tokens="0.6", _1M_output_audio_tokens="12")
        ),
        model("openai", "tts", "tts-1", rates=rates(_1M_chars="15")),
    ),
    provider("anthropic", model("anthropic", "llm", "claude", rates=CLAUDE), cached_inside_input=False),
    provider(
        "google",
        model(
            "google", "llm", "gemini",
            rates=rates(
                _1M_input_text_tokens="1.25", _1M_cached_input_text_tokens="0.125", _1M_output_text_tokens="10"
            ),
            long_context=LongContext(
                above_input_tokens=200_000, rates=rates(_1M_input_text_tokens="2.5", _1M_output_text_tokens="15")
            ),
        ),
        model("google", "tts", "chirp", rates=rates(_1M_chars="30"), markup="counted_except_mark"),
        model("google", "stt", "chirp", rates=rates(minute="0.016"), channels="multiplied"),
        reasoning_may_be_beside=True,
    ),
    provider(
        "deepgram",
        model(
            "deepgram", "stt", "nova-3",
            {"mode": "streaming", "rates": rates(minute="0.0048")}, {"mode": "batch", "rates": rates(minute="0.0043")},
            {"mode": "streaming", "plan": "growth", "rates": rates(minute="0.0042")},
            channels="multiplied",
        ),
        model("deepgram", "stt", "diarization", rates=rates(minute="0.002"), addon=True),
        failed_requests="billed", plan="payg",
    ),
    provider(
        "assemblyai",
        model("assemblyai", "stt", "universal", rates=rates(hour="0.15"), meter="session_seconds", scope="session"),
        failed_requests="free",
    ),
    provider(
        "soniox",
        model(
            "soniox", "stt", "stt-rt", meter="session_seconds",
            rates=rates(_1M_input_audio_tokens="2", _1M_output_text_tokens="4", hour_estimate="0.12"),
        ),
    ),
    provider(
        "groq", model("groq", "stt", "whisper", rates=rates(hour="0.111"), minimum_seconds=D(10), scope="request")
    ),
    provider("aws",
        model("aws", "stt", "transcribe", rates=rates(minute="0.024"), channels="once"),
        model("aws", "tts", "polly", rates=rates(_1M_chars="16"), markup="excluded"),
    ),
    provider("azure", model("azure", "tts", "neural", rates=rates(_1M_chars="15"), markup="counted")),
    provider("gladia", model("gladia", "stt", "solaria", rates=rates(hour="0.6"))),
    provider(
        "cartesia",
        model("cartesia", "tts", "sonic", rates=rates(_1k_chars="0.05")),
        model("cartesia", "tts", "sonic-credits", rates=rates(credit="0.00005")),
        failed_requests="free",
    ),
    provider("fishaudio", model("fishaudio", "tts", "s2", rates=rates(_1M_utf8_bytes="15"))),
    provider(
        "twilio",
        model("twilio", "telephony", "us-local-inbound", rates=rates(minute="0.0085"), direction="inbound", **PER_LEG),
        model("twilio", "telephony", "voice",
            {"direction": "inbound", "rates": rates(minute="0.0085")},
            {"direction": "outbound", "rates": rates(minute="0.014")},
            **PER_LEG,
        ),
        model("twilio", "telephony", "media-streams", rates=rates(minute="0.0044"), addon=True, **PER_LEG),
        model("twilio", "telephony", "amd", rates=rates(call="0.0075"), addon=True),
        model("twilio", "telephony", "number", rates=rates(month="1.15")),
    ),
    provider("plivo", model("plivo", "telephony", "inbound", rates=rates(minute="0.0055"), **PER_LEG)),
    provider(
        "telnyx",
        model("telnyx", "telephony", "inbound", rates=rates(minute="0.0032"), increment_seconds=D(6), scope="leg"),
    ),
    provider("livekit", model("livekit", "telephony", "agent", rates=rates(minute="0.01"), meter="session_seconds",
        increment_seconds=D(60), scope="session")),
    provider("vonage", model("vonage", "telephony", "inbound", rates=rates(minute="0.01"), currency="GBP")),
    provider(
        "perplexity", model("perplexity", "llm", "sonar", rates=rates(request="0.005", _1M_input_text_tokens="1"))
    ),
    provider("free", model("free", "tts", "voice", rates=rates(_1k_chars="0"))),
    provider("piper", local=True),
]  # fmt: skip


def book(own: OwnPrices = NONE, providers: Sequence[Provider] = PROVIDERS) -> PriceBook:
    header = {"schema": 1, "version": "2026-11-21.test", "providers": [[one.id, one.aliases] for one in providers]}
    return PriceBook(Catalogue(b"\n".join(msgspec.json.encode(line) for line in (header, *providers))), own)


BOOK = book()


def price(what: str, usage: dict[str, Any], *, at_ms: int | None = AT_MS, of: PriceBook = BOOK) -> list[CostLine]:
    """The lines of ``service/provider/model``, as ``llm/openai/gpt-4.1``."""
    service, provider_, name = what.split("/")
    return list(cost_of(of, service=service, provider=provider_, model=name, usage=usage, at_ms=at_ms))


def only(what: str, usage: dict[str, Any], **how: Any) -> CostLine:
    (line,) = price(what, usage, **how)
    return line


def amounts(lines: Sequence[CostLine]) -> dict[str | None, Decimal | None]:
    return {line.usage: line.usd for line in lines}


def usd(lines: Sequence[CostLine]) -> Decimal:
    return sum((line.usd or Decimal(0) for line in lines), Decimal(0))


def statuses(lines: Sequence[CostLine]) -> list[str]:
    return [line.status for line in lines]
