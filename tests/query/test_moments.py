from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.errors import SettingError
from callscope.model.wire import LAST_MS, format_ts
from callscope.query.moments import moment, parse, span

NOW_MS = 1_795_255_200_000  # 2026-11-21T10:00:00Z


@pytest.mark.parametrize(
    ("word", "time"),
    [
        ("now", "2026-11-21T10:00:00.000Z"),
        ("today", "2026-11-21T00:00:00.000Z"),
        (" Yesterday ", "2026-11-20T00:00:00.000Z"),
        ("90s", "2026-11-21T09:58:30.000Z"),
        ("30m", "2026-11-21T09:30:00.000Z"),
        ("24h", "2026-11-20T10:00:00.000Z"),
        ("7d", "2026-11-14T10:00:00.000Z"),
        ("2 W", "2026-11-07T10:00:00.000Z"),
        ("999999w", "1970-01-01T00:00:00.000Z"),
        ("2026-11-20", "2026-11-20T00:00:00.000Z"),
        ("2026-11-20T14:00", "2026-11-20T14:00:00.000Z"),
        ("2026-11-20t14:00:00.250z", "2026-11-20T14:00:00.250Z"),
        ("2026-11-20T14:00+02:00", "2026-11-20T12:00:00.000Z"),
        ("2026-10", "2026-10-01T00:00:00.000Z"),
    ],
)
def test_a_moment(word: str, time: str) -> None:
    assert format_ts(moment(word, now_ms=NOW_MS)) == time
    assert format_ts(parse(word, option="--since", now_ms=NOW_MS)) == time


@pytest.mark.parametrize(
    ("word", "first", "after"),
    [
        ("today", "2026-11-21T00:00:00.000Z", "2026-11-22T00:00:00.000Z"),
        ("yesterday", "2026-11-20T00:00:00.000Z", "2026-11-21T00:00:00.000Z"),
        ("2026-02-28", "2026-02-28T00:00:00.000Z", "2026-03-01T00:00:00.000Z"),
        ("2028-02", "2028-02-01T00:00:00.000Z", "2028-03-01T00:00:00.000Z"),
        ("2026-12", "2026-12-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
        ("9999-12", "9999-12-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"),
        ("9999-12-31", "9999-12-31T00:00:00.000Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_day_or_month_goes_up_to_the_next(word: str, first: str, after: str) -> None:
    since_ms, until_ms = span(word, now_ms=NOW_MS)
    assert (format_ts(since_ms), format_ts(until_ms)) == (first, after)


@pytest.mark.parametrize(
    "word", ["", "7", "7x", "-7d", "20261120", "2026", "2026-13", "2026-02-30", "1969-12", "soon", "9" * 99]
)
def test_what_is_no_moment_is_told_with_what_is(word: str) -> None:
    with pytest.raises(SettingError, match=r"is no time: write as in 2026-11-21, .*7d, 2w or yesterday"):
        moment(word, now_ms=NOW_MS)
    with pytest.raises(SettingError, match=r"^--since '.*is no time"):
        parse(word, option="--since", now_ms=NOW_MS)


@pytest.mark.parametrize("word", ["", "7d", "now", "2026-11-20T14:00", "2026"])
def test_what_is_no_day_is_told_with_what_is(word: str) -> None:
    with pytest.raises(SettingError, match="is no day: write as in 2026-11-21, 2026-11, today or yesterday"):
        span(word, now_ms=NOW_MS)


@given(st.text(max_size=50) | st.from_regex(r"[0-9]{1,7}[smhdw]|[0-9]{4}-[0-9]{2}(-[0-9]{2})?", fullmatch=True))
def test_any_text_is_a_moment_or_a_setting_error(text: str) -> None:
    try:
        found = moment(text, now_ms=NOW_MS)
    except SettingError:
        return
    assert 0 <= found <= LAST_MS
