"""The dashboard for Grafana and the rules for Prometheus use metrics and labels that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callscope.exporters.metrics.catalogue import HISTOGRAMS, METRICS

EXAMPLES = Path(__file__).parents[2] / "examples"
ADDED = {"le"}
NAMES = {metric.shown for metric in METRICS.values() if metric not in HISTOGRAMS} | {
    f"{metric.name}_{part}" for metric in HISTOGRAMS for part in ("bucket", "sum", "count")
}
LABELS = {label for metric in METRICS.values() for label in metric.labels} | ADDED


def board() -> dict[str, Any]:
    text = (EXAMPLES / "grafana" / "callscope-dashboard.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document


def queries() -> Iterator[str]:
    for panel in board()["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    for variable in board()["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]


def rules() -> list[dict[str, Any]]:
    yaml = pytest.importorskip("yaml")
    document = yaml.safe_load((EXAMPLES / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def check(query: str) -> None:
    used = re.findall(r"\bcallscope_\w+", query)
    assert used, query
    assert set(used) <= NAMES, query
    for inside in re.findall(r"\b(?:by|ignoring|on) \(([^)]*)\)", query):
        assert {label.strip() for label in inside.split(",")} <= LABELS, query
    for name, inside in re.findall(r"\b(callscope_\w+)\{([^}]*)\}", query):
        metric = next(each for each in METRICS.values() if name == each.shown or name.startswith(f"{each.name}_"))
        assert {label for label, _ in re.findall(r"(\w+)(=~|=)", inside)} <= {*metric.labels, *ADDED}, query
    assert query.count("(") == query.count(")")


def test_every_query_of_the_dashboard_uses_what_there_is() -> None:
    found = list(queries())

    assert len(found) > 20
    for query in found:
        check(query)


def test_every_metric_that_is_no_label_alone_is_on_the_dashboard() -> None:
    text = " ".join(queries())

    assert [name for name, metric in METRICS.items() if name not in text and metric.labels != ("version",)] == []


def test_panels_have_numbers_of_their_own_and_do_not_overlap() -> None:
    panels = board()["panels"]
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]

    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_every_rule_uses_what_there_is() -> None:
    found = rules()

    assert len(found) >= 6
    for rule in found:
        check(rule["expr"])
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        for label in re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]):
            assert label in LABELS
