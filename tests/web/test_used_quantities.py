"""What was used, as a page says it: digits that somebody reads."""

from __future__ import annotations

from decimal import Decimal

import pytest

from callscope.report.figures import UNKNOWN
from callscope.web.call.values import used


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ("3.566541667", "3.567"),
        ("1234", "1,234"),
        ("2.500", "2.5"),
        ("0.0004", "0.0004"),
        ("0", "0"),
    ],
)
def test_a_quantity_is_told_to_the_thousandth_and_never_becomes_nothing(quantity: str, words: str) -> None:
    assert used(Decimal(quantity)) == words


def test_an_unknown_quantity_is_no_zero() -> None:
    assert used(None) == UNKNOWN
