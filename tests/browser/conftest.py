"""Fixtures of tests in a browser. Without one there are none, and the tests say once why they are skipped."""

from __future__ import annotations

import contextlib

import pytest

with contextlib.suppress(pytest.skip.Exception):
    from browser_fixtures import browser, open_page, page, serve, shown, wrong

__all__ = ["browser", "open_page", "page", "serve", "shown", "wrong"]
