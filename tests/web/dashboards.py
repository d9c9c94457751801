"""A dashboard over an archive, asked without a socket: what tests of pages share."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from callscope.index.index import Index
from callscope.web.app import create_app
from callscope.web.safety import Access
from callscope.web.site import Site

NOW_MS = 1_795_255_200_000  # 2026-11-21T10:00:00Z, as in the archives of the index's tests


def site_of(root: Path, *, now_ms: int = NOW_MS, built: bool = True) -> Site:
    """A dashboard's site; its index is beside the archive, and up to date with it."""
    site = Site(
        root,
        Index.open(root, place=root.parent / "index.sqlite", now_ms=lambda: now_ms),
        now_ms=lambda: now_ms,
        version="0",
    )
    if built:
        while not site.refresher.refresh():
            pass
    return site


def dashboard(root: Path, *, now_ms: int = NOW_MS, access: Access | None = None, built: bool = True) -> TestClient:
    """A client that asks as a browser of this machine does."""
    return client_of(site_of(root, now_ms=now_ms, built=built), access=access)


def client_of(site: Site, *, access: Access | None = None) -> TestClient:
    """The same of a site that a test has in hand, too."""
    app = create_app(site, access=access, refreshing=False)
    headers = {"accept": "text/html,*/*"}
    return TestClient(app, base_url="http://127.0.0.1:8765", headers=headers, raise_server_exceptions=False)
