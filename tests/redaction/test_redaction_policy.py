from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import timeit
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.model import wire
from callscope.redaction.policy import Policy, event_data, fields, turn_row, words

FULL = Policy()
REDACT = Policy(transcript="redact")
OFF = Policy(transcript="off")
KEY = "sk-" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3"


def test_full_gives_back_the_same_row_when_there_is_no_secret() -> None:
    row = {"schema_version": "1.0", "ts": "2026-11-21T09:30:00.250Z", "turn_index": 3, "role": "user",
           "text": "my card is 4111 1111", "latency": {"response_ms": 812}, "custom": ["a", {"b": 1}]}  # fmt: skip
    assert turn_row(row, FULL) is row
    assert event_data("anything", row, FULL) is row
    assert fields(row, FULL) is row


@pytest.mark.parametrize("policy", [FULL, REDACT, OFF])
def test_a_secret_is_masked_in_every_place_under_every_policy(policy: Policy) -> None:
    @dataclasses.dataclass
    class Foreign:
        note: str

    data: dict[Any, Any] = {
        "text": f"use {KEY}",
        "model": KEY,
        "request_id": KEY,
        "headers": {"Authorization": "Bearer abc", "x-api-key": "short"},
        "api_key": "short",
        "password": 12345,
        "clientSecret": ["a", "b"],
        "list": [[KEY], (KEY,), {"x": KEY}, {KEY}],
        f"key {KEY}": 1,
        KEY: 2,
        ("tuple", KEY): 3,
        "object": Foreign(KEY),
        "bytes": KEY.encode(),
        "exception": ValueError(KEY),
        "arguments": json.dumps({"k": KEY}),
    }
    for out in (turn_row(data, policy), event_data("error", data, policy), fields(data, policy)):
        line = wire.encode(out).decode()
        assert "aB3dE5" not in line
        assert "short" not in line
        assert "12345" not in line
        assert "Bearer abc" not in line
    assert data["model"] == KEY  # what was given is not changed


def test_redact_covers_texts_arguments_results_and_keys() -> None:
    data = {
        "name": "charge",
        "tool_call_id": "call_1700000000001",
        "arguments": {"card": 4111111111111111, "cvv": 123, "pin": "0000", "note": "mail a@b.de", "n": 2},
        "result": '{"phone": "555-123-4567"}',
        "custom": ["four one one one " * 4],
        "a@b.de": True,
        "duration_ms": 1_700_000_000_000,
    }
    assert event_data("tool_call", data, REDACT) == {
        "name": "charge",
        "tool_call_id": "call_1700000000001",
        "arguments": {"card": "[card]", "cvv": "[number]", "pin": "[number]", "note": "mail [email]", "n": 2},
        "result": '{"phone": "[phone]"}',
        "custom": ["[number] "],
        "[email]": True,
        "duration_ms": 1_700_000_000_000,
    }


def test_off_leaves_no_words_but_their_length() -> None:
    row = {"schema_version": "1.0", "ts": "2026-11-21T09:30:00.250Z", "turn_index": 3, "role": "assistant",
           "text": "Good morning", "heard": "Good", "interrupted": True, "latency": {"p": 8}, "mood": "b"}  # fmt: skip
    assert turn_row(row, OFF) == {
        **{key: row[key] for key in ("schema_version", "ts", "turn_index", "role", "interrupted", "latency")},
        "text": None, "text_length": 12, "heard": None, "heard_length": 4, "mood": None, "mood_length": 1,
    }  # fmt: skip
    other_shape = {"turn_index": 0, "user_text": "hello", "agent_text": "", "stt_audio_seconds": 1.5}
    assert turn_row(other_shape, OFF) == {
        "turn_index": 0, "user_text": None, "user_text_length": 5, "agent_text": None, "agent_text_length": 0,
        "stt_audio_seconds": 1.5,
    }  # fmt: skip


