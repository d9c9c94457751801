"""Metrics as Prometheus reads them: a registry of our own, asked for one answer at a time."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import msgspec

from callscope.errors import CallscopeError, MissingExtraError, NotFoundError, UnreadableError
from callscope.exporters.metrics import catalogue
from callscope.exporters.metrics.catalogue import BOUNDS_MS, Metric
from callscope.exporters.metrics.counters import Series, State, advance, kept, place_of
from callscope.exporters.metrics.firing import firing
from callscope.exporters.metrics.tally import SUM
from callscope.exporters.tables.selection import reading
from callscope.index.index import Index
from callscope.index.matching import snapshot
from callscope.report.safe_text import clean
from callscope.version import __version__

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Samples

PLAIN: Final = "text/plain"
_MS: Final = 1_000
_IN_PROGRESS: Final = (
    "SELECT d.agent, count(*) FROM call AS c JOIN dimensions AS d ON d.id = c.dimensions "
    "WHERE c.status = 'in_progress' GROUP BY 1"
)


class Gauges(msgspec.Struct, frozen=True, kw_only=True):
    """What is so now."""

    in_progress: dict[str, int]
    """By agent."""
    calls: int
    updated_ms: int | None
    """When the index last held everything, in Unix milliseconds."""
    firing: dict[str, int]
    kept: bool


class Metrics:
    """The metrics of an archive. Any number of threads may ask; one counts at a time, the others take what it counted.

    Args:
        index: of the archive.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._lock = threading.Lock()
        self._state = State()
        self._changes: tuple[int, int] | None = None
        self._is_kept = False

    def text(self, *, now_ms: int, accept: str = PLAIN) -> tuple[bytes, str]:
        """All metrics, and their content type: the text format, or OpenMetrics for who asks for it.

        Raises:
            NoIndexError: the archive was not read yet.
            MissingExtraError: prometheus-client is not installed.
            UnreadableError: the index, or the file with the counters, cannot be read.
        """
        try:
            from prometheus_client import CollectorRegistry  # noqa: PLC0415 -- an extra
            from prometheus_client.exposition import choose_encoder  # noqa: PLC0415 -- as above
        except ImportError as error:
            raise MissingExtraError("prometheus", what="/metrics") from error
        state = self._counted(now_ms)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector(state, self._gauges(state)))
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type

    def _counted(self, now_ms: int) -> State:
        """The counters; counted anew when a call changed, or another day began, since the last time."""
        with self._lock:
            changes = (self._index.changes, now_ms // 86_400_000)
            if changes != self._changes:
                try:
                    self._state = kept(self._snapshot, place_of(self._index.place), now_ms=now_ms)
                    self._is_kept = True
                except (NotFoundError, UnreadableError):  # there is nothing to count, or nothing to go on from
                    raise
                except (CallscopeError, OSError):  # it cannot be kept
                    with self._snapshot() as db:
                        self._state = advance(db, self._state, now_ms=now_ms)
                    self._is_kept = False
                self._changes = changes
            return self._state

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[sqlite3.Connection]:
        with reading(self._index) as db, snapshot(db):
            yield db

    def _gauges(self, state: State) -> Gauges:
        freshness = self._index.freshness
        known = {agent for (agent,) in state.known.get("agent", [])}
        in_progress = dict.fromkeys(known, 0)
        with reading(self._index) as db:
            for agent, count in db.execute(_IN_PROGRESS):
                name = clean(agent)[:100] or catalogue.UNKNOWN
                told = name if name in known else catalogue.OTHER
                in_progress[told] = in_progress.get(told, 0) + count
        return Gauges(
            in_progress=in_progress,
            calls=freshness.calls,
            updated_ms=freshness.complete_ms,
            firing=firing(self._index.root),
            kept=self._is_kept,
        )


class _Collector:
    """What a registry of prometheus-client asks."""

    def __init__(self, state: State, gauges: Gauges) -> None:
        self._gauges = gauges
        self._series: dict[str, list[Series]] = {name: [] for name in catalogue.METRICS}
        for series in state.series:
            if series.key[0] in self._series:
                self._series[series.key[0]].append(series)

    def collect(self) -> Iterator[Samples]:
        """Every metric with its samples; one without any is told without."""
        for counter in catalogue.COUNTERS:
            yield self._counter(counter)
        for histogram in catalogue.HISTOGRAMS:
            yield self._histogram(histogram)
        yield from self._now()

    def _counter(self, metric: Metric) -> Samples:
        from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 -- an extra

        family = CounterMetricFamily(metric.name, metric.text, labels=metric.labels)
        series = self._series[metric.name]
        if not metric.labels and not series:
            family.add_metric([], 0)
        for each in series:
            family.add_metric(each.key[1:], _rounded(each.shown * metric.scale))
        return family

    def _histogram(self, metric: Metric) -> Samples:
        from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415 -- an extra

        family = HistogramMetricFamily(metric.name, metric.text, labels=metric.labels)
        by_label: dict[str, dict[str, float]] = {}
        for each in self._series[metric.name]:
            by_label.setdefault(each.key[1], {})[each.key[2]] = each.shown
        for label, found in by_label.items():
            counts = [found.get(str(place), 0) for place in range(len(BOUNDS_MS) + 1)]
            bounds = [*(repr(bound / _MS) for bound in BOUNDS_MS), "+Inf"]
            family.add_metric(
                [label],
                list(zip(bounds, accumulate(counts), strict=True)),
                _rounded(found.get(SUM, 0) / _MS),
            )
        return family

    def _now(self) -> Iterator[Samples]:
        now = self._gauges
        yield _gauge(catalogue.IN_PROGRESS, {(agent,): count for agent, count in sorted(now.in_progress.items())})
        yield _gauge(catalogue.ARCHIVE_CALLS, {(): now.calls})
        yield _gauge(catalogue.INDEX_UPDATED, {} if now.updated_ms is None else {(): now.updated_ms / _MS})
        yield _gauge(catalogue.ALERTS, {(rule,): count for rule, count in now.firing.items()})
        yield _gauge(catalogue.KEPT, {(): int(now.kept)})
        yield _gauge(catalogue.BUILD, {(__version__,): 1})


def _gauge(metric: Metric, values: dict[tuple[str, ...], float]) -> Samples:
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 -- an extra

    family = GaugeMetricFamily(metric.name, metric.text, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def _rounded(value: float) -> float:
    """Without the noise that sums of fractions have beyond a billionth."""
    return round(value, 9)
