"""The values that fields have, the most frequent first."""

from __future__ import annotations

from pathlib import Path

import pytest
from archives import NOW_MS, Tool, cost_line, write

from callscope.errors import SettingError
from callscope.index.index import Index


@pytest.fixture
def index(tmp_path: Path) -> Index:
    root = tmp_path / "root"
    for number in range(6):
        write(
            root,
            f"c{number}",
            started_at_ms=NOW_MS - number * 60_000,
            agent="Orders" if number < 4 else "bookings",
            model="gpt-4.1" if number < 5 else "gemini",
            tools=[Tool("lookup")] if number < 2 else [Tool("cancel"), Tool("Late")] if number < 5 else [],
            lines=[cost_line("stt", "deepgram", "0.01")] if number == 0 else [],
            labels={"agent_version": f"2.{number // 3}", "my team": "night shift", "n": number},
        )
    index = Index.open(root, place=tmp_path / "index.sqlite", now_ms=lambda: NOW_MS)
    index.refresh(processes=0)
    return index


@pytest.mark.parametrize(
    ("field", "prefix", "expected"),
    [
        ("agent", "", ["Orders", "bookings"]),
        ("agent", "o", ["Orders"]),
        ("agent", "x", []),
        ("version", "", ["2.0", "2.1"]),
        ("mode", "", ["pipeline"]),
        ("environment", "", []),
        ("provider", "", ["deepgram", "openai"]),
        ("model", "g", ["gpt-4.1", "gemini"]),
        ("tool", "", ["Late", "cancel", "lookup"]),
        ("tool", "L", ["Late", "lookup"]),
        ("label.", "", ["agent_version", "my team", "n"]),
        ("label.", "my", ["my team"]),
        ("label.my team", "", ["night shift"]),
        ("label.none", "", []),
    ],
)
def test_the_most_frequent_come_first(index: Index, field: str, prefix: str, expected: list[str]) -> None:
    assert index.values(field, prefix) == expected


def test_no_more_than_asked_for_are_given(index: Index) -> None:
    assert index.values("label.n", limit=2) == ["0", "1"]


def test_values_of_calls_that_are_not_among_the_newest_come_behind(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("callscope.index.values._FIRST_CALL", "SELECT max(id) FROM call")

    assert index.values("tool") == ["lookup", "cancel", "Late"]
    assert index.values("agent") == ["Orders", "bookings"]
    assert index.values("label.n", limit=3) == ["0", "1", "2"]


def test_values_of_other_fields_are_not_known(index: Index) -> None:
    with pytest.raises(SettingError, match="no values are known of 'cost'"):
        index.values("cost")


def test_a_query_is_completed_with_them(index: Index) -> None:
    assert [each.text for each in index.complete("agent:b", 7).candidates] == ["bookings"]
    assert [each.text for each in index.complete("refund label.my", 15).candidates] == ['label."my team":']
    assert index.complete("status:fa", 9).candidates[0].text == "failed"
