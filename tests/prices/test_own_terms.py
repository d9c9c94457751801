"""Which of the user's own prices applies, and by which terms."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from test_book import ACME, HERE, JUNE, NOW, book, mine, ms, price

from callscope.prices.book import PriceBook
from callscope.prices.costing import cost_of
from callscope.prices.own import Discount, OwnPrices
from callscope.prices.shipped import catalogue


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("ear-general", "0.002"),
        ("acme/Ear-General-2026-01-02", "0.002"),
        ("ear", "0.001"),
        ("ear-de", "0.001"),
        ("ear-2026-01-02", "0.003"),
        ("late", "0.004"),
    ],
)
def test_the_users_price_for_the_nearest_name_wins_wherever_it_stands(model: str, expected: str) -> None:
    own = [
        mine("stt", "*", "0.004"),
        mine("stt", "ear", "0.001"),
        mine("stt", "ear-general", "0.002"),
        mine("stt", "ear-2026-01-02", "0.003"),
    ]

    for prices in (own, own[::-1]):
        assert price(book(OwnPrices(prices=tuple(prices))).find("stt", "acme", model, at_ms=NOW)) == expected


def test_the_users_price_for_one_name_is_not_for_the_others() -> None:
    prices = book(OwnPrices(prices=(mine("stt", "ear-general", "0.001"), mine("stt", "ear-2026-01-02", "0"))))

    assert price(prices.find("stt", "acme", "ear", at_ms=NOW)) == "0.005"
    assert price(prices.find("stt", "acme", "ear-de", at_ms=NOW)) == "0.005"
    assert price(prices.find("stt", "acme", "ear-2026-03-04", at_ms=NOW)) == "0.005"


@pytest.mark.parametrize(
    ("service", "provider", "own", "other"),
    [
        ("tts", "cartesia", "sonic-2", "sonic-3.6"),
        ("tts", "rime", "mistv2", "mistv3"),
        ("llm", "openai", "gpt-4o-2024-08-06", "gpt-4o"),
        ("llm", "openai", "gpt-4o", "gpt-4o-2024-05-13"),
        ("stt", "google", "latest_long", "chirp_3"),
    ],
)
def test_a_name_with_a_list_price_of_its_own_keeps_it(service: str, provider: str, own: str, other: str) -> None:
    prices = PriceBook(catalogue(), OwnPrices(prices=(mine(service, own, "0", provider=provider),)))

    assert prices.find(service, provider, own, at_ms=NOW).source == "override"
    assert prices.find(service, provider, other, at_ms=NOW).source == "catalogue"


TERMS: list[tuple[str, str, str, str, str, dict[str, object], str]] = [
    ("telephony", "twilio", "us-local-inbound", "minute", "0.006", {"call_seconds": 61}, "0.012"),
    ("telephony", "plivo", "us-local-inbound", "minute", "0.005", {"call_seconds": 61}, "0.010"),
    ("telephony", "livekit", "agent-session", "minute", "0.008", {"session_seconds": 61}, "0.016"),
    ("stt", "groq", "whisper-large-v3-turbo", "hour", "0.036", {"audio_seconds": 2}, "0.0001"),
    (
        "stt", "assemblyai", "universal-streaming-english", "hour", "0.12",
        {"session_seconds": 300, "audio_seconds": 120}, "0.01",
    ),
    ("stt", "google", "chirp_3", "minute", "0.012", {"audio_seconds": 1.2, "channels": 4}, "0.0016"),
    ("tts", "aws", "neural", "1M_chars", "10", {"text": "<speak>Hi</speak>"}, "0.00002"),
]  # fmt: skip


@pytest.mark.parametrize(("service", "provider", "model", "unit", "amount", "usage", "expected"), TERMS)
@pytest.mark.parametrize("every", [False, True])
def test_a_price_of_the_users_has_the_terms_of_the_list_price(
    service: str,
    provider: str,
    model: str,
    unit: str,
    amount: str,
    usage: dict[str, object],
    expected: str,
    every: bool,  # noqa: FBT001 -- a column of the table
) -> None:
    name = "*" if every else model
    own = mine(service, name, "0", provider=provider)
    own = msgspec.structs.replace(own, rates={unit: Decimal(amount)})
    prices = PriceBook(catalogue(), OwnPrices(prices=(own,)))

    lines = cost_of(prices, service=service, provider=provider, model=model, usage=usage, at_ms=NOW)

    assert sum(line.usd or 0 for line in lines) == Decimal(expected)
    assert {line.status for line in lines} <= {"priced", "not_billed"}


def test_what_a_price_of_the_users_says_wins_over_the_terms_of_the_list_price() -> None:
    def billed(**terms: Any) -> Decimal | None:
        own = mine("telephony", "us-local-inbound", "0.006", provider="twilio", **terms)
        prices = PriceBook(catalogue(), OwnPrices(prices=(own,)))
        (line,) = cost_of(
            prices,
            service="telephony",
            provider="twilio",
            model="us-local-inbound",
            usage={"call_seconds": 61},
            at_ms=NOW,
        )
        return line.quantity_billed

    assert billed() == Decimal(2)
    assert billed(increment_seconds=Decimal(6)) == Decimal("1.1")
    assert billed(increment_seconds=Decimal(0)) == pytest.approx(Decimal(61) / 60)
    assert billed(minimum_seconds=Decimal(300)) == Decimal(5)


def test_terms_of_none_are_none() -> None:
    nothing = {"increment_seconds": Decimal(0), "minimum_seconds": Decimal(0)}
    for provider, model in (("groq", "whisper-large-v3"), ("cellar", "v1")):
        own = mine("stt", model, "1", provider=provider, **nothing)
        found = PriceBook(catalogue(), OwnPrices(prices=(own,))).find("stt", provider, model, at_ms=NOW)
        assert found.entry is not None
        assert (found.entry.increment_seconds, found.entry.minimum_seconds) == (None, None)


def test_a_model_or_provider_that_only_the_user_knows_has_the_terms_that_they_say() -> None:
    for provider, model in (("twilio", "moon-inbound"), ("cellar", "us-local-inbound")):
        own = mine("telephony", model, "1", provider=provider)
        found = PriceBook(catalogue(), OwnPrices(prices=(own,))).find("telephony", provider, model, at_ms=NOW)
        assert found.entry == own


def test_the_terms_are_those_of_the_list_price_of_the_same_day_and_mode() -> None:
    text = ACME.replace('rates = { minute = "0.005" }', 'rates = { minute = "0.005" }\nincrement_seconds = 60')
    prices = book(OwnPrices(prices=(mine("stt", "ear", "1"),)), (text, HERE))

    def increment(**facts: Any) -> Decimal | None:
        found = prices.find("stt", "acme", "ear", **facts)
        assert found.entry is not None
        return found.entry.increment_seconds

    assert increment(at_ms=JUNE - 1) is None
    assert increment(at_ms=JUNE) == Decimal(60)
    assert increment(at_ms=JUNE, mode="batch") is None
    assert increment(at_ms=None) == Decimal(60)


def test_without_a_moment_no_price_of_the_users_is_used_that_has_not_begun() -> None:
    now = mine("stt", "ear", "0.001", effective_to=ms("2027-01-01") // 1000)
    next_year = mine("stt", "ear", "0.002", effective_from=ms("2027-01-01") // 1000)
    unlisted = mine("stt", "unlisted", "0.003", effective_from=ms("2027-01-01") // 1000)
    later = Discount(provider="acme", factor=Decimal("0.5"), effective_from=ms("2027-01-01") // 1000)

    assert price(book(OwnPrices(prices=(now, next_year))).find("stt", "acme", "ear", at_ms=None)) == "0.001"
    assert price(book(OwnPrices(prices=(next_year,))).find("stt", "acme", "ear", at_ms=None)) == "0.005"
    assert price(book(OwnPrices(discounts=(later,))).find("stt", "acme", "ear", at_ms=None)) == "0.005"
    only = book(OwnPrices(prices=(unlisted,))).find("stt", "acme", "unlisted", at_ms=None)
    assert price(only) == "0.003"
    assert only.assumed is not None


def test_a_price_of_the_users_for_a_direction_or_region_that_nobody_reported_is_assumed() -> None:
    own = mine("telephony", "*", "0.001", provider="carrier", direction="outbound", region="GB")
    prices = book(OwnPrices(prices=(own,)))

    said = prices.find("telephony", "carrier", None, at_ms=NOW, direction="outbound", region="GB")
    unsaid = prices.find("telephony", "carrier", None, at_ms=NOW)
    assert (price(said), said.assumed) == ("0.001", None)
    assert (price(unsaid), unsaid.assumed) == (
        "0.001",
        "the price is for direction outbound, and none was reported; the price is for region GB, and none was reported",
    )


def test_the_name_of_a_number_tells_the_direction_of_the_users_price_too() -> None:
    inbound = book(OwnPrices(prices=(mine("telephony", "*", "0.001", direction="inbound", region="US"),)))

    assert inbound.find("telephony", "acme", "us-local-inbound", at_ms=NOW).assumed is None
    assert inbound.find("telephony", "acme", "sip", at_ms=NOW).assumed is not None
    assert inbound.find("telephony", "acme", None, at_ms=NOW).assumed is not None
