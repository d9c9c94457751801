"""What came and is not over: records by bucket, and which buckets are of one conversation. No files, no clock."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from callscope.interop import conversations
from callscope.interop.spans import Record, Span
from callscope.receivers.inbox import bucket_of


class FullError(Exception):
    """More is open than is kept: its sender has to try again later."""


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """How much is kept of what is not over."""

    buckets: int = 5_000
    """Traces at once."""
    records: int = 20_000
    """Of one bucket."""
    bytes: int = 256 << 20
    """Of all of them, as they are on the disk."""


class Bucket:
    """The records of one trace, or of one conversation's figures and log lines."""

    __slots__ = ("bytes", "has_ended", "is_dirty", "is_understood", "last_ms", "names", "records", "told_ms")

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self.names: set[str] = set()
        self.bytes = 0
        self.last_ms = 0
        """Unix milliseconds at which something came last."""
        self.told_ms = 0
        self.is_dirty = False
        """Something came since it was told."""
        self.is_understood = False
        """A dialect is spoken in it."""
        self.has_ended = False
        """Its calls are over and told: it is kept only for what may come late."""

    @property
    def is_spare(self) -> bool:
        """Whether it may go when there is no room."""
        return not self.is_understood or (self.has_ended and not self.is_dirty)


class Gathering:
    """All buckets. For one thread at a time.

    Args:
        capacity: how much is kept.
    """

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self.buckets: dict[str, Bucket] = {}
        self.bytes = 0
        self._by_name: dict[str, set[str]] = {}

    def new(self, records: Iterable[Record]) -> tuple[dict[str, list[Record]], int, int]:
        """Records that are not there yet, by bucket; how many are beyond a bucket's capacity, how many of no call."""
        found: dict[str, list[Record]] = {}
        beyond = homeless = 0
        seen: dict[tuple[str, str], Record] = {}
        for each in records:
            bucket = bucket_of(each)
            if bucket is None:
                homeless += 1
                continue
            key = _key(each)
            there = self.buckets.get(bucket)
            if seen.get((bucket, key)) == each or (there is not None and there.records.get(key) == each):
                continue
            held = found.setdefault(bucket, [])
            if len(held) + (len(there.records) if there is not None else 0) >= self.capacity.records:
                beyond += 1
                continue
            seen[bucket, key] = each
            held.append(each)
        return {bucket: held for bucket, held in found.items() if held}, beyond, homeless

    def make_room(self, buckets: Iterable[str]) -> list[str]:
        """Which buckets that can be spared have to go for these; raises `FullError` when that is not enough."""
        coming = sum(bucket not in self.buckets for bucket in buckets)
        excess = len(self.buckets) + coming - self.capacity.buckets
        going: list[str] = []
        if excess > 0 or self.bytes > self.capacity.bytes:
            sparable = sorted((each.last_ms, name) for name, each in self.buckets.items() if each.is_spare)
            spare = self.bytes - self.capacity.bytes
            for _, name in sparable:
                if len(going) >= excess and spare <= 0:
                    break
                going.append(name)
                spare -= self.buckets[name].bytes
            if len(going) < excess or spare > 0:
                raise FullError
        return going

    def add(self, bucket: str, records: Iterable[Record], *, at_ms: int, size: int = 0) -> None:
        """Take records in."""
        there = self.buckets.get(bucket)
        if there is None:
            there = self.buckets[bucket] = Bucket()
        there.last_ms = max(there.last_ms, at_ms)
        there.bytes += size
        self.bytes += size
        there.is_dirty = True
        for each in records:
            key = _key(each)
            if key in there.records:  # it says something else than before: `spans.distinct` decides
                key = f"{key}#{len(there.records)}"
            there.records[key] = each
            if isinstance(each, Span):
                there.is_understood = there.is_understood or conversations.dialect_of(each) is not None
                told = (conversations.name_of(each), conversations.second_name_of(each))
                names = {name for name in told if name is not None}
            else:
                names = set(conversations.names_of(each))
            for name in names - there.names:
                there.names.add(name)
                self._by_name.setdefault(name, set()).add(bucket)

    def together(self, bucket: str) -> set[str]:
        """A bucket and all that share a conversation with it."""
        found: set[str] = set()
        waiting = [bucket]
        while waiting:
            each = waiting.pop()
            if each in found or each not in self.buckets:
                continue
            found.add(each)
            for name in self.buckets[each].names:
                waiting.extend(self._by_name.get(name, ()))
        return found

    def records_of(self, buckets: Iterable[str]) -> list[Record]:
        """All records of some buckets."""
        return [record for each in sorted(buckets) for record in self.buckets[each].records.values()]

    def drop(self, bucket: str) -> None:
        """Forget a bucket."""
        there = self.buckets.pop(bucket, None)
        if there is None:
            return
        self.bytes -= there.bytes
        for name in there.names:
            held = self._by_name.get(name)
            if held is not None:
                held.discard(bucket)
                if not held:
                    del self._by_name[name]


def _key(record: Record) -> str:
    return f"{type(record).__name__}:{record.identity}"
