"""Everything but live parts and keys works in a browser that runs no scripts."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browsing import Open, Page, Serve, expect
from shown_calls import Shown, address_of, exchange

from callscope import CallLogger


@pytest.fixture
def plain(open_page: Open) -> Page:
    return open_page(java_script_enabled=False)


def ids(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("#rows td.id").all_text_contents()]


def test_the_rail_leads_to_each_page(shown: Shown, plain: Page) -> None:
    plain.goto(shown.address + "/calls")
    for name in ("Overview", "Live", "Calls", "Latency", "Cost", "Errors", "Alerts", "Health"):
        plain.get_by_role("navigation", name="Pages").get_by_role("link", name=name).click()
        expect(plain.get_by_role("heading", level=1)).to_contain_text(name)
        expect(plain.locator("[aria-current=page]")).to_contain_text(name)


def test_a_list_is_filtered_sorted_and_paged(shown: Shown, plain: Page) -> None:
    plain.goto(shown.address + "/calls")
    plain.get_by_label("Filter").fill("agent:sales,night-desk")
    plain.get_by_role("button", name="Filter").click()
    plain.get_by_role("columnheader", name="Length").get_by_role("link").click()
    assert ids(plain)[:3] == ["call-59", "call-58", "call-56"]
    plain.get_by_role("link", name="24h", exact=True).click()
    assert len(ids(plain)) == 40
    plain.get_by_role("link", name="Leave out agent").click()
    plain.get_by_role("link", name="Next page").click()
    assert ids(plain)[-1] == "call-00" or len(ids(plain)) < 50
    plain.go_back()
    assert len(ids(plain)) == 50


def test_a_call_shows_the_moment_the_exchange_and_the_table_of_its_address(shown: Shown, plain: Page) -> None:
    plain.goto(f"{shown.address}/calls?q=agent:sounding")
    plain.locator("a.row").click()
    expect(plain.locator("audio")).to_be_visible()
    plain.locator(".turn .when a").nth(2).click()
    assert parse_qs(urlsplit(plain.url).query)["t"] == ["7"]
    expect(plain.locator(".turn.at")).to_contain_text("Where is my parcel?")
    expect(plain.locator("#detail tfoot")).to_contain_text("3.0")
    plain.get_by_role("link", name="Events").click()
    expect(plain.locator("#events")).to_contain_text("the parcels answer late")
    assert parse_qs(urlsplit(plain.url).query)["in"] == ["agent:sounding"]
    plain.get_by_role("navigation", name="List of calls").get_by_role("link", name="Calls").click()
    expect(plain.get_by_label("Filter")).to_have_value("agent:sounding")


def test_labels_notes_and_themes_are_forms(tmp_path: Path, serve: Serve, plain: Page) -> None:
    logger = CallLogger(root=tmp_path / "calls")
    call = logger.start_call("a-call")
    exchange(call, call.started_at_ms, 100)
    call.end()
    logger.close()
    plain.goto(serve(tmp_path / "calls").address + address_of(call, tmp_path / "calls"))
    plain.get_by_label("Label", exact=True).fill("reviewed")
    plain.get_by_label("Value", exact=True).fill("yes")
    plain.get_by_role("button", name="Add the label").click()
    expect(plain.get_by_role("list", name="Labels")).to_contain_text("yes")
    plain.get_by_label("Note", exact=True).fill("Call back")
    plain.get_by_role("button", name="Add the note").click()
    expect(plain.get_by_role("article")).to_contain_text("Call back")
    plain.get_by_role("button", name="Dark").click()
    expect(plain.locator("html")).to_have_attribute("data-theme", "dark")
    expect(plain.get_by_role("article")).to_contain_text("Call back")


def test_a_view_is_saved_and_deleted(shown: Shown, plain: Page) -> None:
    plain.goto(shown.address + "/calls?q=agent:night-desk")
    plain.get_by_text("Save view").click()
    plain.get_by_label("Name").fill("Nights")
    plain.get_by_role("button", name="Save", exact=True).click()
    plain.goto(shown.address + "/calls")
    plain.get_by_role("link", name="Nights").click()
    assert len(ids(plain)) == 20
    plain.get_by_role("button", name="Delete view").click()
    expect(plain.get_by_role("link", name="Nights")).to_have_count(0)