def test_off_drops_arguments_and_results_as_a_whole_and_keeps_the_machinery() -> None:
    data = {
        "name": "lookup_order",
        "tool_call_id": "call_1",
        "provider": "openai",
        "model": "gpt-4.1-2025-04-14",
        "outcome": "completed",
        "arguments": {"order": "A1"},
        "result": 42,
        "message": "no such order",
        "category": "it was said that",
        "duration_ms": 12.5,
        "usage_reported": True,
        "nested": {"model": "word", "n": 1, "list": ["word", 2]},
    }
    assert event_data("tool_result", data, OFF) == {
        "name": "lookup_order",
        "tool_call_id": "call_1",
        "provider": "openai",
        "model": "gpt-4.1-2025-04-14",
        "outcome": "completed",
        "arguments": None,
        "result": None,
        "message": None,
        "category": None,
        "duration_ms": 12.5,
        "usage_reported": True,
        "nested": {"model": None, "n": 1, "list": [None, 2], "model_length": 4},
        "arguments_length": 14,
        "result_length": 2,
        "message_length": 13,
        "category_length": 16,
    }


def test_a_name_in_an_event_of_an_unknown_type_may_be_a_persons() -> None:
    assert event_data("tool_call", {"name": "lookup"}, OFF) == {"name": "lookup"}
    assert event_data("crm", {"name": "Miller"}, OFF) == {"name": None, "name_length": 6}


def test_an_id_that_is_personal_does_not_stay() -> None:
    data = {"session_id": "a@b.de", "room_id": "sip_+15551234567", "call_id": "4111-1111-1111-1111"}
    assert event_data("x", data, REDACT) == {"session_id": "[email]", "room_id": "sip_[phone]", "call_id": "[card]"}
    assert set(event_data("x", data, OFF).values()) == {None, 6, 16, 19}


def test_numbers_of_the_parties_follow_the_phone_policy() -> None:
    data = {"from": "+15551234567", "to": "sip:alice@pbx.example.com", "caller_id": "+1 555 123 4567"}
    masked = {"from": "***4567", "to": "***.com", "caller_id": "***4567"}
    assert event_data("client_connected", data, FULL) == masked
    assert event_data("client_connected", data, REDACT) == masked
    assert event_data("client_connected", data, Policy(phone="full")) is data
    span = {"from": "2026-11-21", "to": "5"}
    assert event_data("report", span, FULL) is span


@pytest.mark.parametrize("policy", [FULL, REDACT, OFF])
@pytest.mark.parametrize(
    "key", ["from", "To", "CALLER", "Called", "Caller", "callerId", "ForwardedFrom", "to-number", "sip.phoneNumber"]
)
def test_a_party_is_masked_under_every_key_of_one_at_any_depth(key: str, policy: Policy) -> None:
    number = "+15551234567"
    data = {
        key: number,
        "call": {key: number, "more": [{key: 15551234567}]},
        "b": {key: [number, 15551234567, {"number": number}]},
        "c": {key: {"phone": 15551234567.0, "joined_at": 1_700_000_000, "seconds": 98989898}},
        "d": {key: f'"Bob" <sip:{number}@pbx.example.com>;tag=1'},
        "e": {key: number.encode()},
        "f": {key: f"whatsapp:{number}"},
        "g": {key: f"{number}@pbx.example.com"},
        "h": {key: 15551234567},
    }
    masked = "***4567"
    for out in (event_data("x", data, policy), turn_row(data, policy), fields(data, policy)):
        assert out == {
            key: masked,
            "call": {key: masked, "more": [{key: masked}]},
            "b": {key: [masked, masked, {"number": masked}]},
            "c": {key: {"phone": masked, "joined_at": 1_700_000_000, "seconds": 98989898}},
            **{name: {key: masked} for name in "defgh"},
        }
    hashed = event_data("x", data, Policy(phone="hash_only", transcript=policy.transcript))
    assert "4567" not in repr(hashed)
    assert hashed["h"] == hashed["g"] == {key: "sha256:8a59780bb8cd2ba0"}
    kept = event_data("x", {key: 15551234567, "b": {key: [number]}}, Policy(phone="full", transcript=policy.transcript))
    assert kept == {key: 15551234567, "b": {key: [number]}}


