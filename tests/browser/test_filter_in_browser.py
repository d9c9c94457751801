"""The list of calls as a person uses it: filtering, sorting, paging, saving, downloading; and what a person adds."""

from __future__ import annotations

import csv
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browsing import Page, Serve, expect
from shown_calls import Shown, address_of, exchange

from callscope import CallLogger


def asked(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def ids(page: Page) -> list[str]:
    return [text.strip() for text in page.locator("#rows td.id").all_text_contents()]


def test_a_filter_is_typed_and_taken_apart_into_chips_that_go_one_by_one(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/calls?range=24h")
    page.get_by_label("Filter").fill("agent:sales errors>0")
    page.keyboard.press("Enter")
    chips = page.locator(".chip.on[title='Leave this condition out']")
    expect(chips).to_have_count(2)
    assert asked(page) == {"q": ["agent:sales errors>0"], "range": ["24h"]}
    assert ids(page) == ["call-07", "call-28", "call-49"]

    page.get_by_role("link", name="Leave out errors>0").click()
    expect(chips).to_have_count(1)
    assert asked(page) == {"q": ["agent:sales"], "range": ["24h"]}
    assert len(ids(page)) == 20


def test_what_could_follow_is_chosen_with_the_keyboard(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/calls")
    box = page.get_by_role("combobox", name="Filter")
    options = page.get_by_role("listbox").get_by_role("option")
    expect(box).to_have_attribute("aria-expanded", "false")
    box.press_sequentially("agen")
    expect(box).to_have_attribute("aria-expanded", "true")
    names = options.locator("code").all_text_contents()
    for _ in range(1 + names.index("agent:")):
        box.press("ArrowDown")
    chosen = page.get_by_role("option", selected=True)
    expect(chosen.locator("code")).to_have_text("agent:")
    expect(box).to_have_attribute("aria-activedescendant", chosen.get_attribute("id") or "")
    box.press("Enter")
    expect(box).to_have_value("agent:")

    expect(options.filter(has_text="night-desk")).to_be_visible()
    box.press_sequentially("ni")
    expect(options).to_have_count(1)
    box.press("ArrowDown")
    box.press("Tab")
    expect(box).to_have_value("agent:night-desk")
    expect(box).to_be_focused()
    box.press("Enter")
    expect(page.get_by_role("link", name="Leave out agent:night-desk")).to_be_visible()
    assert ids(page)[0] == "call-02"


def test_escape_closes_the_completion_and_keeps_what_was_typed(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/calls")
    box = page.get_by_role("combobox", name="Filter")
    box.press_sequentially("status:")
    expect(page.get_by_role("listbox")).to_be_visible()
    box.press("Escape")
    expect(page.get_by_role("listbox")).not_to_be_visible()
    expect(box).to_have_value("status:")
    expect(box).to_be_focused()


def test_a_header_sorts_and_sorts_the_other_way_round(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/calls?q=agent:sales")
    header = page.get_by_role("columnheader", name="Length")
    header.get_by_role("link").click()
    expect(header).to_have_attribute("aria-sort", "descending")
    longest_first = ids(page)
    header.get_by_role("link").click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    assert ids(page) == longest_first[::-1]
    assert longest_first == [f"call-{number:02}" for number in range(58, 0, -3)]


def test_pages_follow_each_other_and_back_leads_back(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/calls")
    first = ids(page)
    page.get_by_role("link", name="Next page").click()
    page.get_by_role("link", name="First page").wait_for()
    second = ids(page)
    assert len(first) == 50
    assert not set(first) & set(second)
    assert len(first) + len(second) == 63
    page.go_back()
    page.get_by_role("link", name="Next page").wait_for()
    assert ids(page) == first


def test_a_wrong_filter_is_kept_and_its_place_is_shown(shown: Shown, page: Page, wrong: list[str]) -> None:
    page.goto(shown.address + "/calls")
    page.get_by_label("Filter").fill('agent:sales lenght>3s "a word"')
    page.keyboard.press("Enter")
    told = page.get_by_role("alert").locator("pre")
    expect(told).to_contain_text('unknown field "lenght"')
    *_, typed, mark = (told.text_content() or "").splitlines()
    assert typed[mark.index("^") :].startswith("lenght")
    box = page.get_by_label("Filter")
    expect(box).to_have_value('agent:sales lenght>3s "a word"')
    expect(box).to_be_focused()
    expect(box).to_have_attribute("aria-invalid", "true")
    assert "400" in wrong.pop()

    box.fill("agent:sales")
    box.press("Enter")
    expect(page.get_by_role("alert")).to_have_count(0)
    assert len(ids(page)) == 20


def test_a_range_leaves_older_calls_out(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/calls?q=id:call-60")
    assert ids(page) == ["call-60"]
    page.get_by_role("link", name="30d", exact=True).click()
    expect(page.get_by_text("No call fits.")).to_be_visible()
    expect(page.get_by_role("link", name="30d", exact=True)).to_have_attribute("aria-current", "true")
    page.get_by_role("link", name="at any time").click()
    expect(page.locator("#rows tr")).to_have_count(1)


def test_a_view_is_saved_opened_from_anywhere_and_deleted(shown: Shown, page: Page) -> None:
    name = 'Slow "sales" <b>&'
    page.goto(shown.address + "/calls?q=agent:sales+worst>2s&range=24h")
    kept = asked(page)
    page.get_by_text("Save view").click()
    page.get_by_label("Name").fill(name)
    page.keyboard.press("Enter")
    view = page.get_by_role("link", name=name)
    expect(view).to_have_attribute("aria-current", "true")

    page.goto(shown.address + "/calls")
    view.click()
    expect(page.get_by_role("button", name="Delete view")).to_be_visible()
    assert asked(page) == kept
    page.get_by_role("button", name="Delete view").click()
    expect(page.get_by_text("Save view")).to_be_visible()
    expect(view).to_have_count(0)


def test_the_file_holds_the_rows_of_the_list(shown: Shown, page: Page) -> None:
    page.goto(shown.address + "/calls?q=agent:sales+sort:duration&range=24h")
    with page.expect_download() as downloading:
        page.get_by_role("link", name="CSV").click()
    with Path(downloading.value.path()).open(encoding="utf-8", newline="") as file:
        found = [row["call_id"] for row in csv.DictReader(file)]
    assert downloading.value.suggested_filename == "calls.csv"
    assert found == ids(page)
    assert len(found) == 20


def test_a_label_and_a_note_are_added_found_and_removed(tmp_path: Path, serve: Serve, page: Page) -> None:
    logger = CallLogger(root=tmp_path / "calls")
    call = logger.start_call("a-call")
    exchange(call, call.started_at_ms, 100)
    call.end()
    logger.close()
    address = serve(tmp_path / "calls").address
    page.goto(address + address_of(call, tmp_path / "calls"))
    page.get_by_label("Label", exact=True).fill("reviewed")
    page.get_by_label("Value", exact=True).fill("<b>by Ann</b>")
    page.get_by_role("button", name="Add the label").click()
    label = page.get_by_role("list", name="Labels").get_by_role("listitem").filter(has_text="<b>by Ann</b>")
    expect(label).to_be_visible()
    page.get_by_label("Note", exact=True).fill("Call back\non <i>Monday</i>")
    page.get_by_role("button", name="Add the note").click()
    expect(page.get_by_role("article").get_by_text("on <i>Monday</i>")).to_be_visible()

    label.get_by_role("link").click()  # to the calls with it, as soon as the index knows
    page.locator("#rows tr, #news a").first.wait_for()
    page.reload()
    assert ids(page) == ["a-call"]

    page.locator("a.row").click()
    page.get_by_role("button", name="Remove the label reviewed").click()
    expect(label).to_have_count(0)
    page.get_by_role("button", name="Remove the note").click()
    expect(page.get_by_role("article")).to_have_count(0)


@pytest.mark.parametrize(("system", "other"), [("light", "Dark"), ("dark", "Light")])
def test_a_theme_that_was_chosen_is_remembered(system: str, other: str, shown: Shown, page: Page) -> None:
    page.emulate_media(color_scheme="dark" if system == "dark" else "light")
    ground = "getComputedStyle(document.body).backgroundColor"
    page.goto(shown.address + "/calls?q=agent:sales&range=24h")
    of_system = page.evaluate(ground)
    page.get_by_role("button", name=other).click()
    expect(page.get_by_role("button", name=other)).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(ground) != of_system
    assert asked(page) == {"q": ["agent:sales"], "range": ["24h"]}

    page.goto(shown.address + "/health")
    assert page.evaluate(ground) != of_system
    page.get_by_role("button", name="Auto").click()
    expect(page.get_by_role("button", name="Auto")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate(ground) == of_system
