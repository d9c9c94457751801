from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from archives import DAY_MS, HOUR_MS, NOW_MS, many

from callscope.index import database, regex
from callscope.index.refresh import refresh
from callscope.index.trends import trends
from callscope.index.waits import waits, waits_of
from callscope.query.language import parse

QUERIES = [
    "",
    "agent:sales",
    "status:failed",
    "since:2026-11-13 until:2026-11-19",
    "since:2026-11-13T05:30 until:2026-11-19T08:12 agent:billing,sales",
    "provider:deepgram",
    "refund since:2026-11-15",
    "agent:nobody",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("archive")
    many(root, 700, days=10, turns=4)
    refresh(root / "index.sqlite", root, now_ms=NOW_MS, processes=0)
    return root / "index.sqlite"


@pytest.mark.parametrize("text", QUERIES)
def test_the_histogram_is_of_the_waits_that_the_percentiles_are_of(place: Path, text: str) -> None:
    query = parse(text, now_ms=NOW_MS)
    with closing(database.readable(place, root=place.parent)) as db:
        regex.install(db)
        ((_, figures),) = trends(db, query, by=(), now_ms=NOW_MS)
        found = waits_of(db, query)

    if figures.response.n == 0:
        assert found is None
        return
    assert found is not None
    assert (found.count, found.lowest, found.highest) == (
        figures.response.n,
        figures.response.min_ms,
        figures.response.max_ms,
    )
    if figures.response.p50_ms is not None:
        assert found.quantiles([0.5])[0] == pytest.approx(figures.response.p50_ms, rel=0.02)


def test_it_is_asked_by_the_place_of_the_index(place: Path) -> None:
    query = parse(f"since:{(DAY_MS + HOUR_MS) // HOUR_MS}h", now_ms=NOW_MS)

    found = waits(place, place.parent, query)

    assert found is not None
    assert 0 < found.count < 700 * 2
