"""What callers, models and tools say is text on every page: no markup, no script, no request."""

from __future__ import annotations

import urllib.parse
from pathlib import Path
from typing import Final

from browsing import Open, Page, Serve, expect
from shown_calls import HOSTILE, Shown

from callscope import CallLogger

TRACES: Final = """() => [
    window.pwned,
    document.querySelectorAll("iframe, img, object, embed, base, style").length,
    [...document.querySelectorAll("[onerror], [onload], [onfocus]")].length,
    [...document.querySelectorAll("[href], [src], [action]")].filter((each) =>
        !/^(https?:|file:|data:audio)/.test(new URL(each.getAttribute("href") ?? each.getAttribute("src") ??
            each.getAttribute("action"), location.href).protocol + (each.getAttribute("src") ?? ""))).length,
]"""
NOTHING: Final = [None, 0, 0, 0]
QUOTED: Final = urllib.parse.quote(HOSTILE)
PAGES: Final = [
    "/?range=all", "/calls", f"/calls?q={QUOTED}", f"/calls?q=agent%3A{QUOTED}", f"/calls?range={QUOTED}",
    f"/calls?after={QUOTED}", f"/calls/id/{QUOTED}", f"/{QUOTED}", f"/errors/{QUOTED}", "/cost?range=all&by=agent",
    "/cost?range=all&by=model", f"/cost?by={QUOTED}", "/latency?range=all", "/errors?range=all", "/live", "/health",
]  # fmt: skip


def test_every_page_shows_it_as_text(shown: Shown, page: Page, wrong: list[str]) -> None:
    for place in PAGES:
        page.goto(shown.address + place)
        assert page.evaluate(TRACES) == NOTHING, place
    wrong[:] = [told for told in wrong if "status of 40" not in told]  # what is asked for so is not understood


def test_a_call_shows_it_as_text(shown: Shown, page: Page) -> None:
    for tab in ("costs", "tools", "log", "raw", "events"):
        page.goto(f"{shown.call(HOSTILE)}?tab={tab}&in=pwned")
        assert page.evaluate(TRACES) == NOTHING, tab
    expect(page.locator("#facts h1")).to_contain_text("<script>window.pwned=1</script>")
    expect(page.locator("#transcript .words").first).to_contain_text("<img src=x onerror=window.pwned=2>")
    assert "\u202e" not in page.content()


def test_a_group_of_errors_shows_it_as_text(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/errors?range=all")
    page.get_by_role("link", name="<script>").first.click()
    page.get_by_role("heading", name="The newest one").wait_for()
    assert page.evaluate(TRACES) == NOTHING


def test_keys_and_the_preview_show_it_as_text(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/calls?q=pwned")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    expect(page.get_by_role("complementary")).to_contain_text("<img src=x onerror=window.pwned=2>")
    assert page.evaluate(TRACES) == NOTHING


def test_the_completion_shows_it_as_text(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/calls")
    page.get_by_label("Filter").press_sequentially("agent:")
    expect(page.get_by_role("option").filter(has_text="pwned")).to_have_count(1)
    assert page.evaluate(TRACES) == NOTHING


def test_a_file_shows_it_as_text(shown: Shown, open_page: Open, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "call.html"
    file.write_text(page.request.get(f"{shown.call(HOSTILE)}/export.html").text())
    opened = open_page()
    opened.goto(file.as_uri())
    found = opened.evaluate(TRACES)
    assert found == [None, 1, *NOTHING[2:]]  # its own style
    expect(opened.locator("#facts h1")).to_contain_text("<script>window.pwned=1</script>")


def test_live_parts_show_it_as_text(tmp_path: Path, serve: Serve, page: Page) -> None:
    logger = CallLogger(root=tmp_path / "calls")
    page.goto(serve(tmp_path / "calls").address + "/live")
    page.get_by_text("No call is in progress").wait_for()
    call = logger.start_call(HOSTILE, agent={"name": HOSTILE}, caller=HOSTILE)
    call.turn("user", HOSTILE)
    expect(page.locator("#live-calls li")).to_contain_text("<img src=x onerror=window.pwned=2>")
    assert page.evaluate(TRACES) == NOTHING
    call.end()
    logger.close()
    page.get_by_text("No call is in progress").wait_for()
