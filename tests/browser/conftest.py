"""A real browser on a real dashboard: a process of `callscope serve`, and Chromium."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ADDRESS = re.compile(r"http://\S+")

Serve = Callable[[Path], str]


def _chromium() -> str | None:
    """The system's; None: playwright's own, if there is one."""
    return next(filter(None, map(shutil.which, (os.environ.get("CALLSCOPE_CHROMIUM") or "-", *NAMES))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        try:
            found = driver.chromium.launch(
                executable_path=_chromium(), args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
            )
        except playwright.Error:
            pytest.skip("there is no Chromium: scripts/chromium says how to get one")
        yield found
        found.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Serves an archive, and tells the dashboard's address."""
    processes: list[subprocess.Popen[str]] = []

    def start(root: Path) -> str:
        command = [sys.executable, "-m", "callscope", "serve", "--root", str(root), "--port", "0"]
        environ = os.environ | {"CALLSCOPE_INDEX": str(tmp_path / "index.sqlite")}
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ)
        processes.append(process)
        assert process.stderr is not None
        found = ADDRESS.search(process.stderr.readline())
        assert found is not None
        return found[0].rstrip("/")

    yield start
    for process in processes:
        process.terminate()
        _, told = process.communicate(timeout=20)
        assert told == "", f"the dashboard said: {told}"


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page; in the end, nothing was asked of anybody else, and nothing went wrong in it."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    found = context.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    found.on("console", lambda message: wrong.append(message.text) if message.type in {"error", "warning"} else None)
    found.on("pageerror", lambda error: wrong.append(str(error)))
    yield found
    own = {"/".join(url.split("/")[:3]) for url in asked}
    context.close()
    assert {origin for origin in own if not origin.startswith("http://127.0.0.1:")} <= {"blob:http:", "data:"}
    assert wrong == []
