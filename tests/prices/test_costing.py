"""Costing: nothing is lost, nothing unknown becomes zero, and nothing raises."""

from __future__ import annotations

from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalogue import AT_MS, BOOK, PROVIDERS, amounts, book, only, price, statuses, usd

from callscope.model import usage as usages
from callscope.model.cost import Actual, total
from callscope.prices import reported
from callscope.prices.costing import actual_of, cost_of
from callscope.prices.own import Discount, Exchange, OwnPrices

D = Decimal
GPT = "llm/openai/gpt-4.1"
NOVA = "stt/deepgram/nova-3"


@pytest.mark.parametrize(
    "usage",
    [
        {"audio_seconds": 60},
        {"characters": 100},
        {"requests": 2},
        {"calls": 1},
        {"messages": 1},
        {"text": "hello"},
        {"credits": 3},
    ],
)
def test_usage_without_a_price_of_its_unit_is_unpriced_and_never_free(usage: dict[str, Any]) -> None:
    line = only(GPT, usage)

    assert (line.status, line.usd, line.usage) == ("unpriced", None, next(iter(usage)))
    assert "openai/llm/gpt-4.1 has no price per" in (line.reason or "")


def test_beside_what_is_priced_it_makes_the_sum_partial() -> None:
    cost = total(price(GPT, {"input_tokens": 1000, "audio_seconds": 60}))

    assert (cost.status, cost.usd, cost.unpriced) == ("partial", D("0.002"), 1)


@pytest.mark.parametrize(
    ("what", "usage"),
    [
        ("stt/openai/gpt-4o-transcribe", {"characters": 60}),
        ("realtime/openai/gpt-realtime", {"session_seconds": 60}),
        ("tts/openai/tts-1", {"input_tokens": 60, "output_tokens": 9}),
        ("realtime/openai/gpt-live-1", {"input_tokens": 60}),
    ],
)
def test_the_wrong_meter_is_not_a_silent_zero(what: str, usage: dict[str, Any]) -> None:
    assert total(price(what, usage)).status == "unpriced"


def test_a_price_of_zero_is_a_price() -> None:
    line = only("tts/free/voice", {"characters": 100})

    assert (line.status, line.usd, line.price) == ("priced", D(0), D(0))


def test_software_on_ones_own_machine_is_not_billed() -> None:
    line = only("tts/piper/en", {"characters": 100, "processor": "Piper#0"})

    assert (line.status, line.usd, line.quantity) == ("not_billed", D(0), D(100))
    assert only("tts/piper/en", {}).status == "not_billed"
    assert only("tts/piper/en", {"unreported_requests": 1}).status == "not_billed"


def test_an_unknown_model_is_unpriced_with_what_was_used() -> None:
    lines = price("llm/nobody/x", {"input_tokens": 1000, "output_tokens": 50, "cached_tokens": 0})

    assert [(line.usage, line.quantity, line.status) for line in lines] == [
        ("input_tokens", D(1000), "unpriced"),
        ("output_tokens", D(50), "unpriced"),
    ]
    assert all(line.reason for line in lines)
    assert only("llm/nobody/x", {}).status == "unpriced"


def test_a_record_without_usage_says_what_to_report() -> None:
    assert only(NOVA, {"language": "en"}).reason == "no usage was reported: report audio_seconds"


@pytest.mark.parametrize(
    "what", [GPT, "llm/anthropic/claude", "llm/openai/gpt-audio", "stt/openai/gpt-4o-transcribe", "tts/cartesia/sonic"]
)
def test_what_to_report_is_told_in_usage_keys(what: str) -> None:
    reason = only(what, {}).reason or ""

    assert set(reason.partition(": report ")[2].split(", ")) <= reported.COUNTED_KEYS


def test_text_and_audio_are_asked_for_apart_only_where_their_prices_differ() -> None:
    assert only(GPT, {}).reason == "no usage was reported: report input_tokens, cached_tokens, output_tokens"
    assert only("llm/openai/gpt-audio", {}).reason == (
        "no usage was reported: report input_text_tokens, cached_text_tokens, input_audio_tokens, "
        "cached_audio_tokens, output_text_tokens, output_audio_tokens"
    )


