"""A filter as it was typed, and what links change of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.query.language import parse
from callscope.web.filter_text import conditions, with_setting, without

NOW_MS = 1_795_255_200_000


def test_a_filter_is_cut_where_its_conditions_are() -> None:
    text = '  refund  -status:failed  not  "cancel my"   label."my team":"night shift",day sort:-cost '

    assert [(each.text, each.field) for each in conditions(text)] == [
        ("refund", None),
        ("-status:failed", "status"),
        ('not  "cancel my"', None),
        ('label."my team":"night shift",day', "label.my team"),
        ("sort:-cost", "sort"),
    ]
    assert all(text[each.start : each.end] == each.text for each in conditions(text))


def test_an_empty_filter_has_no_conditions() -> None:
    assert conditions("") == conditions("  ") == ()


def test_without_one_condition_the_others_stay_as_typed() -> None:
    text = 'Refund NOT  "a  b" p95>1.50s'
    first, second, third = conditions(text)

    assert without(text, first) == 'NOT  "a  b" p95>1.50s'
    assert without(text, second) == "Refund p95>1.50s"
    assert without(text, third) == 'Refund NOT  "a  b"'


def test_a_setting_is_put_in_the_place_of_its_last_value() -> None:
    assert with_setting("refund SORT:cost failed", "sort", "-worst") == "refund sort:-worst failed"
    assert with_setting("refund", "sort", "-worst") == "refund sort:-worst"
    assert with_setting("refund sort:cost failed", "sort", None) == "refund failed"
    assert with_setting("refund", "sort", None) == "refund"
    assert with_setting("", "sort", "cost") == "sort:cost"


PIECES = st.sampled_from(
    ["refund", "-refund", 'not "a b"', "NOT\tfailed", "status:failed,abandoned", "-agent:~x", "p95>1.5s", "/a b\\/-/i",
     'label."a \\" b":"-"', "since:7d", "-", "not", '"not"', '"-x"', "live"]
)  # fmt: skip


@given(st.lists(st.tuples(PIECES, st.sampled_from([" ", "  ", "\t"])), max_size=6))
def test_without_and_all_of_it_together_are_what_was_asked(pieces: list[tuple[str, str]]) -> None:
    text = "".join(piece + space for piece, space in pieces)
    try:
        meant = parse(text, now_ms=NOW_MS)
    except ValueError:
        return
    cut = conditions(text)

    assert parse(" ".join(each.text for each in cut), now_ms=NOW_MS) == meant
    for number, each in enumerate(cut):
        others = " ".join(other.text for place, other in enumerate(cut) if place != number)
        assert parse(without(text, each), now_ms=NOW_MS) == parse(others, now_ms=NOW_MS)


@pytest.mark.parametrize("text", ["-" * 9_999, "not " * 2_499, " " * 9_999 + "x"])
def test_long_texts_end(text: str) -> None:
    try:
        assert len(conditions(text)) <= 1
    except ValueError:
        return
