from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.timeline.percentiles import latency_summary, percentile


def test_a_percentile_lies_between_the_closest_ranks() -> None:
    assert percentile([10, 20, 30, 40], 0.5) == 25
    assert percentile([10, 20, 30, 40], 0.95) == pytest.approx(38.5)
    assert (percentile([10, 20], 0), percentile([10, 20], 1)) == (10, 20)
    assert percentile([7], 0.99) == 7


def test_a_call_without_a_known_wait_has_no_latency() -> None:
    assert latency_summary([]) is None


def test_the_order_of_the_waits_does_not_matter() -> None:
    assert latency_summary([900, 500, 700]) == {"p50_ms": 700, "p95_ms": 880, "p99_ms": 896}


@pytest.mark.parametrize(("values", "q"), [([], 0.5), ([1], 1.5), ([1], -0.1)])
def test_what_has_no_percentile_is_an_error(values: list[float], q: float) -> None:
    with pytest.raises(ValueError, match=r"percentile|share"):
        percentile(values, q)


@given(st.lists(st.integers(0, 10**9), min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_percentiles_rise_and_stay_within_the_values(values: list[int], a: float, b: float) -> None:
    values.sort()
    low, high = sorted((a, b))
    assert values[0] <= percentile(values, low) <= percentile(values, high) * (1 + 1e-12) <= values[-1] * (1 + 1e-9)
