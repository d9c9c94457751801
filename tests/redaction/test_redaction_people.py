"""People whom a call's fields name: found by keys, then gone from every text; and what machines tell of them."""

from __future__ import annotations

import pytest

from callscope.redaction.people import People
from callscope.redaction.person_keys import personal_kind
from callscope.redaction.places import hide_places


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("name", "name"),
        ("customerName", "name"),
        ("first_name", "name"),
        ("customer", "person"),
        ("userId", "person"),
        ("contactEmail", "email"),
        ("caller-phone-number", "phone"),
        ("addresses", "address"),
        ("postal_code", "address"),
        ("DOB", "birth"),
        ("dateOfBirth", "birth"),
        ("passport_no", "number"),
        ("account", "number"),
    ],
)
def test_whole_words_of_a_key_tell_of_a_person(key: str, kind: str) -> None:
    assert personal_kind(key) == kind


@pytest.mark.parametrize(
    "key", ["order", "rename", "filename", "nameserver", "tool_name", "user_text", "account_status", "", "x" * 999]
)
def test_other_keys_do_not(key: str) -> None:
    assert personal_kind(key) is None


def test_values_go_at_any_depth_and_of_any_type() -> None:
    data = {
        "orders": [{"ship": {"zip": 94107, "street": ["Baker Street", None]}, "item": "shirt"}],
        "address": {"line1": "12 Elm", "checked": True},
        "customer": {"status": "active", "note": "likes tea", "call_count": 3},
    }

    assert People().read(data) == {
        "orders": [{"ship": {"zip": "[address]", "street": ["[address]", None]}, "item": "shirt"}],
        "address": {"line1": "[address]", "checked": True},
        "customer": {"status": "active", "note": "[person]", "call_count": 3},
    }
    assert data["orders"][0]["ship"]["zip"] == 94107  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"name": "Jane Doe", "n": 1}', '{"name":"[name]","n":1}'),
        ("saved {'name': 'Jane Doe'} at 5", "saved {'name': '[name]'} at 5"),
        ("GET /find?name=Jane&city=Bonn now", "GET /find?name=[name]&city=[address] now"),
        ('[1,  "a"]', '[1,  "a"]'),
        ("{not json", "{not json"),
        ("the name: none of that", "the name: none of that"),
        ("[" * 5000, "[" * 5000),
    ],
)
def test_values_beside_their_keys_in_a_text_go(text: str, read: str) -> None:
    assert People().read_text(text) == read


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("I am Jane.", "I am [name]."),
        ("JANE DOE's", "[name]'s"),
        ("jane_doe and JaneDoe", "[name] and [name]"),
        ("Janet came", "Janet came"),
        ("Mr. Doe", "Mr. Doe"),  # three letters on their own are too many other words
        ("on Baker Street, 12, Baker-Street", "on [address], [address]"),
        ("write to jane.doe@example.com, not to info@example.com", "write to [email], not to info@example.com"),
        ("Jose\u0301 and JOSÉ", "[name] and [name]"),
        ("山田太郎です", "[name]です"),
        ("already [name]", "already [name]"),
    ],
)
def test_remembered_values_and_their_longer_words_go_from_texts(text: str, hidden: str) -> None:
    people = People()
    people.read(
        {
            "names": ["Jane Doe", "José", "山田太郎", "unknown"],
            "email": "jane.doe@example.com",
            "address": "12 Baker Street",
        }
    )

    assert people.hide(text) == hidden


def test_words_that_name_nobody_stay_in_other_texts() -> None:
    people = People()
    people.read({"customer": {"note": "likes green shirts"}, "contact": "phone", "name": "unknown"})

    assert people.hide("green shirts by phone, unknown") == "green shirts by phone, unknown"


def test_keys_and_numbers_go_too_and_machinery_stays() -> None:
    people = People()
    people.read({"name": "Claude Text", "phone": 4155550123})

    assert people.hide_in(
        {"model": "claude-1", "text": "Claude", "of_claude": [4155550123], "duration_ms": 4155550123, "ok": True}
    ) == {"model": "claude-1", "text": "[name]", "of_[name]": ["[phone]"], "duration_ms": 4155550123, "ok": True}


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("/home/jane/x.py", "/home/[user]/x.py"),
        ('"/Users/j.doe"', '"/Users/[user]"'),
        (r"C:\Users\Jane Doe\x.py", r"C:\Users\[user]\x.py"),
        (r"c:\\users\\jane", r"c:\\users\\[user]"),
        ("file:///D:/Users/jane/x", "file:///D:/Users/[user]/x"),
        ("from 203.0.113.7:80, [2001:db8::7]", "from [ip]:80, [[ip]]"),
        ("::ffff:203.0.113.7", "[ip]"),
    ],
)
def test_user_directories_and_ip_addresses_go(text: str, hidden: str) -> None:
    assert hide_places(text) == hidden


@pytest.mark.parametrize("text", ["a::b std::move", "at 12:30:45", "v1.2.3", "1.2.3.4.5", "999.1.1.1", "/usr/home"])
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert hide_places(text) == text
