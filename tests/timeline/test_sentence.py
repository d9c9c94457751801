"""What happened in a call, in one sentence."""

from __future__ import annotations

import pytest

from callscope.timeline import sentence


@pytest.mark.parametrize(
    ("total", "status", "words"),
    [
        (0.0240, "priced", "$0.024"),
        (0.0240, "estimated", "$0.024, cost estimated"),
        (0.0240, "partial", "≥ $0.024, cost partial"),
        (0.0, "partial", "cost unpriced"),
        (None, "unpriced", "cost unpriced"),
        (0.0, "not_billed", "$0, cost not billed"),
        (None, "error", "cost error"),
    ],
)
def test_a_cost_is_a_sum_a_lower_bound_or_not_known(total: float | None, status: str, words: str) -> None:
    data = {"status": "completed", "duration_ms": 1000, "cost": {"total": total}, "cost_status": status}
    assert sentence.of("call_over", data) == f"call over: completed, 1.00 s, {words}"
