from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.report.safe_text import clean, clean_json


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, 日本語, 👩\u200d👧", "plain, 日本語, 👩\u200d👧"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b2Jgone", "gone"),
        ("two\nlines\r\nand\ttab", "two lines  and tab"),
        ("\u202eright to left\u202c", "right to left"),
        ("nul\0 bell\a", "nul\ufffd bell\ufffd"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("row\u2028fake", "row fake"),
        (7, "7"),
    ],
)
def test_what_a_terminal_would_obey_is_taken_out(text: object, shown: str) -> None:
    assert clean(text) == shown


@given(st.text(st.characters()))
def test_no_control_and_no_direction_mark_is_left(text: str) -> None:
    cleaned = clean(text)
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in cleaned)
    assert not any(
        unicodedata.bidirectional(c) in {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"} for c in cleaned
    )
    cleaned.encode()


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_json_means_the_same_and_holds_nothing_that_a_terminal_obeys(value: object) -> None:
    document = clean_json(json.dumps(value, ensure_ascii=False))

    assert json.loads(document) == value
    assert not any(unicodedata.category(character) == "Cc" for character in document)
    assert "\u202e" not in document
