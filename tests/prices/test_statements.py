from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from callscope.errors import UnreadableError
from callscope.prices.statements import Charge, Statement, read

SAMPLES = Path(__file__).parent / "statements"


def sample(name: str, *, provider: str | None = None) -> Statement:
    return read((SAMPLES / name).read_text(encoding="utf-8"), file=name, provider=provider)


def shown(charge: Charge, *fields: str) -> tuple[Any, ...]:
    return tuple(getattr(charge, field) for field in fields)


def test_openai_costs_are_lines_of_a_day_a_model_and_a_kind_of_token() -> None:
    statement = sample("openai_costs.json")

    assert statement.format == "OpenAI costs (JSON)"
    assert [
        shown(charge, "provider", "day", "model", "unit", "quantity", "amount") for charge in statement.charges[:3]
    ] == [
        ("openai", "2026-11-06", "gpt-4.1-2025-04-14", "input_text_tokens", 400_000, Decimal("0.8")),
        ("openai", "2026-11-06", "gpt-4.1-2025-04-14", "cached_input_text_tokens", 600_000, Decimal("0.3")),
        ("openai", "2026-11-06", "gpt-4.1-2025-04-14", "output_text_tokens", 50_000, Decimal("0.4")),
    ]
    tool, nothing = statement.charges[3:]
    assert shown(tool, "model", "unit", "amount", "line_item") == (None, None, Decimal("0.06"), "web search tool calls")
    assert shown(nothing, "day", "amount", "line_item") == ("2026-11-07", 0, "")


def test_openai_usage_has_quantities_and_its_text_and_audio_tokens_are_the_uncached_ones() -> None:
    statement = sample("openai_usage.json")

    spoken = {charge.unit: charge.quantity for charge in statement.charges if charge.service == "realtime"}
    assert spoken == {
        "input_text_tokens": 390_000,
        "cached_input_text_tokens": 580_000,
        "input_audio_tokens": 10_000,
        "cached_input_audio_tokens": 20_000,
        "output_text_tokens": 45_000,
        "output_audio_tokens": 5_000,
    }
    written = {charge.unit: charge.quantity for charge in statement.charges if charge.mode == "batch"}
    assert written == {"input_text_tokens": 744, "cached_input_text_tokens": 256, "output_text_tokens": 100}
    assert {charge.amount for charge in statement.charges} == {None}
    assert statement.services == ("llm", "realtime")
    assert statement.notes == (
        "it ends with a page that says there are more: fetch the rest, or the totals are too small",
    )


def test_pages_may_be_json_lines_or_a_list() -> None:
    lines = sample("openai_audio.jsonl")
    text = (SAMPLES / "openai_audio.jsonl").read_text(encoding="utf-8")
    listed = read(f"[{','.join(text.splitlines())}]", file="pages.json")

    assert [shown(charge, "service", "unit", "quantity") for charge in lines.charges] == [
        ("tts", "characters", 4500),
        ("stt", "seconds", 180),
    ]
    assert listed.charges == lines.charges


def test_deepgram_billing_names_way_and_model_in_its_line_items() -> None:
    statement = sample("deepgram_billing.json")

    assert [shown(charge, "service", "model", "mode", "day", "amount") for charge in statement.charges] == [
        ("stt", "nova-3", "streaming", "2026-11-06", Decimal("0.48")),
        ("tts", "aura-2", None, "2026-11-07", Decimal("0.09")),
    ]


def test_deepgram_usage_counts_the_hours_of_all_channels() -> None:
    statement = sample("deepgram_usage.json")

    assert [shown(charge, "service", "model", "unit", "quantity", "amount") for charge in statement.charges] == [
        ("stt", "nova-3", "seconds", 10_800, None),
        ("tts", "aura-2", "characters", 9280, None),
    ]


