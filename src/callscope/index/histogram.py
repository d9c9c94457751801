"""How often each wait occurred, in buckets that can be added up: percentiles of any range without the waits themselves.

Values are whole milliseconds. The buckets are the same everywhere and for ever: one for each value below 100 ms (0
among them), from there on of 2 % width, up to `LONGEST_MS`. Count, lowest and highest value are exact. A percentile is
that of `callscope.timeline.percentiles`, each value taken as the middle of its bucket: within 1 % of exact.

What makes it quick in plain Python: the counts of a histogram are one integer with 32 bits for each bucket, so adding
two histograms is adding two integers; and where few values are added up, their buckets in order are all that a
percentile needs. 32 bits are enough for 4 billion values; more raise OverflowError, so that no count runs over into
its neighbour.

The bytes of a row, little endian: `_VERSION`, then for each histogram `_HEAD` (which one, its form, number of values,
lowest, highest, first bucket, number of buckets) and, by its form, the count of each bucket from the lowest value's to
the highest one's in 16 or in 32 bits, or, where that is shorter, the bucket of each value.
"""

from __future__ import annotations

import sys
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from struct import Struct
from struct import error as struct_error
from typing import Final, Literal

import msgspec

from callscope.errors import UnreadableError
from callscope.query.query import STAGES

RESPONSE: Final = "response"
NAMES: Final = (RESPONSE, *STAGES)
"""What there is a histogram of. The place here is what is written: a change needs another `_VERSION`."""
LONGEST_MS: Final = 2**32 - 1
"""49 days. What is longer counts as this, what is negative as 0."""

_VERSION: Final = 1
_HEAD: Final = Struct("<BBIIIHH")
_LANE_BITS: Final = 32
_LANE_BYTES: Final = 4
_MOST: Final = 2**_LANE_BITS - 1
_NARROW_BYTES: Final = 2
_NARROW_MOST: Final = 1023
_AT_ONCE: Final = 64
"""Counts up to `_NARROW_MOST` are written with 16 bits: so many of them are added up before they need 32."""
_LISTED: Final = 0
"""The form in which each value's bucket is written, in ascending order. The other forms are bytes a count."""
_ID_BYTES: Final = 2
_LOOKED_UP_MS: Final = 1 << 16
"""Below this, a value's bucket is found in a table."""


