"""Which price applies."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from callscope.prices.book import Found, PriceBook
from callscope.prices.catalogue import Catalogue, Header
from callscope.prices.entry import Entry
from callscope.prices.own import NONE, Discount, Exchange, OwnPrices
from callscope.prices.shipped import catalogue
from callscope.prices.source import provider_of

ACME = """
[provider]
id = "acme"
name = "Acme"
aliases = ["acme_speech"]
hosts = ["api.acme.com"]
plan = "payg"

[[model]]
service = "stt"
model = "ear"
names = ["ear-general"]
patterns = ['^ear-[a-z]{2}$']
[[model.price]]
mode = "streaming"
rates = { minute = "0.006" }
effective_to = 2026-06-01T00:00:00Z
[[model.price]]
mode = "streaming"
rates = { minute = "0.005" }
effective_from = 2026-06-01T00:00:00Z
[[model.price]]
mode = "batch"
rates = { minute = "0.004" }
[[model.price]]
mode = "streaming"
plan = "growth"
rates = { minute = "0.003" }

[[model]]
service = "stt"
model = "late"
[[model.price]]
rates = { minute = "1" }
effective_from = 2026-01-01T00:00:00Z
effective_to = 2026-02-01T00:00:00Z

[[model]]
service = "stt"
model = "rich-only"
[[model.price]]
plan = "growth"
rates = { minute = "1" }

[[model]]
service = "stt"
model = "recordings"
[[model.price]]
mode = "batch"
rates = { minute = "0.002" }

[[model]]
service = "stt"
model = "labels"
names = ["diarize"]
[[model.price]]
addon = true
rates = { minute = "0.001" }
[[model.price]]
addon = true
plan = "growth"
rates = { minute = "0.0005" }

[[model]]
service = "llm"
model = "mind"
[[model.price]]
rates = { 1M_input_text_tokens = "2" }
[[model.price]]
tier = "priority"
effective_from = 2026-01-01T00:00:00Z
rates = { 1M_input_text_tokens = "4" }

[[model]]
service = "realtime"
model = "both"
patterns = ['^both-']
[[model.price]]
rates = { hour = "3" }

[[model]]
service = "tts"
model = "mouth"
[[model.price]]
rates = { 1k_chars = "0.1" }

[[model]]
service = "telephony"
model = "us-local-inbound"
names = ["*inbound"]
[[model.price]]
direction = "inbound"
region = "US"
rates = { minute = "0.01" }

[[model]]
service = "telephony"
model = "us-local-outbound"
names = ["*outbound"]
[[model.price]]
direction = "outbound"
region = "US"
rates = { minute = "0.02" }

