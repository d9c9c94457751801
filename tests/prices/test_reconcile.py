from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.errors import SettingError
from callscope.model.wire import parse_ts
from callscope.prices import shipped
from callscope.prices.book import PriceBook
from callscope.prices.difference import PARTS, money
from callscope.prices.estimate import Estimate
from callscope.prices.joins import joined
from callscope.prices.own import Exchange, OwnPrices
from callscope.prices.reconcile import Comparison, Reconciliation, of_provider, reconcile
from callscope.prices.statements import Charge, Statement

BOOK = PriceBook(shipped.catalogue())
DAY = "2026-11-06"
MILLION = Decimal(1_000_000)
ZERO = Decimal(0)
_KEYS = {
    "1M_input_text_tokens": "input_tokens",
    "1M_cached_input_text_tokens": "cached_tokens",
    "1M_output_text_tokens": "output_tokens",
}


def ours(quantity: str, price: str | None, *, unit: str = "minute", day: str = DAY, **fields: Any) -> Estimate:
    """Speech by the minute, unless it is said otherwise."""
    used = Decimal(quantity)
    known: dict[str, Any] = {
        "call_id": "CA1",
        "provider": "deepgram",
        "service": "stt",
        "model": "nova-3",
        "request_id": None,
        "at_ms": parse_ts(day) or 0,
        "usage_key": "audio_seconds",
        "quantity_billed": used,
        "usd": None if price is None else used * Decimal(price),
        "status": "unpriced" if price is None else "priced",
        "increment": Decimal(1),
    }
    price_ = None if price is None else Decimal(price)
    return Estimate(day=day, unit=unit, quantity=used, price=price_, **{**known, **fields})


def tokens(count: int, unit: str, price: str, **fields: Any) -> Estimate:
    known = {"provider": "openai", "service": "llm", "model": "gpt-4.1", "usage_key": _KEYS[unit]}
    cached = Decimal("0.5") if unit == "1M_input_text_tokens" else None
    return ours(
        str(count / MILLION), price, unit=unit, increment=Decimal(0), **{**known, "cached_price": cached, **fields}
    )


def theirs(amount: str | None, **fields: Any) -> Charge:
    known: dict[str, Any] = {"provider": "deepgram", "service": "stt", "model": "nova-3", "line_item": "nova-3"}
    amount_ = None if amount is None else Decimal(amount)
    return Charge(amount=amount_, **{**known, "day": DAY, **fields})


def minutes(quantity: str, amount: str | None, **fields: Any) -> Charge:
    return theirs(amount, unit="seconds", quantity=Decimal(quantity) * 60, **fields)


def compare(charges: list[Charge], estimates: list[Estimate], **options: Any) -> Reconciliation:
    services = options.pop("services", ())
    statement = Statement(file="bill.csv", format="plain CSV", charges=tuple(charges), services=services)
    return reconcile([statement], estimates, options.pop("book", BOOK), **options)


def only(result: Reconciliation) -> Comparison:
    (found,) = result.providers
    return found


def parts(found: Comparison) -> dict[str, str]:
    return {part: f"{usd.normalize():f}" for part, usd in found.parts.items()}


def test_what_agrees_is_ok_and_has_no_parts() -> None:
    found = only(compare([minutes("100", "0.48")], [ours("100", "0.0048")]))

    assert (found.estimate_usd, found.actual_usd, found.difference_usd) == (Decimal("0.48"), Decimal("0.48"), ZERO)
    assert (found.percent, found.verdict, parts(found), found.joined) == (ZERO, "ok", {}, {"model": 1})


@pytest.mark.parametrize(
    ("actual", "percent", "verdict"),
    [("0.97", "3.09", "close"), ("0.98", "2.04", "ok"), ("0.82", "21.95", "off"), ("1.25", "-20.00", "close")],
)
def test_the_verdict_says_how_far_off_the_estimate_is(actual: str, percent: str, verdict: str) -> None:
    found = only(compare([theirs(actual)], [ours("100", "0.01")]))

    assert (found.percent, found.verdict) == (Decimal(percent), verdict)


