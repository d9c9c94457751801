from __future__ import annotations

from decimal import Decimal

import pytest

from callscope.errors import SettingError
from callscope.model.wire import parse_ts
from callscope.query.moments import parse
from callscope.report import figures
from callscope.report.money import at_least, money

DASH = "\N{EN DASH}"
NOW_MS = 1_795_255_200_000  # 2026-11-21T10:00:00Z


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0 ms"), (812, "812 ms"), (999.4, "999 ms"), (999.6, "1.00 s"), (1240, "1.24 s"), (75_000, "75.00 s")],
)
def test_waits_below_a_second_are_milliseconds(value: float, shown: str) -> None:
    assert figures.wait(value) == shown


@pytest.mark.parametrize("value", [None, "x", True, float("nan"), float("inf"), -1, {}])
def test_what_is_unknown_is_a_dash_and_never_zero(value: object) -> None:
    assert {figures.wait(value), figures.clock(value)} == {DASH}


@pytest.mark.parametrize(("value", "shown"), [(0, "0:00"), (84_999, "1:24"), (3_723_000, "1:02:03")])
def test_lengths_are_minutes_and_seconds(value: int, shown: str) -> None:
    assert figures.clock(value) == shown


@pytest.mark.parametrize(
    ("usd", "shown"),
    [
        ("0", "$0.00"),
        ("0.0123", "$0.0123"),
        ("0.0085", "$0.00850"),
        ("0.10206", "$0.102"),
        ("0.000138", "$0.000138"),
        ("0.0000123456", "$0.0000123"),
        ("0.009996", "$0.0100"),
        ("0.9994", "$0.999"),
        ("0.9996", "$1.00"),
        ("12.345", "$12.34"),
        ("1234.5", "$1,234.50"),
    ],
)
def test_below_a_dollar_amounts_have_three_digits_and_what_is_not_zero_never_reads_as_zero(
    usd: str, shown: str
) -> None:
    assert money(Decimal(usd), 0) == shown


def test_zero_and_something_unpriced_is_no_amount() -> None:
    assert money(Decimal(0), 1) == "1 unpriced"
    assert at_least(Decimal(0), 1) == "unpriced"
    assert at_least(Decimal(0), 0) == "$0.00"


def test_a_lower_bound_is_marked_without_its_count_where_there_is_no_room() -> None:
    assert at_least(Decimal("0.031"), 2) == "≥ $0.0310"
    assert at_least(Decimal("0.031"), 2, estimated=True) == "≥ ~$0.0310"
    assert at_least(Decimal("0.031"), 0, estimated=True) == "~$0.0310"
    assert at_least(None, 2) == "unpriced"


def test_a_sum_that_is_not_complete_says_so() -> None:
    assert money(Decimal("0.031"), 2) == "≥ $0.0310, 2 unpriced"
    assert money(Decimal("0.031"), 0, estimated=True) == "~$0.0310"
    assert money(None, 1) == "unpriced"


def test_a_p95_of_few_values_is_not_told() -> None:
    assert figures.percentiles([1000.0] * 19) == f"p50 1.00 s, p95 {DASH} (needs 20), n=19"
    assert figures.percentiles([1000.0] * 20) == "p50 1.00 s, p95 1.00 s, n=20"
    assert figures.percentiles([]) == DASH


def test_a_moment_of_another_year_shows_the_year() -> None:
    assert figures.short_moment(NOW_MS, now_ms=NOW_MS) == "11-21 10:00"
    assert figures.short_moment(0, now_ms=NOW_MS) == "1970-01-01"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20", "2026-11-20T00:00:00Z"),
        ("2026-11-20T09:30", "2026-11-20T09:30:00Z"),
        ("2026-11-20 09:30:15.5", "2026-11-20T09:30:15.500Z"),
        ("2026-11-20T09:30+02:00", "2026-11-20T07:30:00Z"),
        ("2h", "2026-11-21T08:00:00Z"),
        ("90 s", "2026-11-21T09:58:30Z"),
        ("7d", "2026-11-14T10:00:00Z"),
        ("1w", "2026-11-14T10:00:00Z"),
        ("now", "2026-11-21T10:00:00Z"),
        ("Today", "2026-11-21T00:00:00Z"),
        ("yesterday", "2026-11-20T00:00:00Z"),
    ],
)
def test_moments_are_read_as_people_write_them(text: str, moment: str) -> None:
    assert parse(text, option="--since", now_ms=NOW_MS) == parse_ts(moment)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13-01", "3 parsecs", "-1h", "1795255200", "\N{ARABIC-INDIC DIGIT ONE}h", "\x1b[31m"]
)
def test_what_is_no_moment_is_an_error_that_says_what_to_write(text: str) -> None:
    with pytest.raises(SettingError, match=r"--since .* is no time: write as in 2026-11-21"):
        parse(text, option="--since", now_ms=NOW_MS)
