"""What calls come to, counted by metric and labels. Labels are as they were recorded: nothing is bounded here."""

from __future__ import annotations

import sqlite3
from bisect import bisect_left
from collections import defaultdict
from functools import lru_cache
from typing import Any, Final

import msgspec

from callscope.exporters.metrics import catalogue
from callscope.exporters.metrics.catalogue import BOUNDS_MS, Metric
from callscope.index.compile import call_numbers
from callscope.index.grains import DIMENSIONS
from callscope.index.histogram import LONGEST_MS, RESPONSE, Gathered, bucket_of, gather
from callscope.index.matching import matching_calls
from callscope.index.numbers import DOCUMENT_BITS
from callscope.index.periods import Segment
from callscope.index.rolled_up import rows_of
from callscope.index.spend import spend
from callscope.index.sums import NANO_PER_USD
from callscope.model.call import IN_PROGRESS
from callscope.query.query import STAGES, CallQuery

Key = tuple[str, ...]
"""A metric's name and the values of its labels; of a histogram, then the place of the bucket, or ``sum``."""
Tally = dict[Key, float]

SUM: Final = "sum"
_TOKENS: Final = "_tokens"
_SUMS: Final = {
    catalogue.DURATION: "duration_us",
    catalogue.TURNS: "turns",
    catalogue.EXCHANGES: "exchanges",
    catalogue.UNANSWERED: "unanswered",
    catalogue.INTERRUPTIONS: "interruptions",
    catalogue.WITH_ERRORS: "calls_with_errors",
}
_USED: Final = (
    "(SELECT group_concat(usage, char(10)) FROM detail "  # noqa: S608 -- numbers of ours
    f"WHERE id BETWEEN c.id << {DOCUMENT_BITS} AND (c.id << {DOCUMENT_BITS}) + {(1 << DOCUMENT_BITS) - 1})"
)
_ERRORS: Final = (
    "SELECT e.category, e.stage, e.provider, count(*) FROM error AS e CROSS JOIN call AS c ON c.id = e.call "
    "WHERE e.call BETWEEN ? AND ? AND c.started_at_ms >= ? GROUP BY 1, 2, 3"
)


class _Used(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A row of ``usage`` as ``detail`` has it."""

    service: str
    provider: str
    model: str
    reports: int
    unreported: int
    units: dict[str, Any]


_decoder: Final = msgspec.json.Decoder(list[_Used])


def tally(db: sqlite3.Connection, since_ms: int | None) -> Tally:
    """What all calls come to that began on or after the first moment of a UTC day; None: all calls."""
    found: Tally = defaultdict(float)
    query = CallQuery(since_ms=since_ms)
    _add_sums(db, found, query)
    for (service, provider, model), spent in spend(db, query, by=("service", "provider", "model")):
        labels = (str(service), str(provider), str(model))
        if spent.lines > spent.unpriced:  # of what has no price at all nothing is known, which is not 0
            found[catalogue.COST.name, *labels] += round(spent.usd * NANO_PER_USD)
        found[catalogue.COST_LINES.name, *labels] += spent.lines
        found[catalogue.UNPRICED.name, *labels] += spent.unpriced
    _add_usage(db, found, query)
    for category, stage, provider, count in db.execute(_ERRORS, (*call_numbers(query), since_ms or 0)):
        found[catalogue.ERRORS.name, category, stage, provider] += count
    return dict(found)


def _add_sums(db: sqlite3.Connection, found: Tally, query: CallQuery) -> None:
    """Add what rollups know, from whole days."""
    told_apart = db.execute("SELECT id, agent, status FROM dimensions")
    names = {number: (agent, status) for number, agent, status in told_apart}
    columns = ", ".join(("dimensions", "response", "stages", "calls", *_SUMS.values()))
    response: dict[str, list[bytes]] = {}
    stages: list[bytes] = []
    days = Segment("day_sum", query.since_ms, None)
    for dimensions, of_response, of_stages, calls, *sums in rows_of(db, query, days, columns, by=DIMENSIONS):
        agent, status = names[dimensions]
        response.setdefault(agent, []).append(of_response)
        stages.append(of_stages)
        if status != IN_PROGRESS:
            found[catalogue.CALLS.name, agent, status] += calls
        for metric, value in zip(_SUMS, sums, strict=True):
            found[metric.name, agent] += value
    for agent, packed in response.items():
        gathered = gather(packed)
        if RESPONSE in gathered:
            _add_waits(found, catalogue.RESPONSE, agent, gathered[RESPONSE])
    for stage, gathered_stage in gather(stages).items():
        if stage in STAGES:
            _add_waits(found, catalogue.STAGES, stage, gathered_stage)


def _add_waits(found: Tally, metric: Metric, label: str, waits: Gathered) -> None:
    first, counts = waits.histogram().counts()
    for bucket, count in enumerate(counts, first):
        if count:
            found[metric.name, label, _place(bucket)] += count
            found[metric.name, label, SUM] += count * _middle_ms(bucket)


def _add_usage(db: sqlite3.Connection, found: Tally, query: CallQuery) -> None:
    """Add what no rollup knows, from each call."""
    for rows in matching_calls(db, query, f"c.lost, {_USED}"):
        for lost, text in rows:
            found[catalogue.LOST.name,] += lost
            for used in (each for line in _decoder.decode_lines(text or b"") for each in line):
                labels = (used.service, used.provider, used.model)
                found[catalogue.UNREPORTED.name, *labels] += used.unreported
                for unit, quantity in used.units.items():
                    if isinstance(quantity, int | float) and not isinstance(quantity, bool) and quantity > 0:
                        _add_unit(found, labels, unit, quantity)


def _add_unit(found: Tally, labels: tuple[str, str, str], unit: str, quantity: float) -> None:
    if unit.endswith(_TOKENS):
        found[catalogue.TOKENS.name, *labels, unit.removesuffix(_TOKENS)] += quantity
    elif unit == "audio_seconds":
        found[catalogue.AUDIO.name, *labels] += quantity
    elif unit == "characters":
        found[catalogue.CHARACTERS.name, *labels] += quantity


@lru_cache(maxsize=4096)
def _place(bucket: int) -> str:
    """The place of the bound that all values of a bucket of the index are below: within 2 %."""
    return str(bisect_left(BOUNDS_MS, _lowest_ms(bucket + 1) - 1))


@lru_cache(maxsize=4096)
def _middle_ms(bucket: int) -> float:
    return (_lowest_ms(bucket) + _lowest_ms(bucket + 1) - 1) / 2


@lru_cache(maxsize=4096)
def _lowest_ms(bucket: int) -> int:
    return bisect_left(range(LONGEST_MS + 1), bucket, key=bucket_of)
