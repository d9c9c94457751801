from __future__ import annotations

from typing import Any

import pytest

from callscope.timeline.latency import response_of_row


@pytest.mark.parametrize(
    ("latency", "expected"),
    [
        ({"response_ms": 812.6, "total_ms": 5000}, 813),
        ({"agent_response_ms": 700, "total_ms": 5000}, 700),
        ({"response_ms": None, "agent_response_ms": 700}, 700),
        ({"total_ms": 900}, 900),
        ({"total_ms": 3000, "user_speech_duration_ms": 2100}, 900),
        ({"total_ms": 3000, "user_speech_duration_ms": None}, 3000),
        ({"total_ms": 3000, "user_speech_duration_ms": 3500}, None),
        ({"total_ms": 3000, "user_speech_duration_ms": "long"}, None),
        ({"response_ms": 0}, None),
        ({"response_ms": -5}, None),
        ({"response_ms": float("nan")}, None),
        ({"response_ms": float("inf")}, None),
        ({"response_ms": 1e300}, None),
        ({"response_ms": True}, None),
        ({"response_ms": "812"}, None),
        ({"llm_ms": 300}, None),
        ({}, None),
        (None, None),
    ],
)
def test_what_a_row_says_about_the_wait(latency: dict[str, Any] | None, expected: int | None) -> None:
    assert response_of_row(latency) == expected