def test_a_tolerance_of_ones_own_decides_what_is_off() -> None:
    found = only(compare([theirs("0.98")], [ours("100", "0.01")], tolerance_percent=Decimal(2)))

    assert found.verdict == "off"


def test_quantities_that_differ_are_usage_at_our_price_and_the_rest_is_price() -> None:
    found = only(compare([minutes("80", "0.40")], [ours("100", "0.0048")]))

    assert parts(found) == {"usage": "0.096", "price": "-0.016"}
    assert sum(found.parts.values()) == found.difference_usd == Decimal("0.08")


def test_a_price_that_differs_on_three_days_is_offered_as_the_users_own() -> None:
    days = ["2026-11-06", "2026-11-07", "2026-11-08"]
    found = only(
        compare(
            [minutes("100", "0.36", day=day) for day in days],
            [ours("100", "0.0048", day=day) for day in days],
        )
    )

    assert parts(found) == {"price": "0.36"}
    (cause,) = found.causes
    assert cause.startswith("deepgram stt nova-3: the quantities agree, and a minute costs 0.0036 instead of 0.0048: ")


def test_less_than_an_increment_a_request_is_rounding() -> None:
    estimates = [ours("2", "0.0085", quantity_billed=Decimal(2), increment=Decimal(60)) for _ in range(3)]

    found = only(compare([minutes("4", "0.034")], estimates))
    more = only(compare([minutes("1", "0.0085")], estimates))

    assert parts(found) == {"rounding": "0.017"}
    assert parts(more) == {"usage": "0.0425"}


def test_the_last_digit_of_an_amount_is_rounding() -> None:
    assert parts(only(compare([minutes("100", "0.48")], [ours("100", "0.00484")]))) == {"rounding": "0.004"}


def test_a_quantity_before_rounding_is_held_against_what_was_used() -> None:
    estimate = msgspec.structs.replace(ours("2", "0.0085", increment=Decimal(60)), quantity=Decimal(61) / 60)
    charge = theirs("0.017", unit="seconds", quantity=Decimal(61), as_billed=False)

    assert parts(only(compare([charge], [estimate]))) == {}


def test_what_has_no_price_of_ours_is_unpriced() -> None:
    found = only(compare([minutes("100", "0.5")], [ours("100", None)]))

    assert (parts(found), found.unpriced, found.verdict) == ({"unpriced": "-0.5"}, 1, "off")


def test_charges_that_are_not_usage_are_listed_and_in_no_percentage() -> None:
    result = compare(
        [minutes("100", "0.48"), theirs("5.00", kind="other", line_item="Pro plan", model=None, service=None)],
        [ours("100", "0.0048")],
    )

    found = only(result)
    assert (found.percent, found.actual_usd, found.other_usd) == (ZERO, Decimal("0.48"), Decimal("5.00"))
    assert [charge.line_item for charge in result.other] == ["Pro plan"]


def test_cached_lines_of_the_bill_name_the_cause() -> None:
    estimates = [tokens(1_000_000, "1M_input_text_tokens", "2"), tokens(50_000, "1M_output_text_tokens", "8")]
    model = {"provider": "openai", "service": "llm", "model": "gpt-4.1-2025-04-14"}
    charges = [
        theirs("0.773248", unit="input_text_tokens", quantity=Decimal(386_624), **model),
        theirs("0.306688", unit="cached_input_text_tokens", quantity=Decimal(613_376), **model),
        theirs("0.4", unit="output_text_tokens", quantity=Decimal(50_000), **model),
    ]

    found = only(compare(charges, estimates))

    assert parts(found) == {"cached": "0.920064"}
    (cause,) = found.causes
    assert cause.startswith("gpt-4.1: cached input tokens are billed at the cached rate and the usage does not report")
    assert cause.endswith("613,376 of 1,000,000 input tokens")