def test_a_deepgram_request_tells_its_dollars_its_id_and_by_a_tag_its_call() -> None:
    paid, failed = sample("deepgram_requests.json").charges

    assert shown(paid, "request_id", "call_id", "service", "model", "quantity", "amount") == (
        "b4b3a8f0-1111-4222-8333-444455556666",
        "CA1",
        "stt",
        "nova-3",
        180,
        Decimal("0.0144"),
    )
    assert shown(failed, "amount", "rated", "day") == (None, False, "2026-11-06")


def test_elevenlabs_stats_are_dollars_characters_or_credits_by_their_metric() -> None:
    dollars = sample("elevenlabs_fiat_units_spent.json")
    characters = sample("elevenlabs_stats.json")
    text = (SAMPLES / "elevenlabs_stats.json").read_text(encoding="utf-8")
    credits_ = read(text.replace(', "metric": "tts_characters"', ""), file="stats.json")

    assert [shown(charge, "model", "day", "amount") for charge in dollars.charges] == [
        ("eleven_flash_v2_5", "2026-11-06", Decimal("1.25")),
        ("eleven_flash_v2_5", "2026-11-07", Decimal("0.5")),
        ("eleven_multilingual_v2", "2026-11-06", 0),
        ("eleven_multilingual_v2", "2026-11-07", 2),
    ]
    assert [shown(charge, "model", "unit", "quantity", "amount") for charge in characters.charges] == [
        (None, "characters", 12_500, None)
    ]
    assert [shown(charge, "unit", "quantity") for charge in credits_.charges] == [("credits", 12_500)]
    with pytest.raises(UnreadableError, match="metric request_count tells neither"):
        read(text.replace("tts_characters", "request_count"), file="stats.json")


def test_elevenlabs_history_counts_what_each_request_took() -> None:
    (charge,) = sample("elevenlabs_history.json").charges

    assert shown(charge, "request_id", "model", "day", "unit", "quantity") == (
        "r1",
        "eleven_flash_v2_5",
        "2026-11-06",
        "characters",
        62,
    )


def test_twilio_prices_are_negative_texts_a_leg_counts_for_its_call_and_no_price_is_not_rated() -> None:
    statement = sample("twilio_calls.json")

    assert [shown(charge, "call_id", "quantity", "amount", "rated", "day") for charge in statement.charges] == [
        ("CA1", 61, Decimal("0.0170"), True, "2026-11-06"),
        ("CA1", 30, Decimal("0.0140"), True, "2026-11-06"),
        ("CA3", 15, None, False, "2026-11-06"),
    ]
    assert not statement.charges[0].as_billed
    assert statement.services == ("telephony",)


def test_twilio_log_as_csv_says_the_same() -> None:
    paid, open_ = sample("twilio_log.csv").charges

    assert paid == sample("twilio_calls.json").charges[0]
    assert shown(open_, "call_id", "amount", "rated") == ("CA3", None, False)


def test_twilio_usage_records_count_nothing_twice_and_rental_is_no_usage() -> None:
    statement = sample("twilio_usage.json")

    assert [
        shown(charge, "line_item", "kind", "amount", "unit", "quantity", "day", "last_day")
        for charge in statement.charges
    ] == [
        ("calls-inbound-local", "usage", Decimal("17.00"), "seconds", 120_000, "2026-11-01", "2026-11-30"),
        ("phonenumbers", "other", Decimal("1.15"), None, None, "2026-11-01", "2026-11-30"),
    ]


def test_focus_rows_tell_period_quantity_tags_and_category() -> None:
    usage, month, tax = sample("focus.csv").charges

    assert shown(usage, "provider", "service", "model", "unit", "quantity", "amount", "call_id", "request_id") == (
        "openai",
        "llm",
        "gpt-4.1",
        "input_text_tokens",
        400_000,
        Decimal("0.8"),
        "CA1",
        "r1",
    )
    assert shown(usage, "day", "last_day") == ("2026-11-06", None)
    assert shown(month, "provider", "unit", "quantity", "currency", "day", "last_day", "call_id") == (
        "deepgram",
        "seconds",
        36_000,
        "EUR",
        "2026-11-01",
        "2026-11-30",
        "CA9",
    )
    assert tax.kind == "other"


