"""Sound, time axis and transcript of a call go together. The sound begins two seconds after the call."""

from __future__ import annotations

from typing import Final

from browsing import Page, expect, until
from shown_calls import Shown

CLOCK: Final = "[data-player=clock]"
PLAY: Final = "[data-player=play]"
AXIS_MS: Final = "Number(document.querySelector('[data-axis]').dataset.lengthMs)"
LINE: Final = "parseFloat(document.querySelector('[data-axis]').style.getPropertyValue('--moment'))"
HEARD: Final = "document.querySelector('audio').currentTime"


def line_ms(page: Page) -> float:
    """Where the line of the moment stands, in milliseconds after the call's start."""
    return float(page.evaluate(f"{LINE} / 100 * {AXIS_MS}"))


def test_an_address_with_a_moment_opens_at_it(shown: Shown, page: Page) -> None:
    page.goto(shown.call("with-sound") + "?t=9.5")
    expect(page.locator(CLOCK)).to_have_text("0:09 / 0:14")
    assert round(line_ms(page)) == 9_500
    assert page.evaluate(HEARD) == 7.5
    page.locator(PLAY).click()
    until(page, f"{HEARD} > 7.6")


def test_a_moment_before_the_sound_begins_is_kept_and_playing_begins_with_the_sound(shown: Shown, page: Page) -> None:
    page.goto(shown.call("with-sound") + "?t=0.5")
    expect(page.locator(CLOCK)).to_have_text("0:00 / 0:14")
    assert round(line_ms(page)) == 500
    page.keyboard.press("Space")
    until(page, f"{LINE} / 100 * {AXIS_MS} > 2100")
    assert page.evaluate(HEARD) > 0


def test_playing_moves_the_line_and_marks_the_turn_that_is_heard(shown: Shown, page: Page) -> None:
    page.goto(shown.call("with-sound") + "?t=2.8")
    speaking = page.locator(".turn.speaking")
    expect(speaking).to_contain_text("Hello, who is there?")
    page.keyboard.press("Space")
    expect(speaking).to_contain_text("The front desk.")
    page.keyboard.press("Space")
    expect(page.locator(PLAY)).to_have_text("Play")
    at_ms = line_ms(page)
    assert 3_700 < at_ms < 6_000
    assert abs(at_ms - 1000 * (page.evaluate(HEARD) + 2)) < 200
    assert "t=" in page.url


def test_a_click_on_the_axis_goes_there(shown: Shown, page: Page) -> None:
    page.goto(shown.call("with-sound"))
    axis = page.locator("[data-axis]")
    box = axis.bounding_box()
    assert box is not None
    axis.click(position={"x": box["width"] / 2, "y": 5})
    length_ms = page.evaluate(AXIS_MS)
    assert abs(line_ms(page) - length_ms / 2) < length_ms / 100
    assert page.evaluate(f"Math.abs({HEARD} + 2 - {length_ms} / 2000) < 0.2")


def test_a_bar_of_a_lane_leads_to_its_moment_while_it_plays_and_while_it_does_not(shown: Shown, page: Page) -> None:
    page.goto(shown.call("with-sound"))
    bar = page.get_by_role("img", name="LLM").locator("a[href]").last.locator("rect")
    page.evaluate("window.sameDocument = true")
    page.keyboard.press("Space")
    expect(page.locator(PLAY)).to_have_text("Pause")
    bar.click()
    until(page, f"{LINE} / 100 * {AXIS_MS} >= 9000")
    assert page.evaluate("window.sameDocument")

    page.keyboard.press("Space")
    expect(page.locator(PLAY)).to_have_text("Play")
    page.goto(shown.call("with-sound"))
    bar.click()
    page.wait_for_url("**?t=9.1#at")
    expect(page.locator(CLOCK)).to_have_text("0:09 / 0:14")
    expect(page.locator("#detail-title")).to_contain_text("3.0")


def test_while_it_plays_a_problem_and_a_turn_lead_to_their_moments_without_a_new_page(shown: Shown, page: Page) -> None:
    page.goto(shown.call("with-sound"))
    page.evaluate("window.sameDocument = true")
    page.keyboard.press("Space")
    expect(page.locator(PLAY)).to_have_text("Pause")
    page.locator(".turn .when a").nth(2).click()
    until(page, f"{LINE} / 100 * {AXIS_MS} >= 7000")
    page.keyboard.press("n")
    until(page, f"{LINE} / 100 * {AXIS_MS} >= 9000")
    assert page.evaluate("window.sameDocument")


def test_one_side_is_heard_alone_and_faster(shown: Shown, page: Page) -> None:
    page.goto(shown.call("with-sound"))
    page.get_by_label("Hear").select_option("caller")
    page.get_by_label("Speed").select_option("2×")
    page.keyboard.press("Escape")
    page.keyboard.press("Space")
    until(page, f"{HEARD} > 0.5")
    page.get_by_label("Hear").select_option("both")
    before = page.evaluate(HEARD)
    until(page, f"{HEARD} > {before}")
    assert page.evaluate("document.querySelector('audio').playbackRate") == 2


def test_the_sound_that_is_asked_for_is_a_part_of_the_file(shown: Shown, page: Page) -> None:
    found = page.request.get(f"{shown.call('with-sound')}/recording.wav", headers={"Range": "bytes=0-43"})
    assert (found.status, len(found.body())) == (206, 44)
    assert found.body()[:4] == b"RIFF"
