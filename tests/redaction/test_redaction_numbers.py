"""Numbers that come as numbers, and in pieces."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callscope.model import wire
from callscope.redaction.policy import Policy, event_data, fields, turn_row

FULL = Policy()
REDACT = Policy(transcript="redact")
OFF = Policy(transcript="off")
CARD = 4111111111111111


@pytest.mark.parametrize(
    ("data", "redacted"),
    [
        ({"arguments": {"phone": 5551234567}}, {"arguments": {"phone": "[phone]"}}),
        ({"phone_number": 15551234567}, {"phone_number": "[phone]"}),
        ({"account": 12345678}, {"account": "[number]"}),
        ({"account": 12345678.0}, {"account": "[number]"}),
        ({"account": -12345678}, {"account": "[number]"}),
        ({"text": 5551234567}, {"text": "[phone]"}),
        ({"result": [5551234567, "ok"]}, {"result": ["[phone]", "ok"]}),
        ({"ts_of_phone": 1700000000}, {"ts_of_phone": "[phone]"}),
        ({"time": 5551234567}, {"time": "[phone]"}),
        ({"huge": 10**400}, {"huge": "[number]"}),
        ({"duration_ms": CARD}, {"duration_ms": "[card]"}),
        ({"arguments": {"pin": [1, 2, 3, 4]}}, {"arguments": {"pin": ["[number]"] * 4}}),
        ({"cardNumber": {"end": 1111}}, {"cardNumber": {"end": "[number]"}}),
    ],
)
def test_a_number_is_as_private_as_its_digits_in_a_text(data: dict[str, Any], redacted: dict[str, Any]) -> None:
    assert event_data("tool_call", data, REDACT) == redacted
    assert turn_row(data, REDACT) == redacted
    assert fields(data, REDACT) == redacted


@pytest.mark.parametrize(
    "items",
    [
        [int(digit) for digit in str(CARD)],
        list(str(CARD)),
        ["4111", "1111", "1111", "1111"],
        [4111, 1111, 1111, 1111],
        [4111, "1111", 1111.0, "1111"],
        ["my card is 4111", "1111", "1111", "1111"],
        ["four", *["one"] * 15],
        ("555", 123, 4567),
        ["pin", "is", 1234],
    ],
)
def test_digits_in_pieces_are_one_number(items: Any) -> None:
    for name in ("digits", "arguments", "metrics"):
        line = wire.encode(event_data("x", {name: items, "b": {"deep": items}}, REDACT)).decode()
        assert not {char for char in line if char.isdigit()}
        assert '"one"' not in line
    line = wire.encode(event_data("x", {"b": {"deep": items}}, OFF)).decode()
    assert "1" not in line
    assert "4" not in line


def test_the_texts_around_a_number_in_pieces_stay() -> None:
    data = {"parts": ["it's 4111", "1111", 1111, "1111 ok", "a@b.de", 12]}
    assert event_data("x", data, REDACT) == {"parts": ["it's [card]", "[card]", "[card]", "[card] ok", "[email]", 12]}


ORDINARY: list[dict[str, Any]] = [
    {"input_tokens": 12_345_678, "characters": 9_999_999, "audio_seconds": 1234567, "latency": {"p95_ms": 1234567}},
    {"durationMs": 12_345_678, "size_bytes": 10**9, "count": 1234567, "frame_count": 2345678, "sample_rate": 1234567},
    {"price": 1234567, "total_cost": 9876543, "amount": 1500000, "heard_characters": 1234567},
    {"ts": 1_700_000_000_123, "turn_index": 12345678, "request_id": 5551234567},
    {"expires_at": 1_700_000_000, "arguments": {"time": 1_700_000_000_123, "startTime": 1_700_000_000_123_456}},
    {"timestamps": [1_700_000_000, 1_700_000_001], "samples_ms": [812, 640, 702], "years": [2019, 2020, 2021]},
    {"n": 999_999, "score": 0.12345678901, "value": 812.3456789, "list": [1.5, 22.25, 333.125], "flags": [True] * 20},
    {"odd": [math.inf, -math.inf], "tokens": [12345, 67890], "few": [1, 2, 3, 4, 5, 6]},
]


@pytest.mark.parametrize("data", ORDINARY)
@pytest.mark.parametrize("policy", [FULL, REDACT])
def test_what_is_measured_or_counted_stays(data: dict[str, Any], policy: Policy) -> None:
    assert event_data("metrics", data, policy) == data


def test_under_off_a_private_number_is_gone() -> None:
    data = {"phone": 5551234567, "call": {"account": 12345678, "pin": 1234, "n": 3}, "duration_ms": 12_345_678}
    assert event_data("x", data, OFF) == {
        "phone": None, "call": {"account": None, "pin": None, "n": 3, "account_length": 8, "pin_length": 4},
        "duration_ms": 12_345_678, "phone_length": 10,
    }  # fmt: skip


PIECES = st.integers(-5, 10**8) | st.sampled_from(
    ["4111", "1111 1111", "one", "oh", "pin", "is", "for", "2020", "tokens", "a@b.de", "[card]", "-", "", "x", "12:30"]
)


@example(["oh", 0, 100_000], "digits")
@given(st.lists(PIECES | st.lists(PIECES), max_size=20), st.sampled_from(["digits", "from", "ts", "count", "pin"]))
def test_any_list_is_done_after_once(items: list[Any], name: str) -> None:
    for policy in (FULL, REDACT, OFF):
        once = event_data("x", {name: items, "deep": {name: items}}, policy)
        assert event_data("x", once, policy) == once


def test_a_very_long_list_ends_in_seconds_and_keeps_no_number_it_did_not_look_at() -> None:
    assert set(event_data("x", {"digits": [4] * 400_000}, REDACT)["digits"]) == {"[number]"}