def request(number: int, count: int, cached: int) -> tuple[Charge, Estimate]:
    usd = (Decimal(count - cached) * 2 + Decimal(cached) / 2) / MILLION
    id_ = f"r{number}"
    charge = theirs(str(usd), provider="openai", service=None, model="gpt-4.1", request_id=id_)
    return charge, tokens(count, "1M_input_text_tokens", "2", request_id=id_)


def test_amounts_alone_name_the_cause_when_each_is_a_multiple_of_128_cached_tokens() -> None:
    pairs = [request(1, 3000, 2560), request(2, 500, 0), request(3, 1000, 896)]

    found = only(compare([charge for charge, _ in pairs], [estimate for _, estimate in pairs]))

    assert parts(found) == {"cached": "0.005184"}
    assert "3,456 of 4,500 input tokens" in found.causes[0]
    assert found.joined == {"request": 3}


def test_amounts_that_fit_no_cached_tokens_are_unexplained_and_one_that_fits_is_an_accident() -> None:
    pairs = [request(1, 3000, 1000), request(2, 3000, 1001), request(3, 3000, 2560)]

    found = only(compare([charge for charge, _ in pairs], [estimate for _, estimate in pairs]))

    assert set(found.parts) == {"unexplained"}
    assert found.causes == ()


def test_usage_billed_on_the_neighbouring_day_is_a_shift_that_cancels_out() -> None:
    found = only(
        compare(
            [minutes("90", "0.432"), minutes("110", "0.528", day="2026-11-07")],
            [ours("100", "0.0048"), ours("100", "0.0048", day="2026-11-07")],
        )
    )

    assert (found.parts, found.shifted_usd) == ({}, Decimal("0.048"))


def test_the_day_before_the_statement_may_explain_what_its_first_day_has_too_much() -> None:
    found = only(compare([minutes("110", "0.528")], [ours("100", "0.0048"), ours("30", "0.0048", day="2026-11-05")]))

    assert (found.estimate_usd, parts(found)) == (Decimal("0.48"), {"time_shift": "-0.048"})


def test_charges_are_joined_by_the_finest_thing_that_both_sides_have() -> None:
    charges = [
        theirs("1", request_id="r1"),
        theirs("1", request_id="unknown", call_id="CA2"),
        theirs("1"),
        theirs("1", model="no-such-model", service=None),
        theirs("1", day="2026-11-01", last_day="2026-11-30", model=None, service=None),
        theirs("1", day=None, request_id="nobody"),
    ]
    estimates = [
        ours("1", "1", request_id="r1"),
        ours("1", "1", call_id="CA2"),
        ours("1", "1"),
        ours("1", "1", model="aura-2", service="tts"),
        ours("1", "1", day="2026-11-20"),
    ]

    found = only(compare(charges, estimates))

    assert found.joined == {"request": 1, "call": 1, "model": 1, "day": 1, "period": 1, "none": 1}
    assert (found.alone, found.difference_usd) == (1, Decimal(-1))


def test_a_statement_of_some_services_is_held_against_those_only() -> None:
    estimates = [ours("100", "0.0048"), ours("100", "0.0048", service="tts", model="aura-2")]

    assert only(compare([minutes("100", "0.48")], estimates, services=("stt",))).verdict == "ok"
    assert only(compare([minutes("100", "0.48")], estimates)).unbilled_usd == Decimal("0.48")


def test_quantities_without_amounts_are_priced_with_the_price_book() -> None:
    charge = theirs(
        None, provider="openai", service="llm", model="gpt-4.1", unit="output_text_tokens", quantity=MILLION
    )

    found = only(compare([charge], [tokens(1_000_000, "1M_output_text_tokens", "8")]))

    assert (found.actual_usd, found.verdict, found.priced_by_us) == (Decimal(8), "ok", True)


