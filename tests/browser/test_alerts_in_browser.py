"""The page of alerts in a browser: in both themes, wide and narrow, without scripts, while the dashboard watches."""

from __future__ import annotations

from pathlib import Path

import pytest
from browsing import NARROW, Open, Page, Serve, expect
from shown_calls import record
from test_pages_in_browser import INLINE, MOST_BYTES, WEIGHT, found_wrong, text_of

RULES = """
schema = 1

[[rule]]
name = "slow answers"
kind = "latency"
threshold = "1s"
window = "12h"
severity = "critical"
repeat = "4h"
quiet = "02:00-02:01"
quiet_zone = "UTC"

[[rule]]
name = "<script>window.pwned=9</script> new errors"
kind = "new_error"
window = "12h"

[[rule]]
name = "long calls"
kind = "long_call"
threshold = "2h"

[[target]]
name = "file"
kind = "event"
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CALLSCOPE_ALERTS", str(tmp_path / "rules.toml"))
    record(tmp_path / "calls")
    return tmp_path / "calls"


def test_nothing_is_wrong_with_what_fires_and_what_was_told(root: Path, serve: Serve, page: Page) -> None:
    (root.parent / "rules.toml").write_text(RULES)
    dashboard = serve(root)

    page.goto(f"{dashboard.address}/alerts")
    expect(page.locator("#alerts-firing tbody tr")).to_have_count(4)  # by itself, once the rules were looked at
    expect(page.locator("#alerts-past tbody tr")).to_have_count(4)
    expect(page.locator("#rail-Alerts")).to_have_text("4")

    assert found_wrong(page, "alerts") == []
    assert page.evaluate(WEIGHT) < MOST_BYTES
    assert page.evaluate(INLINE, text_of(f"{dashboard.address}/alerts")) == []
    assert page.evaluate("window.pwned") is None
    page.goto(dashboard.address)
    assert found_wrong(page, "the overview with alerts") == []


def test_nothing_is_wrong_without_rules_and_a_file_is_taken_up_by_itself(root: Path, serve: Serve, page: Page) -> None:
    dashboard = serve(root)
    page.goto(f"{dashboard.address}/alerts")
    expect(page.get_by_text("callscope alerts init")).to_be_visible()
    assert found_wrong(page, "alerts without rules") == []

    (root.parent / "rules.toml").write_text(RULES)

    expect(page.locator("#alerts-rules table").first.locator("tbody tr")).to_have_count(3)
    expect(page.get_by_role("heading", name="Watched")).to_be_visible()


def test_without_scripts_the_keyboard_leads_from_the_overview_to_the_calls(
    root: Path, serve: Serve, page: Page, open_page: Open
) -> None:
    (root.parent / "rules.toml").write_text(RULES)
    dashboard = serve(root)
    page.goto(f"{dashboard.address}/alerts")
    expect(page.locator("#alerts-firing tbody tr")).to_have_count(4)
    plain = open_page(java_script_enabled=False, viewport=NARROW)

    plain.goto(f"{dashboard.address}/?range=24h")
    plain.locator(".alerts-now a").focus()
    plain.keyboard.press("Enter")
    expect(plain.get_by_role("heading", name="Firing now")).to_be_visible()
    plain.get_by_role("link", name="all of them").first.focus()
    plain.keyboard.press("Enter")

    expect(plain.locator("#rows a[href^='/calls/']").first).to_be_visible()
