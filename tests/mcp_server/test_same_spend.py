"""What calls cost, and who bills it: terminal, assistant, export and index tell the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callscope import CallLog, CallLogger
from callscope.cli.main import main
from callscope.mcp import totals
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
    told = {row["provider"]: (float(row["usd"] or 0), row["unpriced_lines"]) for row in terminal["rows"]}
    assert told == {"openai": (0.004, 0), "acme": (0.0, 1)}
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
