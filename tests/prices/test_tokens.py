"""Tokens: each is charged once, at the price of its kind, however the provider counts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalogue import amounts, only, price, statuses, usd

from callscope.model.cost import total

D = Decimal
GPT = "llm/openai/gpt-4.1"
CLAUDE = "llm/anthropic/claude"
GEMINI = "llm/google/gemini"
SPOKEN = "realtime/openai/gpt-realtime"


def test_input_and_output_have_their_own_prices() -> None:
    lines = price(GPT, {"input_tokens": 1000, "output_tokens": 50})

    assert amounts(lines) == {
        "input_tokens": 1000 * D(2) / 1_000_000,
        "output_tokens": 50 * D(8) / 1_000_000,
    }
    assert statuses(lines) == ["priced", "priced"]
    assert (lines[0].matched, lines[0].unit, lines[0].price) == ("openai/llm/gpt-4.1", "1M_input_text_tokens", D(2))
    assert (lines[0].quantity, lines[0].source, lines[0].catalogue) == (D("0.001"), "catalogue", "2026-11-21.test")


@pytest.mark.parametrize("name", ["cached_tokens", "cache_read_input_tokens"])
def test_openai_counts_cached_tokens_inside_the_input(name: str) -> None:
    lines = price(GPT, {"input_tokens": 1000, "output_tokens": 0, name: 256})

    assert amounts(lines) == {"input_tokens": (1000 - 256) * D(2) / 1_000_000, name: 256 * D("0.5") / 1_000_000}


@pytest.mark.parametrize("name", ["cached_tokens", "cache_read_input_tokens"])
def test_anthropic_counts_cached_tokens_and_cache_writes_beside_the_input(name: str) -> None:
    lines = price(CLAUDE, {"input_tokens": 1000, "output_tokens": 10, name: 4000, "cache_creation_input_tokens": 300})

    assert amounts(lines) == {
        "input_tokens": 1000 * D(1) / 1_000_000,
        name: 4000 * D("0.1") / 1_000_000,
        "cache_creation_input_tokens": 300 * D("1.25") / 1_000_000,
        "output_tokens": 10 * D(5) / 1_000_000,
    }


def test_what_is_kept_for_an_hour_is_a_part_of_the_cache_writes() -> None:
    usage = {"input_tokens": 0, "cache_creation_input_tokens": 300, "ephemeral_1h_input_tokens": 100}

    assert usd(price(CLAUDE, usage)) == (200 * D("1.25") + 100 * D(2)) / 1_000_000


def test_two_names_of_the_cached_tokens_are_one_thing() -> None:
    both = {"input_tokens": 1000, "cached_tokens": 256, "cache_read_input_tokens": 256}

    assert usd(price(GPT, both)) == usd(price(GPT, {"input_tokens": 1000, "cached_tokens": 256}))

    line = only(GPT, both | {"cache_read_input_tokens": 257})
    assert (line.status, line.reason) == (
        "error",
        "cached_tokens 256 and cache_read_input_tokens 257 are two names of one thing",
    )


def test_where_reasoning_may_be_beside_the_output_taking_it_for_a_part_is_an_estimate() -> None:
    usage = {"input_tokens": 100, "output_tokens": 50, "reasoning_tokens": 40}
    guess = price(GEMINI, usage)

    assert statuses(guess) == ["priced", "estimated"]
    assert guess[1].reason == "reasoning_tokens taken for a part of output_tokens: report total_tokens"
    assert statuses(price(GEMINI, {**usage, "total_tokens": 150})) == ["priced", "priced"]
    assert statuses(price(GEMINI, {**usage, "total_tokens": 190})) == ["priced"] * 3
    assert statuses(price(GEMINI, {**usage, "reasoning_tokens": 0})) == ["priced", "priced"]
    assert statuses(price(GPT, usage)) == ["priced", "priced"]


def test_reasoning_is_inside_the_output() -> None:
    usage = {"input_tokens": 0, "output_tokens": 50, "reasoning_tokens": 40}

    assert amounts(price(GPT, usage)) == {"output_tokens": 50 * D(8) / 1_000_000}
    assert amounts(price(GEMINI, usage)) == {"output_tokens": 50 * D(10) / 1_000_000}


@pytest.mark.parametrize(
    "usage",
    [
        {"output_tokens": 50, "reasoning_tokens": 40, "total_tokens": 190},
        {"output_tokens": 50, "reasoning_tokens": 60},
    ],
)
def test_geminis_own_count_has_it_beside_where_the_total_or_its_size_says_so(usage: dict[str, int]) -> None:
    found = amounts(price(GEMINI, {"input_tokens": 100, **usage}))

    assert found["reasoning_tokens"] == usage["reasoning_tokens"] * D(10) / 1_000_000
    assert found["output_tokens"] == 50 * D(10) / 1_000_000


def test_a_total_that_has_it_once_says_that_it_is_inside() -> None:
    usage = {"input_tokens": 100, "output_tokens": 50, "reasoning_tokens": 40, "total_tokens": 150}

    assert "reasoning_tokens" not in amounts(price(GEMINI, usage))


def test_text_audio_and_what_was_cached_of_each_have_their_own_prices() -> None:
    usage = {
        "input_tokens": 1000, "input_text_tokens": 200, "input_audio_tokens": 800,
        "cached_tokens": 700, "cached_text_tokens": 100, "cached_audio_tokens": 600,
        "output_tokens": 300, "output_text_tokens": 100, "output_audio_tokens": 200,
    }  # fmt: skip
    lines = price(SPOKEN, usage)

    assert amounts(lines) == {
        "input_text_tokens": (200 - 100) * D(4) / 1_000_000,
        "input_audio_tokens": (800 - 600) * D(32) / 1_000_000,
        "cached_text_tokens": 100 * D("0.4") / 1_000_000,
        "cached_audio_tokens": 600 * D("0.4") / 1_000_000,
        "output_text_tokens": 100 * D(16) / 1_000_000,
        "output_audio_tokens": 200 * D(64) / 1_000_000,
    }
    assert set(statuses(lines)) == {"priced"}


def test_a_split_does_without_its_total_and_a_total_without_one_of_its_parts() -> None:
    whole = {"input_tokens": 1000, "input_text_tokens": 200, "input_audio_tokens": 800}
    for left_out in whole:
        usage = {key: value for key, value in whole.items() if key != left_out}
        assert usd(price(SPOKEN, usage)) == (200 * D(4) + 800 * D(32)) / 1_000_000, left_out


def test_cached_text_is_what_of_the_cached_tokens_was_not_audio() -> None:
    usage = {
        "input_tokens": 1000, "input_audio_tokens": 800, "cache_read_input_tokens": 700, "cached_audio_tokens": 600,
    }  # fmt: skip

    assert usd(price(SPOKEN, usage)) == (100 * D(4) + 200 * D(32) + 100 * D("0.4") + 600 * D("0.4")) / 1_000_000


def test_every_response_of_a_spoken_conversation_is_billed_with_all_that_was_said_before() -> None:
    """Three exchanges of 100 tokens in and 50 out: what is sent grows each time, and most of it was sent before."""
    responses = [
        {"input_text_tokens": 0, "input_audio_tokens": sent, "cached_audio_tokens": cached, "output_audio_tokens": 50}
        for sent, cached in ((100, 0), (250, 100), (400, 250))
    ]
    fresh, cached, made = 100 + 150 + 150, 100 + 250, 3 * 50

    assert (
        sum(usd(price(SPOKEN, each)) for each in responses)
        == (fresh * D(32) + cached * D("0.4") + made * D(64)) / 1_000_000
    )


def test_cached_tokens_without_a_split_are_divided_as_the_input_is_and_marked() -> None:
    usage = {"input_text_tokens": 200, "input_audio_tokens": 800, "cached_tokens": 500}
    lines = price(SPOKEN, usage)

    text, audio = 500 * 200 // 1000, 500 * 800 // 1000
    assert usd(lines) == ((200 - text) * D(4) + (800 - audio) * D(32) + text * D("0.4") + audio * D("0.4")) / 1_000_000
    assert set(statuses(lines)) == {"estimated"}
    assert total(lines).reasons == [
        "cached_tokens divided as the input is: report cached_text_tokens and cached_audio_tokens"
    ]


def test_totals_are_unpriced_where_text_and_audio_cost_differently() -> None:
    lines = price(SPOKEN, {"input_tokens": 1000, "output_tokens": 300})

    assert [(line.status, line.usage, line.quantity, line.usd) for line in lines] == [
        ("unpriced", "input_tokens", D(1000), None),
        ("unpriced", "output_tokens", D(300), None),
    ]
    assert lines[0].reason == ("text and audio have different prices: report input_text_tokens and input_audio_tokens")


def test_totals_of_a_language_model_that_also_hears_are_taken_for_text_and_marked() -> None:
    lines = price("llm/openai/gpt-audio", {"input_tokens": 1000, "output_tokens": 300})

    assert usd(lines) == (1000 * D(4) + 300 * D(16)) / 1_000_000
    assert statuses(lines) == ["estimated", "estimated"]
    assert lines[0].reason == "input_tokens taken for text: report input_text_tokens and input_audio_tokens"


def test_a_model_that_only_speaks_makes_audio_tokens() -> None:
    lines = price("tts/openai/gpt-4o-mini-tts", {"input_tokens": 100, "output_tokens": 400})

    assert usd(lines) == (100 * D("0.6") + 400 * D(12)) / 1_000_000
    assert statuses(lines) == ["priced", "estimated"]


def test_audio_tokens_are_never_charged_as_text() -> None:
    lines = price(GPT, {"input_tokens": 1000, "input_audio_tokens": 800, "output_audio_tokens": 9})

    assert amounts(lines) == {
        "input_tokens": 200 * D(2) / 1_000_000,
        "input_audio_tokens": None,
        "output_audio_tokens": None,
    }
    assert statuses(lines) == ["priced", "unpriced", "unpriced"]
    assert total(lines).status == "partial"


def test_cached_tokens_are_unpriced_where_they_have_no_price() -> None:
    lines = price("llm/openai/gpt-4-turbo", {"input_tokens": 1000, "cached_tokens": 400})

    assert amounts(lines) == {"input_tokens": 600 * D(10) / 1_000_000, "cached_tokens": None}
    assert lines[1].reason == (
        "openai/llm/gpt-4-turbo has no price per 1M_cached_input_text_tokens, only per 1M_input_text_tokens,"
        " 1M_output_text_tokens"
    )


def test_a_long_request_has_other_prices_and_cached_tokens_make_it_long() -> None:
    short = {"input_tokens": 200_000, "output_tokens": 10}
    long = {"input_tokens": 200_001, "output_tokens": 10, "cached_tokens": 150_000}

    assert usd(price(GEMINI, short)) == (200_000 * D("1.25") + 10 * D(10)) / 1_000_000
    # Its cached rate is the same for long ones, as the catalogue has no other.
    assert usd(price(GEMINI, long)) == (50_001 * D("2.5") + 150_000 * D("0.125") + 10 * D(15)) / 1_000_000


def test_requests_told_as_one_are_long_only_if_each_of_them_is() -> None:
    lines = price(GEMINI, {"input_tokens": 300_000, "requests": 3})

    assert usd(lines) == 300_000 * D("1.25") / 1_000_000
    assert statuses(lines) == ["estimated"]


@pytest.mark.parametrize(
    ("what", "usage", "reason"),
    [
        (GPT, {"input_tokens": 100, "cached_tokens": 300},
         "cached_tokens 300 is more than input_tokens 100, which hold them"),
        (GPT, {"input_tokens": 100, "cached_tokens": 60, "cache_creation_input_tokens": 50},
         "cached_tokens 60 and cache writes 50 are more than input_tokens 100, which hold them"),
        (GPT, {"output_tokens": 10, "reasoning_tokens": 11},
         "reasoning_tokens 11 is more than output_tokens 10, which hold them"),
        (SPOKEN, {"input_tokens": 100, "input_text_tokens": 60, "input_audio_tokens": 41},
         "input_text_tokens 60 and input_audio_tokens 41 are more than input_tokens 100, which hold them"),
        (SPOKEN, {"input_text_tokens": 60, "input_audio_tokens": 40, "cached_text_tokens": 61},
         "cached_text_tokens 61 is more than input_text_tokens 60, which hold them"),
        (SPOKEN, {"input_text_tokens": 60, "input_audio_tokens": 40, "cached_tokens": 10, "cached_text_tokens": 11},
         "cached_text_tokens 11 are more than cached_tokens 10, which hold them"),
        (CLAUDE, {"cache_creation_input_tokens": 5, "ephemeral_1h_input_tokens": 6},
         "ephemeral_1h_input_tokens 6 is more than cache_creation_input_tokens 5, which hold them"),
    ],
)  # fmt: skip
def test_usage_that_contradicts_itself_is_an_error_that_says_the_numbers(
    what: str, usage: dict[str, Any], reason: str
) -> None:
    line = only(what, usage)

    assert (line.status, line.usd, line.reason) == ("error", None, reason)


def test_cached_tokens_may_be_more_than_the_input_they_stand_beside() -> None:
    assert set(statuses(price(CLAUDE, {"input_tokens": 3, "cached_tokens": 5000}))) == {"priced"}


def test_tokens_that_are_neither_text_nor_audio_are_unpriced_and_not_lost() -> None:
    lines = price(SPOKEN, {"input_tokens": 130, "input_text_tokens": 60, "input_audio_tokens": 40})

    assert [(line.usage, line.status) for line in lines][-1] == ("input_tokens", "unpriced")
    assert lines[-1].quantity == 30


def test_a_total_alone_has_no_price() -> None:
    line = only(GPT, {"total_tokens": 1050})

    assert (line.status, line.usage) == ("unpriced", "total_tokens")
    assert statuses(price(GPT, {"input_tokens": 1000, "output_tokens": 50, "total_tokens": 1050})) == ["priced"] * 2


def test_no_tokens_with_a_price_cost_nothing_and_are_priced() -> None:
    lines = price(GPT, {"input_tokens": 0, "output_tokens": 0})

    assert [(line.status, line.usd) for line in lines] == [("priced", D(0)), ("priced", D(0))]


TOKENS = st.integers(0, 90_000)


@settings(deadline=None)
@given(fresh=TOKENS, cached=TOKENS, made=TOKENS, reasoning=TOKENS)
@pytest.mark.parametrize("what", [GPT, CLAUDE, GEMINI])
def test_two_halves_cost_what_the_whole_costs(what: str, fresh: int, cached: int, made: int, reasoning: int) -> None:
    usage = {
        "input_tokens": fresh + cached,
        "cached_tokens": cached,
        "output_tokens": made + reasoning,
        "reasoning_tokens": reasoning,
    }
    half = {key: value // 2 for key, value in usage.items()}
    half["input_tokens"] = fresh // 2 + cached // 2
    half["output_tokens"] = made // 2 + reasoning // 2
    rest = {key: value - half[key] for key, value in usage.items()}

    assert usd(price(what, half)) + usd(price(what, rest)) == usd(price(what, usage))


@settings(deadline=None)
@given(
    text=TOKENS, audio=TOKENS, rest=TOKENS, cached=TOKENS, cached_audio=st.none() | TOKENS,
    told=st.sets(st.sampled_from(("input_tokens", "input_text_tokens", "input_audio_tokens")), min_size=1),
)  # fmt: skip
@pytest.mark.parametrize("what", [GPT, CLAUDE, SPOKEN, "llm/openai/gpt-audio", "stt/openai/gpt-4o-transcribe"])
def test_no_token_is_lost_and_none_is_counted_twice(
    what: str, text: int, audio: int, rest: int, cached: int, cached_audio: int | None, told: set[str]
) -> None:
    everything = {"input_tokens": text + audio + rest, "input_text_tokens": text, "input_audio_tokens": audio}
    usage: dict[str, Any] = {key: value for key, value in everything.items() if key in told}
    usage["cached_tokens"] = cached
    if cached_audio is not None:
        usage["cached_audio_tokens"] = cached_audio
    sent = usage.get("input_tokens", usage.get("input_text_tokens", 0) + usage.get("input_audio_tokens", 0))
    if what == CLAUDE:
        sent += cached

    lines = price(what, usage)

    assert all(line.usd is None or line.usd >= 0 for line in lines)
    if "error" not in statuses(lines):
        counted = sum((line.quantity or 0) * (1_000_000 if line.unit else 1) for line in lines)
        assert counted == sent
