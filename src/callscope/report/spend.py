"""Spend added up: by day, provider, service, model, agent or call, beside the period before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from callscope.archive.spend import OPEN, CallSpend
from callscope.model.cost import ESTIMATED, CostLine, CostStatus, status_of
from callscope.model.wire import format_ts
from callscope.prices.exact import plain
from callscope.report.period import Period

Key = tuple[str | None, ...]

COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "day": ("day",),
    "provider": ("provider",),
    "service": ("service",),
    "model": ("provider", "model"),
    "agent": ("agent", "agent_version"),
    "call": ("call_id", "path"),
}
"""What calls and their lines can be grouped by, and what tells one group from another."""
_OF_LINES: Final = frozenset({"provider", "service", "model"})
_MINUTE_MS: Final = 60_000
_PLACES: Final = 9
"""Of a quotient, which may have no end."""


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """What a group comes to."""

    key: Key
    usd: Decimal | None
    """What is known; None when nothing is, also where nothing but zeros is known beside what has no amount. A lower
    bound where ``unpriced`` is not 0.
    """
    status: CostStatus
    estimated: bool
    """Whether something in it was assumed."""
    lines: int
    unpriced: int
    """Lines without an amount."""
    calls: int
    """Calls with a part in it."""
    unpriced_calls: int
    """Those of them of which not everything has an amount."""
    duration_ms: float
    """Of the calls, as far as it is known."""

    @property
    def usd_per_minute(self) -> Decimal | None:
        """Known dollars by the minute of these calls."""
        if self.usd is None or self.duration_ms <= 0:
            return None
        return round(self.usd * _MINUTE_MS / Decimal(str(self.duration_ms)), _PLACES)

    @property
    def usd_per_call(self) -> Decimal | None:
        """Known dollars by call."""
        return None if self.usd is None or not self.calls else round(self.usd / self.calls, _PLACES)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A group now and in the period before."""

    now: Sum
    before: Sum | None
    """None: there was none."""

    @property
    def change(self) -> Decimal | None:
        """Of the known dollars, in percent; None without a known amount before."""
        if self.before is None or not self.before.usd or self.now.usd is None:
            return None
        return (self.now.usd / self.before.usd - 1) * 100


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All groups of a period."""

    period: Period
    by: str
    rows: tuple[Row, ...]
    """Dearest first; days from the first to the last."""
    total: Row
    sources: dict[str, int]
    """Calls of the period by where their cost is from: see `callscope.archive.spend.Source`."""


class _Group:
    __slots__ = ("calls", "duration_ms", "lines", "unpriced_calls")

    def __init__(self) -> None:
        self.calls = 0
        self.unpriced_calls = 0
        self.duration_ms = 0.0
        self.lines: list[CostLine] = []

    def add(self, call: CallSpend, lines: Iterable[CostLine]) -> None:
        first = len(self.lines)
        self.lines += lines
        self.calls += 1
        self.unpriced_calls += any(line.usd is None for line in self.lines[first:])
        self.duration_ms += call.duration_ms or 0

    def sum(self, key: Key) -> Sum:
        known = [line.usd for line in self.lines if line.usd is not None]
        unpriced = len(self.lines) - len(known)
        usd = sum(known, Decimal(0)) if known else None
        if unpriced and not usd:  # what costs nothing says nothing of what the rest costs
            usd = None
        # Without an amount it is unpriced, whatever of it nobody bills.
        statuses = (line.status for line in self.lines if not unpriced or usd is not None or line.usd is None)
        return Sum(
            key=key,
            usd=usd,
            status=status_of(statuses),
            estimated=usd is not None and any(line.status == ESTIMATED and line.usd is not None for line in self.lines),
            lines=len(self.lines),
            unpriced=unpriced,
            calls=self.calls,
            unpriced_calls=self.unpriced_calls,
            duration_ms=self.duration_ms,
        )


def billed(calls: Iterable[CallSpend]) -> list[CallSpend]:
    """The calls with one name for each provider, whatever it was reported as: `CostLine.billed_by`, as in the index."""
    return [
        msgspec.structs.replace(call, lines=tuple(_billed(line, line.billed_by) for line in call.lines))
        for call in calls
    ]


def report(calls: Iterable[CallSpend], before: Iterable[CallSpend], *, by: str, period: Period) -> Report:
    """Add calls up. Those that go on are in ``sources`` only: they have no cost yet that they could be part of.

    Args:
        calls: those of the period.
        before: those of ``period.before``.
        by: one of `COLUMNS`.
        period: where the calls are from.
    """
    found = tuple(calls)
    now = tuple(call for call in found if call.source != OPEN)
    earlier = tuple(call for call in before if call.source != OPEN)
    groups = _grouped(now, by)
    old = _grouped(earlier, by)
    rows = [Row(now=group.sum(key), before=_sum(old, key)) for key, group in groups.items()]
    rows.sort(key=lambda row: _text(row.now.key))
    if by != "day":
        rows.sort(key=lambda row: -1 if row.now.usd is None else row.now.usd, reverse=True)
    sources: dict[str, int] = {}
    for call in found:
        sources[call.source] = sources.get(call.source, 0) + 1
    return Report(
        period=period,
        by=by,
        rows=tuple(rows),
        total=Row(now=_total(now), before=_total(earlier) if earlier else None),
        sources=sources,
    )


def document(value: Report) -> dict[str, Any]:
    """The report as JSON: dollars are strings without an exponent, so that nothing is lost."""
    names = COLUMNS[value.by]
    return {
        "since": format_ts(value.period.since_ms),
        "until": format_ts(value.period.until_ms),
        "by": value.by,
        "total": _row(value.total),
        "rows": [dict(zip(names, row.now.key, strict=True)) | _row(row) for row in value.rows],
        "calls_by_source": value.sources,
    }


def _billed(line: CostLine, provider: str | None) -> CostLine:
    return line if line.provider == provider else msgspec.structs.replace(line, provider=provider)


def _row(row: Row) -> dict[str, Any]:
    now = row.now
    return {
        "usd": plain(now.usd),
        "status": now.status,
        "estimated": now.estimated,
        "calls": now.calls,
        "minutes": round(now.duration_ms / _MINUTE_MS, 3),
        "usd_per_minute": plain(now.usd_per_minute),
        "usd_per_call": plain(now.usd_per_call),
        "lines": now.lines,
        "unpriced_lines": now.unpriced,
        "unpriced_calls": now.unpriced_calls,
        "before_usd": None if row.before is None else plain(row.before.usd),
        "before_unpriced_lines": None if row.before is None else row.before.unpriced,
        "change_percent": None if row.change is None else round(float(row.change), 2),
    }


def _grouped(calls: Iterable[CallSpend], by: str) -> dict[Key, _Group]:
    groups: dict[Key, _Group] = {}
    for call in calls:
        for key, lines in _parts(call, by):
            groups.setdefault(key, _Group()).add(call, lines)
    return groups


def _parts(call: CallSpend, by: str) -> Iterator[tuple[Key, Iterable[CostLine]]]:
    if by not in _OF_LINES:
        yield _key_of_call(call, by), call.lines
        return
    parts: dict[Key, list[CostLine]] = {}
    for line in call.lines:
        parts.setdefault(tuple(getattr(line, name) for name in COLUMNS[by]), []).append(line)
    yield from parts.items()


def _key_of_call(call: CallSpend, by: str) -> Key:
    if by == "day":
        return (format_ts(call.started_at_ms)[:10],)
    return (call.agent, call.agent_version) if by == "agent" else (call.call_id, call.path)


def _sum(groups: dict[Key, _Group], key: Key) -> Sum | None:
    group = groups.get(key)
    return None if group is None else group.sum(key)


def _total(calls: Iterable[CallSpend]) -> Sum:
    group = _Group()
    for call in calls:
        group.add(call, call.lines)
    return group.sum(())


def _text(key: Key) -> tuple[str, ...]:
    return tuple(part or "" for part in key)
