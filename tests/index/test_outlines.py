"""What is asked before the exact question, because it is quicker to say no: it never says no to what fits."""

from __future__ import annotations

import re
import sqlite3

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from callscope.index.globs import glob, like
from callscope.index.regex import expression, outline

DB = sqlite3.connect(":memory:")
LETTERS = st.text(alphabet="aAkKsS\u212a\u017fiİıßéÉ%_[]*?-^09 \n", max_size=8)


def fits(text: str, operator: str, pattern: str) -> bool:
    return bool(DB.execute(f"SELECT ? {operator} ?", (text, pattern)).fetchone()[0])


@settings(deadline=None)
@given(LETTERS, LETTERS, st.booleans(), st.booleans())
@example("K\u212a", "kk", False, False)
def test_what_fits_a_glob_fits_its_likeness(text: str, value: str, part: bool, wild: bool) -> None:  # noqa: FBT001 -- drawn
    pattern = glob(value, part=part, wild=wild)
    if fits(text, "GLOB", pattern):
        assert fits(text, "LIKE", like(pattern))


def test_a_likeness_says_no_to_most_of_what_does_not_fit() -> None:
    assert like(glob("Order*7")).lower() == "order%7"
    assert not fits("an invoice", "LIKE", like(glob("order", part=True)))
    assert fits("AN ORDER", "LIKE", like(glob("order", part=True)))


PATTERNS = [
    r"[0-9]{3}-[0-9]{4}$",
    r"favou?rite (movie|film)s?",
    r"(?i)order [a-z]+",
    r"\d+-x",
    r"(a|a)*b",
    r"a.c",
    r"^[A-Z]{2,}[0-9]+",
    r"(?:ab){2,3}c*d",
    r"x(?=y)y",
    r"[]\[^-]a",
    r"[^0-9]a",
    r"(?i:k)a",
    r"(?i)k[0-9]s",
    r"(a)\1",
    r"a(?#note)b",
    r"a{9,}",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@settings(deadline=None)
@given(text=st.text(alphabet="aAbBcCdkK\u212asSxXyY019-]^[ \n", max_size=14))
def test_every_text_in_which_an_expression_occurs_fits_its_outline(pattern: str, text: str) -> None:
    outlined = outline(pattern)
    if outlined is not None and expression(pattern).matches(text):
        assert fits(text, "GLOB", outlined)
        assert fits(text, "LIKE", like(outlined))


def test_outlines_tell_what_they_can() -> None:
    assert outline(r"[0-9]{2}-\d") == "*[0-9][0-9]-?*"
    assert outline(r"(foo|bar)+") is None
    assert outline(r".*") is None
    assert outline(r"(?:ab)+") == "*[Aa][Bb]*"
    assert re.fullmatch(r"\*(\[Aa\]){8}\*", outline(r"a{20}") or "")
