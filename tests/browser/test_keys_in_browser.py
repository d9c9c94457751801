"""Everything that a list and a call can do, with the keyboard alone."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest
from browsing import Page, expect, until
from shown_calls import Shown

CLOCK: Final = "[data-player=clock]"
PLAY: Final = "[data-player=play]"
UNSEEN_FOCUS: Final = """() => {
    const at = document.activeElement;
    const seen = [null, "::after"].some((part) => getComputedStyle(at, part).outlineStyle !== "none");
    return seen || at === document.body ? "" : at.outerHTML.slice(0, 120);
}"""

LINES: Final = """(all) => Math.max(...all.map((each) =>
    each.getBoundingClientRect().height / parseFloat(getComputedStyle(each).lineHeight)))"""


def path_and_query(page: Page) -> tuple[str, dict[str, list[str]]]:
    address = urlsplit(page.url)
    return address.path, parse_qs(address.query)


@pytest.mark.parametrize("path", ["/", "/calls", "/cost", "/errors"])
def test_slash_goes_to_the_filter_and_escape_leaves_it(path: str, shown: Shown, page: Page) -> None:
    page.goto(shown.address + path)
    page.keyboard.press("/")

    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#q")).to_have_value("")
    page.keyboard.press("Escape")
    expect(page.locator("#q")).not_to_be_focused()


def test_j_and_k_go_through_the_rows_enter_opens_one_and_u_goes_back_to_the_same_list(shown: Shown, page: Page) -> None:
    page.goto(f"{shown.address}/calls?q=agent%3Asales+duration%3E1s&range=24h")
    rows = page.locator("#rows tr")
    for key, row in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        expect(rows.nth(row)).to_have_class("at")
        expect(rows.nth(row).locator("a.row")).to_be_focused()
    before = path_and_query(page)
    page.keyboard.press("Enter")

    expect(page.locator("#facts h1")).to_contain_text("call-04")
    page.keyboard.press("u")
    expect(rows.first).to_be_visible()
    assert path_and_query(page) == before


@pytest.mark.parametrize(
    ("place", "leads"),
    [
        ("/?range=all", r"/(errors|calls)[/?]"),
        ("/errors?range=all", "/errors/"),
        ("/latency?range=all", "/calls/"),
        ("/cost?range=all", r"/calls\?"),
    ],
)
def test_rows_of_every_page_are_gone_through_and_opened(place: str, leads: str, shown: Shown, page: Page) -> None:
    page.goto(shown.address + place)
    row = page.locator("[data-row]")
    row.nth(1).wait_for()
    for key, number in (("j", 0), ("j", 1), ("k", 0)):
        page.keyboard.press(key)
        expect(page.locator("[data-row].at")).to_have_count(1)
        expect(row.nth(number)).to_have_class("at")
        expect(row.nth(number).locator("a[href]").first).to_be_focused()
    page.keyboard.press("Enter")

    page.wait_for_url(re.compile(re.escape(shown.address) + leads))


@pytest.mark.parametrize(("key", "number"), [("j", 1), ("k", 0)])
def test_a_table_that_marks_no_rows_is_gone_through_by_those_that_lead_somewhere(
    key: str, number: int, shown: Shown, page: Page
) -> None:
    page.goto(shown.address + "/errors?range=all")
    page.locator("[data-row]").first.wait_for()
    page.evaluate("for (const row of document.querySelectorAll('[data-row]')) row.removeAttribute('data-row')")
    for each in ("j", key):
        page.keyboard.press(each)

    expect(page.locator("#error-groups tbody tr").nth(number)).to_have_class("at")
    expect(page.locator("#error-groups tbody tr").nth(number).locator("a").first).to_be_focused()


def test_a_row_that_leads_to_no_call_has_no_preview(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/errors?range=all")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    page.keyboard.press("?")  # the page did whatever Space does
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#preview")).to_have_count(0)


def test_k_at_the_first_row_and_j_at_the_last_stay_there(shown: Shown, page: Page) -> None:
    page.goto(f"{shown.address}/calls?q=id:call-07")
    page.locator("#rows tr").first.wait_for()
    for key in ("k", "j", "j", "k"):
        page.keyboard.press(key)
        expect(page.locator("#rows tr.at")).to_have_count(1)


def test_brackets_step_through_the_list_that_a_call_was_opened_from(shown: Shown, page: Page) -> None:
    page.goto(f"{shown.address}/calls?q=agent:sales")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    name = page.locator("#facts h1")
    expect(name).to_contain_text("call-01")
    for key, call_id in (("]", "call-04"), ("]", "call-07"), ("[", "call-04"), ("[", "call-01")):
        page.keyboard.press(key)
        expect(name).to_contain_text(call_id)
    assert parse_qs(urlsplit(page.url).query)["in"] == ["agent:sales"]


def test_n_goes_from_problem_to_problem_and_around(shown: Shown, page: Page) -> None:
    page.goto(shown.call("with-sound"))
    problems = page.locator("[data-problem]")
    expect(problems).to_have_count(2)
    for number in (0, 1, 0):
        page.keyboard.press("n")
        expect(problems.nth(number)).to_be_focused()


def test_space_plays_and_pauses_also_when_a_problem_has_the_focus(shown: Shown, page: Page) -> None:
    page.goto(shown.call("with-sound"))
    page.keyboard.press("n")
    page.keyboard.press("Space")
    expect(page.locator(PLAY)).to_have_text("Pause")
    page.keyboard.press("Space")
    expect(page.locator(PLAY)).to_have_text("Play")


def test_space_on_a_button_presses_the_button_alone(shown: Shown, page: Page) -> None:
    page.goto(shown.call("with-sound"))
    page.locator(PLAY).focus()
    page.keyboard.press("Space")
    expect(page.locator(PLAY)).to_have_text("Pause")


def test_arrows_go_five_seconds_on_and_back(shown: Shown, page: Page) -> None:
    page.goto(shown.call("with-sound"))
    for key, at in (("ArrowRight", "0:05"), ("ArrowRight", "0:10"), ("ArrowLeft", "0:05"), ("ArrowLeft", "0:00")):
        page.keyboard.press(key)
        expect(page.locator(CLOCK)).to_have_text(f"{at} / 0:14")


def test_space_in_a_list_shows_the_call_beside_it_and_takes_it_away(shown: Shown, page: Page) -> None:
    page.goto(f"{shown.address}/calls?q=agent:sounding")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    preview = page.get_by_role("complementary", name="Preview of the call")
    expect(preview).to_contain_text("Where is my parcel?")
    expect(preview.locator(".turn").first).to_have_css("display", "grid")  # it looks as on its own page
    assert page.locator("[id=transcript]").count() == 0
    links = preview.locator("a[href]").evaluate_all("(all) => all.map((each) => new URL(each.href).pathname)")
    assert set(links) == {shown.paths["with-sound"]}

    page.keyboard.press("Space")
    expect(preview).to_have_count(0)
    page.keyboard.press("Space")
    expect(preview).to_be_visible()
    page.keyboard.press("Escape")
    expect(preview).to_have_count(0)
    assert urlsplit(page.url).path == "/calls"


def test_a_preview_has_its_facts_side_by_side_and_whole(shown: Shown, page: Page) -> None:
    page.goto(f"{shown.address}/calls?q=id:call-07")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    facts = page.locator("#preview .five > div")
    expect(facts).to_have_count(5)
    for number in range(5):
        value = facts.nth(number).locator("strong")
        assert value.evaluate("(each) => each.getClientRects().length") == 1, value.inner_text()
    assert page.locator("#preview .five dd").evaluate_all(LINES) <= 2


def test_a_call_without_sound_shows_no_preview_of_itself(shown: Shown, page: Page) -> None:
    page.goto(shown.call("call-07") + "?t=3.1")
    page.keyboard.press("j")
    page.keyboard.press("Space")
    page.keyboard.press("?")  # the page did whatever Space does
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("#preview")).to_have_count(0)


def test_the_question_mark_tells_the_keys_and_escape_closes_them(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/calls")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_be_visible()
    page.keyboard.press("j")
    expect(page.locator("tr.at")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(keys).not_to_be_visible()
    page.keyboard.press("j")
    expect(page.locator("tr.at")).to_have_count(1)


def test_what_is_typed_in_a_field_is_text_and_no_command(shown: Shown, page: Page) -> None:
    text = "jknu?[ ]/e o"
    page.goto(shown.call("with-sound"))
    before = page.url
    page.get_by_label("Note", exact=True).press_sequentially(text)
    expect(page.get_by_label("Note", exact=True)).to_have_value(text)
    assert page.url == before
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator(PLAY)).to_have_text("Play")


def test_keys_of_the_browser_stay_its_own(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/calls")
    for key in ("Control+j", "Alt+j", "Meta+j"):
        page.keyboard.press(key)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator("tr.at")).to_have_count(0)


@pytest.mark.parametrize("place", ["/", "/calls?q=agent:sales", "/errors?range=all", "/health", "with-sound"])
def test_the_focus_is_always_seen(place: str, shown: Shown, page: Page) -> None:
    page.goto(shown.address + place if place.startswith("/") else shown.call(place))
    unseen = set()
    for _ in range(45):
        page.keyboard.press("Tab")
        unseen.add(page.evaluate(UNSEEN_FOCUS))
    assert unseen == {""}


def test_the_first_tab_stop_skips_to_the_content(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/calls")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    until(page, "document.activeElement.id === 'main'")
