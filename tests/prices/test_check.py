"""The validator: what is wrong with the catalogue as a whole."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.prices.check import overlaps, problems_of, stale
from callscope.prices.entry import Entry, LongContext, Model, Provider
from callscope.prices.source import provider_of

TODAY = date(2026, 11, 21)
NOW = 1_795_219_200
DAY = 86_400
DATA = Path(__file__).parents[2] / "src" / "callscope" / "prices" / "data"


def entry(name: str = "a", **facts: Any) -> Entry:
    good = {
        "provider": "acme",
        "service": "stt",
        "model": "ear",
        "rates": {"minute": Decimal(1)},
        "source": "https://acme.example",
        "read_on": "2026-11-01",
    }
    return Entry(id=name, **(good | facts))


def provider(*entries: Entry, **facts: Any) -> Provider:
    model = Model(service="stt", model="ear", prices=entries)
    return Provider(**({"id": "acme", "name": "Acme", "models": (model,)} | facts))


def problems(*entries: Entry) -> list[str]:
    return problems_of([provider(*entries)], today=TODAY)


def test_the_catalogue_that_is_shipped_has_no_problem() -> None:
    files = sorted(DATA.glob("*.toml"))
    providers = [provider_of(file.read_text(encoding="utf-8"), file=file.name) for file in files]
    assert problems_of(providers, today=TODAY) == []


@pytest.mark.parametrize(
    ("facts", "problem"),
    [
        ({"rates": {"minutes": Decimal(1)}}, "a: unknown unit minutes"),
        ({"rates": {}}, "a: has no rates"),
        ({"source": ""}, "a: has no source"),
        ({"read_on": ""}, "a: has no read_on"),
        ({"read_on": "2026-11-22"}, "a: was read on 2026-11-22, which is in the future, and no note says why"),
        (
            {"effective_from": NOW + DAY},
            "a: begins on 2026-11-22T00:00:00Z, which is in the future, and no note says why",
        ),
        ({"long_context": LongContext(above_input_tokens=9, rates={})}, "a: long_context has no rates"),
        (
            {"long_context": LongContext(above_input_tokens=9, rates={"token": Decimal(1)})},
            "a: unknown unit token",
        ),
        (
            {"addon": True, "rates": {"1M_output_text_tokens": Decimal(1)}},
            "a: is an add-on with a price by tokens, which are counted in its model already",
        ),
        ({"rates": {"call": Decimal(1)}, "meter": "call_seconds"}, 'a: "meter" without a price by time'),
        ({"markup": "excluded"}, 'a: "markup" without a price by characters or bytes'),
    ],
)
def test_a_price_that_cannot_be_right_is_told(facts: dict[str, Any], problem: str) -> None:
    assert problems(entry(**facts)) == [problem]


def test_a_date_in_the_future_may_be_explained() -> None:
    assert problems(entry(effective_from=NOW + DAY, note="announced")) == []
    assert problems(entry(effective_from=NOW + DAY - 1)) == []


def test_prices_that_apply_at_the_same_time_are_told() -> None:
    first = entry("first", effective_from=0, effective_to=20)
    assert problems(first, entry("second", effective_from=19)) == [
        "second: applies at the same time as first; rates of several units go into one price"
    ]
    assert problems(first, entry("second", effective_from=20)) == []
    assert problems(entry("first"), entry("second")) != []


def test_a_price_without_an_end_lasts_until_the_next_one() -> None:
    assert problems(entry("first"), entry("second", effective_from=10), entry("third", effective_from=20)) == []


@pytest.mark.parametrize(
    "apart",
    [
        {"mode": "batch"},
        {"plan": "growth"},
        {"tier": "flex"},
        {"region": "US"},
        {"direction": "inbound"},
        {"addon": True},
        {"model": "ear-2"},
        {"service": "tts"},
    ],
)
def test_prices_for_different_things_do_not_overlap(apart: dict[str, Any]) -> None:
    assert problems(entry("first"), entry("second", **apart)) == []


def test_a_gap_between_two_prices_is_told() -> None:
    first = entry("first", effective_from=0, effective_to=DAY)
    assert problems(first, entry("second", effective_from=2 * DAY)) == [
        "second: nothing is known between 1970-01-02T00:00:00Z and its beginning"
    ]
    assert problems(first, entry("second", effective_from=DAY, effective_to=9 * DAY)) == []


def test_a_price_without_an_end_leaves_no_gap_after_a_promotion() -> None:
    promotion = entry("promotion", effective_from=DAY, effective_to=2 * DAY)
    assert problems(entry("usual"), promotion, entry("next", effective_from=9 * DAY)) == []


def test_names_that_two_providers_claim_are_told() -> None:
    one = provider(hosts=("api.example",), aliases=("acme_stt",))
    other = provider(id="acme_stt", hosts=("api.example",))
    assert problems_of([one, other], today=TODAY) == [
        'acme_stt: "acme_stt" is acme already',
        'acme_stt: "api.example" is acme already',
    ]


def test_names_that_two_models_claim_are_told() -> None:
    models = (
        Model(service="stt", model="Ear", names=("ear-2", "ear"), patterns=("^ear",)),
        Model(service="stt", model="ear-2", patterns=("^ear",)),
        Model(service="tts", model="ear", patterns=("^ear",)),
    )
    assert problems_of([provider(models=models)], today=TODAY) == [
        'acme/stt/ear-2: name "ear-2" is Ear\'s already',
        'acme/stt/ear-2: pattern "^ear" is Ear\'s already',
    ]


def test_prices_that_nobody_read_for_ninety_days_are_stale() -> None:
    old = entry("old", read_on="2026-08-22")
    assert stale([provider(old)], today=TODAY) == [old]
    assert stale([provider(entry(read_on="2026-08-23"))], today=TODAY) == []
    assert stale([provider(old)], today=TODAY, days=91) == []


def test_a_price_of_the_past_cannot_become_stale() -> None:
    ended = entry("ended", read_on="2020-01-01", effective_to=NOW)
    followed = entry("followed", read_on="2020-01-01", mode="batch")
    follows = entry("follows", mode="batch", effective_from=NOW - DAY)
    assert stale([provider(ended, followed, follows)], today=TODAY) == []
    assert stale([provider(followed)], today=TODAY) == [followed]


def test_the_price_that_applies_again_after_a_promotion_can_become_stale() -> None:
    usual = entry("usual", read_on="2020-01-01")
    promotion = entry("promotion", effective_from=NOW - 2 * DAY, effective_to=NOW - DAY)
    assert stale([provider(usual, promotion)], today=TODAY) == [usual]


def test_a_price_that_is_announced_can_become_stale() -> None:
    announced = entry("announced", read_on="2020-01-01", effective_from=NOW + DAY)
    assert stale([provider(entry(), announced)], today=TODAY) == [announced]


class Stretch(NamedTuple):
    effective_from: int | None
    effective_to: int | None


MOMENTS = st.none() | st.integers(0, 13)
STRETCHES = st.builds(Stretch, MOMENTS, MOMENTS).filter(
    lambda one: one.effective_from is None or one.effective_to is None or one.effective_from < one.effective_to
)


def begins(one: Stretch) -> int:
    return -1 if one.effective_from is None else one.effective_from


@given(st.lists(STRETCHES, max_size=5))
def test_overlaps_are_found_exactly_where_two_cover_one_moment(stretches: list[Stretch]) -> None:
    def moments(one: Stretch) -> set[int]:
        next_one = min((begins(other) for other in stretches if begins(other) > begins(one)), default=15)
        return set(range(begins(one), next_one if one.effective_to is None else one.effective_to))

    found = overlaps(stretches)
    ordered = sorted(stretches, key=begins)
    late = [one for index, one in enumerate(ordered) if any(moments(one) & moments(other) for other in ordered[:index])]
    assert [later for _, later in found] == late
    assert all(moments(earlier) & moments(later) for earlier, later in found)
