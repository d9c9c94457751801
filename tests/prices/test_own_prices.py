"""The user's own prices: all they may say, and what is said about a mistake."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from callscope.errors import SettingError
from callscope.prices.entry import Provider
from callscope.prices.own import Discount, Exchange, OwnPrices
from callscope.prices.own_source import own_prices_of
from callscope.prices.source import provider_of

EXAMPLE = Path(__file__).parents[2] / "examples" / "prices.toml"
DATA = Path(__file__).parents[2] / "src" / "callscope" / "prices" / "data"

PLANS = """
[provider]
id = "{id}"
name = "{id}"
aliases = ["{id}_flux"]
plan = "payg"
[[model]]
service = "stt"
model = "one"
[[model.price]]
rates = {{ minute = 1 }}
plan = "growth"
"""
IDS = ("aws", "deepgram", "openai", "twilio", "elevenlabs")
SHIPPED = {file.stem: provider_of(file.read_text(encoding="utf-8"), file=file.name) for file in DATA.glob("*.toml")}
KNOWN = {id_: provider_of(PLANS.format(id=id_), file=f"{id_}.toml") for id_ in IDS}

PRICE = """\
[[price]]
provider = "deepgram"
service = "stt"
model = "nova-3"
unit = "minute"
price = "0.0036"
"""


def own(text: str, known: Mapping[str, Provider] = KNOWN) -> OwnPrices:
    return own_prices_of("schema = 1\n" + text, file="prices.toml", catalogue_providers=known)


def refusal(text: str, known: Mapping[str, Provider] = KNOWN) -> str:
    with pytest.raises(SettingError) as caught:
        own(text, known)
    return str(caught.value)


def test_the_example_says_what_its_comments_say() -> None:
    prices = own_prices_of(EXAMPLE.read_text(encoding="utf-8"), file="prices.toml", catalogue_providers=SHIPPED)
    assert prices.plans == {"cartesia": "scale", "deepgram": "growth", "livekit": "ship"}
    assert [one.id for one in prices.prices] == [
        "deepgram/stt/nova-3/streaming@2026-10-01",
        "deepgram/stt/nova-3/streaming@2027-01-01",
        "openai/llm/gpt-4.1",
        "acme-telecom/telephony/*/GB/outbound",
        "rime/tts/mistv2@2026-11-01",
    ]
    first, _, tokens, telephony, free = prices.prices
    assert (first.rates, first.channels, first.note) == ({"minute": Decimal("0.0036")}, "multiplied", "order form 4711")
    assert tokens.rates["1M_cached_input_text_tokens"] == Decimal("0.45")
    assert (telephony.currency, telephony.increment_seconds, telephony.scope) == ("GBP", Decimal(60), "leg")
    assert free.rates == {"1k_chars": Decimal(0)}
    assert prices.discounts[0] == Discount(
        provider="twilio", factor=Decimal("0.85"), effective_from=1_788_220_800, note="committed use"
    )
    assert [one.factor for one in prices.discounts[1:]] == [Decimal("0.90"), Decimal("0.80")]
    assert prices.exchange[0] == Exchange(currency="GBP", usd=Decimal("1.31"), as_of=1_793_491_200)
    assert [one.currency for one in prices.exchange] == ["GBP", "GBP", "EUR"]
    assert prices.hosts == {"localhost:4000": "openai", "llm.internal.example": "anthropic"}


def test_a_price_says_where_it_stands() -> None:
    assert own("\n" + PRICE).prices[0].source == "prices.toml line 3"


def test_json_with_the_same_keys_is_the_same() -> None:
    toml = own(PRICE + "effective_from = 2026-10-01T00:00:00Z\n[plans]\ndeepgram = 'growth'")
    price = {
        "provider": "deepgram",
        "service": "stt",
        "model": "nova-3",
        "unit": "minute",
        "price": "0.0036",
        "effective_from": "2026-10-01",
    }
    text = json.dumps({"schema": 1, "price": [price], "plans": {"deepgram": "growth"}})
    found = own_prices_of(text, file="prices.json", catalogue_providers=KNOWN)
    assert found.plans == toml.plans
    assert [(one.id, one.rates) for one in found.prices] == [(one.id, one.rates) for one in toml.prices]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"schema": 1,\n "price": [}', "prices.json line 2: not valid JSON: Expecting value (column 12)"),
        ('{"schema": 1, "schema": 1}', 'prices.json: "schema" stands twice in one object'),
        ('{"schema": 1, "prices": []}', 'prices.json: unknown key "prices": did you mean "price"?'),
        (
            '{"schema": 1, "price": [{}, {"provder": "deepgram"}]}',
            'prices.json in price 1: "provider" is missing',
        ),
        (
            '{"schema": 1, "price": [{"provider": "a", "service": "stt", "model": "b", "price": 0.1}]}',
            'prices.json in price 1: price = 0.1 is not exact as a number: write price = "0.1"',
        ),
        (
            '{"schema": 1, "discount": {"twilio": {"factor": "1", "effective_to": "soon"}}}',
            'prices.json in discount.twilio: "effective_to" cannot be "soon": a date is written 2026-10-01',
        ),
    ],
)
def test_a_mistake_in_json_names_the_price(text: str, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        own_prices_of(text, file="prices.json", catalogue_providers=KNOWN)
    assert str(caught.value) == message


def test_an_alias_is_taken_for_its_provider() -> None:
    assert own(PRICE.replace('"deepgram"', '"Deepgram_Flux"')).prices[0].provider == "deepgram"
    assert own("[plans]\nopenai_flux = 'growth'").plans == {"openai": "growth"}


@pytest.mark.parametrize("name", ["depgram", "deepgarm", "deep-gram", "Deepgrams", "eleven_labs", "openia"])
def test_a_price_for_a_slip_of_the_pen_is_refused(name: str) -> None:
    assert f'prices.toml line 3: unknown provider "{name.lower()}": did you mean' in refusal(
        PRICE.replace("deepgram", name)
    )


@pytest.mark.parametrize("name", ["acme", "my-openai-proxy", "azure", "awx", "deepgram2"])
def test_a_price_may_be_for_somebody_the_catalogue_does_not_know(name: str) -> None:
    assert own(PRICE.replace("deepgram", name)).prices[0].provider == name


def shipped_price(provider: str, service: str, model: str, unit: str) -> str:
    values = {"provider": provider, "service": service, "model": model, "unit": unit, "price": "1"}
    return "[[price]]\n" + "".join(f'{key} = "{value}"\n' for key, value in values.items())


@pytest.mark.parametrize(
    ("provider", "service", "model", "unit", "id_"),
    [
        ("deepgram", "stt", "NOVA-3", "minute", "deepgram/stt/nova-3"),
        ("openai", "llm", "openai/gpt-4.1", "1M_input_text_tokens", "openai/llm/gpt-4.1"),
        ("google", "stt", "models/chirp_3", "minute", "google/stt/chirp_3"),
        ("openai", "llm", "gpt-4o-2024-08-06", "1M_input_text_tokens", "openai/llm/gpt-4o-2024-08-06"),
        ("openai", "llm", "gpt-4o-20240806", "1M_input_text_tokens", "openai/llm/gpt-4o-2024-08-06"),
        ("openai", "llm", "gpt-99", "1M_input_text_tokens", "openai/llm/gpt-99"),
        ("api.openai.com", "llm", "gpt-4.1", "1M_input_text_tokens", "openai/llm/gpt-4.1"),
        ("https://eu.api.openai.com/v1", "llm", "gpt-4.1", "1M_input_text_tokens", "openai/llm/gpt-4.1"),
        ("mine.openai.azure.com", "llm", "gpt-4o", "1M_input_text_tokens", "azure/llm/gpt-4o"),
        ("speech.acme.example", "stt", "Nova3", "minute", "speech.acme.example/stt/Nova3"),
        ("livekit", "stt", "deepgram/nova-3", "minute", "livekit-inference/stt/deepgram/nova-3"),
        ("livekit", "telephony", "agent-session", "minute", "livekit/telephony/agent-session"),
        ("twilio", "telephony", "*", "minute", "twilio/telephony/*"),
    ],
)
def test_names_are_taken_as_in_a_report(provider: str, service: str, model: str, unit: str, id_: str) -> None:
    assert own(shipped_price(provider, service, model, unit), SHIPPED).prices[0].id == id_


@pytest.mark.parametrize(
    ("provider", "service", "model", "unit", "message"),
    [
        ("deepgram", "stt", "nova3", "minute", '5: unknown model "nova3": did you mean "nova-3"?'),
        ("deepgram", "stt", "deepgram/Nova 3", "minute", '5: unknown model "deepgram/Nova 3": did you mean "nova-3"?'),
        ("deepgram", "tts", "nova-3", "1k_chars", '4: "nova-3" of deepgram is not tts: write service = "stt"'),
        ("deepgram", "stt", "nova-3", "1k_chars", '6: stt is not charged per "1k_chars", only per 1M_'),
        ("openai", "llm", "gpt-4.1", "minute", '6: llm is not charged per "minute", only per 1M_'),
        ("acme", "stt", "ear", "1M_output_audio_tokens", '6: stt is not charged per "1M_output_audio_tokens", only'),
        ("api.opnai.com", "llm", "x", "request", '3: unknown provider "api.opnai.com": did you mean "api.openai.com"?'),
    ],
)
def test_what_no_request_could_ever_match_is_refused(
    provider: str, service: str, model: str, unit: str, message: str
) -> None:
    text = shipped_price(provider, service, model, unit)
    assert refusal(text, SHIPPED).removeprefix("prices.toml line ").startswith(message)


def test_a_unit_among_several_is_refused_too() -> None:
    text = PRICE.replace('unit = "minute"\nprice = "0.0036"', 'rates = { minute = "1", 1k_chars = "1" }')
    assert 'stt is not charged per "1k_chars"' in refusal(text)


def test_no_rounding_and_no_minimum_can_be_said() -> None:
    price = own(PRICE + "increment_seconds = 0\nminimum_seconds = 0").prices[0]
    assert (price.increment_seconds, price.minimum_seconds) == (Decimal(0), Decimal(0))


def test_a_plan_of_ones_own_may_be_held() -> None:
    mine = PRICE + 'plan = "enterprise"\n[plans]\ndeepgram = "enterprise"'
    assert own(mine).plans == {"deepgram": "enterprise"}
    assert own(PRICE + 'plan = "growth"').prices[0].plan == "growth"


def test_prices_may_follow_one_another() -> None:
    later = PRICE + "effective_from = 2026-10-01\n"
    assert len(own(PRICE + later).prices) == 2
    ended = PRICE + "effective_to = 2026-10-01\n"
    assert len(own(later + ended).prices) == 2
    assert len(own(PRICE + PRICE + 'mode = "batch"').prices) == 2


def test_a_currency_needs_no_exchange_rate() -> None:
    assert own(PRICE + 'currency = "CHF"').prices[0].currency == "CHF"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            PRICE + "effectve_from = 2026-10-01",
            '8: unknown key "effectve_from" in [[price]]: did you mean "effective_from"?',
        ),
        (PRICE.replace("minute", "minutes"), '6: unknown unit "minutes": did you mean "minute"?'),
        (PRICE.replace('"0.0036"', "0.0036"), '7: price = 0.0036 is not exact as a number: write price = "0.0036"'),
        (PRICE.replace('"0.0036"', '"-1"'), '7: "price" cannot be "-1": it is negative'),
        (PRICE.replace("unit", "# unit"), '2: "unit" is missing in [[price]]: write "unit" and "price", or "rates"'),
        (PRICE.replace("price =", "# price ="), '2: "price" is missing in [[price]]: write'),
        (PRICE + "rates = { minute = 1 }", '8: "rates" stands beside "unit" or "price" in [[price]]'),
        (PRICE.replace('"stt"', '"asr"'), '4: unknown service "asr": known are llm, other, realtime, stt, telephony'),
        (PRICE.replace("[[price]]", "[price]"), '2: "price" must be a list of tables, each begun with [[price]]'),
        (PRICE + "source = 'me'", '8: unknown key "source" in [[price]]'),
        (PRICE + 'plan = "grwth"', '8: unknown plan "grwth": plans of deepgram are growth, payg'),
        (PRICE + "effective_from = 2026-10-01\neffective_to = 2026-09-01", '9: "effective_to" must be later'),
        (PRICE.replace("minute", "call") + 'channels = "once"', '2: "channels" without a price by time in [[price]]'),
        (
            PRICE + PRICE,
            (
                "8: another price of deepgram/stt/nova-3 at the same time as in prices.toml line 2: "
                "let one end (effective_to) before the other begins (effective_from); "
                "prices of several units go into one, as rates = { .. }"
            ),
        ),
        (
            PRICE + "effective_from = 2026-10-01\neffective_to = 2026-12-01\n" + PRICE + "effective_from = 2026-11-30",
            "10: another price of deepgram/stt/nova-3 at the same time as in prices.toml line 2: ",
        ),
        (PRICE + PRICE.replace("minute", "call"), "8: another price of deepgram/stt/nova-3 at the same time"),
        ('[plans]\ndepgram = "growth"', '3: unknown provider "depgram": did you mean "deepgram"?'),
        ('[plans]\nacme = "growth"', '3: unknown provider "acme": known are aws, deepgram, elevenlabs, openai, twilio'),
        ('[plans]\ndeepgram = "grwth"', '3: unknown plan "grwth": plans of deepgram are growth, payg'),
        ("[plans]\ndeepgram = 3", '3: "deepgram" must be text in quotes'),
        (
            '[plans]\ndeepgram = "growth"\ndeepgram_flux = "payg"',
            '4: "deepgram" stands twice in [plans], under different spellings',
        ),
        ('[discount.twillio]\nfactor = "0.9"', '2: unknown provider "twillio": did you mean "twilio"?'),
        ('[discount.twilio]\nfactor = "15"', '3: "factor" is what list prices are multiplied by, at most 2'),
        (
            '[discount.twilio]\nfactor = "0"',
            '3: "factor" cannot be 0: what is free is written as a [[price]] with price',
        ),
        ("[discount.twilio]\nfactor = 0.85", '3: factor = 0.85 is not exact as a number: write factor = "0.85"'),
        ("[discount.twilio]\nnote = 'x'", '2: "factor" is missing in [discount.twilio]'),
        (
            '[[discount.twilio]]\nfactor = "0.9"\n[[discount.twilio]]\nfactor = "0.8"',
            "4: another discount of twilio at the same time as in prices.toml line 2: ",
        ),
        (
            '[discount.twilio]\nfactor = "1"\neffective_from = 2026-10-01\neffective_to = 2026-09-01',
            '5: "effective_to" must be later than "effective_from"',
        ),
        ('[hosts]\n"localhost:4000" = "opnai"', '3: unknown provider "opnai": did you mean "openai"?'),
        ('[hosts]\n"http://localhost" = "openai"', '3: "http://localhost" must be a host alone, as "localhost:4000"'),
        ('[hosts]\nllm.internal = "openai"', '3: "llm" is a table: a host with dots stands in quotes'),
        ('[hosts]\nabc = "openai"\nABC = "aws"', '4: "abc" stands twice in [hosts], under different spellings'),
        ('[fx.gbp]\nusd = "1.3"\nas_of = 2026-11-01', '2: "gbp" is no currency: write three capital letters'),
        ('[fx.USD]\nusd = "1"\nas_of = 2026-11-01', "2: US dollars have no exchange rate"),
        ('[fx.GBP]\nusd = "1.3"', '2: "as_of" is missing in [fx.GBP]'),
        ('[fx.GBP]\nusd = "0"\nas_of = 2026-11-01', '3: "usd" must be above 0'),
        (
            "[[fx.GBP]]\nusd = 1\nas_of = 2026-11-01\n[[fx.GBP]]\nusd = 2\nas_of = 2026-11-01",
            "5: another exchange rate of GBP at the same time as in prices.toml line 2: ",
        ),
        ("schema = 1", "2: not valid TOML: Cannot overwrite a value"),
        ("[[prices]]", '2: unknown key "prices": did you mean "price"?'),
    ],
)
def test_a_mistake_stops_with_its_line_and_what_to_write(text: str, message: str) -> None:
    found = refusal(text).removeprefix("prices.toml line ")
    assert found.startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[plans]", 'prices.toml: "schema" is missing'),
        ("schema = 2", 'prices.toml line 1: "schema" must be 1: this version of callscope reads no other'),
        ("schema = true", 'prices.toml line 1: "schema" must be 1: this version of callscope reads no other'),
    ],
)
def test_a_file_says_which_form_it_has(text: str, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        own_prices_of(text, file="prices.toml", catalogue_providers=KNOWN)
    assert str(caught.value) == message


def test_volumes_are_no_slips_for_one_another() -> None:
    text = PLANS.format(id="aws").replace("growth", "volume-250k")
    known = {"aws": provider_of(text, file="aws.toml")}
    price = PRICE.replace("deepgram", "aws") + 'plan = "volume-500k"'
    assert own(price, known).prices[0].plan == "volume-500k"
