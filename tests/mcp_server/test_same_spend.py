"""What calls cost, and who bills it: terminal, assistant, export and index tell the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callscope import CallLog, CallLogger
from callscope.cli.main import main
from callscope.mcp import calls, totals
from callscope.mcp.archive import Archive


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One model reported by its host and by its maker's name, something without a price, and a call that goes on."""
    root = tmp_path_factory.mktemp("spend") / "calls"
    logger = CallLogger(root)

    def begun(call_id: str, provider: str, model: str) -> CallLog:
        call = logger.start_call(call_id)
        call.usage("llm", provider=provider, model=model, input_tokens=1000, output_tokens=0)
        return call

    begun("by-host", "api.openai.com", "gpt-4.1").end()
    begun("by-name", "openai", "gpt-4.1").end()
    begun("unknown", "acme", "its-own").end()
    begun("goes-on", "openai", "gpt-4.1")
    assert logger.flush()
    yield root
    logger.close()


def in_terminal(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--root", str(root)])
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_who_bills_has_one_name_wherever_money_is_summed(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    terminal = json.loads(in_terminal(root, capsys, "cost", "--by", "provider", "--json"))
    told = {
        row["provider"]: (None if row["usd"] is None else float(row["usd"]), row["unpriced_lines"])
        for row in terminal["rows"]
    }
    assert told == {"openai": (0.004, 0), "acme": (None, 1)}
    with Archive(root) as archive:
        asked = json.loads(totals.sum_cost(archive, "", ["provider"]))
    assert {group["provider"]: (group["usd"], group["unpriced"]) for group in asked["groups"]} == told
    lines = in_terminal(root, capsys, "export", "--format", "jsonl", "--table", "cost_lines", "-o", "-")
    assert {json.loads(row)["provider"] for row in lines.splitlines()} == told.keys()


def test_a_call_that_goes_on_is_in_no_sum_and_said_to_be_missing(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = json.loads(in_terminal(root, capsys, "cost", "--json"))
    with Archive(root) as archive:
        asked = json.loads(totals.sum_cost(archive, "", ["provider"]))
    assert asked["total"]["calls"] == terminal["total"]["calls"] == 3
    assert terminal["calls_by_source"]["open"] == 1
    assert any("go on" in note for note in asked["notes"])


def test_calls_are_found_by_who_bills_and_by_what_was_reported(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def found(query: str) -> set[str]:
        return {call["call_id"] for call in json.loads(in_terminal(root, capsys, "ls", query, "--json"))["calls"]}

    assert found("provider:openai") >= {"by-host", "by-name"}
    assert found("provider:api.openai.com") == {"by-host"}


def test_what_nobody_can_price_is_unknown_and_no_zero(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path / "calls")
    logger.start_call("unknown").usage("llm", provider="acme", model="its-own", input_tokens=1000)
    logger.close()

    with Archive(tmp_path / "calls") as archive:
        asked = json.loads(totals.sum_cost(archive, "", ["provider"]))

    assert (asked["total"]["usd"], asked["total"]["unpriced"]) == (None, 1)
    assert [group["usd"] for group in asked["groups"]] == [None]


@pytest.mark.parametrize(
    ("turn", "cost", "usd", "status"),
    [
        ({"stt_audio_seconds": 3}, {"total": 0, "stt": 0}, None, "unpriced"),
        ({"cost": {"total": 0.01, "llm": 0.01}}, None, 0.01, "estimated"),
        ({}, {"total": 0.25, "llm": 0.25}, 0.25, "estimated"),
    ],
)
def test_one_call_costs_the_same_in_every_list_and_page(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    turn: dict[str, Any],
    cost: dict[str, float] | None,
    usd: float | None,
    status: str,
) -> None:
    root = tmp_path / "calls"
    directory = root / "calls" / "2026" / "11" / "21" / "CA1"
    directory.mkdir(parents=True)
    about = {"schema_version": "1.0", "call_id": "CA1", "started_at": "2026-11-21T09:30:12.000Z", "status": "completed"}
    ended = {"ended_at": "2026-11-21T09:31:12.000Z", "duration_ms": 60_000, "turns": 1, "cost": cost}
    (directory / "metadata.json").write_text(json.dumps(about | ended))
    row = {"turn_index": 0, "user_text": "a", "agent_text": "b", "timestamp": 1_795_253_420_000}
    (directory / "transcript.jsonl").write_text(json.dumps(row | turn) + "\n")

    (listed,) = json.loads(in_terminal(root, capsys, "ls", "--json"))["calls"]
    shown = json.loads(in_terminal(root, capsys, "show", "CA1", "--json"))["call"]
    with Archive(root) as archive:
        (found,) = json.loads(calls.list_calls(archive, "", 5, None))["calls"]
        asked = json.loads(calls.show_call(archive, "CA1", 0, 5, events=False))["call"]

    assert {each["cost_status"] for each in (listed, shown, asked)} == {status}
    assert [found["cost_usd"], asked["cost_usd"], (listed["cost"] or {}).get("total")] == [usd] * 3
    assert shown["cost"] == listed["cost"]
    assert found["cost_is_at_least"] == asked["cost_is_at_least"] == (status == "unpriced")