def test_a_party_that_comes_as_a_short_number_or_a_range_stays() -> None:
    data = {"from": 5, "to": 10, "span": {"from": 0.25, "to": 1234567.5}, "trip": {"from": "Bonn", "to": "Ulm"}}
    assert event_data("report", data, FULL) is data
    assert event_data("report", data, REDACT) == data


def test_labels_keep_single_tokens_under_off() -> None:
    labels = {"agent_version": "2.4", "environment": "eu-west-1", "owner": "a@b.de", "note": "ask the caller", "n": 3}
    assert fields(labels, OFF) == {
        "agent_version": "2.4", "environment": "eu-west-1", "owner": None, "note": None, "n": 3,
        "owner_length": 6, "note_length": 14,
    }  # fmt: skip
    assert fields(labels, REDACT)["owner"] == "[email]"


def test_one_free_text() -> None:
    text = f"call 555-123-4567 with {KEY}"
    assert words(text, FULL) == "call 555-123-4567 with [secret]"
    assert words(text, REDACT) == "call [phone] with [secret]"
    assert words(text, OFF) is None
    assert words(None, FULL) is None


def test_circular_and_deep_data_end() -> None:
    circular: dict[str, Any] = {"text": "a"}
    circular["self"] = circular
    deep: Any = KEY
    for _ in range(5000):
        deep = [deep]
    for policy in (FULL, REDACT, OFF):
        wire.encode(event_data("x", circular, policy))
        out = event_data("x", {"deep": deep, "arguments": deep}, policy)
        assert KEY not in repr(out)


LETTERS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ", min_size=4, max_size=12).map(lambda word: "Q" + word)
TEXTS = st.lists(LETTERS, min_size=1, max_size=4).map(" ".join)
KEYS = st.sampled_from(["text", "heard", "message", "arguments", "custom", "mood", "latency", "metrics"])
VALUES = st.recursive(
    TEXTS | st.integers() | st.none() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXTS.map(lambda t: t + " x"), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(KEYS | TEXTS.map(lambda text: text + " x"), VALUES, max_size=6))
def test_no_word_is_left_under_off(data: dict[str, Any]) -> None:
    said = {word for word in wire.encode(data).decode().replace('"', " ").split() if word.startswith("Q")}
    for out in (turn_row(data, OFF), event_data("custom", data, OFF)):
        line = wire.encode(out).decode()
        assert not [word for word in said if word in line]


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner) | st.tuples(inner),
    max_leaves=12,
)
ANY_KEYS = st.sampled_from(["text", "model", "api_key", "pin", "from", "request_id", "arguments"]) | st.text()


@settings(deadline=None)
@given(st.dictionaries(ANY_KEYS, ANY, max_size=6), st.sampled_from([FULL, REDACT, OFF]))
def test_any_data_is_taken_and_is_done_after_once(data: dict[str, Any], policy: Policy) -> None:
    before = repr(data)
    for apply in (turn_row, lambda row, how: event_data("error", row, how), fields):
        once = apply(data, policy)
        assert repr(apply(once, policy)) == repr(once)
        assert isinstance(wire.encode(once), bytes)
    assert repr(data) == before


def test_importing_the_policy_does_not_load_the_libraries_of_the_redact_path() -> None:
    program = (
        "import sys; from callscope.redaction.policy import *; event_data('x', {'text': 'a1'}, Policy());"
        "print([name for name in ('phonenumbers', 'stdnum') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_usual_row_costs_microseconds_under_full() -> None:
    text = "Well I was thinking that we could move the appointment to next week if that is fine with you. " * 2
    row = {"schema_version": "1.0", "ts": "2026-11-21T09:30:00.250Z", "turn_index": 3, "role": "user", "text": text,
           "latency": None}  # fmt: skip
    best = min(timeit.repeat(lambda: turn_row(row, FULL), number=1000, repeat=20)) / 1000
    assert best < 20e-6  # about 2.5e-6 on an idle core; patterns that ran would cost 50e-6
