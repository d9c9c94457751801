"""Pages whose filter has to look at each of many calls: they come at once, and say what is still counted."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from dashboards import client_of, site_of
from written_calls import write_call

from callscope.web import slow_pages


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(slow_pages, "MANY_CALLS", 1)
    write_call(tmp_path / "archive", "one", cost=("0.25",))
    return tmp_path / "archive"


@pytest.mark.parametrize("path", ["/", "/cost", "/latency"])
def test_a_page_of_a_slow_filter_comes_at_once_and_then_with_its_figures(path: str, root: Path) -> None:
    site = site_of(root)
    site.slow.patience_seconds = 0
    client = client_of(site)
    may_count = threading.Event()
    site.slow.ask("something else", may_count.wait, older_than_seconds=1)  # what is made before: one at a time

    first = client.get(path, params={"q": "/e/", "range": "all"})
    assert first.status_code == 200
    assert "Being counted" in first.text
    assert "data-waiting" in first.text

    may_count.set()
    site.slow.patience_seconds = 60
    assert "Being counted" not in client.get(path, params={"q": "/e/", "range": "all"}).text


@pytest.mark.parametrize("path", ["/", "/cost", "/latency"])
def test_what_rollups_answer_is_never_waited_for(path: str, root: Path) -> None:
    site = site_of(root)
    site.slow.patience_seconds = 0
    assert "Being counted" not in client_of(site).get(path, params={"q": "agent:front-desk"}).text
