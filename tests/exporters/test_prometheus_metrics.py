"""Metrics: what they count, that counters only go up, and that there are not more of them than there may be."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from exported import DAY_MS, HOUR_MS, NOW_MS, Error, Said, cost_line, index_of, many, settle, small_archive, write
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from callscope.errors import UnreadableError
from callscope.exporters.metrics import catalogue, tally
from callscope.exporters.metrics.catalogue import BOUNDS_MS, METRICS
from callscope.exporters.metrics.counters import place_of
from callscope.exporters.metrics.exposition import Metrics
from callscope.index.histogram import bucket_of
from callscope.index.index import Index

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
GUIDE = Path(__file__).parents[2] / "docs" / "prometheus.md"


def samples(metrics: Metrics, *, now_ms: int = NOW_MS) -> Samples:
    text, content_type = metrics.text(now_ms=now_ms)
    assert content_type.startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def total(found: Samples, name: str, **labels: str) -> float:
    return sum(value for (each, told), value in found.items() if each == name and labels.items() <= dict(told).items())


def test_every_metric_is_in_the_guide_with_its_labels_and_no_other() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    told = re.findall(r"^\| `(callscope_\w+)` \| (\w+) \| (.*?) \| (.+) \|$", text, re.MULTILINE)

    assert told == [
        (each.shown, each.kind, ", ".join(f"`{label}`" for label in each.labels), each.text)
        for each in METRICS.values()
    ]


def test_metrics_say_what_the_index_says(tmp_path: Path) -> None:
    small_archive(tmp_path / "archive")
    with index_of(tmp_path / "archive") as index:
        found = samples(Metrics(index))
        [(_, figures)] = index.stats()
        spend = index.spend("", by=())[0][1]

    assert total(found, "callscope_calls_total") == figures.calls - 1  # one goes on
    assert total(found, "callscope_calls_total", status="completed") == 8
    assert total(found, "callscope_calls_in_progress") == 1
    assert total(found, "callscope_exchanges_total") == figures.exchanges
    assert total(found, "callscope_unanswered_exchanges_total") == figures.unanswered
    assert total(found, "callscope_turns_total") == figures.turns
    assert total(found, "callscope_call_duration_seconds_total") == pytest.approx(figures.minutes * 60)
    assert total(found, "callscope_response_latency_seconds_count") == figures.response.n
    assert total(found, "callscope_cost_usd_total") == pytest.approx(spend.usd)
    assert total(found, "callscope_unpriced_cost_lines_total") == spend.unpriced
    assert total(found, "callscope_errors_total", category="timeout", stage="llm", provider="openai") == 2
    assert total(found, "callscope_calls_with_errors_total") == round((figures.error_rate or 0) * figures.calls)
    assert total(found, "callscope_archive_calls") == figures.calls
    assert total(found, "callscope_counters_kept") == 1


def test_tokens_and_lost_rows_are_counted(tmp_path: Path) -> None:
    usage = {"service": "llm", "provider": "openai", "model": "gpt-4.1", "reports": 2, "unreported_requests": 1,
             "units": {"input_tokens": 812, "cached_tokens": 100, "characters": 9, "audio_seconds": 1.5}}  # fmt: skip
    directory = write(tmp_path / "archive", "a-call", lost={"disk": 3})
    metadata = json.loads((directory / "metadata.json").read_text())
    metadata["callscope"]["usage"] = [usage]
    (directory / "metadata.json").write_text(json.dumps(metadata))
    settle(tmp_path / "archive")
    with index_of(tmp_path / "archive") as index:
        found = samples(Metrics(index))

    of = {"service": "llm", "provider": "openai", "model": "gpt-4.1"}
    assert total(found, "callscope_tokens_total", kind="input", **of) == 812
    assert total(found, "callscope_tokens_total", kind="cached", **of) == 100
    assert total(found, "callscope_characters_total", **of) == 9
    assert total(found, "callscope_audio_seconds_total", **of) == 1.5
    assert total(found, "callscope_unreported_requests_total", **of) == 1
    assert total(found, "callscope_lost_rows_total") == 3


def test_buckets_are_cumulative_and_hold_the_waits_below_them(tmp_path: Path) -> None:
    waits_ms = [90, 150, 640, 900, 1300, 4200, 31_000]
    write(tmp_path / "archive", "a-call", said=[Said("a", "b", wait) for wait in waits_ms])
    settle(tmp_path / "archive")
    with index_of(tmp_path / "archive") as index:
        found = samples(Metrics(index))
    buckets = [value for (name, _), value in found.items() if name == "callscope_response_latency_seconds_bucket"]

    assert buckets == [*(sum(wait <= bound for wait in waits_ms) for bound in BOUNDS_MS), len(waits_ms)]
    assert total(found, "callscope_response_latency_seconds_sum") == pytest.approx(sum(waits_ms) / 1000, rel=0.01)
    parts = sum(value for (name, _), value in found.items() if name == "callscope_stage_latency_seconds_sum")
    assert parts == pytest.approx(sum(waits_ms) / 1000, rel=0.02)


@given(st.integers(0, 3_000_000))
def test_a_wait_is_counted_below_a_bound_that_it_is_below(wait_ms: int) -> None:
    place = int(tally._place(bucket_of(wait_ms)))

    assert place == len(BOUNDS_MS) or wait_ms <= BOUNDS_MS[place]
    assert place == 0 or wait_ms > BOUNDS_MS[place - 1] * 0.98


def test_openmetrics_is_given_to_who_asks(tmp_path: Path) -> None:
    small_archive(tmp_path / "archive")
    with index_of(tmp_path / "archive") as index:
        text, content_type = Metrics(index).text(now_ms=NOW_MS, accept="application/openmetrics-text; version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    families = openmetrics_families(text.decode())  # type: ignore[no-untyped-call]
    assert "callscope_calls" in {family.name for family in families}


def falls(before: Samples, after: Samples) -> Iterable[str]:
    counted = re.compile(r"_(total|bucket|sum|count)$")
    return [str(key) for key, value in before.items() if counted.search(key[0]) and after.get(key, -1) < value]


def test_counters_go_up_with_what_is_added_whatever_is_deleted(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    many(root, 60, days=10)
    settle(root)
    with index_of(root) as index:
        before = samples(Metrics(index))
        for day in sorted((root / "calls/2026/11").iterdir())[:5]:
            shutil.rmtree(day)
        write(root, "new-1", started_at_ms=NOW_MS - HOUR_MS, agent="sales", lines=[cost_line("llm", "openai", "0.5")])
        write(root, "new-2", started_at_ms=NOW_MS - DAY_MS, agent="sales", errors=[Error("no")], status="failed")
        index.refresh(processes=0)
        after = samples(Metrics(index))  # another process

    assert total(after, "callscope_archive_calls") < total(before, "callscope_archive_calls")
    assert falls(before, after) == []
    added = {name: total(after, name) - total(before, name) for name in (
        "callscope_calls_total", "callscope_calls_with_errors_total", "callscope_response_latency_seconds_count"
    )}  # fmt: skip
    assert added == {
        "callscope_calls_total": 2,
        "callscope_calls_with_errors_total": 1,
        "callscope_response_latency_seconds_count": 2,
    }
    assert total(after, "callscope_cost_usd_total") - total(before, "callscope_cost_usd_total") == pytest.approx(0.5)


def test_counters_go_on_over_days_and_count_nothing_twice(tmp_path: Path) -> None:
    root, counted = tmp_path / "archive", []
    write(root, "first", started_at_ms=NOW_MS - 5 * DAY_MS)
    for day in range(8):
        now_ms = NOW_MS + day * DAY_MS
        write(root, f"call-{day}", started_at_ms=now_ms - 60_000)
        if day > 5:  # only the last days are kept
            shutil.rmtree(next(iter(sorted((root / "calls/2026/11").iterdir()))))
        with Index.open(root, place=tmp_path / "index.sqlite", now_ms=lambda now_ms=now_ms: now_ms) as index:  # type: ignore[misc]
            index.refresh(processes=0, verify=True)
            counted.append(total(samples(Metrics(index), now_ms=now_ms), "callscope_calls_total"))

    assert counted == [2, 3, 4, 5, 6, 7, 8, 9]


def test_a_call_that_is_priced_lower_takes_nothing_away(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    with_price = {"started_at_ms": NOW_MS - HOUR_MS}
    write(root, "a-call", lines=[cost_line("llm", "openai", "0.5")], **with_price)  # type: ignore[arg-type]
    with index_of(root) as index:
        metrics = Metrics(index)
        before = samples(metrics)
        write(root, "a-call", lines=[cost_line("llm", "openai", "0.2")], **with_price)  # type: ignore[arg-type]
        index.refresh(processes=0, verify=True)
        lower = samples(metrics)
        write(root, "b-call", lines=[cost_line("llm", "openai", "0.1")], **with_price)  # type: ignore[arg-type]
        index.refresh(processes=0)
        more = samples(metrics)

    costs = [total(each, "callscope_cost_usd_total") for each in (before, lower, more)]
    assert costs == [pytest.approx(0.5), pytest.approx(0.5), pytest.approx(0.6)]


def test_labels_are_bounded_and_a_name_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(catalogue.MOST, "agent", 2)
    root = tmp_path / "archive"
    for number, agent in enumerate(("often", "often", "rare", "some", "some", "some")):
        write(root, f"call-{number}", agent=agent, started_at_ms=NOW_MS - HOUR_MS)
    with index_of(root) as index:
        before = samples(Metrics(index))
        for number in range(9):
            write(root, f"later-{number}", agent="rare", started_at_ms=NOW_MS - HOUR_MS)
        index.refresh(processes=0)
        after = samples(Metrics(index))

    of_agents = [
        {dict(labels)["agent"]: value for (name, labels), value in each.items() if name == "callscope_calls_total"}
        for each in (before, after)
    ]
    assert of_agents == [{"often": 2, "some": 3, "other": 1}, {"often": 2, "some": 3, "other": 10}]


def test_hostile_names_are_labels_and_nothing_else(tmp_path: Path) -> None:
    hostile = 'a"} 1\ncallscope_calls_total{agent="\\\x1b[31m\u202e'
    write(tmp_path / "archive", "a-call", agent=hostile)
    write(tmp_path / "archive", "b-call", agent="")
    settle(tmp_path / "archive")
    with index_of(tmp_path / "archive") as index:
        found = samples(Metrics(index))

    agents = {dict(labels)["agent"] for name, labels in found if name == "callscope_calls_total"}
    assert agents == {'a"} 1 callscope_calls_total{agent="\\', "unknown"}


def test_no_label_is_of_a_call(tmp_path: Path) -> None:
    small_archive(tmp_path / "archive")
    with index_of(tmp_path / "archive") as index:
        text = Metrics(index).text(now_ms=NOW_MS)[0].decode()

    for word in ("refund", "4567", "timed out", "acme"):
        assert word not in text


def test_counters_that_cannot_be_kept_last_as_long_as_the_process(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    write(root, "a-call", started_at_ms=NOW_MS - HOUR_MS)
    with index_of(root) as index:
        place_of(index.place).mkdir()  # nothing can be put there
        place_of(index.place).with_name(f"{place_of(index.place).name}.lock").mkdir()
        metrics = Metrics(index)
        before = samples(metrics)
        shutil.rmtree(root / "calls")
        (root / "calls").mkdir()
        write(root, "b-call", started_at_ms=NOW_MS - HOUR_MS)
        index.refresh(processes=0, verify=True)
        after = samples(metrics)

    assert (total(before, "callscope_counters_kept"), total(after, "callscope_counters_kept")) == (0, 0)
    assert falls(before, after) == []


def test_a_damaged_file_of_counters_is_told(tmp_path: Path) -> None:
    write(tmp_path / "archive", "a-call")
    with index_of(tmp_path / "archive") as index:
        place_of(index.place).write_text("{")
        with pytest.raises(UnreadableError, match="remove it"):
            Metrics(index).text(now_ms=NOW_MS)


def test_firing_alerts_are_told_where_rules_are_looked_at(tmp_path: Path) -> None:
    write(tmp_path / "archive", "a-call")
    settle(tmp_path / "archive")
    with index_of(tmp_path / "archive") as index:
        assert not [name for name, _ in samples(Metrics(index)) if name == "callscope_alerts_firing"]
        place = tmp_path / "archive" / ".callscope" / "alerts.json"
        place.parent.mkdir(exist_ok=True)
        state = {
            "version": 1,
            "incidents": [
                {"rule": "slow", "key": "", "state": "firing"},
                {"rule": "slow", "key": "b", "state": "pending"},
            ],
            "seen": {"slow": {"at_ms": 1}, "dear": {"at_ms": 1}},
        }
        place.write_text(json.dumps(state))
        found = samples(Metrics(index))

    assert total(found, "callscope_alerts_firing", rule="slow") == 1
    assert found["callscope_alerts_firing", (("rule", "dear"),)] == 0


def test_what_has_no_price_has_no_cost_of_0(tmp_path: Path) -> None:
    lines = [cost_line("llm", "openai", "0.1"), cost_line("stt", "nobody", None), cost_line("tts", "piper", "0")]
    write(tmp_path / "archive", "a-call", lines=lines)
    settle(tmp_path / "archive")
    with index_of(tmp_path / "archive") as index:
        found = samples(Metrics(index))

    of_cost = [(dict(labels), value) for (name, labels), value in found.items() if name == "callscope_cost_usd_total"]
    costs = {labels["provider"]: value for labels, value in of_cost}
    assert costs == {"openai": pytest.approx(0.1), "piper": 0}
    assert total(found, "callscope_unpriced_cost_lines_total", provider="nobody") == 1