def test_requests_that_reported_nothing_are_a_line_of_their_own() -> None:
    line = only(GPT, {"unreported_requests": 2, "request_id": "7"})

    assert (line.status, line.usage, line.quantity) == ("unpriced", "unreported_requests", D(2))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (float("nan"), "nan"), (float("inf"), "inf"), (-1, "-1"), (-0.5, "-0.5"), ("12x", "'12x'"), ("-3", "'-3'"),
        (True, "true"), ([1], "of type list"), ({}, "of type dict"), (10**16, "beyond 10^15"),
        (D("NaN"), "NaN"), (D("1e-999999"), "1E-999999"), ("1e5", "'1e5'"), ("٣", "'٣'"), (5e-324, "5e-324"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_an_error_and_the_rest_is_still_priced(value: object, shown: str) -> None:
    lines = price(GPT, {"input_tokens": value, "output_tokens": 50})

    assert statuses(lines) == ["error", "priced"]
    assert lines[0].reason == f"input_tokens is {shown}: give a number from 0 to 10^15"
    assert total(lines).status == "partial"


@pytest.mark.parametrize("value", [61.5, "61.5", D("61.5"), D("61.50")])
def test_numbers_are_taken_as_they_are_written(value: object) -> None:
    assert only(NOVA, {"audio_seconds": value}).usd == D("61.5") * D("0.0048") / 60


def test_a_tenth_is_a_tenth_and_not_its_float() -> None:
    assert str(only(NOVA, {"audio_seconds": 0.1}).usd) == "0.000008"


@pytest.mark.parametrize(
    ("usage", "reason"),
    [
        ({"channels": 0}, "channels is 0: give a whole number from 1"),
        ({"channels": 1.5}, "channels is 1.5: give a whole number from 1"),
        ({"attempts": 0}, "attempts is 0: give a whole number from 1"),
        ({"mode": 3}, "mode is 3: give a word"),
        ({"legs": "two"}, "legs is 'two': give a list of seconds, or a whole number"),
        ({"legs": [60, -1]}, "legs[1] is -1: give seconds, or an object with call_seconds"),
        ({"sessions": [{"seconds": 3}]}, "sessions[0] is null: give seconds, or an object with session_seconds"),
        ({"add_ons": 3}, "add_ons is 3: give a list of names"),
        ({"text": 3}, "text is 3: give the text that was sent"),
        ({"provider_reported": "dear"},
         "provider_reported is 'dear': give an amount, or an object with amount and currency"),
    ],
)  # fmt: skip
def test_a_key_of_the_wrong_type_says_what_to_give(usage: dict[str, Any], reason: str) -> None:
    line = price(NOVA, {"audio_seconds": 60, **usage})[0]

    assert (line.status, line.usage, line.reason) == ("error", next(iter(usage)), reason)


def test_usage_that_is_no_object_is_an_error() -> None:
    line = cost_of(BOOK, service="llm", provider="openai", model="gpt-4.1", usage=[], at_ms=None)[0]  # type: ignore[arg-type]

    assert (line.status, line.reason) == ("error", "usage is of type list: give an object")


@pytest.mark.parametrize(
    ("key", "instead"),
    [("prompt_tokens", "input_tokens"), ("input_token", "input_tokens"), ("charcters", "characters"),
     ("seconds", "audio_seconds, session_seconds or call_seconds")],
)  # fmt: skip
def test_an_unknown_key_is_unpriced_and_the_known_one_offered(key: str, instead: str) -> None:
    line = only(GPT, {key: 5})

    assert (line.status, line.usage, line.reason) == ("unpriced", key, f"{key} is no usage key: report {instead}")


def test_facts_that_nobody_bills_make_no_line() -> None:
    facts = {"processor": "OpenAILLMService#0", "request_id": "12", "language": "en", "ttfb_ms": 300, "total_tokens": 9}

    assert statuses(price(GPT, {"input_tokens": 9, **facts})) == ["priced"]
    assert statuses(price(GPT, {"input_tokens": 9, "unheard_of": 0, "other": None})) == ["priced"]


def test_every_unit_of_usage_events_is_known() -> None:
    assert set(usages.UNITS) <= reported.KNOWN


def test_every_key_is_explained() -> None:
    page = (Path(__file__).parents[2] / "docs" / "usage-keys.md").read_text(encoding="utf-8")
    keys = reported.KNOWN - reported.FACTS | {"total_tokens", "characters_played"}

    assert len(keys) > 30
    assert {key for key in keys if f"`{key}`" not in page} == set()


def test_a_number_that_python_will_not_print_is_an_error_like_others() -> None:
    assert price(GPT, {"input_tokens": 10**5000})[0].status == "error"


def test_a_direction_that_is_none_is_told_and_does_not_stop_the_price() -> None:
    line = only(NOVA, {"audio_seconds": 60, "direction": "web"})

    assert (line.status, line.usd) == ("estimated", D("0.0048"))
    assert line.reason == "direction is 'web', which is neither inbound nor outbound"


@pytest.mark.parametrize(
    ("told", "amount"),
    [
        ("-0.00850", Actual(service="telephony", provider="twilio", amount=D("0.00850"))),
        (0.25, Actual(service="telephony", provider="twilio", amount=D("0.25"))),
        (
            {"price": "-0.0085", "price_unit": "gbp"},
            Actual(service="telephony", provider="twilio", amount=D("0.0085"), currency="GBP"),
        ),
        ({"usd": D("0.01")}, Actual(service="telephony", provider="twilio", amount=D("0.01"))),
        ("soon", None),
        (None, None),
    ],
)
def test_what_the_provider_reported_stands_beside_the_estimate(told: object, amount: Actual | None) -> None:
    about: dict[str, Any] = {"service": "telephony", "provider": "twilio", "model": "us-local-inbound", "at_ms": AT_MS}
    usage = {"call_seconds": 30, "provider_reported": told}

    assert actual_of(service="telephony", provider="twilio", usage=usage) == amount
    assert usd(cost_of(BOOK, usage=usage, **about)) == D("0.0085")


def test_an_amount_in_another_currency_needs_a_rate() -> None:
    usage = {"call_seconds": 60}
    line = only("telephony/vonage/inbound", usage)

    assert (line.amount, line.currency, line.usd) == (D("0.01"), "GBP", None)
    assert line.reason == "no exchange rate for GBP: give one in your prices file"
    assert total([line]).status == "unpriced"

    with_rate = book(OwnPrices(exchange=(Exchange(currency="GBP", usd=D("1.31"), as_of=0),)))
    line = only("telephony/vonage/inbound", usage, of=with_rate)
    assert (line.status, line.amount, line.usd) == ("priced", D("0.01"), D("0.0131"))


def test_a_discount_is_in_the_price_and_said() -> None:
    own = OwnPrices(discounts=(Discount(provider="deepgram", factor=D("0.85")),))
    line = only(NOVA, {"audio_seconds": 60}, of=book(own))

    assert (line.price, line.usd, line.source) == (D("0.85") * D("0.0048"), D("0.85") * D("0.0048"), "discount")


def test_the_precision_of_the_program_around_it_does_not_matter() -> None:
    with localcontext(prec=3):
        rough = price(GPT, {"input_tokens": 123_456_789, "output_tokens": 7})

    assert rough == price(GPT, {"input_tokens": 123_456_789, "output_tokens": 7})
    assert usd(rough) == D("246.913634")  # 123.456789 * 2 + 0.000007 * 8


WHATS = [
    f"{model.service}/{provider.id}/{model.model}"
    for provider in PROVIDERS
    for model in provider.models
    if not model.prices[0].addon
] + ["llm/nobody/x", "tts/piper/en"]
NUMBERS = (
    st.integers(0, 10**6) | st.decimals(0, 10**6, places=3) | st.floats(0, 10**6).map(lambda value: round(value, 3))
)
BILLABLE = sorted(reported.COUNTED_KEYS)


@settings(deadline=None)
@given(what=st.sampled_from(WHATS), usage=st.dictionaries(st.sampled_from(BILLABLE), NUMBERS, min_size=1, max_size=5))
def test_every_number_is_in_some_line_and_no_cost_is_below_zero(what: str, usage: dict[str, Any]) -> None:
    lines = price(what, usage)
    cost = total(lines)

    assert all(line.usd is None or line.usd >= 0 for line in lines)
    if cost.usd is not None:
        assert cost.usd == sum(line.usd for line in lines if line.usd is not None)
    named = " ".join(f"{line.usage} {line.reason}" for line in lines)
    # What is inside another number of the record is in that one's line: test_tokens counts every token.
    inside = {"reasoning_tokens", "requests", "input_tokens", "output_tokens"}
    if any(key.startswith(("cache", "ephemeral")) for key in usage):
        inside |= {key for key in usage if key.startswith(("input", "cache", "ephemeral"))}
    for key, value in usage.items():
        if value and key not in inside and "error" not in statuses(lines):
            assert key in named


@settings(deadline=None)
@given(
    what=st.sampled_from(WHATS),
    usage=st.dictionaries(
        st.sampled_from(sorted(reported.KNOWN)) | st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        ),
        max_size=6,
    ),
)
def test_no_usage_raises(what: str, usage: dict[str, Any]) -> None:
    lines = price(what, usage)

    assert lines
    assert all(line.usd is not None or line.reason for line in lines)
    actual_of(service="llm", provider=None, usage=usage)


def test_amounts_are_given_to_the_last_digit() -> None:
    assert amounts(price(GPT, {"input_tokens": 1, "output_tokens": 1})) == {
        "input_tokens": D("0.000002"),
        "output_tokens": D("0.000008"),
    }