def _lower_bounds() -> Iterator[int]:
    value = 0
    while value <= LONGEST_MS:
        yield value
        value = max(value + 1, value * 51 // 50)


_LOWEST: Final = tuple(_lower_bounds())
"""The lowest value of each bucket."""
_MIDDLE: Final = tuple(
    (low + after - 1) / 2 for low, after in zip(_LOWEST, (*_LOWEST[1:], LONGEST_MS + 1), strict=True)
)


def _table() -> array[int]:
    buckets = array("H")
    for bucket, (low, after) in enumerate(pairwise(_LOWEST)):
        buckets.extend([bucket] * (min(after, _LOOKED_UP_MS) - low))
        if after >= _LOOKED_UP_MS:
            break
    return buckets


_BUCKET: Final = _table()


class Histogram(msgspec.Struct, frozen=True):
    """How often each value occurred. Never empty: of nothing there is no histogram."""

    count: int
    lowest: int
    """Milliseconds, as with ``highest``."""
    highest: int
    lanes: int
    """32 bits for each bucket from bucket 0 on, the first one lowest."""

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """The milliseconds below which each share (0 to 1) of the values lies."""
        first = bucket_of(self.lowest)
        counts = _counts_of(self.lanes >> (first * _LANE_BITS), bucket_of(self.highest) - first + 1)
        return _quantiles(shares, self.count, self.lowest, self.highest, _by_counts(counts, first))

    def counts(self) -> tuple[int, array[int]]:
        """The lowest value's bucket, and the number of values in each bucket from there to the highest value's."""
        first = bucket_of(self.lowest)
        return first, _counts_of(self.lanes >> (first * _LANE_BITS), bucket_of(self.highest) - first + 1)


_Parts = tuple[list[tuple[int, int, int]], list[tuple[int, int, bytes]], list[bytes]]
"""Of histograms that are added up: count, lowest and highest value of each; form, first bucket and body of those with
counts; the bodies of those that list buckets."""


class Gathered:
    """Values of one name that are added up: those of packed histograms, and values by themselves. Never empty."""

    __slots__ = ("_dense", "_edges", "_listed", "_told")

    def __init__(
        self, edges: list[tuple[int, int, int]], dense: list[tuple[int, int, bytes]], listed: list[bytes]
    ) -> None:
        self._edges = edges
        self._dense = dense
        self._listed = listed
        self._told: tuple[int, int, int] | None = None

    def add(self, values_ms: Sequence[int]) -> None:
        """Add one or more values, in any order."""
        buckets, lowest, highest = _bucketed(values_ms)
        self._edges.append((len(values_ms), lowest, highest))
        self._told = None
        self._listed.append(_little_endian(array("H", buckets)))

    def edges(self) -> tuple[int, int, int]:
        """How many values there are, the lowest, the highest."""
        if len(self._edges) == 1:
            return self._edges[0]
        if self._told is None:
            counts, lowest, highest = zip(*self._edges, strict=True)
            self._told = _checked(sum(counts)), min(lowest), max(highest)
        return self._told

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """See `Histogram.quantiles`."""
        count, lowest, highest = self.edges()
        if self._dense:
            first = bucket_of(lowest)
            bucket_at = _by_counts(self._counts(first, bucket_of(highest) - first + 1), first)
        else:
            bucket_at = self._in_order().__getitem__
        return _quantiles(shares, count, lowest, highest, bucket_at)

    def histogram(self) -> Histogram:
        """All values as one histogram."""
        count, lowest, highest = self.edges()
        first = bucket_of(lowest)
        counts = array("I", self._counts(first, bucket_of(highest) - first + 1))
        return Histogram(count, lowest, highest, int.from_bytes(_little_endian(counts), "little") << first * _LANE_BITS)

    def packed(self, place: int) -> bytes:
        """One of the histograms that `pack_values` makes bytes of."""
        count, lowest, highest = self.edges()
        first = bucket_of(lowest)
        buckets = bucket_of(highest) - first + 1
        if count <= buckets and not self._dense:
            form, body = _LISTED, _little_endian(array("H", self._in_order()))
        else:
            form, body = _body(self._counts(first, buckets), first, count)
        return _HEAD.pack(place, form, count, lowest, highest, first, buckets) + body

    def _in_order(self) -> list[int]:
        return sorted(_native("H", b"".join(self._listed)))

    def _counts(self, first: int, buckets: int) -> array[int]:
        """How many values are in each of these buckets, which are all that there are."""
        if len(self._dense) == 1 and not self._listed:
            form, _, body = self._dense[0]
            return _native("H" if form == _NARROW_BYTES else "I", body)
        lanes, narrow = 0, []
        for form, start, body in self._dense:
            number = int.from_bytes(body, "little") << ((start - first) * form * 8)
            if form == _NARROW_BYTES:
                narrow.append(number)
            else:
                lanes += number
        for at in range(0, len(narrow), _AT_ONCE):
            lanes += _widened(sum(narrow[at : at + _AT_ONCE]))
        counts = _counts_of(lanes, buckets)
        if self._listed:
            for bucket, times in Counter(_native("H", b"".join(self._listed))).items():
                counts[bucket - first] += times
        return counts


def bucket_of(value_ms: int) -> int:
    """The number of the bucket that a value is in."""
    if 0 <= value_ms < _LOOKED_UP_MS:
        return _BUCKET[value_ms]
    return max(bisect_right(_LOWEST, value_ms) - 1, 0)


def histogram_of(values_ms: Sequence[int]) -> Histogram | None:
    """Count values, in any order; None when there are none."""
    if not values_ms:
        return None
    buckets, lowest, highest = _bucketed(values_ms)
    return Histogram(len(values_ms), lowest, highest, _lanes_of(Counter(buckets)))


def merged(histograms: Sequence[Histogram]) -> Histogram:
    """All values of one or more histograms.

    Raises:
        OverflowError: they are more than can be counted.
    """
    return Histogram(
        _checked(sum(each.count for each in histograms)),
        min(each.lowest for each in histograms),
        max(each.highest for each in histograms),
        sum(each.lanes for each in histograms),
    )


def pack_values(values_ms: Mapping[str, Sequence[int]]) -> bytes:
    """Values by name (of `NAMES`), in any order, as bytes: the same for the same values, whatever they come from."""
    parts = [bytes((_VERSION,))]
    for place, name in enumerate(NAMES):
        values = values_ms.get(name)
        if values:
            ids, lowest, highest = _bucketed(values)
            first, count = bucket_of(lowest), len(values)
            buckets = bucket_of(highest) - first + 1
            if count <= buckets:
                form, body = _LISTED, _little_endian(array("H", sorted(ids)))
            else:
                counts = array("I", bytes(buckets * _LANE_BYTES))
                for bucket in ids:
                    counts[bucket - first] += 1
                form, body = _body(counts, first, count)
            parts += _HEAD.pack(place, form, count, lowest, highest, first, buckets), body
    return b"".join(parts)


def pack_all(blobs: Iterable[bytes]) -> bytes:
    """All values of many bytes as bytes: those that `pack_values` makes of the values.

    Raises:
        UnreadableError, OverflowError: see `gather`.
    """
    found = gather(blobs)
    parts = [found[name].packed(place) for place, name in enumerate(NAMES) if name in found]
    return b"".join([bytes((_VERSION,)), *parts])


def unpack(blobs: Iterable[bytes]) -> dict[str, Histogram]:
    """The histograms of one or more bytes, those of a name as one.

    Raises:
        UnreadableError, OverflowError: see `gather`.
    """
    return {name: each.histogram() for name, each in gather(blobs).items()}


def gather(blobs: Iterable[bytes]) -> dict[str, Gathered]:
    """What many bytes hold, by name.

    Raises:
        UnreadableError: some are of another version, or not whole.
        OverflowError: later, when it is asked for: there are more values than can be counted.
    """
    parts: dict[int, _Parts] = {}
    read, size = _HEAD.unpack_from, _HEAD.size
    try:
        for blob in blobs:
            if blob[0] != _VERSION:
                raise _unreadable(f"version {blob[0]}, this one knows {_VERSION}")
            at, end = 1, len(blob)
            while at < end:
                place, form, count, lowest, highest, first, buckets = read(blob, at)
                body = at + size
                found = parts.get(place)
                if found is None:
                    found = parts[place] = ([], [], [])
                found[0].append((count, lowest, highest))
                if form:
                    at = body + buckets * form
                    found[1].append((form, first, blob[body:at]))
                else:
                    at = body + count * _ID_BYTES
                    found[2].append(blob[body:at])
            if at > end:
                raise _unreadable("bytes are missing")
    except (IndexError, struct_error) as error:
        raise _unreadable("bytes are missing") from error
    return {NAMES[place]: Gathered(*parts[place]) for place in sorted(parts)}


def _checked(count: int) -> int:
    if count > _MOST:
        raise OverflowError(f"{count} values in one histogram: at most {_MOST} can be counted")
    return count


def _bucketed(values: Sequence[int]) -> tuple[Iterable[int], int, int]:
    """The bucket of each value, the lowest value, the highest one."""
    lowest, highest = min(values), max(values)
    if lowest < 0 or highest > LONGEST_MS:
        return _bucketed([min(max(value, 0), LONGEST_MS) for value in values])
    return map(_BUCKET.__getitem__ if highest < _LOOKED_UP_MS else bucket_of, values), lowest, highest


def _lanes_of(counts: Mapping[int, int]) -> int:
    lanes = array("I", bytes((max(counts) + 1) * _LANE_BYTES))
    for bucket, count in counts.items():
        lanes[bucket] = count
    return int.from_bytes(_little_endian(lanes), "little")


def _body(counts: array[int], first: int, count: int) -> tuple[int, bytes]:
    """How the counts of buckets from ``first`` on are written, and the bytes."""
    if count <= len(counts):
        buckets = [first + place for place, times in enumerate(counts) for _ in range(times)]
        return _LISTED, _little_endian(array("H", buckets))
    if max(counts) <= _NARROW_MOST:
        return _NARROW_BYTES, _little_endian(array("H", counts))
    return _LANE_BYTES, _little_endian(counts)


def _widened(lanes: int) -> int:
    """Lanes of 16 bits as lanes of 32."""
    length = -(-lanes.bit_length() // 16) * 2
    narrow = lanes.to_bytes(length, "little")
    wide = bytearray(length * 2)
    wide[0::4] = narrow[0::2]
    wide[1::4] = narrow[1::2]
    return int.from_bytes(wide, "little")


def _counts_of(lanes: int, buckets: int) -> array[int]:
    return _native("I", lanes.to_bytes(buckets * _LANE_BYTES, "little"))


def _by_counts(counts: array[int], first: int) -> Callable[[int], int]:
    """Which bucket the value of a rank is in, by the counts of the buckets from ``first`` on."""
    running = list(accumulate(counts))
    return lambda rank: first + bisect_right(running, rank)


def _quantiles(
    shares: Sequence[float], count: int, lowest: int, highest: int, bucket_at: Callable[[int], int]
) -> list[float]:
    last = count - 1

    def value(rank: int) -> float:
        if 0 < rank < last:
            middle = _MIDDLE[bucket_at(rank)]
            return middle if lowest < middle < highest else min(max(middle, lowest), highest)
        return lowest if rank <= 0 else highest

    found = []
    for share in shares:
        rank = share * last
        below = int(rank)
        low = value(below)
        found.append(low + (value(below + 1) - low) * (rank - below))
    return found


def _little_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def _native(form: Literal["H", "I"], little_endian: bytes) -> array[int]:
    numbers = array(form, little_endian)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _unreadable(why: str) -> UnreadableError:
    return UnreadableError(f"a row of the index cannot be read ({why}): `callscope reindex` makes it anew")
