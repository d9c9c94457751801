from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callscope.redaction import secrets
from callscope.redaction.spans import WINDOW

# Made up here, and put together so that no scanner takes this file for a leak.
HEX = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
MIXED = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3"

SECRETS = {
    "openai": "sk-" + "proj-" + MIXED,
    "anthropic": "sk-ant-" + "api03-" + MIXED,
    "elevenlabs": "sk_" + HEX,
    "cartesia": "sk_car_" + MIXED,
    "stripe": "rk_live_" + MIXED,
    "groq": "gsk_" + MIXED,
    "google": "AIza" + MIXED[:-1] + "xyz",
    "aws id": "AKIA" + "IOSFODNN7EXAMPLE",
    "github": "ghp_" + MIXED,
    "github fine": "github_pat_" + MIXED,
    "gitlab": "glpat-" + MIXED,
    "slack": "xoxb-" + "123456789012-" + "abcdefABCDEF",
    "sendgrid": "SG." + MIXED[:22] + "." + MIXED,
    "twilio key": "SK" + HEX,
    "deepgram": HEX + "8899aabb",
    "jwt": "eyJhbGciOiJIUzI1NiIs." + "eyJzdWIiOiIxMjM0NTY3." + "SflKxwRJSMeKKF2QT4",
    "opaque": MIXED + MIXED,
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
@pytest.mark.parametrize("around", ["{}", "error 401: bad key {} given", '{{"a": "{}"}}', "({}),", "k={}&x=1"])
def test_a_secret_is_masked_wherever_it_stands(secret: str, around: str) -> None:
    text = secrets.mask(around.format(secret))
    assert secret[6:] not in text
    assert "[secret]" in text
    assert secrets.mask(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer [secret]"),
        ("'Authorization': 'Token 12345'", "'Authorization': 'Token [secret]'"),
        ("(b'authorization', b'Basic dXNlcjpwYXNz')", "(b'authorization', b'Basic [secret]')"),
        (r"{\"Authorization\": \"Bearer x1\"}", r"{\"Authorization\": \"Bearer x1\"}"),
        (r"{\"Authorization\": \"Bearer abc1\"}", r"{\"Authorization\": \"Bearer [secret]\"}"),
        ("bearer abcdefgh12345678", "bearer [secret]"),
        ("postgres://bob:hunter2@db/x", "postgres://bob:[secret]@db/x"),
        ("redis://:pw12@cache:6379", "redis://:[secret]@cache:6379"),
        ("https://h/v1?api_key=abc123&x=1", "https://h/v1?api_key=[secret]&x=1"),
        ("wss://h/v1?token=abc1234&x=1", "wss://h/v1?token=[secret]&x=1"),
        ("password=hunter", "password=[secret]"),
        ('"pwd": "hunter",', '"pwd": "[secret]",'),
        ("Invalid API key: abc123def", "Invalid API key: [secret]"),
        ("xi-api-key: abc123def", "xi-api-key: [secret]"),
        ("AWS_SECRET_ACCESS_KEY=abc/def+123", "AWS_SECRET_ACCESS_KEY=[secret]"),
    ],
)
def test_what_is_assigned_to_a_telling_name_is_masked(text: str, masked: str) -> None:
    assert secrets.mask(text) == masked
    assert secrets.mask(masked) == masked


def test_a_private_key_is_masked_to_its_end() -> None:
    block = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"
    assert secrets.mask(f"a1 {block} b") == "a1 [secret] b"
    assert secrets.mask(f"a1 {block[:50]}") == "a1 [secret]"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a quiet sentence",
        "at 10:30 on the 4th, key point: be early",
        "max_tokens=100 input_tokens: 812",
        "the bearer of this ring",
        "it is a secret: a surprise",
        "https://example.com/a/b?c=d",
        "call_0123456789abcdefghijABCD timed out",
        "session 550e8400-e29b-41d4-a716-446655440000",
        "request_id=0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "CA0f1e2d3c4b5a69788796a5b4c3d2e1f0",
        "gpt-4.1-2025-04-14",
        "-----BEGIN CERTIFICATE-----",
        "11111111111111111111111111111111111111111",
    ],
)
def test_what_is_no_secret_stays_the_same_object(text: str) -> None:
    assert secrets.mask(text) is text


def test_a_long_random_id_stays_an_id_but_a_key_in_its_place_does_not() -> None:
    assert secrets.mask_id(MIXED + MIXED) == MIXED + MIXED
    assert secrets.mask_id(SECRETS["openai"]) == "[secret]"
    assert secrets.mask_id("wss://u:p4ss@h") == "wss://u:[secret]@h"


@given(st.text())
def test_masking_takes_any_text_and_is_done_after_once(text: str) -> None:
    once = secrets.mask(text)
    assert secrets.mask(once) == once


@settings(max_examples=30, deadline=None)
@given(st.integers(min_value=WINDOW - 50, max_value=WINDOW + 10) | st.integers(min_value=0, max_value=140_000))
def test_a_secret_is_found_wherever_it_lies_in_a_long_text(offset: int) -> None:
    filler = "lorem ipsum " * 12_000
    text = secrets.mask(filler[:offset] + " " + SECRETS["openai"] + " " + filler[offset:])
    assert "[secret]" in text
    assert MIXED not in text


@pytest.mark.parametrize("piece", ["1.", "eyJ", "://:", "Aa1_", "key= ", "authorization: ", "-----BEGIN PRIVATE KEY"])
def test_a_million_hostile_characters_end_in_seconds(piece: str) -> None:
    began = time.process_time()
    secrets.mask(piece * (1_000_000 // len(piece)))
    assert time.process_time() - began < 8  # 0.01 to 0.5 s on an idle core; minutes if it grew with the square


def test_ten_million_hostile_characters_end_in_seconds() -> None:
    began = time.process_time()
    secrets.mask("authorization: " * 700_000)
    assert time.process_time() - began < 20  # 3 to 5 s on an idle core
