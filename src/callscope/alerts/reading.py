"""What rules look at, asked of the index: the only part of alerts that asks it.

A call counts from its start and an error from its own moment; a window is ``[at - window, at)``. So a moment of the
past gives the reading that it gave then, but for calls that were going on: how they ended is known now. What exists
only now, the room on the disk, is unknown in the past.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from callscope import config
from callscope.alerts.evaluate import Norm, Part, Reading, Shown
from callscope.alerts.faults import Faults
from callscope.alerts.rule import HOUR_MS, Kind, Rule
from callscope.alerts.series import Series
from callscope.alerts.spending import Spending
from callscope.alerts.usual import usual_of_shares, usual_of_waits
from callscope.archive.price_file import read_budgets
from callscope.errors import SettingError
from callscope.index import database, regex
from callscope.index.deadline import limited
from callscope.index.index import Index
from callscope.index.periods import start_of
from callscope.prices.biller import billers
from callscope.prices.budget import Budget
from callscope.query.language import parse
from callscope.query.query import CallQuery
from callscope.report.price_book import price_book

_SECONDS: Final = 60.0
_MOST_GROUPS: Final = 20
"""Sorts of errors that are told of in one window."""
_SHOWN: Final = 3
_NANO: Final = 10**9
_SHARES: Final[dict[Kind, tuple[str, str]]] = {
    "error_rate": ("calls_with_errors", "calls"),
    "silence": ("silent", "calls"),
    "interruption_rate": ("interruptions", "answered"),
    "completion_rate": ("completed", "ended"),
    "success_rate": ("good", "labelled"),
    "unpriced": ("over_unpriced", "over"),  # a call is priced at its end
}
"""What is a share of what."""


class Past:
    """An archive between two moments, in Unix milliseconds. Read once for all rules that ask; close it afterwards.

    Args:
        index: of the archive, up to date.
        now_ms: the moment of a look, and what time it is.
        since_ms: the first moment that is asked for; None: ``now_ms`` is the only one, and facts about this moment are
            known.
        budgets: the user's; None: those of the file of budgets, if a rule asks.
    """

    def __init__(
        self, index: Index, *, now_ms: int, since_ms: int | None = None, budgets: tuple[Budget, ...] | None = None
    ) -> None:
        self._index = index
        self._first_ms = now_ms if since_ms is None else since_ms
        self._last_ms = now_ms
        self._is_now = since_ms is None
        self._budgets = budgets
        self._db = database.readable(index.place, root=index.root)
        regex.install(self._db)
        self._queries: dict[str, CallQuery] = {}
        self._series: dict[tuple[Any, ...], Series] = {}
        self._faults: dict[tuple[Any, ...], Faults] = {}
        self._usual: dict[tuple[str, int], Norm | None] = {}
        self._spending: Spending | None = None
        self._kept: dict[tuple[int, int], int] = {}

    def read(self, rule: Rule, at_ms: int) -> Reading:
        """What a rule looks at, at a moment.

        Raises:
            SettingError: the question takes too long, or there are no budgets; says what to do.
            UnreadableError: the index is damaged.
        """
        try:
            with limited(self._db, _SECONDS):
                return self._reader(rule.kind)(rule, at_ms)
        except sqlite3.DatabaseError as error:
            raise database.explain(error, self._index.place) from error

    def shown(self, where: str) -> tuple[Shown, ...]:
        """A few calls of a query: they show what it is about."""
        page = self._index.calls(msgspec.structs.replace(parse(where, now_ms=self._last_ms), limit=_SHOWN))
        return tuple(Shown(call_id=call.call_id, path=call.path) for call in page.calls)

    def close(self) -> None:
        """Let go of the index."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reader(self, kind: Kind) -> Callable[[Rule, int], Reading]:
        if kind in _SHARES:
            return self._share
        return {
            "call_cost": self._call_cost,
            "cost": self._cost,
            "budget": self._budget,
            "latency": self._latency,
            "new_error": self._new_errors,
            "rising_error": self._rising_errors,
            "lost_rows": self._lost,
            "no_calls": self._calls,
            "long_call": self._longest,
            "disk": self._disk,
        }[kind]

    def _share(self, rule: Rule, at_ms: int) -> Reading:
        part, whole = _SHARES[rule.kind]
        series = self._series_of(rule, tuple(dict.fromkeys(("calls", part, whole))))
        since_ms = begins(rule, at_ms)
        calls, *rest = series.sums(since_ms, at_ms)
        hits, n = rest[0], calls if whole == "calls" else rest[1]
        value = hits if rule.unit == "count" else hits / n if n else None
        usual = self._usual_at(rule, since_ms, lambda: usual_of_shares(rule, series, since_ms))
        told_of = calls if rule.kind == "interruption_rate" else n
        return Reading(at_ms=at_ms, since_ms=since_ms, calls=told_of, value=value, n=n, hits=hits, usual=usual)

    def _latency(self, rule: Rule, at_ms: int) -> Reading:
        series = self._series_of(rule, ("calls",), wait=rule.stage)
        since_ms = begins(rule, at_ms)
        (calls,) = series.sums(since_ms, at_ms)
        waits = series.waits(since_ms, at_ms)
        usual = self._usual_at(rule, since_ms, lambda: usual_of_waits(rule, series, since_ms))
        hits = waits.above(usual.value) if usual is not None and usual.value is not None and waits.n else None
        value = waits.quantile(rule.percentile / 100)
        return Reading(at_ms=at_ms, since_ms=since_ms, calls=calls, value=value, n=waits.n, hits=hits, usual=usual)

    def _cost(self, rule: Rule, at_ms: int) -> Reading:
        since_ms = begins(rule, at_ms)
        calls, nano, unpriced = self._series_of(rule, ("calls", "nano_usd", "unpriced_calls")).sums(since_ms, at_ms)
        value = None if calls and unpriced == calls and not nano else nano / _NANO
        return Reading(at_ms=at_ms, since_ms=since_ms, calls=calls, value=value, n=calls, unpriced=unpriced)

    def _call_cost(self, rule: Rule, at_ms: int) -> Reading:
        since_ms = begins(rule, at_ms)
        series = self._series_of(rule, ("calls", "nano_usd", "unpriced_calls"))
        calls, _, unpriced = series.sums(since_ms, at_ms)
        pieces = series.pieces(since_ms, at_ms)
        dearest = max((self._most(series, "cost", *piece, at_ms) for piece in pieces), default=0)
        value = None if unpriced == calls and not dearest else dearest / _NANO
        return Reading(at_ms=at_ms, since_ms=since_ms, calls=calls, value=value, n=calls, unpriced=unpriced)

    def _calls(self, rule: Rule, at_ms: int) -> Reading:
        since_ms = begins(rule, at_ms)
        (calls,) = self._series_of(rule, ("calls",)).sums(since_ms, at_ms)
        return Reading(at_ms=at_ms, since_ms=since_ms, calls=calls, value=calls, n=calls)

    def _lost(self, rule: Rule, at_ms: int) -> Reading:
        since_ms = begins(rule, at_ms)
        calls, lost = self._series_of(rule, ("calls", "lost")).sums(since_ms, at_ms)
        return Reading(at_ms=at_ms, since_ms=since_ms, calls=calls, value=lost, n=calls)

    def _longest(self, rule: Rule, at_ms: int) -> Reading:
        since_ms = begins(rule, at_ms)
        series = self._series_of(rule, ("calls", "started_ms", "length_ms"))
        pieces = list(series.pieces(since_ms, at_ms))
        value = max((self._most(series, "length", *piece, at_ms) for piece in pieces), default=0)
        calls = sum(len(rows) for _, rows in pieces)
        return Reading(at_ms=at_ms, since_ms=since_ms, calls=calls, value=value, n=calls)

    def _most(self, series: Series, what: str, hour_ms: int | None, rows: Sequence[tuple[int, ...]], at_ms: int) -> int:
        """The dearest or longest of some calls at a moment. Of a whole hour it is kept, once all its calls are over."""
        known = None if hour_ms is None else self._kept.get((id(series), hour_ms))
        if known is not None:
            return known
        if what == "cost":
            most = final = max((nano for _, nano, _ in rows), default=0)
        else:
            most = max((min(length_ms, at_ms - started_ms) for _, started_ms, length_ms in rows), default=0)
            final = max((length_ms for *_, length_ms in rows), default=0)
        if hour_ms is not None and most == final:
            self._kept[id(series), hour_ms] = most
        return most

    def _new_errors(self, rule: Rule, at_ms: int) -> Reading:
        since_ms, faults = begins(rule, at_ms), self._faults_of(rule)
        parts: list[Part] = []
        for group in faults.groups(since_ms, at_ms):
            about = faults.about(group.fingerprint)
            if about.first_ms >= since_ms and len(parts) < _MOST_GROUPS:
                parts.append(Part(key=group.fingerprint, value=group.errors, n=group.errors, about=about))
        return self._of_parts(rule, at_ms, parts)

    def _rising_errors(self, rule: Rule, at_ms: int) -> Reading:
        since_ms, faults = begins(rule, at_ms), self._faults_of(rule)
        series = self._series_of(rule, ("calls",))
        before_ms = baseline_of(rule, since_ms)
        (calls,), (calls_before,) = series.sums(since_ms, at_ms), series.sums(before_ms, since_ms - since_ms % HOUR_MS)
        parts = []
        for group in faults.groups(since_ms, at_ms)[:_MOST_GROUPS]:
            about = faults.about(group.fingerprint)
            before = faults.count(group.fingerprint, before_ms, since_ms - since_ms % HOUR_MS)
            if before and calls and calls_before:
                expected = before * calls / calls_before
                parts.append(
                    Part(
                        key=group.fingerprint,
                        value=group.errors / expected,
                        n=group.errors,
                        about=about,
                        before=before,
                        share=calls / (calls + calls_before),
                    )
                )
        return self._of_parts(rule, at_ms, parts)

    def _of_parts(self, rule: Rule, at_ms: int, parts: list[Part]) -> Reading:
        since_ms = begins(rule, at_ms)
        (calls,) = self._series_of(rule, ("calls",)).sums(since_ms, at_ms)
        value = len(parts) if rule.unit == "count" else None
        return Reading(
            at_ms=at_ms, since_ms=since_ms, calls=calls, value=value, n=calls, parts=tuple(parts), by_parts=True
        )

    def _budget(self, rule: Rule, at_ms: int) -> Reading:
        spending = self._spent()
        states = [spending.state(each, at_ms) for each in _wanted(rule, spending.budgets)]
        parts = tuple(
            Part(
                key=state.budget.name,
                value=float(state.spent_usd / Decimal(state.budget.usd)),
                n=0,
                state=state,
            )
            for state in states
        )
        return Reading(at_ms=at_ms, since_ms=at_ms, calls=0, value=None, n=0, parts=parts, by_parts=True)

    def _spent(self) -> Spending:
        if self._spending is None:
            budgets = _budgets_of_file() if self._budgets is None else self._budgets
            self._spending = Spending(
                self._index,
                _over_time(budgets),
                billers(price_book(None)),
                since_ms=self._first_ms,
                until_ms=self._last_ms,
            )
        return self._spending

    def _disk(self, rule: Rule, at_ms: int) -> Reading:
        value: float | None = None
        if self._is_now:
            with contextlib.suppress(OSError):
                usage = shutil.disk_usage(_there(self._index.root))
                value = usage.free / usage.total if rule.unit == "share" else usage.free
        return Reading(at_ms=at_ms, since_ms=at_ms, calls=0, value=value, n=0)

    def _query(self, rule: Rule) -> CallQuery:
        if rule.where not in self._queries:
            self._queries[rule.where] = parse(rule.where, now_ms=self._last_ms)
        return self._queries[rule.where]

    def _series_of(self, rule: Rule, columns: tuple[str, ...], *, wait: str | None = None) -> Series:
        """One for all rules that ask the same of the same calls, however far back."""
        since_ms = _reach(rule, self._first_ms)
        good = json.dumps([value.lower() for value in rule.good])
        key = (rule.where, columns, wait, since_ms, rule.label, good)
        if key not in self._series:
            parameters = {"label": rule.label, "good": good} if "good" in columns else {}
            self._series[key] = Series(
                self._db,
                self._query(rule),
                columns,
                since_ms=since_ms,
                until_ms=self._last_ms,
                wait=wait,
                **parameters,
            )
        return self._series[key]

    def _faults_of(self, rule: Rule) -> Faults:
        key = (rule.where, since_ms := _reach(rule, self._first_ms))
        if key not in self._faults:
            self._faults[key] = Faults(self._db, self._query(rule), since_ms=since_ms, until_ms=self._last_ms)
        return self._faults[key]

    def _usual_at(self, rule: Rule, since_ms: int, find: Callable[[], Norm | None]) -> Norm | None:
        """What is usual changes with the hour alone."""
        if rule.usual is None:
            return None
        key = (rule.name, since_ms - since_ms % HOUR_MS)
        if key not in self._usual:
            self._usual[key] = find()
        return self._usual[key]


