from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.redaction import phone
from callscope.redaction.policy import Policy, phone_number


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("", ""),
        ("+15551234567", "***4567"),
        ("+1 (555) 123-4567", "***4567"),
        ("tel:+1-555-123-4567", "***4567"),
        ("sip:+15551234567@pbx.example.com;transport=tls", "***4567"),
        ("sip:alice@pbx.example.com", "***.com"),
        ("anonymous", "***mous"),
        ("911", "***"),
        ("9-1-1", "***"),
        ("4567", "***"),
        ("12345", "***2345"),
        ("bob", "***"),
        ("\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668", "***5678"),
    ],
)
def test_a_mask_shows_the_last_four_digits_or_characters(raw: str, shown: str) -> None:
    assert phone_number(raw, Policy()) == shown


@given(st.text(max_size=80))
def test_a_mask_never_shows_more_than_four_characters(raw: str) -> None:
    shown = phone.mask(raw)
    assert shown == "" if not raw else shown.startswith("***")
    assert len(shown) <= 7
    assert phone.mask(shown) == shown


def test_what_has_four_characters_or_fewer_shows_none() -> None:
    assert {phone.mask(raw) for raw in ("1", "12", "+12", "1234", "abcd", "+1234", "(1) 234")} == {"***"}


def test_the_hash_of_a_plain_number_is_the_one_other_writers_leave() -> None:
    assert phone_number("+15551234567", Policy(phone="hash_only")) == "sha256:8a59780bb8cd2ba0"


@pytest.mark.parametrize(
    "raw", ["+1 (555) 123-4567", "tel:+1-555-123-4567", " +1.555.123.4567 ", "sip:+15551234567@pbx.example.com"]
)
def test_every_way_to_write_a_number_has_one_hash(raw: str) -> None:
    assert phone.hashed(raw) == phone.hashed("+15551234567")


def test_a_keyed_hash_needs_the_key() -> None:
    one = phone_number("+15551234567", Policy(phone="hash_only", hash_key="k1"))
    other = phone_number("+15551234567", Policy(phone="hash_only", hash_key="k2"))
    plain = phone_number("+15551234567", Policy(phone="hash_only"))
    assert len({one, other, plain}) == 3
    assert one == phone_number("+1 555 123 4567", Policy(phone="hash_only", hash_key="k1"))


@given(st.text(max_size=80))
def test_a_hash_has_one_form_and_is_not_hashed_again(raw: str) -> None:
    value = phone.hashed(raw, key="k")
    assert value == "" if not raw else len(value) == len("sha256:") + 16
    assert phone.hashed(value, key="k") == value


def test_full_keeps_the_number() -> None:
    assert phone_number("+15551234567", Policy(phone="full")) == "+15551234567"
