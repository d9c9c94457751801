"""What a dashboard needs to start, and what only a page needs: that is imported with the first request for it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from dashboards import dashboard
from starlette.routing import Route

from callscope.alerts import store
from callscope.web.alerting import STATE_NAME
from callscope.web.app import LATER

FOR_A_PAGE = (
    "callscope.alerts.incidents",
    "callscope.exporters",
    "callscope.report.budgets",
    "callscope.report.health",
    "jinja2",
)


def test_what_only_a_page_needs_is_not_imported_before_one_is_asked_for() -> None:
    program = "import sys, callscope.web.server; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert "callscope.web.app" in told
    assert [name for name in FOR_A_PAGE if name in told] == []


@pytest.mark.parametrize("module", sorted(set(LATER.values())))
def test_every_address_of_a_page_that_comes_later_is_known(module: str) -> None:
    routes: tuple[Route, ...] = importlib.import_module(f"callscope.web.pages.{module}").ROUTES
    assert {route.path for route in routes} == {path for path, name in LATER.items() if name == module}
    assert all(route.methods == {"GET", "HEAD"} for route in routes)


@pytest.mark.parametrize("path", [path for path in LATER if "{" not in path])
def test_a_page_that_comes_later_is_there_for_the_first_who_asks(path: str, tmp_path: Path) -> None:
    (tmp_path / "archive" / "calls").mkdir(parents=True)
    assert dashboard(tmp_path / "archive").get(path).status_code == 200


def test_whether_anybody_ever_watched_is_asked_of_the_right_file() -> None:
    assert store.NAME == STATE_NAME
