"""Every page, in both themes, wide and narrow: nothing is wrong with it, and it is small."""

from __future__ import annotations

import urllib.request
from pathlib import Path
from typing import Final, Literal

import pytest
from browsing import NARROW, WIDE, Open, Page, until
from shown_calls import Shown

AUDIT: Final = (Path(__file__).parent / "audit.js").read_text()
MOST_BYTES: Final = 150_000
PAGES: Final = {
    "overview": "/?range=24h",
    "live": "/live",
    "calls": "/calls",
    "calls of a filter": "/calls?q=agent:front-desk+order&range=24h",
    "no calls": "/calls?q=agent:nobody",
    "a call": "call-07",
    "a call with sound": "with-sound",
    "events of a call": "with-sound?tab=events",
    "raw files of a call": "with-sound?tab=raw",
    "tools of a call": "call-07?tab=tools",
    "latency": "/latency?range=all",
    "cost": "/cost?range=all",
    "errors": "/errors?range=all",
    "health": "/health",
}
THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
WEIGHT: Final = """() => performance.getEntries()
    .filter((each) => each.entryType === "navigation" || ["link", "script", "other"].includes(each.initiatorType))
    .reduce((sum, each) => sum + each.decodedBodySize, 0)"""
TOO_WIDE: Final = """() => {
    const widest = [...document.querySelectorAll("body *")].filter((each) => each.checkVisibility() &&
        each.getBoundingClientRect().right > innerWidth + 1 && !each.closest(".scroll, .rail, svg"));
    return document.documentElement.scrollWidth > innerWidth ? widest.map((each) => each.outerHTML.slice(0, 120)) : [];
}"""
INLINE: Final = """(text) =>
    [...new DOMParser().parseFromString(text, "text/html").querySelectorAll("*")].filter((each) =>
        [...each.attributes].some(({ name, value }) => /^(style|on.*)$/.test(name) || /^\\s*javascript:/i.test(value))
        || each.matches("style, script:not([src]), base, iframe, object, embed, link:not([href^='/static/'])"))
        .map((each) => each.outerHTML.slice(0, 120))"""


def text_of(address: str) -> str:
    request = urllib.request.Request(address, headers={"Accept": "text/html"})  # noqa: S310 -- our own dashboard
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 -- likewise
        text: str = answer.read().decode()
    return text


def found_wrong(page: Page, name: str) -> list[str]:
    """What is wrong with the page that is open, in both themes, wide and narrow."""
    wrong = list(page.evaluate(AUDIT))
    grounds = set()
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            wrong += [f"{name} is too wide at {size['width']}: {each}" for each in page.evaluate(TOO_WIDE)]
    if len(grounds) != len(THEMES):
        wrong.append(f"the themes look the same: {grounds}")
    return wrong


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wrong_with_the_page(name: str, shown: Shown, page: Page) -> None:
    place = PAGES[name]
    call, _, chosen = place.partition("?")
    address = shown.address + place if place.startswith("/") else f"{shown.call(call)}?{chosen}"

    answer = page.goto(address)

    assert answer is not None
    assert answer.status == 200
    assert found_wrong(page, name) == []
    assert page.evaluate(WEIGHT) < MOST_BYTES
    assert page.evaluate(INLINE, text_of(address)) == []


def test_nothing_is_wrong_with_the_page_of_a_group_of_errors(shown: Shown, page: Page) -> None:
    page.goto(f"{shown.address}/errors?range=all")
    page.get_by_role("link", name="no answer within").click()
    page.get_by_role("heading", name="Calls with it").wait_for()

    assert found_wrong(page, "an error group") == []
    assert page.evaluate(WEIGHT) < MOST_BYTES


@pytest.mark.parametrize("asked", ["?sound=1", "", "?redact=1"])
def test_an_exported_call_opens_from_a_file_without_a_network(
    asked: str, shown: Shown, open_page: Open, tmp_path: Path
) -> None:
    file = tmp_path / "call.html"
    file.write_text(text_of(f"{shown.call('with-sound')}/export.html{asked}"))
    page = open_page(offline=True)
    page.goto(file.as_uri())

    assert found_wrong(page, "an exported call") == []
    assert page.get_by_text("Where is my parcel?").first.is_visible()
    assert page.get_by_text("the parcels answer late").first.is_visible()
    assert page.locator("audio").count() == (asked == "?sound=1")
    if asked == "?sound=1":
        page.evaluate("document.querySelector('audio').play()")
        until(page, "document.querySelector('audio').currentTime > 0.2")
