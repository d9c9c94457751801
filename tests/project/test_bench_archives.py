"""The archives that the index is measured with are right: what the recorder writes, the same each time."""

from __future__ import annotations

import pytest
from benchmarks.index import material
from benchmarks.index.archives import write
from benchmarks.index.calls import END_MS, START_MS, Calls
from benchmarks.index.material import Material

from callscope.archive.reader import CallRecord, read_call
from callscope.timeline.summary import summarise

pytestmark = pytest.mark.skipif(not material.available(), reason="the data is not here")

COUNT = 100


@pytest.fixture(scope="module")
def real() -> Material:
    return material.read()


@pytest.fixture(scope="module")
def records(real: Material, tmp_path_factory: pytest.TempPathFactory) -> list[CallRecord]:
    paths = write(tmp_path_factory.mktemp("archive"), Calls(real, COUNT), 0, COUNT)
    return [read_call(path, now_ms=END_MS) for path in paths]


def test_the_same_number_gives_the_same_call(real: Material) -> None:
    assert Calls(real, COUNT).script(7) == Calls(real, COUNT).script(7)
    assert Calls(real, COUNT).script(7) != Calls(real, COUNT, seed=5).script(7)


def test_calls_start_one_after_the_other_within_the_days(real: Material) -> None:
    starts_ms = Calls(real, 5_000).starts_ms
    assert starts_ms == sorted(starts_ms)
    assert START_MS <= starts_ms[0] < START_MS + 86_400_000
    assert END_MS - 86_400_000 < starts_ms[-1] < END_MS


def test_every_row_is_read_back_without_a_problem(records: list[CallRecord]) -> None:
    assert len(records) == COUNT
    assert [record.problems for record in records if record.problems] == []
    assert all(record.call.callscope["lost"] == {} for record in records)


def test_exchanges_have_waterfalls_that_add_up(records: list[CallRecord]) -> None:
    exchanges = [
        exchange
        for record in records
        for exchange in summarise(
            record.call.started_at_ms, record.call.ended_at_ms, record.turns, record.events
        ).exchanges
    ]
    answered = [exchange for exchange in exchanges if exchange.response_ms is not None]
    stages = {part.stage for exchange in answered for part in exchange.parts}
    assert all(sum(part.duration_ms for part in exchange.parts) == exchange.response_ms for exchange in answered)
    assert len(answered) > 3 * COUNT
    assert {"endpointing", "transcription", "llm", "synthesis", "tool"} <= stages


def test_there_is_something_of_everything(records: list[CallRecord]) -> None:
    types = {event.type for record in records for event in record.events}
    assert {"error", "error_recovered", "barge_in", "tool_call", "tool_result", "usage"} <= types
    assert len({record.call.status for record in records}) > 2
    assert len({record.call.agent["name"] for record in records}) > 4
    assert all(record.call.callscope["cost_lines"] for record in records if record.call.status == "completed")
