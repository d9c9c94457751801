"""Histograms: exact where they say so, within 1 % elsewhere, and however they are added up the same."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from functools import reduce
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope.errors import UnreadableError
from callscope.index import histogram
from callscope.index.histogram import (
    LONGEST_MS,
    NAMES,
    Histogram,
    bucket_of,
    gather,
    histogram_of,
    merged,
    pack_all,
    pack_values,
    unpack,
)
from callscope.timeline.percentiles import percentile

SHARES = (0.0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 1.0)
WAITS = st.one_of(st.integers(0, 300), st.integers(0, 60_000), st.integers(65_000, 66_000), st.integers(0, LONGEST_MS))
MANY = st.lists(WAITS, min_size=1, max_size=60)
NAMED = st.dictionaries(st.sampled_from(NAMES), MANY, max_size=len(NAMES))


def counted(values: list[int]) -> Histogram:
    found = histogram_of(values)
    assert found is not None
    return found


def test_the_buckets_are_those_of_every_index_ever_written() -> None:
    # Another number here is another meaning of the bytes on disk: it needs another version byte.
    bounds = ",".join(map(str, histogram._LOWEST)).encode()
    assert hashlib.sha256(bounds).hexdigest() == "9339cb015723ad556fec0edd7f323bc0c9f554c747abe30c115ff3b505e95a7b"
    assert NAMES[0] == "response"


def _packed_once(times: int) -> bytes:
    """A value of 5 ms that occurred so often."""
    blob = bytearray(pack_values({"response": [5] * 5000}))
    count, body = slice(3, 7), slice(-4, None)  # after the version, the place of the name and the form
    assert bytes(blob[count]) == bytes(blob[body]) == (5000).to_bytes(4, "little")
    blob[count] = blob[body] = times.to_bytes(4, "little")
    return bytes(blob)


def test_a_bucket_is_one_millisecond_wide_below_100_and_2_percent_above() -> None:
    for low, after in pairwise(histogram._LOWEST):
        assert after == low + 1 if low < 100 else after - 1 <= low * 1.02
    assert all(bucket_of(value) == value for value in range(100))
    assert bucket_of(100) == bucket_of(101) != bucket_of(102)


@given(WAITS)
def test_a_value_is_in_the_bucket_whose_bounds_enclose_it(value: int) -> None:
    bounds = (*histogram._LOWEST, LONGEST_MS + 1)
    bucket = bucket_of(value)
    assert bounds[bucket] <= value < bounds[bucket + 1]


@given(MANY)
def test_a_percentile_is_within_one_percent_of_the_exact_one(values: list[int]) -> None:
    exact = [percentile(sorted(values), share) for share in SHARES]
    assert counted(values).quantiles(SHARES) == pytest.approx(exact, rel=0.0101)


@given(st.lists(st.integers(0, 99), min_size=1))
def test_below_100_ms_a_percentile_is_exact(values: list[int]) -> None:
    assert counted(values).quantiles(SHARES) == [percentile(sorted(values), share) for share in SHARES]


def test_percentiles_of_many_waits_are_within_one_percent_of_exact() -> None:
    dice = random.Random(4)
    values = [round(dice.lognormvariate(6.7, 0.6)) for _ in range(20_000)]
    exact = [percentile(sorted(values), share) for share in SHARES]
    assert counted(values).quantiles(SHARES) == pytest.approx(exact, rel=0.01)


@given(MANY)
def test_count_lowest_and_highest_are_exact(values: list[int]) -> None:
    found = counted(values)
    assert (found.count, found.lowest, found.highest) == (len(values), min(values), max(values))
    assert found.quantiles((0, 1)) == [min(values), max(values)]


@given(st.lists(MANY, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_merging_gives_the_histogram_of_all_values_in_any_order_and_grouping(
    parts: list[list[int]], dice: random.Random
) -> None:
    whole = counted([value for part in parts for value in part])
    histograms = [counted(part) for part in parts]
    assert merged(histograms) == whole
    dice.shuffle(histograms)
    assert reduce(lambda a, b: merged((a, b)), histograms) == whole
    assert reduce(lambda a, b: merged((b, a)), reversed(histograms)) == whole


@given(NAMED)
def test_bytes_give_back_what_was_put_in(named: dict[str, list[int]]) -> None:
    assert unpack([pack_values(named)]) == {name: counted(values) for name, values in named.items()}


@given(st.lists(NAMED, max_size=5))
def test_merging_bytes_is_merging_values(rows: list[dict[str, list[int]]]) -> None:
    blobs = [pack_values(row) for row in rows]
    together: dict[str, list[int]] = {}
    for row in rows:
        for name, values in row.items():
            together.setdefault(name, []).extend(values)
    assert unpack(blobs) == {name: counted(values) for name, values in together.items()}
    assert pack_all(blobs) == pack_values(together)
    assert {name: each.quantiles(SHARES) for name, each in gather(blobs).items()} == {
        name: counted(values).quantiles(SHARES) for name, values in together.items()
    }


@given(st.lists(MANY, min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_the_same_values_are_the_same_bytes_however_they_were_added_up(
    parts: list[list[int]], dice: random.Random
) -> None:
    whole = pack_values({"llm": [value for part in parts for value in part]})
    blobs = [pack_values({"llm": part}) for part in parts]
    assert reduce(lambda one, other: pack_all((one, other)), blobs) == whole
    dice.shuffle(blobs)
    assert reduce(lambda one, other: pack_all((other, one)), blobs) == whole


@given(NAMED, MANY)
def test_values_by_themselves_are_added_to_packed_ones(named: dict[str, list[int]], more: list[int]) -> None:
    for name, gathered in gather([pack_values(named)]).items():
        gathered.add(more)
        assert gathered.histogram() == counted([*named[name], *more])
        assert gathered.quantiles(SHARES) == counted([*named[name], *more]).quantiles(SHARES)


@given(MANY)
def test_counts_begin_with_the_bucket_of_the_lowest_value(values: list[int]) -> None:
    first, counts = counted(values).counts()
    assert {first + place: count for place, count in enumerate(counts) if count} == Counter(map(bucket_of, values))


@pytest.mark.parametrize("times", [1, 255, 256, 1023, 1024, 65_535, 65_536, 70_000])
def test_counts_of_any_size_keep_apart(times: int) -> None:
    values = [800] * times + [801, 816, 832]
    blob = pack_values({"response": values})
    assert unpack([blob]) == {"response": counted(values)}
    assert unpack([blob] * 100)["response"] == merged([counted(values)] * 100)
    assert pack_all([blob] * 3) == pack_values({"response": values * 3})


def test_a_thousand_full_narrow_rows_do_not_run_over() -> None:
    row = [800] * 1023 + [850] * 1023
    found = unpack([pack_values({"response": row})] * 1000)["response"]
    assert found == merged([counted(row)] * 1000)
    assert found.quantiles((0.25, 0.75)) == pytest.approx([800, 850], rel=0.01)


def test_more_values_than_can_be_counted_are_an_error_not_a_wrong_answer() -> None:
    full = Histogram(2**32 - 1, 5, 5, (2**32 - 1) << (5 * 32))
    assert full.quantiles((0.5,)) == [5]
    with pytest.raises(OverflowError, match="4294967296 values"):
        merged((full, counted([5])))
    with pytest.raises(OverflowError, match="4294967296 values"):
        pack_all([_packed_once(2**32 - 1), pack_values({"response": [5]})])


def test_what_is_out_of_range_counts_at_its_edge() -> None:
    assert counted([-5, 7]) == counted([0, 7])
    assert counted([2**40, 7]) == counted([7, LONGEST_MS])


def test_nothing_has_no_histogram_and_takes_one_byte() -> None:
    assert histogram_of([]) is None
    assert unpack([pack_values({})]) == {}
    assert len(pack_values({})) == 1
    assert pack_all([]) == pack_values({})


def test_bytes_of_another_version_are_refused_with_what_to_do() -> None:
    with pytest.raises(UnreadableError, match=r"version 9, this one knows 1\): `callscope reindex`"):
        unpack([b"\x09" + pack_values({"response": [1]})[1:]])


def test_torn_bytes_are_refused() -> None:
    blob = pack_values({"response": [1, 500], "llm": [300] * 9})
    whole = (1, blob.index(pack_values({"llm": [300] * 9})[1:]), len(blob))
    for length in set(range(len(blob))) - set(whole):
        with pytest.raises(UnreadableError, match="bytes are missing"):
            unpack([blob[:length]])
