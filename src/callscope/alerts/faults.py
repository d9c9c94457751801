"""Errors over a stretch of time, by fingerprint. An error counts in its own moment, not in that of its call's start."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import Counter
from typing import Any, Final

import msgspec

from callscope.alerts.rule import HOUR_MS
from callscope.index.compile import call_numbers, compile_query
from callscope.query.query import CallQuery

_LONGEST_CALL_MS: Final = 6 * HOUR_MS
"""A call may have begun so long before its error."""
_MOMENT: Final = "coalesce(e.ts_ms, c.started_at_ms)"


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Errors of one fingerprint in a window."""

    fingerprint: str
    errors: int
    last_ms: int


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What a fingerprint stands for. Not safe to print as it is."""

    pattern: str
    stage: str
    provider: str
    exception_type: str
    first_ms: int
    """The moment of the first one that the index knows, of any call."""


class Faults:
    """The errors in the calls of a query between two moments, in Unix milliseconds; see `Series`."""

    def __init__(self, db: sqlite3.Connection, query: CallQuery, *, since_ms: int, until_ms: int) -> None:
        self._db = db
        self._about: dict[str, About] = {}
        around = msgspec.structs.replace(query, since_ms=since_ms - _LONGEST_CALL_MS, until_ms=until_ms)
        compiled = compile_query(around, words=True, one_by_one=True)
        first, last = call_numbers(around)
        rows = db.execute(
            f"SELECT {_MOMENT} AS at, e.fingerprint FROM error AS e CROSS JOIN call AS c ON c.id = e.call "  # noqa: S608 -- from the compiler
            f"WHERE e.call BETWEEN :first AND :last AND ({compiled.errors}) AND {compiled.where} ORDER BY at",
            {**compiled.parameters, "first": first, "last": last},
        ).fetchall()
        self._moments: list[int] = [at for at, _ in rows]
        self._fingerprints: list[str] = [fingerprint for _, fingerprint in rows]

    def groups(self, since_ms: int, until_ms: int) -> list[Group]:
        """What occurred in a stretch, the most frequent first."""
        low, high = bisect_left(self._moments, since_ms), bisect_left(self._moments, until_ms)
        found = self._fingerprints[low:high]
        last = dict(zip(found, self._moments[low:high], strict=True))
        counted = sorted(Counter(found).items(), key=lambda one: (-one[1], one[0]))
        return [Group(fingerprint=name, errors=errors, last_ms=last[name]) for name, errors in counted]

    def count(self, fingerprint: str, since_ms: int, until_ms: int) -> int:
        """How often one occurred in a stretch."""
        low, high = bisect_left(self._moments, since_ms), bisect_left(self._moments, until_ms)
        return self._fingerprints[low:high].count(fingerprint)

    def about(self, fingerprint: str) -> About:
        """What is known of one of them."""
        found = self._about.get(fingerprint)
        if found is None:
            found = self._about[fingerprint] = self._asked(fingerprint)
        return found

    def _asked(self, fingerprint: str) -> About:
        row: tuple[Any, ...] = self._db.execute(
            f"SELECT e.pattern, e.stage, e.provider, e.exception_type, {_MOMENT} FROM error AS e "  # noqa: S608 -- names of ours
            "JOIN call AS c ON c.id = e.call WHERE e.fingerprint = ? COLLATE NOCASE ORDER BY e.call, e.seq LIMIT 1",
            (fingerprint,),
        ).fetchone()
        pattern, stage, provider, exception_type, first_ms = row
        return About(pattern=pattern, stage=stage, provider=provider, exception_type=exception_type, first_ms=first_ms)
