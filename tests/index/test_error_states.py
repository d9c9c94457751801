"""New, rising, gone: what became of an error since the time before, and what chance explains."""

from __future__ import annotations

import random

import pytest

from callscope.report.error_states import chance_of, state_of


@pytest.mark.parametrize(
    ("calls", "before", "share", "state"),
    [
        (1, 0, 0.5, "new"),
        (2, 1, 0.5, ""),
        (5, 1, 0.5, ""),
        (11, 1, 0.5, "rising"),
        (20, 10, 0.5, ""),
        (30, 10, 0.5, "rising"),
        (30, 10, 0.8, ""),
        (0, 1, 0.5, ""),
        (0, 4, 0.5, ""),
        (0, 5, 0.5, "gone"),
        (0, 5, 0.1, ""),
        (0, 0, 0.5, ""),
        (1000, 990, 0.5, ""),
    ],
)
def test_a_state_is_what_chance_does_not_explain(calls: int, before: int, share: float, state: str) -> None:
    assert state_of(calls, before, share=share) == state


def test_chances_are_those_of_tossed_coins() -> None:
    assert chance_of(3, 3, 0.5) == pytest.approx(1 / 8)
    assert chance_of(2, 3, 0.5) == pytest.approx(4 / 8)
    assert chance_of(0, 3, 0.5) == 1.0
    assert chance_of(1, 3, 0.0) == 0.0
    assert chance_of(3, 3, 1.0) == 1.0
    assert 0 < chance_of(60_000, 100_000, 0.59) < 1e-9


def test_errors_that_did_not_change_hardly_ever_rise() -> None:
    dice = random.Random(7)
    rising = 0
    for _ in range(2000):
        calls, before = (sum(dice.random() < 0.01 for _ in range(300)) for _ in range(2))
        rising += state_of(calls, before, share=0.5) == "rising"
    assert rising <= 20