def test_the_plain_csv_takes_days_moments_months_and_units_by_their_usual_names() -> None:
    day, moment, month = sample("plain.csv").charges

    assert shown(day, "provider", "service", "model", "unit", "quantity", "amount", "day") == (
        "deepgram",
        "stt",
        "nova-3",
        "seconds",
        6000,
        Decimal("0.48"),
        "2026-11-06",
    )
    assert shown(moment, "at_ms", "request_id", "call_id", "currency") == (1_793_959_200_000, "req-1", "CA1", "USD")
    assert shown(month, "kind", "day", "last_day", "line_item") == ("other", "2026-11-01", "2026-11-30", "Pro plan")


def test_the_plain_csv_may_leave_the_provider_to_the_command_and_use_semicolons() -> None:
    statement = read("request_id;amount\nr1;0.5\n", file="bill.csv", provider="Deepgram")

    assert [shown(charge, "provider", "request_id", "amount") for charge in statement.charges] == [
        ("deepgram", "r1", Decimal("0.5"))
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "bill.csv is empty"),
        ("date,provider,amount\n", "holds no rows"),
        ("a,b\n1,2\n", "in no known format: it is CSV with the columns a, b. Known are: .*FOCUS"),
        ('{"invoice": 1}', "in no known format: it is an object with the keys invoice"),
        ('{"broken": ', "is no JSON"),
        ('{"calls": []}\n{broken\n', r"bill.csv:2: no JSON"),
        ('{"calls": []}\n{"history": []}\n', r"bill.csv:2: this is no Twilio call records"),
        ('[{"calls": []}, 3]', r"bill.csv: \[1\]: 3 is no object"),
        ("date,provider,amount\n2026-11-06,x,1\n2026-11-06,x,one\n", "bill.csv:3: amount is 'one'"),
        ("date,provider,amount\n2026-11-06,x,NaN\n", "bill.csv:2: amount is 'NaN'"),
        ("date,provider,amount\n2026-11-06,x,1e999999\n", "bill.csv:2: amount is"),
        ("date,provider,amount\n2026-11-06,x\n", "bill.csv:2: 2 fields, and the header has 3"),
        ("date,provider,amount\n06/11/2026,x,1\n", "bill.csv:2: date is '06/11/2026'"),
        ("date,provider,amount\n,x,1\n", "bill.csv:2: a date, a request_id or a call_id is needed"),
        ("date,provider,amount,unit,quantity\n2026-11-06,x,1,parsecs,1\n", "the unit 'parsecs' is not known"),
        ("date,provider,amount,service\n2026-11-06,x,1,sst\n", "the service 'sst' is none of llm, stt"),
        (
            '{"calls": [{"sid": "CA1", "duration": "x", "price": null}]}',
            r"bill.csv: \$.calls\[0\]: duration is 'x'",
        ),
        ('{"time": [1], "usage": {"All": [1, 2]}}', "usage.All has not as many values"),
        ('{"data": [{"start_time": 0, "results": [{"object": "x"}]}]}', r"\$.data\[0\].results\[0\]: a result with"),
        ('{"calls": [{"sid": "CA1", "duration": NaN}]}', "NaN is no number"),
    ],
)
def test_what_is_wrong_stops_with_the_place(text: str, message: str) -> None:
    with pytest.raises(UnreadableError, match=message):
        read(text, file="bill.csv")


def test_amounts_stay_exact() -> None:
    text = json.dumps({"calls": [{"sid": "CA1", "price": "-0.1000000000000000055", "duration": "1"}]})

    assert read(text, file="x").charges[0].amount == Decimal("0.1000000000000000055")