def test_quantities_that_no_price_counts_are_told_and_not_compared() -> None:
    charge = theirs(
        None, provider="elevenlabs", service=None, model=None, unit="credits", quantity=Decimal(5), line_item="credits"
    )

    result = compare([charge], [])

    assert result.providers == ()
    assert result.notes == ("elevenlabs: credits cannot be compared: there is no price of credits",)


def test_quantities_of_no_model_are_priced_at_the_mean_of_ours() -> None:
    charge = minutes("200", None, model=None, service=None)

    found = only(compare([charge], [ours("100", "0.004"), ours("100", "0.006")]))

    assert (found.actual_usd, found.verdict, found.priced_by_us) == (Decimal(1), "ok", True)


def test_dollars_of_one_file_and_hours_of_another_tell_a_price_together() -> None:
    hours = minutes("100", None, mode="streaming")
    dollars = theirs("0.36", mode="streaming")

    result = compare([dollars, hours], [ours("100", "0.0048")])
    apart = compare([dollars, msgspec.structs.replace(hours, day="2026-11-07")], [ours("100", "0.0048")])

    assert (parts(only(result)), result.notes) == ({"price": "0.12"}, ())
    assert parts(only(apart)) == {"unexplained": "0.12"}
    assert apart.notes[0].startswith("deepgram: 1 of 1 quantities without an amount left out")


def test_hours_by_model_go_to_the_only_dollars_of_that_model() -> None:
    hours = minutes("100", None)
    streamed, recorded = theirs("0.36", mode="streaming"), theirs("0.10", mode="batch")

    result = compare([streamed, hours], [ours("100", "0.0048")])
    several = compare([streamed, recorded, hours], [ours("100", "0.0048")])

    assert (parts(only(result)), result.notes) == ({"price": "0.12"}, ())
    assert several.notes[0].startswith("deepgram: 1 of 1 quantities without an amount left out")


def test_a_leg_more_than_was_recorded_is_usage_and_no_rounding() -> None:
    leg: dict[str, Any] = {"provider": "twilio", "service": "telephony", "model": None}
    charges = [minutes("1", "0.0085", call_id="CA1", **leg), minutes("0.5", "0.0085", call_id="CA1", **leg)]

    found = only(compare(charges, [ours("1", "0.0085", increment=Decimal(60), **leg)]))

    assert parts(found) == {"usage": "-0.00425", "price": "-0.00425"}


def test_calls_without_a_price_yet_are_left_out_on_both_sides() -> None:
    call: dict[str, Any] = {"provider": "twilio", "service": "telephony", "model": None}
    charges = [theirs("0.0085", call_id="CA1", **call), theirs(None, call_id="CA2", rated=False, **call)]
    estimates = [ours("1", "0.0085", call_id=id_, **call) for id_ in ("CA1", "CA2")]

    found = only(compare(charges, estimates))

    assert (found.estimate_usd, found.verdict, found.unrated) == (Decimal("0.0085"), "ok", 1)


def test_providers_that_no_statement_tells_of_are_named() -> None:
    result = compare([minutes("100", "0.48")], [ours("100", "0.0048"), ours("10", "0.03", provider="cartesia")])

    assert result.unstated == {"cartesia": Decimal("0.30")}
    assert [found.provider for found in result.providers] == ["deepgram"]


def test_another_currency_needs_an_exchange_rate() -> None:
    charge = minutes("100", "0.40", currency="EUR")
    own = OwnPrices(exchange=(Exchange(currency="EUR", usd=Decimal("1.2"), as_of=0),))

    found = only(compare([charge], [ours("100", "0.0048")], book=PriceBook(shipped.catalogue(), own)))

    assert (found.actual_usd, found.verdict) == (Decimal("0.48"), "ok")
    with pytest.raises(SettingError, match=r"deepgram charged 0.40 EUR, .* \[fx.EUR\]"):
        compare([charge], [ours("100", "0.0048")])


