"""``/metrics`` on the dashboard: guarded as pages are, fresh, and a plain 503 while there is nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

sys.path.append(str(Path(__file__).parents[1] / "web"))

from dashboards import site_of
from exported import HOUR_MS, NOW_MS, settle, small_archive, write

from callscope.web.app import create_app
from callscope.web.pages import metrics
from callscope.web.safety import Access
from callscope.web.site import Site

TOKEN = "not-to-be-guessed"  # noqa: S105 -- of a test


def client_of(site: Site, access: Access | None = None) -> TestClient:
    app = create_app(site, access=access, refreshing=False)
    if not any(getattr(route, "path", "") == "/metrics" for route in app.routes):
        app.router.routes[:0] = metrics.ROUTES
    return TestClient(app, base_url="http://127.0.0.1:8765", raise_server_exceptions=False)


def test_prometheus_reads_what_it_asks_for(tmp_path: Path) -> None:
    small_archive(tmp_path / "archive")

    answer = client_of(site_of(tmp_path / "archive")).get("/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"
    assert {"callscope_calls", "callscope_response_latency_seconds"} <= {
        family.name for family in text_string_to_metric_families(answer.text)
    }


def test_the_token_goes_into_the_authorization(tmp_path: Path) -> None:
    small_archive(tmp_path / "archive")
    client = client_of(site_of(tmp_path / "archive"), Access(token=TOKEN))

    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"authorization": "Bearer wrong"}).status_code == 401
    assert client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert client.get("/metrics", headers={"host": "evil.example"}).status_code == 421


def test_a_call_that_came_is_in_the_next_answer(tmp_path: Path) -> None:
    write(tmp_path / "archive", "a-call", started_at_ms=NOW_MS - HOUR_MS)
    settle(tmp_path / "archive")
    site = site_of(tmp_path / "archive")
    client = client_of(site)
    before = client.get("/metrics").text
    write(tmp_path / "archive", "b-call", started_at_ms=NOW_MS - HOUR_MS)
    site.refresher.refresh()
    after = client.get("/metrics").text

    line = 'callscope_calls_total{{agent="front-desk",status="completed"}} {}.0'
    assert line.format(1) in before
    assert line.format(2) in after


def test_before_the_first_look_there_is_no_answer(tmp_path: Path) -> None:
    small_archive(tmp_path / "archive")

    answer = client_of(site_of(tmp_path / "archive", built=False)).get("/metrics")

    assert answer.status_code == 503
    assert "callscope_" not in answer.text
