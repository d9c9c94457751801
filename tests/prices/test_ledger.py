"""The ledger: a call's lines, added up, and what nobody reported."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalogue import price, usd

from callscope.model.cost import total
from callscope.prices.ledger import Ledger

D = Decimal
GPT = "llm/openai/gpt-4.1"
GPT_KEY = ("llm", "openai", "gpt-4.1")


def ledger_of(*records: tuple[str, dict[str, Any]]) -> Ledger:
    ledger = Ledger()
    for what, usage in records:
        ledger.add(price(what, usage))
    return ledger


def test_lines_that_differ_only_in_quantity_are_one() -> None:
    lines = ledger_of(
        (GPT, {"input_tokens": 1000, "output_tokens": 50}), (GPT, {"input_tokens": 500, "output_tokens": 20})
    ).lines()

    assert [(line.usage, line.quantity, line.usd) for line in lines] == [
        ("input_tokens", D("0.0015"), D("0.003")),
        ("output_tokens", D("0.00007"), D("0.00056")),
    ]


def test_rounding_stays_with_each_record() -> None:
    lines = ledger_of(*[("stt/groq/whisper", {"audio_seconds": 2})] * 3).lines()

    assert [(line.quantity, line.quantity_billed) for line in lines] == [(3 * (D(2) / 3600), 3 * (D(10) / 3600))]


def test_lines_of_another_status_or_price_are_apart() -> None:
    lines = ledger_of(
        ("stt/deepgram/nova-3", {"audio_seconds": 60}),
        ("stt/deepgram/nova-3", {"audio_seconds": 60, "mode": "batch"}),
        ("stt/deepgram/nova-3", {"characters": 9}),
    ).lines()

    assert [(line.status, line.usd) for line in lines] == [
        ("priced", D("0.0048")), ("priced", D("0.0043")), ("unpriced", None),
    ]  # fmt: skip


def test_what_no_price_names_says_who_bills_it_where_that_is_not_what_was_reported() -> None:
    lines = ledger_of(
        ("llm/openai/gpt-4.1", {"input_tokens": 1000, "output_tokens": 5}),
        ("llm/OpenAI/gpt-4.1", {"input_tokens": 1000, "output_tokens": 5}),
        ("llm/OpenAI/gpt-4.1", {"unreported_requests": 1}),
        ("llm/openai/gpt-4.1", {"unreported_requests": 1}),
        ("llm/OpenAI/none", {"input_tokens": 1, "unreported_requests": 1}),
        ("llm/OpenAI/none", {"input_tokens": "many"}),
    ).lines()

    assert {line.billed_by for line in lines} == {"openai"}
    assert {line.biller for line in lines if line.matched or line.provider == "openai"} == {None}
    assert {line.biller for line in lines if not line.matched and line.provider == "OpenAI"} == {"openai"}


def test_requests_without_a_report_are_taken_as_the_mean_of_the_others() -> None:
    reported = [{"input_tokens": 1000, "output_tokens": 50}, {"input_tokens": 2000, "output_tokens": 10}]
    ledger = ledger_of(*[(GPT, usage) for usage in reported], ("stt/deepgram/nova-3", {"audio_seconds": 60}))
    ledger.unreported(*GPT_KEY, 3)

    line = ledger.lines()[-1]
    known = (3000 * D(2) + 60 * D(8)) / 1_000_000
    assert (line.status, line.usage, line.quantity) == ("estimated", "unreported_requests", D(3))
    assert line.usd == known / 2 * 3
    assert line.reason == "requests that ended without a usage report: taken as the mean of those with one"


def test_their_line_from_costing_means_the_same() -> None:
    ledger = ledger_of(
        (GPT, {"unreported_requests": 1}), (GPT, {"input_tokens": 1000}), (GPT, {"unreported_requests": 2})
    )

    assert [(line.usage, line.quantity, line.usd) for line in ledger.lines()] == [
        ("input_tokens", D("0.001"), D("0.002")),
        ("unreported_requests", 3, 3 * D("0.002")),
    ]


def test_without_a_report_to_go_by_they_are_unpriced() -> None:
    ledger = ledger_of(("llm/openai/gpt-5", {"input_tokens": 10}), ("telephony/vonage/inbound", {"call_seconds": 9}))
    ledger.unreported("llm", "openai", "gpt-5", 1)
    ledger.unreported("telephony", "vonage", "inbound", 1)  # its price has no exchange rate
    ledger.unreported(*GPT_KEY, 2)

    lines = [line for line in ledger.lines() if line.usage == "unreported_requests"]
    assert [(line.status, line.usd, line.quantity) for line in lines] == [
        ("unpriced", None, D(1)), ("unpriced", None, D(1)), ("unpriced", None, D(2)),
    ]  # fmt: skip


def test_a_mean_of_what_is_not_all_priced_says_so() -> None:
    ledger = ledger_of((GPT, {"input_tokens": 1000, "output_audio_tokens": 9}))
    ledger.unreported(*GPT_KEY, 1)

    assert ledger.lines()[-1].reason == (
        "requests that ended without a usage report: taken as the mean of those with one, as far as those have a price"
    )


def test_a_local_request_without_a_report_is_not_billed_either() -> None:
    ledger = ledger_of(("llm/piper/en", {"input_tokens": 5}))
    ledger.unreported("llm", "piper", "en", 1)

    assert [line.status for line in ledger.lines()] == ["not_billed", "not_billed"]


def test_a_call_that_goes_wrong_for_ever_does_not_grow_for_ever() -> None:
    ledger = Ledger()
    for number in range(3000):
        ledger.add(price(GPT, {"input_tokens": 1, "cached_tokens": number + 2}))
        ledger.add(price(GPT, {"input_tokens": 1, f"key_{number}": 1}))

    lines = ledger.lines()
    assert len(lines) < 520
    assert total(lines).usd == 3000 * D("0.000002")


RECORDS = st.lists(
    st.tuples(
        st.sampled_from([GPT, "llm/anthropic/claude", "stt/deepgram/nova-3", "tts/cartesia/sonic", "llm/nobody/x"]),
        st.dictionaries(
            st.sampled_from(["input_tokens", "cached_tokens", "output_tokens", "audio_seconds", "characters"]),
            st.integers(0, 10_000),
            max_size=3,
        ),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(RECORDS)
def test_the_ledger_adds_up_to_its_records(records: list[tuple[str, dict[str, Any]]]) -> None:
    one_by_one = [line for what, usage in records for line in price(what, usage)]
    lines = ledger_of(*records).lines()

    assert usd(lines) == usd(one_by_one)
    assert total(lines).status == total(one_by_one).status