def begins(rule: Rule, at_ms: int) -> int:
    """Where a rule's window begins that ends at a moment."""
    if rule.per == "window":
        return at_ms - rule.window_ms
    return start_of(rule.per, at_ms - 1)


def _reach(rule: Rule, at_ms: int) -> int:
    return baseline_of(rule, begins(rule, at_ms))


def baseline_of(rule: Rule, since_ms: int) -> int:
    """Where what is usual begins: whole hours before the window."""
    return since_ms - since_ms % HOUR_MS - (0 if rule.usual is None else rule.usual.baseline_ms)


def trouble(rule: Rule) -> str | None:
    """Why a rule cannot be looked at, as far as that is known without the archive; None: nothing is wrong with it."""
    if rule.kind != "budget":
        return None
    try:
        _wanted(rule, _over_time(_budgets_of_file()))
    except SettingError as error:
        return str(error)
    return None


def troubles(rules: Iterable[Rule]) -> dict[str, str]:
    """Rules that cannot be looked at, by name: why, as the loop says it. Not safe to print as it is."""
    found = {rule.name: trouble(rule) for rule in rules}
    return {name: f"rule {name!r}: {why}" for name, why in found.items() if why is not None}


def _over_time(budgets: Iterable[Budget]) -> tuple[Budget, ...]:
    """Without those per call."""
    return tuple(each for each in budgets if each.per != "call")


def _wanted(rule: Rule, budgets: tuple[Budget, ...]) -> tuple[Budget, ...]:
    """The budgets that a rule is about; raises `SettingError` where there are none."""
    wanted = tuple(each for each in budgets if rule.budget in {None, each.name})
    if not wanted:
        name = "" if rule.budget is None else f" {rule.budget!r}"
        raise SettingError(
            f"{rule.place}: there is no budget{name} in the file of budgets: "
            f"write one of {', '.join(each.name for each in budgets) or 'those that you add there'}"
        )
    return wanted


def _budgets_of_file() -> tuple[Budget, ...]:
    file = config.budgets_file()
    if file is None:
        raise SettingError("there is no file of budgets: write one (examples/budgets.toml), or leave out this rule")
    return read_budgets(file)


def _there(path: Path) -> Path:
    return next((each for each in (path, *path.absolute().parents) if each.exists()), Path("/"))
