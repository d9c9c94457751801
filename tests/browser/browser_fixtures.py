"""A real browser on a real dashboard: a process of `callscope serve`, and Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import CHROMIUM, PATIENCE_MS, WIDE, Browser, Dashboard, Open, Page, Serve, sync_playwright
from shown_calls import Shown, record

from callscope.index.index import Index

ARGUMENTS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def shown(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """A dashboard of the calls of `shown_calls`; nobody adds a call to it."""
    kept = tmp_path_factory.mktemp("shown")
    paths = record(kept / "calls")
    Index.open(kept / "calls", place=kept / "index.sqlite").refresh()
    dashboard = Dashboard(kept / "calls", kept)
    yield Shown(address=dashboard.address, paths=paths)
    dashboard.stop()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serves archives of the test's own."""
    dashboards: list[Dashboard] = []

    def start(root: Path, *, port: int = 0) -> Dashboard:
        dashboards.append(Dashboard(root, tmp_path, port=port))
        return dashboards[-1]

    yield start
    for dashboard in dashboards:
        dashboard.stop()


@pytest.fixture
def wrong() -> list[str]:
    """What the pages complained about so far; a test that expects something takes it out."""
    return []


@pytest.fixture
def open_page(browser: Browser, wrong: list[str]) -> Iterator[Open]:
    """Opens pages; in the end, nothing was asked of anybody else, and nothing went wrong in them."""
    contexts = []
    asked: list[str] = []

    def begin(**options: Any) -> Page:
        context = browser.new_context(**{"viewport": WIDE, **options})
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        context.on("request", lambda request: asked.append(request.url))
        context.on("console", lambda told: wrong.append(told.text) if told.type in {"error", "warning"} else None)
        context.on("weberror", lambda told: wrong.append(str(told.error)))
        context.on("dialog", lambda dialog: wrong.append(f"a dialog: {dialog.message}"))
        return context.new_page()

    yield begin
    for context in contexts:
        context.close()
    foreign = [url for url in asked if not url.startswith(("http://127.0.0.1:", "file://", "blob:http://127.0.0.1:"))]
    assert foreign == []
    assert wrong == []


@pytest.fixture
def page(open_page: Open) -> Page:
    """A page in a wide window."""
    return open_page()
