"""The JSON API: what its document promises, its answers keep, whatever they are asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from dashboards import dashboard, site_of
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from web_calls import HOSTILE, record_call

from callscope import CallLogger
from callscope.web.api.operations import OPERATIONS, Operation
from callscope.web.app import create_app
from callscope.web.safety import Access


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    archive = tmp_path_factory.mktemp("api") / "calls"
    for number in range(3):
        record_call(archive, f"call-{number}", said=HOSTILE)
    return archive


@pytest.fixture(scope="module")
def document(root: Path) -> Any:
    app = create_app(site_of(root), access=Access(hosts=frozenset({"localhost", "testserver"})), refreshing=False)
    return schemathesis.openapi.from_asgi("/api/openapi.json", app)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_answer_is_as_the_document_says(document: Any, operation: Operation) -> None:
    @given(case=document[f"/api{operation.path}"]["GET"].as_strategy())
    @settings(max_examples=40, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    def ask_anything(case: Any) -> None:
        # A filter or a cursor is a text whose rules JSON Schema cannot say: such a 400 is right.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    ask_anything()


def ask(root: Path, address: str) -> Any:
    return json.loads(dashboard(root).get(f"/api{address}").content)


def test_the_list_and_the_page_of_calls_are_the_same(root: Path) -> None:
    first = ask(root, "/calls?limit=2&count=1")
    rest = ask(root, f"/calls?limit=2&after={first['next']}")
    assert first["total"] == 3
    assert [call["call_id"] for call in (*first["calls"], *rest["calls"])] == ["call-2", "call-1", "call-0"]


def test_a_call_of_a_list_is_found_by_its_path(root: Path) -> None:
    [row, *_] = ask(root, "/calls")["calls"]
    found = ask(root, f"/calls/{row['path']}")
    assert found["call"]["call_id"] == row["call_id"]
    assert [turn["role"] for turn in found["turns"]] == ["user", "assistant"]


def test_what_was_said_is_found(root: Path) -> None:
    assert len(ask(root, "/search?q=%22on its way%22")["hits"]) == 3


def test_figures_have_the_key_of_their_group(root: Path) -> None:
    [row] = ask(root, "/stats?by=agent,version")["rows"]
    assert row["key"] == {"agent": "front-desk", "version": "2.4"}
    assert row["figures"]["calls"] == 3


def test_spend_is_told_by_group(tmp_path: Path) -> None:
    logger = CallLogger(root=tmp_path)
    call = logger.start_call("dear")
    call.usage("llm", provider="openai", model="gpt-4.1-mini", input_tokens=1_000_000)
    call.usage("tts", provider="nobody", model="unknown", characters=100)
    call.end()
    logger.close()
    rows = {row["key"]["provider"]: row["spend"] for row in ask(tmp_path, "/cost?by=provider")["rows"]}
    assert rows["openai"] == {"usd": 0.4, "lines": 1, "unpriced": 0}
    assert rows["nobody"]["unpriced"] == 1


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("/calls?limitt=3", "limitt"),
        ("/calls?limit=0", "from 1"),
        ("/calls?limit=3&limit=4", "twice"),
        ("/calls?range=1w", "7d"),
        ("/compare?a=x", "b"),
        ("/stats?by=colour", "colour"),
        ("/calls?after=nonsense", "cursor"),
    ],
)
def test_a_mistake_is_said_never_taken_for_a_default(root: Path, address: str, says: str) -> None:
    answer = dashboard(root).get(f"/api{address}")
    assert answer.status_code == 400
    assert says in answer.json()["error"]


def test_a_filter_that_is_not_understood_says_where(root: Path) -> None:
    answer = dashboard(root).get("/api/calls?q=status:completed%20wrong:")
    assert answer.status_code == 400
    assert answer.json()["column"] == 23


@pytest.mark.parametrize(
    "path", ["2026/11/21/nothing", "..%2f..%2fetc/1/1/passwd", "2026/11/21/..", "2026/11/21/%2e%2e%2fx"]
)
def test_a_call_that_is_not_there_is_not_found(root: Path, path: str) -> None:
    answer = dashboard(root).get(f"/api/calls/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"


def test_before_the_archive_was_read_it_says_to_ask_again(tmp_path: Path) -> None:
    answer = dashboard(tmp_path / "none", built=False).get("/api/calls")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
