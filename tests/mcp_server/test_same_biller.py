"""Who bills a cost line has one name: in the terminal, for assistants, in exports and in metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from callscope import CallLogger
from callscope.cli.main import main
from callscope.clock import now_ms
from callscope.exporters.metrics.exposition import Metrics
from callscope.index.index import Index
from callscope.mcp import totals
from callscope.mcp.archive import Archive

Told = dict[str, tuple[float, int, int]]
"""Of who bills: the dollars, cost lines, and those of them without a price."""

PRICES = """\
schema = 1
[hosts]
localhost = "openai"
"127.0.0.1:4000" = "groq"
"""


@pytest.fixture
def by_many_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Who bills is told by the prices file, the catalogue or the model; some of it without a price of its own."""
    prices, root = tmp_path / "prices.toml", tmp_path / "calls"
    prices.write_text(PRICES)
    monkeypatch.setenv("CALLSCOPE_PRICES", str(prices))
    logger = CallLogger(root)
    used: dict[str, tuple[dict[str, Any], ...]] = {
        "gateway": (
            {"service": "llm", "provider": "localhost", "model": "gpt-4.1", "input_tokens": 10**6, "output_tokens": 0},
            {"service": "llm", "provider": "localhost", "model": "gpt-4.1", "unreported_requests": 1},
        ),
        "engines here": (
            {"service": "tts", "provider": "piper", "model": "en_US-amy-low", "characters": 90},
            {"service": "tts", "provider": "piper", "model": "en_US-amy-low", "unreported_requests": 2},
            {"service": "stt", "provider": "whisper", "model": "base.en", "audio_seconds": 9},
            {"service": "tts", "model": "espeak-ng", "characters": 9},
        ),
        "unpriced": (
            {"service": "llm", "provider": "api.openai.com", "model": "no-such-model", "input_tokens": 5},
            {"service": "llm", "provider": "api.openai.com", "model": "no-such-model", "unreported_requests": 1},
            {"service": "llm", "provider": "127.0.0.1:4000", "model": "ours", "input_tokens": 5},
            {"service": "llm", "provider": "Acme", "model": "ours", "input_tokens": -5},
        ),
    }
    for call_id, usages in used.items():
        with logger.start_call(call_id) as call:
            for usage in usages:
                call.usage(**usage)
    logger.close()
    return root


def in_terminal(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--root", str(root)])
    assert ended.value.code == 0
    return capsys.readouterr().out


def in_the_terminal(root: Path, capsys: pytest.CaptureFixture[str]) -> Told:
    rows = json.loads(in_terminal(root, capsys, "cost", "--by", "provider", "--json"))["rows"]
    return {row["provider"]: (float(row["usd"] or 0), row["lines"], row["unpriced_lines"]) for row in rows}


def as_metrics(root: Path, place: Path) -> Told:
    with Index.open(root, place=place) as index:
        index.refresh()
        text, _ = Metrics(index).text(now_ms=now_ms())
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            if "provider" in sample.labels:
                of_provider = found.setdefault(sample.labels["provider"], {})
                of_provider[sample.name] = of_provider.get(sample.name, 0) + sample.value
    return {
        provider: (
            values.get("callscope_cost_usd_total", 0),
            int(values["callscope_cost_lines_total"]),
            int(values["callscope_unpriced_cost_lines_total"]),
        )
        for provider, values in found.items()
        if "callscope_cost_lines_total" in values
    }


def test_who_bills_has_one_name_whatever_it_was_reported_as(
    by_many_names: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = by_many_names
    told = in_the_terminal(root, capsys)
    assert told == {"openai": (4.0, 4, 2), "local": (0.0, 4, 0), "groq": (0.0, 1, 1), "acme": (0.0, 1, 1)}
    assert as_metrics(root, tmp_path / "metrics") == told
    with Archive(root) as archive:
        groups = json.loads(totals.sum_cost(archive, "", ["provider"]))["groups"]
    assert {each["provider"]: (each["usd"] or 0, each["unpriced"]) for each in groups} == {
        name: (usd, unpriced) for name, (usd, _, unpriced) in told.items()
    }
    exported = [
        json.loads(row)
        for row in in_terminal(
            root, capsys, "export", "--format", "jsonl", "--table", "cost_lines", "-o", "-"
        ).splitlines()
    ]
    assert {
        name: (
            sum(row.get("cost_usd") or 0 for row in exported if row["provider"] == name),
            sum(row["provider"] == name for row in exported),
            sum(row["provider"] == name and row.get("cost_usd") is None for row in exported),
        )
        for name in {row["provider"] for row in exported}
    } == told


def test_a_name_is_the_one_of_the_time_it_was_priced(
    by_many_names: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = in_the_terminal(by_many_names, capsys)
    monkeypatch.delenv("CALLSCOPE_PRICES")
    assert in_the_terminal(by_many_names, capsys) == told == as_metrics(by_many_names, tmp_path / "metrics")
