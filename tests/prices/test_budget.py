"""Budgets: their file, and what is spent of them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.errors import SettingError
from callscope.prices.budget import Budget, Counted, Meter, Spend, counted, crossed, period_of, state_of, states
from callscope.prices.budget_source import budgets_of
from callscope.prices.entry import Provider

EXAMPLE = Path(__file__).parents[2] / "examples" / "budgets.toml"
KNOWN = {name: Provider(id=name, name=name) for name in ("deepgram", "openai", "cartesia")}

BUDGET = """\
schema = 1
[[budget]]
name = "all"
usd = "50"
per = "month"
"""


def ms(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000


NOON = ms("2026-11-21T12:00:00")
DAY_MS = 86_400_000


def budget(**facts: Any) -> Budget:
    plain: dict[str, Any] = {"name": "all", "usd": Decimal(10), "per": "day"}
    return Budget(**(plain | facts))


def meter_of(*budgets: Budget) -> Meter:
    return Meter(budgets)


def test_the_example_is_the_three_limits_of_the_specification() -> None:
    budgets = budgets_of(EXAMPLE.read_text(encoding="utf-8"), file="budgets.toml", providers=KNOWN)
    assert [(one.provider, one.usd, one.per, one.thresholds) for one in budgets] == [
        ("deepgram", Decimal(50), "month", (80, 100)),
        ("openai", Decimal(50), "month", (80, 100)),
        ("cartesia", Decimal(20), "month", (80, 100)),
    ]


def test_the_comments_of_the_example_are_a_budget_too() -> None:
    commented = EXAMPLE.read_text(encoding="utf-8").partition("# More that can be said:\n#\n")[2]
    text = "schema = 1\n" + "\n".join(line.removeprefix("# ") for line in commented.splitlines())
    assert budgets_of(text, file="budgets.toml", providers=KNOWN) == (
        Budget(
            name="one call of the front desk",
            agent="front-desk",
            usd=Decimal("0.75"),
            per="call",
            thresholds=(50, 80, 100),
        ),
    )


@pytest.mark.parametrize("name", ["OpenAI", "api.openai.com", "https://eu.api.openai.com/v1"])
def test_a_provider_may_be_named_as_in_a_report(name: str) -> None:
    known = {"openai": Provider(id="openai", name="OpenAI", hosts=("api.openai.com",))}
    [found] = budgets_of(BUDGET + f'provider = "{name}"', file="budgets.toml", providers=known)
    assert found.provider == "openai"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BUDGET + 'providr = "openai"', '6: unknown key "providr" in [[budget]]: did you mean "provider"?'),
        (BUDGET + 'provider = "opnai"', '6: unknown provider "opnai": did you mean "openai"?'),
        (BUDGET.replace('"50"', "50.5"), '4: usd = 50.5 is not exact as a number: write usd = "50.5"'),
        (BUDGET.replace('"50"', "0"), '4: "usd" must be above 0'),
        (BUDGET.replace("month", "mnth"), '5: unknown per "mnth": did you mean "month"?'),
        (BUDGET.replace("per", "# per"), '2: "per" is missing in [[budget]]'),
        (BUDGET + "thresholds = [80, 50]", '6: "thresholds" must be whole percents that ascend, as [50, 80, 100]'),
        (BUDGET + "thresholds = [80, 80]", '6: "thresholds" must be whole percents that ascend'),
        (BUDGET + "thresholds = [0]", '6: "thresholds" must be whole percents that ascend'),
        (BUDGET + "thresholds = [0.8]", '6: "thresholds" must be whole percents that ascend'),
        (BUDGET + "thresholds = []", '6: "thresholds" must be whole percents that ascend'),
        (BUDGET + BUDGET.removeprefix("schema = 1\n"), '7: a budget "all" stands in budgets.toml line 2 already'),
        (BUDGET.replace("[[budget]]", "[[budgets]]"), '2: unknown key "budgets": did you mean "budget"?'),
    ],
)
def test_a_mistake_stops_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SettingError) as caught:
        budgets_of(text, file="budgets.toml", providers=KNOWN)
    assert str(caught.value).startswith(f"budgets.toml line {message}")


@pytest.mark.parametrize(
    ("per", "at", "period"),
    [
        ("day", "2026-11-21T00:00:00", "2026-11-21"),
        ("day", "2026-11-21T23:59:59.999", "2026-11-21"),
        ("week", "2026-11-21T12:00:00", "2026-W47"),
        ("week", "2027-01-03T23:59:59", "2026-W53"),
        ("week", "2027-01-04T00:00:00", "2027-W01"),
        ("month", "2026-11-30T23:59:59.999", "2026-11"),
        ("month", "2026-12-01T00:00:00", "2026-12"),
        ("day", "1969-12-31T23:59:59", "1969-12-31"),
    ],
)
def test_periods_are_in_utc(per: Any, at: str, period: str) -> None:
    assert period_of(budget(per=per), ms(at)) == period


def test_a_call_is_its_own_period() -> None:
    assert period_of(budget(per="call"), NOON, "CA1") == "CA1"
    assert period_of(budget(per="call"), NOON) is None


@pytest.mark.parametrize(
    ("spent", "unpriced", "verdict", "reached"),
    [
        ("7.99", 0, "ok", ()),
        ("0", 0, "ok", ()),
        ("7.99", 1, "unknown", ()),
        ("8", 0, "warning", (80,)),
        ("9.99", 2, "warning", (80,)),
        ("10", 0, "over", (80, 100)),
        ("10", 1, "over", (80, 100)),
    ],
)
def test_a_budget_with_something_unpriced_is_never_ok(
    spent: str, unpriced: int, verdict: str, reached: tuple[int, ...]
) -> None:
    state = state_of(budget(), "2026-11-21", spent_usd=Decimal(spent), unpriced=unpriced)
    assert (state.verdict, state.crossed) == (verdict, reached)
    assert state.share == pytest.approx(float(spent) / 10)


def test_a_budget_is_over_at_its_end_whatever_its_thresholds_are() -> None:
    state = state_of(budget(thresholds=(50, 200)), "2026-11-21", spent_usd=Decimal(10), unpriced=0)
    assert (state.verdict, state.crossed) == ("over", (50,))


def test_a_threshold_is_crossed_when_it_is_reached() -> None:
    assert crossed(budget(), Decimal("7.99"), Decimal(8)) == (80,)
    assert crossed(budget(), Decimal(8), Decimal("9.99")) == ()
    assert crossed(budget(), Decimal(0), Decimal(11)) == (80, 100)
    assert crossed(budget(), Decimal(9), Decimal(1)) == ()


def test_each_threshold_is_told_once_a_period() -> None:
    meter = meter_of(budget())
    told = [
        (one.threshold, one.period, one.spent_usd)
        for at_ms in (NOON, NOON + DAY_MS)
        for _ in range(6)
        for one in meter.add(at_ms, "openai", None, "CA1", Decimal(2))
    ]
    assert told == [
        (80, "2026-11-21", Decimal(8)),
        (100, "2026-11-21", Decimal(10)),
        (80, "2026-11-22", Decimal(8)),
        (100, "2026-11-22", Decimal(10)),
    ]


def test_what_is_unpriced_is_counted_and_crosses_nothing() -> None:
    meter = meter_of(budget())
    assert meter.add(NOON, "openai", None, "CA1", None) == []
    [state] = meter.states(NOON)
    assert (state.spent_usd, state.unpriced, state.verdict) == (Decimal(0), 1, "unknown")


def test_what_was_spent_elsewhere_counts() -> None:
    meter = meter_of(budget())
    meter.add(NOON, "openai", None, "CA1", Decimal(3))
    assert meter.baseline("all", "2026-11-21", Decimal(4), 2) == []
    [state] = meter.states(NOON)
    assert (state.spent_usd, state.unpriced) == (Decimal(7), 2)
    assert [one.threshold for one in meter.add(NOON, "openai", None, "CA1", Decimal(1))] == [80]
    assert [one.threshold for one in meter.baseline("all", "2026-11-21", Decimal(6), 0)] == [100]
    [state] = meter.states(NOON)
    assert (state.spent_usd, state.unpriced, state.verdict) == (Decimal(10), 0, "over")


def test_what_fell_and_rises_again_is_not_told_twice() -> None:
    meter = meter_of(budget())
    assert len(meter.baseline("all", "2026-11-21", Decimal(9), 0)) == 1
    meter.baseline("all", "2026-11-21", Decimal(1), 0)
    assert meter.baseline("all", "2026-11-21", Decimal(9), 0) == []


def test_a_baseline_is_for_a_budget_that_is_there() -> None:
    with pytest.raises(KeyError):
        meter_of(budget()).baseline("other", "2026-11-21", Decimal(1), 0)


def test_a_call_that_ended_is_let_go_of() -> None:
    meter = meter_of(budget(per="call"), budget(name="day"))
    meter.add(NOON, "openai", None, "CA1", Decimal(3))
    assert [one.spent_usd for one in meter.states(NOON, "CA1")] == [Decimal(3), Decimal(3)]
    meter.forget("CA1")
    assert [one.spent_usd for one in meter.states(NOON, "CA1")] == [Decimal(0), Decimal(3)]


def test_budgets_per_call_have_a_state_only_for_a_call() -> None:
    meter = meter_of(budget(per="call"), budget(name="day"))
    assert [one.budget.name for one in meter.states(NOON)] == ["day"]


BUDGETS = tuple(
    budget(name=f"{per} {provider} {agent}", per=per, provider=provider, agent=agent, usd=Decimal(usd))
    for usd, per in ((1, "day"), (3, "week"), (5, "month"), (1, "call"))
    for provider in (None, "openai")
    for agent in (None, "desk")
)
SPENDS = st.lists(
    st.builds(
        Spend,
        at_ms=st.integers(0, 40).map(lambda day: NOON + day * DAY_MS),
        usd=st.none() | st.decimals(0, 2, places=6),
        provider=st.sampled_from(["openai", "deepgram", None]),
        agent=st.sampled_from(["desk", "night", None]),
        call_id=st.sampled_from(["CA1", "CA2"]),
    ),
    max_size=40,
)


@given(SPENDS, st.integers(0, 40))
def test_a_meter_has_what_a_plain_sum_has(spends: list[Spend], day: int) -> None:
    at_ms = NOON + day * DAY_MS
    for state in states(BUDGETS, spends, at_ms=at_ms, call_id="CA2"):
        one = state.budget
        meant = [
            None if one.provider is not None and spend.provider is None else spend.usd
            for spend in spends
            if (one.provider in (None, spend.provider) or spend.provider is None)
            and one.agent in (None, spend.agent)
            and period_of(one, spend.at_ms, spend.call_id) == period_of(one, at_ms, "CA2")
        ]
        assert state.spent_usd == sum((usd for usd in meant if usd is not None), Decimal(0))
        assert state.unpriced == sum(usd is None for usd in meant)


@given(SPENDS)
def test_every_threshold_that_is_reached_is_told_exactly_once(spends: list[Spend]) -> None:
    meter = Meter(BUDGETS)
    told = [
        (one.budget.name, one.period, one.threshold)
        for spend in spends
        for one in meter.add(spend.at_ms, spend.provider, spend.agent, spend.call_id, spend.usd)
    ]
    reached = {
        (state.budget.name, state.period, threshold)
        for spend in spends
        for state in meter.states(spend.at_ms, spend.call_id)
        for threshold in state.crossed
    }
    assert len(told) == len(set(told))
    assert set(told) == reached


def test_a_budget_counts_what_its_filters_name() -> None:
    one = Decimal(1)
    assert counted(budget(), "openai", None, one) == Counted(one)
    assert counted(budget(provider="openai", agent="desk"), "openai", "desk", one) == Counted(one)
    assert counted(budget(provider="openai"), "deepgram", None, one) is None
    assert counted(budget(agent="desk"), "openai", None, one) is None


def test_what_nobody_knows_the_provider_of_may_be_any_providers() -> None:
    assert counted(budget(provider="openai"), None, None, Decimal(1)) == Counted(None)
    assert counted(budget(), None, None, Decimal(1)) == Counted(Decimal(1))
