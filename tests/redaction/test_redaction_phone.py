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
    "raw",
    [
        "+1 (555) 123-4567", "tel:+1-555-123-4567", " +1.555.123.4567 ", "sip:+15551234567@pbx.example.com",
        "15551234567", "1-555-123-4567", "(555) 123-4567", "555.123.4567", "001 555 123 4567", "(+1) 555 123 4567",
        "<sip:+15551234567@h>", '"Bob" <sips:15551234567@h;user=phone>;tag=1', "sip:5551234567@h",
        "whatsapp:+15551234567",
        "+15551234567@h", "tel:+15551234567;ext=5", "\uff0b15551234567",
    ],
)  # fmt: skip
def test_a_number_has_one_hash_where_its_country_is_told_or_is_that_of_the_us(raw: str) -> None:
    assert phone.hashed(raw) == "sha256:8a59780bb8cd2ba0"
    assert phone.mask(raw) == "***4567"


@pytest.mark.parametrize("raw", ["0044 20 7946 0958", "+44 (0)20 7946 0958", "sip:+442079460958@h", "+44-20-79460958"])
def test_a_number_of_another_country_has_one_hash_where_its_country_is_told(raw: str) -> None:
    assert phone.hashed(raw) == phone.hashed("+442079460958")


def test_a_national_number_is_not_taken_for_one_of_another_country() -> None:
    national = {phone.hashed(raw) for raw in ("020 7946 0958", "442079460958", "2079460958", "+442079460958", "911")}
    assert len(national) == 5


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
