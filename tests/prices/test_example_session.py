"""A phone call with the providers that people begin with, priced by hand beside what callscope makes of it."""

from __future__ import annotations

from decimal import Decimal

from callscope.prices import shipped
from callscope.prices.book import PriceBook
from callscope.prices.call_cost import CallCost, Line

AT_MS = 1_795_253_412_000  # 2026-11-21


def test_three_minutes_with_deepgram_openai_and_cartesia_over_twilio() -> None:
    call = CallCost(PriceBook(shipped.catalogue()))
    for usage in (
        {"service": "stt", "provider": "deepgram", "model": "nova-2", "audio_seconds": 180},
        {"service": "llm", "provider": "openai", "model": "gpt-4-turbo", "input_tokens": 1500, "output_tokens": 200},
        {"service": "llm", "provider": "openai", "model": "gpt-3.5-turbo", "input_tokens": 400, "output_tokens": 20},
        {"service": "tts", "provider": "cartesia", "model": "sonic", "characters": 800},
    ):
        call.add(usage, at_ms=AT_MS)

    cost = call.cost(Line(provider="twilio", direction="inbound", seconds=185, at_ms=AT_MS))

    speech = Decimal(3) * Decimal("0.35") / 60  # 0.35 an hour
    language = (1500 * Decimal(10) + 200 * Decimal(30)) / 1_000_000 + (
        400 * Decimal("0.5") + 20 * Decimal("1.5")
    ) / 1_000_000
    voice = Decimal("0.8") * Decimal("0.05")  # 0.05 for a thousand characters
    line = 4 * Decimal("0.0085")  # 185 seconds are four begun minutes
    assert cost.usd is not None
    assert round(cost.usd, 12) == round(speech + language + voice + line, 12)
    assert round(cost.usd, 5) == Decimal("0.11273")
    assert cost.status == "estimated"  # the kind of number was not told
