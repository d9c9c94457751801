"""Meters: what is counted, how it is rounded, and what it is multiplied by. Each test shows its arithmetic."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from small_catalogue import amounts, only, price, statuses, usd

from callscope.model.cost import total

D = Decimal
TWILIO = "telephony/twilio/us-local-inbound"
VOICE = "telephony/twilio/voice"
NOVA = "stt/deepgram/nova-3"


def test_a_minute_costs_exactly_the_price_of_a_minute() -> None:
    line = only(TWILIO, {"call_seconds": 60})

    assert (line.amount, line.usd, line.quantity, line.quantity_billed, line.unit) == (
        D("0.0085"), D("0.0085"), D(1), D(1), "minute",
    )  # fmt: skip
    assert str(only(NOVA, {"audio_seconds": 20}).usd) == "0.0016"  # 20 * 0.0048 / 60


@pytest.mark.parametrize(
    ("what", "rate", "billed"),
    [
        (TWILIO, "0.0085", 120),  # 78 s are two minutes
        ("telephony/plivo/inbound", "0.0055", 120),
        ("telephony/telnyx/inbound", "0.0032", 78),  # 13 times 6 s
    ],
)
def test_each_leg_is_rounded_up_by_itself(what: str, rate: str, billed: int) -> None:
    one, two = only(what, {"call_seconds": 78}), only(what, {"legs": [78, 78]})

    assert (one.usd, one.quantity, one.quantity_billed) == (D(rate) * billed / 60, D(78) / 60, D(billed) / 60)
    assert (two.usd, two.quantity) == (2 * D(rate) * billed / 60, D(156) / 60)


def test_the_sum_of_legs_is_not_what_is_rounded() -> None:
    legs = [10, 10, 10]

    assert only(TWILIO, {"legs": legs}).usd == 3 * D("0.0085")
    assert only(TWILIO, {"call_seconds": sum(legs)}).usd == 1 * D("0.0085")
    assert only(TWILIO, {"call_seconds": 10, "legs": 3}).usd == 3 * D("0.0085")
    assert only("telephony/telnyx/inbound", {"legs": [7, {"call_seconds": 7}]}).usd == 2 * 12 * D("0.0032") / 60


def test_legs_of_two_directions_have_two_prices() -> None:
    lines = price(
        VOICE, {"legs": [{"call_seconds": 61, "direction": "inbound"}, {"call_seconds": 30, "direction": "outbound"}]}
    )

    assert [(line.matched, line.usd) for line in lines] == [
        ("twilio/telephony/voice/inbound", 2 * D("0.0085")),
        ("twilio/telephony/voice/outbound", 1 * D("0.014")),
    ]
    assert only(VOICE, {"call_seconds": 30, "direction": "outbound-api"}).usd == D("0.014")


def test_every_resource_of_livekit_is_rounded_before_it_is_added() -> None:
    agent = "telephony/livekit/agent"

    assert only(agent, {"sessions": [61, {"session_seconds": 5}]}).usd == (2 + 1) * D("0.01")
    assert only(agent, {"session_seconds": 5, "sessions": 4}).usd == 4 * D("0.01")


def test_legs_without_their_seconds_are_unpriced() -> None:
    line = only(TWILIO, {"legs": 2})

    assert (line.status, line.usage, line.reason) == (
        "unpriced", "legs", "legs without their seconds: report call_seconds, or a list of seconds as legs",
    )  # fmt: skip


def test_a_leg_that_nobody_answered_costs_nothing() -> None:
    line = only(TWILIO, {"call_seconds": 0})

    assert (line.status, line.usd, line.quantity_billed) == ("priced", D(0), D(0))
    assert only("stt/groq/whisper", {"audio_seconds": 0}).usd == 0


def test_groq_bills_ten_seconds_for_a_word() -> None:
    whisper = "stt/groq/whisper"

    assert only(whisper, {"audio_seconds": 2}).usd == 10 * D("0.111") / 3600
    assert only(whisper, {"audio_seconds": "10.5"}).usd == D("10.5") * D("0.111") / 3600

    several = only(whisper, {"audio_seconds": 12, "requests": 4})
    assert several.usd == 4 * 10 * D("0.111") / 3600
    assert (several.status, several.reason) == ("estimated", "several requests told as one: taken as equally long")


def test_assemblyai_bills_the_open_socket_and_not_the_audio() -> None:
    lines = price("stt/assemblyai/universal", {"audio_seconds": 120, "session_seconds": 300})

    assert amounts(lines) == {"session_seconds": 300 * D("0.15") / 3600, "audio_seconds": 0}
    assert statuses(lines) == ["priced", "not_billed"]
    assert lines[1].reason == "what is billed is session_seconds, which was reported"
    assert total(lines).status == "priced"


def test_audio_taken_for_the_open_socket_is_an_estimate() -> None:
    line = only("stt/assemblyai/universal", {"audio_seconds": 120})

    assert (line.status, line.usd) == ("estimated", 120 * D("0.15") / 3600)
    assert line.reason == "what is billed is session_seconds, which was not reported: audio_seconds taken for it"


def test_two_sockets_at_once_add_up() -> None:
    assert only("stt/assemblyai/universal", {"sessions": [300, 60]}).usd == 360 * D("0.15") / 3600


def test_soniox_bills_tokens_and_says_what_an_hour_of_them_is_about() -> None:
    tokens = {"input_audio_tokens": 2500, "output_tokens": 1250}
    lines = price("stt/soniox/stt-rt", {**tokens, "session_seconds": 300})

    assert usd(lines) == (2500 * D(2) + 1250 * D(4)) / 1_000_000
    assert statuses(lines) == ["priced", "priced", "not_billed"]

    line = only("stt/soniox/stt-rt", {"session_seconds": 300})
    assert (line.status, line.usd, line.unit) == ("estimated", 300 * D("0.12") / 3600, "hour_estimate")
    assert line.reason is not None
    assert line.reason.startswith("the provider's own estimate of what is billed per 1M_input_audio_tokens")


def test_each_channel_is_charged_where_the_provider_does_that() -> None:
    usage = {"audio_seconds": 60, "channels": 2}

    assert only(NOVA, usage).usd == 2 * D("0.0048")
    assert only("stt/google/chirp", {"audio_seconds": 60, "channels": 4}).usd == 4 * D("0.016")
    assert only("stt/aws/transcribe", usage).usd == 1 * D("0.024")

    unknown = only("stt/gladia/solaria", usage)
    assert (unknown.status, unknown.usd) == ("estimated", 2 * 60 * D("0.6") / 3600)
    assert unknown.reason == "whether each channel is charged is not documented: taken as charged"


def test_streams_and_recordings_have_their_own_prices() -> None:
    assert only(NOVA, {"audio_seconds": 60, "mode": "batch"}).usd == D("0.0043")
    assert only(NOVA, {"audio_seconds": 60, "mode": "streaming"}).usd == D("0.0048")


def test_a_plan_applies_to_who_is_on_it() -> None:
    assert only(NOVA, {"audio_seconds": 60, "plan": "growth"}).usd == D("0.0042")
    assert only(NOVA, {"audio_seconds": 60}).usd == D("0.0048")


def test_a_realtime_session_may_be_billed_by_time() -> None:
    assert only("realtime/openai/gpt-live-1", {"session_seconds": 90}).usd == 90 * D("0.05") / 60


@pytest.mark.parametrize(
    ("what", "usage", "billed"),
    [
        ("tts/openai/tts-1", {"characters": 43}, 43 * D(15) / 1_000_000),
        ("tts/openai/tts-1", {"text": "naïve 日本語"}, 9 * D(15) / 1_000_000),
        ("tts/fishaudio/s2", {"text": "naïve 日本語"}, (7 + 9) * D(15) / 1_000_000),  # ï is 2 bytes, 日 is 3
        ("tts/fishaudio/s2", {"utf8_bytes": 16}, 16 * D(15) / 1_000_000),
        ("tts/cartesia/sonic", {"characters": 43}, 43 * D("0.05") / 1000),
        ("tts/cartesia/sonic-credits", {"credits": 64}, 64 * D("0.00005")),
        ("tts/openai/gpt-4o-mini-tts", {"input_text_tokens": 10, "output_audio_tokens": 90},
         (10 * D("0.6") + 90 * D(12)) / 1_000_000),
    ],
)  # fmt: skip
def test_text_is_billed_by_character_byte_token_or_credit(what: str, usage: dict[str, Any], billed: Decimal) -> None:
    lines = price(what, usage)

    assert usd(lines) == billed
    assert set(statuses(lines)) == {"priced"}


def test_one_measure_of_a_text_is_billed_and_the_others_are_named() -> None:
    lines = price("tts/cartesia/sonic-credits", {"credits": 64, "characters": 43})

    assert amounts(lines) == {"credits": 64 * D("0.00005"), "characters": 0}
    assert lines[1].reason == "another measure of the same text: what is billed is credits"
    assert only("tts/openai/tts-1", {"characters": 43, "text": "shorter"}).usd == 43 * D(15) / 1_000_000


def test_characters_where_bytes_are_billed_are_unpriced() -> None:
    line = only("tts/fishaudio/s2", {"characters": 43})

    assert (line.status, line.quantity, line.usd) == ("unpriced", D(43), None)


SSML = '<speak>Hi <mark name="a"/>there<break time="1s"/></speak>'


@pytest.mark.parametrize(
    ("what", "rate", "counted"),
    [
        ("tts/aws/polly", 16, len("Hi there")),
        ("tts/azure/neural", 15, len(SSML)),
        ("tts/google/chirp", 30, len(SSML) - len('<mark name="a"/>')),
    ],
)
def test_markup_counts_as_the_provider_says(what: str, rate: int, counted: int) -> None:
    line = only(what, {"text": SSML})

    assert (line.status, line.usd) == ("priced", counted * D(rate) / 1_000_000)


def test_markup_is_taken_as_charged_where_nobody_says() -> None:
    line = only("tts/openai/tts-1", {"text": SSML})

    assert (line.status, line.usd) == ("estimated", len(SSML) * D(15) / 1_000_000)
    assert only("tts/openai/tts-1", {"text": "1 < 2 and 3 > 2"}).status == "priced"


def test_text_that_was_sent_is_billed_also_when_the_caller_cut_it_off() -> None:
    line = only("tts/cartesia/sonic", {"characters": 100, "characters_played": 40})

    assert line.usd == 100 * D("0.05") / 1000
    alone = only("tts/cartesia/sonic", {"characters_played": 40})
    assert (alone.status, alone.reason) == (
        "unpriced", "what was sent is billed, not what was played: report characters",
    )  # fmt: skip


@pytest.mark.parametrize("key", ["add_ons", "add-ons", "addons"])
def test_add_ons_are_charged_on_top_as_the_call_is_measured(key: str) -> None:
    lines = price(TWILIO, {"legs": [61, 30], key: ["media-streams", "amd"]})

    assert amounts(lines) == {
        "legs": (2 + 1) * D("0.0085"),
        "addon:media-streams": (2 + 1) * D("0.0044"),
        "addon:amd": D("0.0075"),
    }


def test_an_add_on_is_charged_a_channel_where_the_model_is() -> None:
    lines = price(NOVA, {"audio_seconds": 60, "channels": 2, "add_ons": ["diarization"]})

    assert amounts(lines) == {"audio_seconds": 2 * D("0.0048"), "addon:diarization": 2 * D("0.002")}


def test_an_add_on_that_nobody_knows_is_unpriced() -> None:
    lines = price(TWILIO, {"call_seconds": 61, "add_ons": "teleport"})

    assert amounts(lines) == {"call_seconds": 2 * D("0.0085"), "addon:teleport": None}
    assert "teleport" in (lines[1].reason or "")
    assert total(lines).status == "partial"


def test_what_is_billed_by_the_month_needs_months() -> None:
    assert only("telephony/twilio/number", {"months": 2}).usd == 2 * D("1.15")
    assert only("telephony/twilio/number", {}).reason == "no usage was reported: report months"


def test_a_price_a_request_is_charged_also_when_the_record_does_not_count_itself() -> None:
    lines = price("llm/perplexity/sonar", {"input_tokens": 100})

    assert amounts(lines) == {"input_tokens": 100 * D(1) / 1_000_000, "requests": D("0.005")}
    assert lines[1].status == "estimated"
    assert usd(price("llm/perplexity/sonar", {"input_tokens": 100, "requests": 3})) == D("0.0001") + 3 * D("0.005")


def test_failed_requests_are_not_billed_where_they_are_free() -> None:
    line = only("tts/cartesia/sonic", {"characters": 100, "error": "timed out"})

    assert (line.status, line.usd, line.quantity, line.usage) == ("not_billed", D(0), D(100), "characters")
    assert only("tts/cartesia/sonic", {"error": True}).status == "not_billed"


def test_failed_requests_are_billed_as_reported_elsewhere_and_unknown_without_usage() -> None:
    assert only(NOVA, {"audio_seconds": 60, "error": "closed"}).usd == D("0.0048")

    billed, unknown = only(NOVA, {"error": "closed"}), only("llm/openai/gpt-4.1", {"error": "429"})
    assert (billed.status, billed.reason) == (
        "unpriced", "the request failed and reported no usage: Deepgram charges for it",
    )  # fmt: skip
    assert (unknown.status, unknown.reason) == (
        "unpriced", "the request failed and reported no usage: whether it is charged is not documented",
    )  # fmt: skip
    assert only(NOVA, {"audio_seconds": 60, "error": None}).status == "priced"


def test_attempts_that_failed_before_are_charged_at_their_input_and_marked() -> None:
    lines = price(
        "llm/openai/gpt-4.1", {"input_tokens": 1000, "cached_tokens": 400, "output_tokens": 50, "attempts": 3}
    )

    again = [line for line in lines if line.usage == "attempts"]
    assert usd(again) == 2 * (600 * D(2) + 400 * D("0.5")) / 1_000_000
    assert statuses(again) == ["estimated", "estimated"]
    assert usd(lines) - usd(again) == (600 * D(2) + 400 * D("0.5") + 50 * D(8)) / 1_000_000
    assert usd(price(NOVA, {"audio_seconds": 60, "attempts": 2})) == 2 * D("0.0048")
    assert statuses(price("llm/openai/gpt-4.1", {"input_tokens": 1000, "attempts": 1})) == ["priced"]


def test_attempts_that_failed_are_free_where_failures_are() -> None:
    lines = price("tts/cartesia/sonic", {"characters": 100, "attempts": 2})

    assert amounts(lines) == {"characters": 100 * D("0.05") / 1000, "attempts": 0}
    assert statuses(lines) == ["priced", "not_billed"]