[[model]]
service = "telephony"
model = "sip"
[[model.price]]
direction = "inbound"
rates = { minute = "0.1" }
[[model.price]]
direction = "outbound"
rates = { minute = "0.2" }
"""
HERE = """
[provider]
id = "here"
name = "This machine"
local = true
"""


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW = ms("2026-11-01")
JUNE = ms("2026-06-01")


def book(own: OwnPrices = NONE, files: Iterable[str] = (ACME, HERE)) -> PriceBook:
    providers = [provider_of(text, file="test.toml") for text in files]
    named = tuple((one.id, (*one.aliases, *one.hosts)) for one in providers)
    header = Header(schema=1, version="2026-11-21.abc", providers=named)
    return PriceBook(Catalogue(b"\n".join(msgspec.json.encode(one) for one in (header, *providers))), own)


def rate(found: Found) -> Decimal:
    assert found.entry is not None, found.reason
    (price,) = found.entry.rates.values()
    return price * found.factor


def price(found: Found) -> str:
    return str(rate(found))


def mine(service: str, model: str, amount: str, **more: Any) -> Entry:
    more = {"provider": "acme", **more}
    return Entry(id=f"own/{model}", service=service, model=model, rates={"minute": Decimal(amount)}, **more)


@pytest.mark.parametrize("provider", ["acme", "ACME", "acme_speech", "api.acme.com", "eu.api.acme.com"])
@pytest.mark.parametrize("model", ["ear", "EAR", "ear-general", "ear-de", "acme/ear", "ear-2026-01-02", "ear-latest"])
def test_a_model_under_all_its_names(provider: str, model: str) -> None:
    found = book().find("stt", provider, model, at_ms=NOW)

    assert (price(found), found.source, found.factor, found.assumed) == ("0.005", "catalogue", Decimal(1), None)
    assert found.provider is not None
    assert found.provider.id == "acme"


def test_a_price_changes_at_its_moment_and_not_before() -> None:
    prices = book()
    for _ in range(2):  # the second time from what is remembered
        assert price(prices.find("stt", "acme", "ear", at_ms=JUNE - 1)) == "0.006"
        assert price(prices.find("stt", "acme", "ear", at_ms=JUNE)) == "0.005"
        assert price(prices.find("stt", "acme", "ear", at_ms=None)) == "0.005"


def test_before_the_first_known_price_it_is_that_one_and_assumed() -> None:
    found = book().find("stt", "acme", "late", at_ms=ms("2025-12-31"))

    assert (price(found), found.assumed) == ("1", "its price is known from 2026-01-01 on only")


def test_after_the_end_of_the_last_price_none_is_known() -> None:
    found = book().find("stt", "acme", "late", at_ms=ms("2026-02-01"))

    assert found.entry is None
    assert found.reason is not None
    assert "no price is known for 2026-02-01" in found.reason
    assert "[[price]]" in found.reason


def test_without_a_moment_a_price_of_the_future_is_not_used() -> None:
    text = ACME.replace("2026-06-01", "2027-06-01")

    assert price(book(files=(text,)).find("stt", "acme", "ear", at_ms=None)) == "0.006"


@pytest.mark.parametrize(("mode", "expected"), [(None, "0.005"), ("streaming", "0.005"), ("batch", "0.004")])
def test_streaming_is_meant_unless_said_otherwise(mode: str | None, expected: str) -> None:
    assert price(book().find("stt", "acme", "ear", at_ms=NOW, mode=mode)) == expected


def test_a_price_without_a_mode_is_for_all() -> None:
    assert price(book().find("tts", "acme", "mouth", at_ms=NOW, mode="batch")) == "0.1"


def test_a_mode_that_is_not_offered_has_no_price() -> None:
    found = book().find("stt", "acme", "recordings", at_ms=NOW, mode="streaming")

    assert found.entry is None
    assert found.reason is not None
    assert "mode streaming" in found.reason
    assert price(book().find("stt", "acme", "recordings", at_ms=NOW)) == "0.002"


def test_the_users_plan() -> None:
    prices = book(OwnPrices(plans={"acme": "growth"}))

    assert price(prices.find("stt", "acme", "ear", at_ms=NOW)) == "0.003"
    assert price(prices.find("stt", "acme", "ear", at_ms=NOW, plan="payg")) == "0.005"
    assert price(book().find("stt", "acme", "ear", at_ms=NOW, plan="growth")) == "0.003"


def test_a_plan_without_a_price_for_the_model_gets_the_list_price_and_says_so() -> None:
    found = book().find("tts", "acme", "mouth", at_ms=NOW, plan="growth")

    assert (price(found), found.assumed) == ("0.1", 'no price is known for plan "growth": the list price assumed')


def test_the_plan_of_the_list_prices_is_no_assumption() -> None:
    assert book().find("tts", "acme", "mouth", at_ms=NOW, plan="payg").assumed is None


def test_a_price_of_another_plan_is_never_used() -> None:
    found = book().find("stt", "acme", "rich-only", at_ms=NOW)

    assert found.entry is None
    assert found.reason is not None
    assert "plan growth only" in found.reason


@pytest.mark.parametrize(
    ("tier", "expected", "assumed"),
    [(None, "2", False), ("default", "2", False), ("priority", "4", False), ("flex", "2", True)],
)
def test_a_service_tier(tier: str | None, expected: str, assumed: bool) -> None:  # noqa: FBT001 -- a column of the table
    found = book().find("llm", "acme", "mind", at_ms=NOW, tier=tier)

    assert (price(found), found.assumed is not None) == (expected, assumed)


def test_a_line_without_a_model_is_a_local_number_of_its_direction() -> None:
    inbound = book().find("telephony", "acme", None, at_ms=NOW)
    outbound = book().find("telephony", "acme", None, at_ms=NOW, direction="outbound")

    assert (price(inbound), price(outbound)) == ("0.01", "0.02")
    assert inbound.assumed == "US local number assumed, and an inbound call; report the model for the exact rate"
    assert outbound.assumed == "US local number assumed; report the model for the exact rate"


def test_a_model_with_a_price_for_each_direction() -> None:
    assert price(book().find("telephony", "acme", "sip", at_ms=NOW, direction="outbound")) == "0.2"
    unsaid = book().find("telephony", "acme", "sip", at_ms=NOW)
    assert (price(unsaid), unsaid.assumed) == ("0.1", "the price is for direction inbound, and none was reported")


def test_a_named_number_needs_no_direction_and_no_region() -> None:
    assert book().find("telephony", "acme", "us-local-inbound", at_ms=NOW).assumed is None
    assert book().find("telephony", "acme", "us-local-inbound", at_ms=NOW, region="AU").assumed is not None


def test_no_model_is_the_only_one_or_none() -> None:
    only = book().find("tts", "acme", None, at_ms=NOW)
    several = book().find("stt", "acme", "", at_ms=NOW)

    assert only.assumed == "no model was reported: mouth assumed, the only one known"
    assert several.entry is None
    assert several.reason == "no model was reported, and acme has several prices: report the model"


def test_a_model_under_a_neighbouring_service_by_its_exact_name_only() -> None:
    assert price(book().find("llm", "acme", "both", at_ms=NOW)) == "3"
    assert price(book().find("stt", "acme", "both", at_ms=NOW)) == "3"
    assert price(book().find("realtime", "acme", "both-2", at_ms=NOW)) == "3"
    assert book().find("llm", "acme", "both-2", at_ms=NOW).entry is None
    assert book().find("telephony", "acme", "both", at_ms=NOW).entry is None


@pytest.mark.parametrize(
    ("provider", "model", "words"),
    [
        ("acme", "loudest", 'the stt model "loudest" of acme; add a [[price]]'),
        ("nobody", "x", 'the provider "nobody" is not known; add a [[price]]'),
        (None, "x", "no provider was reported"),
        ("localhost", "x", "under [hosts] in your prices file"),
    ],
)
def test_every_reason_says_what_to_do(provider: str | None, model: str, words: str) -> None:
    found = book().find("stt", provider, model, at_ms=NOW)

    assert found.entry is None
    assert found.reason is not None
    assert words in found.reason


def test_software_on_the_users_machine_has_no_price_and_needs_none() -> None:
    found = book().find("stt", "here", "/models/ggml-base.en.bin", at_ms=NOW)

    assert found.entry is None
    assert found.provider is not None
    assert found.provider.local
    assert found.reason == "runs on your own machine"


def test_the_users_price_for_a_model_wins_under_every_name_of_it() -> None:
    prices = book(OwnPrices(prices=(mine("stt", "*", "0.002"), mine("stt", "Ear", "0.001"))))

    for model in ("ear", "ear-general", "ear-de", "acme/ear-2026-01-02"):
        found = prices.find("stt", "acme_speech", model, at_ms=NOW)
        assert (price(found), found.source, found.assumed) == ("0.001", "override", None)
    assert price(prices.find("stt", "acme", "unheard-of", at_ms=NOW)) == "0.002"
    assert prices.find("tts", "acme", "mouth", at_ms=NOW).source == "catalogue"


def test_the_users_price_for_every_model_needs_no_model() -> None:
    found = book(OwnPrices(prices=(mine("telephony", "*", "0.007"),))).find("telephony", "acme", None, at_ms=NOW)

    assert (price(found), found.assumed) == ("0.007", None)


def test_the_users_price_is_dated() -> None:
    own = OwnPrices(prices=(mine("stt", "ear", "0.001", effective_from=JUNE // 1000, effective_to=NOW // 1000),))
    prices = book(own)

    assert price(prices.find("stt", "acme", "ear", at_ms=JUNE - 1)) == "0.006"
    assert price(prices.find("stt", "acme", "ear", at_ms=JUNE)) == "0.001"
    assert price(prices.find("stt", "acme", "ear", at_ms=NOW - 1)) == "0.001"
    assert price(prices.find("stt", "acme", "ear", at_ms=NOW)) == "0.005"
    assert price(prices.find("stt", "acme", "ear", at_ms=None)) == "0.005"


def test_the_users_price_of_another_kind_is_not_used() -> None:
    batch = book(OwnPrices(prices=(mine("stt", "ear", "0.001", mode="batch"),)))
    planned = book(OwnPrices(prices=(mine("stt", "ear", "0.001", plan="growth"),)))
    tiered = book(OwnPrices(prices=(mine("llm", "mind", "1", tier="priority"),)))
    outbound = book(OwnPrices(prices=(mine("telephony", "*", "0.001", direction="outbound"),)))

    assert price(batch.find("stt", "acme", "ear", at_ms=NOW)) == "0.005"
    assert price(batch.find("stt", "acme", "ear", at_ms=NOW, mode="batch")) == "0.001"
    assert price(planned.find("stt", "acme", "ear", at_ms=NOW)) == "0.005"
    assert price(planned.find("stt", "acme", "ear", at_ms=NOW, plan="growth")) == "0.001"
    assert price(tiered.find("llm", "acme", "mind", at_ms=NOW)) == "2"
    assert price(tiered.find("llm", "acme", "mind", at_ms=NOW, tier="priority")) == "1"
    assert price(outbound.find("telephony", "acme", "us-local-inbound", at_ms=NOW)) == "0.01"
    assert price(outbound.find("telephony", "acme", "us-local-outbound", at_ms=NOW)) == "0.001"


def test_a_provider_that_only_the_user_knows() -> None:
    found = book(OwnPrices(prices=(mine("tts", "v1", "9", provider="cellar"),))).find("tts", "Cellar", "V1", at_ms=NOW)

    assert (price(found), found.provider, found.source) == ("9", None, "override")


def test_the_users_host_table() -> None:
    found = book(OwnPrices(hosts={"localhost": "acme"})).find("stt", "localhost", "acme/ear", at_ms=NOW)

    assert (price(found), found.assumed) == ("0.005", None)


def test_a_discount_on_list_prices_and_not_on_the_users_own() -> None:
    own = OwnPrices(
        prices=(mine("tts", "mouth", "1"),),
        discounts=(
            Discount(provider="acme", factor=Decimal("0.9"), effective_from=JUNE // 1000),
            Discount(provider="acme", service="llm", factor=Decimal("0.5")),
        ),
    )
    prices = book(own)

    found = prices.find("stt", "acme", "ear", at_ms=NOW)
    assert (price(found), found.source, found.factor) == ("0.0045", "discount", Decimal("0.9"))
    assert prices.find("stt", "acme", "ear", at_ms=JUNE - 1).source == "catalogue"
    assert prices.find("stt", "acme", "ear", at_ms=JUNE).source == "discount"
    assert price(prices.find("llm", "acme", "mind", at_ms=NOW)) == "1.0"
    assert price(prices.find("tts", "acme", "mouth", at_ms=NOW)) == "1"


def test_an_addon_under_the_plan_of_what_it_is_added_to() -> None:
    prices = book()

    standard = prices.addon(prices.find("stt", "acme", "ear", at_ms=NOW), "Diarize", at_ms=NOW)
    growth = prices.addon(prices.find("stt", "acme", "ear", at_ms=NOW, plan="growth"), "diarize", at_ms=NOW)
    unknown = prices.addon(prices.find("stt", "acme", "ear", at_ms=NOW), "sparkle", at_ms=NOW)

    assert (price(standard), price(growth)) == ("0.001", "0.0005")
    assert unknown.entry is None
    assert unknown.reason is not None
    assert 'the add-on "sparkle" of acme' in unknown.reason


def test_the_users_price_for_an_addon() -> None:
    prices = book(OwnPrices(prices=(mine("stt", "labels", "0.0001"), mine("stt", "*", "7"))))

    assert price(prices.addon(prices.find("stt", "acme", "ear", at_ms=NOW), "diarize", at_ms=NOW)) == "0.0001"


def test_dollars() -> None:
    rates = tuple(
        Exchange(currency="GBP", usd=Decimal(usd), as_of=at // 1000) for usd, at in (("1.3", JUNE), ("1.4", NOW))
    )
    prices = book(OwnPrices(exchange=rates))

    assert prices.to_usd(Decimal(2), "USD", NOW) == Decimal(2)
    assert prices.to_usd(Decimal(2), "GBP", NOW - 1) == Decimal("2.6")
    assert prices.to_usd(Decimal(2), "GBP", NOW) == Decimal("2.8")
    assert prices.to_usd(Decimal(2), "GBP", None) == Decimal("2.8")
    assert prices.to_usd(Decimal(2), "GBP", JUNE - 1) is None
    assert prices.to_usd(Decimal(2), "EUR", NOW) is None


def test_what_is_remembered_does_not_grow_without_end() -> None:
    prices = book()
    for number in range(5000):
        prices.find("stt", "acme", f"made-up-{number}", at_ms=NOW)

    assert len(prices._timelines) == 4096
    assert price(prices.find("stt", "acme", "ear", at_ms=NOW)) == "0.005"


def test_livekit_agents_tells_of_livekit_inference_as_livekit() -> None:
    prices = PriceBook(catalogue())
    speech = prices.find("stt", "livekit", "deepgram/nova-3", at_ms=NOW)
    line = prices.find("telephony", "livekit", None, at_ms=NOW, direction="inbound")

    assert speech.entry is not None
    assert speech.entry.provider == "livekit-inference"
    assert line.entry is not None
    assert line.entry.provider == "livekit"
