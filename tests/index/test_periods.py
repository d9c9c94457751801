"""Periods, and how a stretch of time is made of whole days, whole hours and the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.index.periods import DAY_MS, HOUR_MS, PERIODS, WEEK_MS, Period, by_weeks, end_of, segments, start_of

MOMENTS = st.integers(0, 4_102_444_800_000)
NEAR = st.integers(1_795_219_200_000 - 3 * DAY_MS, 1_795_219_200_000 + 3 * DAY_MS)
EDGES = st.one_of(
    st.none(), NEAR, NEAR.map(lambda ms: ms // HOUR_MS * HOUR_MS), NEAR.map(lambda ms: ms // DAY_MS * DAY_MS)
)


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("hour", "2026-11-21T10:00", "2026-11-21T11:00"),
        ("day", "2026-11-21", "2026-11-22"),
        ("week", "2026-11-16", "2026-11-23"),
        ("month", "2026-11-01", "2026-12-01"),
    ],
)
def test_a_period_begins_and_ends_in_utc(period: Period, start: str, end: str) -> None:
    assert [start_of(period, moment) for moment in (ms(start), ms(end) - 1, ms(end))] == [ms(start), ms(start), ms(end)]
    assert end_of(period, ms(start)) == ms(end)


def test_a_year_of_months_ends_with_january() -> None:
    month = ms("2024-01-01")
    starts = []
    for _ in range(13):
        starts.append(datetime.fromtimestamp(month / 1000, tz=UTC).date().isoformat())
        month = end_of("month", month)
    assert starts[:3] == ["2024-01-01", "2024-02-01", "2024-03-01"]
    assert starts[-1] == "2025-01-01"


@given(MOMENTS, st.sampled_from(PERIODS))
def test_every_moment_is_in_its_period(moment: int, period: Period) -> None:
    start = start_of(period, moment)
    assert start <= moment < end_of(period, start)
    assert start_of(period, start) == start == start_of(period, end_of(period, start) - 1)


@given(EDGES, EDGES, st.booleans())
def test_segments_are_the_whole_stretch_once(since: int | None, until: int | None, by_hour: bool) -> None:  # noqa: FBT001
    cuts = segments(since, until, by_hour=by_hour)
    if since is not None and until is not None and since >= until:
        assert cuts == []
        return
    assert (cuts[0].since_ms, cuts[-1].until_ms) == (since, until)
    for cut, after in pairwise(cuts):
        assert cut.until_ms == after.since_ms is not None
    for source, edge, over in cuts:
        length_ms = {"calls": 1, "hour": HOUR_MS, "day_sum": DAY_MS}[source]
        assert edge is None or edge % length_ms == 0
        assert over is None or over % length_ms == 0
        assert edge is None or over is None or edge < over
        if source == "calls":
            assert edge is not None or over is not None or not cuts
    assert not by_hour or all(cut.source != "day_sum" for cut in cuts)


FAR = st.one_of(st.none(), st.integers(1_795_219_200_000 - 5 * WEEK_MS, 1_795_219_200_000 + 5 * WEEK_MS))


@given(FAR, FAR, st.integers(-4, 4))
def test_weeks_take_the_place_of_their_days_as_far_as_there_are_sums(
    since: int | None, until: int | None, weeks: int
) -> None:
    last = start_of("week", 1_795_219_200_000) + weeks * WEEK_MS
    cuts = segments(since, until, by_hour=False)
    found = by_weeks(cuts, last)
    assert [cut for cut in found if cut.source in {"calls", "hour"}] == [
        cut for cut in cuts if cut.source in {"calls", "hour"}
    ]
    for cut, after in pairwise(found):
        assert cut.until_ms == after.since_ms is not None
    assert not cuts or (found[0].since_ms, found[-1].until_ms) == (since, until)
    for source, edge, over in found:
        if source == "week_sum":
            assert over is not None
            assert over <= last
            assert all(each is None or start_of("week", each) == each for each in (edge, over))
        if source == "day_sum":
            begin = -(10**15) if edge is None else end_of("week", start_of("week", edge - 1))
            end = last if over is None else min(last, start_of("week", over))
            assert begin >= end, "no whole week is left to its days"


def test_days_are_taken_whole_and_only_their_edges_by_the_hour() -> None:
    since, until = ms("2026-11-14T21:30"), ms("2026-11-21T02:00:00.001")
    assert [(cut.source, cut.since_ms, cut.until_ms) for cut in segments(since, until, by_hour=False)] == [
        ("calls", since, ms("2026-11-14T22:00")),
        ("hour", ms("2026-11-14T22:00"), ms("2026-11-15")),
        ("day_sum", ms("2026-11-15"), ms("2026-11-21")),
        ("hour", ms("2026-11-21"), ms("2026-11-21T02:00")),
        ("calls", ms("2026-11-21T02:00"), until),
    ]
    assert [cut.source for cut in segments(None, None, by_hour=False)] == ["day_sum"]
    assert [cut.source for cut in segments(since, since + 5, by_hour=False)] == ["calls"]