def test_a_provider_may_be_asked_for_by_any_of_its_names() -> None:
    charges = (theirs("1"), theirs("1", provider="openai"))
    statement = Statement(file="f", format="plain CSV", charges=charges)

    (kept,) = of_provider([statement], "api.openai.com", BOOK)

    assert [charge.provider for charge in kept.charges] == ["openai"]


def test_several_providers_have_a_total() -> None:
    result = compare(
        [minutes("100", "0.48"), theirs("2", provider="openai", service=None, model=None)],
        [ours("100", "0.0048"), tokens(500_000, "1M_input_text_tokens", "2")],
    )

    assert [found.provider for found in result.providers] == ["deepgram", "openai"]
    assert (result.total.estimate_usd, result.total.actual_usd) == (Decimal("1.48"), Decimal("2.48"))
    assert sum(result.total.parts.values()) == result.total.difference_usd == -1


_days = st.sampled_from(["2026-11-05", "2026-11-06", "2026-11-07", "2026-11-08"])
_ids = st.sampled_from(["a", "b", "c"]) | st.none()
_amounts = st.decimals(0, 1000, places=7)
_quantities = st.decimals(0, 100_000, places=3)
_units = st.sampled_from(
    ["1M_input_text_tokens", "1M_cached_input_text_tokens", "1M_output_text_tokens", "minute", "1k_chars"]
)
_counts = st.sampled_from(["input_text_tokens", "cached_input_text_tokens", "output_text_tokens", "seconds"])
_estimates = st.builds(
    lambda quantity, price, unit, day, **fields: ours(
        str(quantity), None if price is None else str(price), unit=unit, day=day, **fields
    ),
    _quantities,
    st.decimals(0, 100, places=4) | st.none(),
    _units,
    _days,
    request_id=_ids,
    call_id=st.sampled_from(["CA1", "CA2"]),
    service=st.sampled_from(["llm", "stt"]),
    model=st.sampled_from(["nova-3", "gpt-4.1"]),
    cached_price=st.decimals(0, 10, places=2) | st.none(),
    increment=st.sampled_from([Decimal(0), Decimal(1), Decimal(60)]),
)
_charges = st.builds(
    Charge,
    provider=st.just("deepgram"),
    service=st.sampled_from(["llm", "stt"]) | st.none(),
    model=st.sampled_from(["nova-3", "gpt-4.1"]) | st.none(),
    day=_days | st.none(),
    last_day=st.just("2026-11-30") | st.none(),
    request_id=_ids,
    call_id=_ids,
    unit=_counts | st.none(),
    quantity=_quantities | st.none(),
    as_billed=st.booleans(),
    amount=_amounts,
)


@given(st.lists(_charges, min_size=1, max_size=12), st.lists(_estimates, max_size=12))
def test_the_parts_add_up_to_the_difference_whatever_the_figures(
    charges: list[Charge], estimates: list[Estimate]
) -> None:
    result = compare(charges, estimates)

    for found in (*result.providers, result.total):
        assert sum(found.parts.values()) == found.difference_usd == found.estimate_usd - found.actual_usd
        assert found.parts.keys() <= set(PARTS)
    assert result.total.actual_usd == sum(money(charge.amount or Decimal(0)) for charge in charges)


@given(st.lists(_charges, max_size=12), st.lists(_estimates, max_size=12))
def test_nothing_is_joined_twice_and_nothing_is_lost(charges: list[Charge], estimates: list[Estimate]) -> None:
    groups = joined(charges, estimates, services=frozenset())

    assert sorted(id(each) for group in groups for each in group.estimates) == sorted(map(id, estimates))
    held = [id(each) for group in groups for each in group.charges]
    assert len(held) == len(set(held)) or len(charges) != len({id(charge) for charge in charges})
    placeholders = [charge for charge in charges if charge.amount == 0 and not (charge.model or charge.service)]
    assert len(charges) - len(placeholders) <= len(held) <= len(charges)
