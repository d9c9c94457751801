"""What tests in a browser share: the browser's own words, and a dashboard that is a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import pytest

try:
    from playwright.sync_api import Browser, Page, expect, sync_playwright
except ImportError:
    pytest.skip("playwright is not installed: pip install 'callscope[dev]'", allow_module_level=True)

if TYPE_CHECKING:
    from playwright.sync_api import ViewportSize

__all__ = ["CHROMIUM", "NARROW", "PATIENCE_MS", "WIDE", "Browser", "Dashboard", "Open", "Page", "Serve", "expect"]
__all__ += ["sync_playwright", "until"]

WIDE: Final[ViewportSize] = {"width": 1400, "height": 1000}
NARROW: Final[ViewportSize] = {"width": 390, "height": 800}
_ADDRESS: Final = re.compile(r"http://\S+")

PATIENCE_MS: Final = 60_000
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
expect.set_options(timeout=PATIENCE_MS)


def _chromium() -> str:
    """The system's, else playwright's own."""
    named = filter(None, (os.environ.get("CALLSCOPE_CHROMIUM"), *_NAMES))
    if found := next(filter(None, map(shutil.which, named)), None):
        return found
    with sync_playwright() as driver:
        own = driver.chromium.executable_path
    if not Path(own).exists():
        pytest.skip("there is no Chromium: scripts/chromium says how to get one", allow_module_level=True)
    return own


CHROMIUM: Final = _chromium()


def until(page: Page, condition: str) -> None:
    """Wait until an expression is true. (playwright's own way needs ``eval``, which our pages forbid.)"""
    page.evaluate(f"""() => new Promise((done, fail) => {{
        const end = Date.now() + {PATIENCE_MS};
        const look = () => ({condition}) ? done() : Date.now() > end ? fail(new Error("never")) : setTimeout(look, 20);
        look();
    }})""")


class Dashboard:
    """A process of ``callscope serve``.

    Args:
        root: the archive.
        kept: directory of its index and its saved views.
        port: 0: any free one.
    """

    def __init__(self, root: Path, kept: Path, *, port: int = 0) -> None:
        command = [sys.executable, "-m", "callscope", "serve", "--root", str(root), "--port", str(port)]
        own = {"CALLSCOPE_INDEX": str(kept / "index.sqlite"), "CALLSCOPE_VIEWS": str(kept / "views.toml")}
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | own)
        assert self._process.stderr is not None
        said = self._process.stderr.readline()
        found = _ADDRESS.search(said)
        assert found is not None, said
        self.address = found[0].rstrip("/")
        self.port = int(self.address.rpartition(":")[2])

    def stop(self) -> None:
        """End it; whatever it said is a failure."""
        if self._process.poll() is None:
            self._process.terminate()
            _, told = self._process.communicate(timeout=60)
            assert told == "", f"the dashboard said: {told}"


class Serve(Protocol):
    """Serves an archive until the test ends."""

    def __call__(self, root: Path, *, port: int = 0) -> Dashboard:
        """Start it."""


class Open(Protocol):
    """Opens an empty page, in a window of its own."""

    def __call__(self, **options: Any) -> Page:
        """``options`` are those of playwright's ``new_context``."""
