"""A real recorder writes while a real browser looks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from browsing import Page, Serve, expect
from shown_calls import exchange

from callscope import CallLogger
from callscope.archive.paths import CALLS

SCRIPT: Final = Path(__file__).parent / "live_caller.py"


class Caller:
    """A recorder in another process."""

    def __init__(self, root: Path) -> None:
        command = [sys.executable, str(SCRIPT), str(root)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._root = root

    def does(self, line: str) -> str:
        """Tell it one thing; gives the address of its call, below that of the dashboard."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return "/calls/" + Path(self._process.stdout.readline().strip()).relative_to(self._root / CALLS).as_posix()

    def close(self) -> None:
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An archive with three calls that are over."""
    logger = CallLogger(root=tmp_path / "calls")
    for number in range(3):
        call = logger.start_call(f"old-{number}", agent={"name": "sales"})
        exchange(call, call.started_at_ms, 100)
        call.end()
    logger.close()
    return tmp_path / "calls"


@pytest.fixture
def caller(root: Path) -> Iterator[Caller]:
    found = Caller(root)
    yield found
    found.close()


def test_a_call_shows_up_goes_on_and_ends_without_the_page_being_loaded_again(
    tmp_path: Path, serve: Serve, page: Page
) -> None:
    root = tmp_path / "calls"
    logger = CallLogger(root=root)
    page.goto(serve(root).address + "/live")
    page.get_by_text("No call is in progress").wait_for()
    page.evaluate("window.sameDocument = true")

    call = logger.start_call("a-call", caller="+15551234567")
    page.get_by_text("1 call in progress").wait_for()
    call.turn("user", "Where is <b>my order</b>?")
    page.get_by_text("Where is <b>my order</b>?").wait_for()
    call.turn("assistant", "It is on its way.")
    page.get_by_text("It is on its way.").wait_for()
    call.end()
    logger.close()
    page.get_by_text("No call is in progress").wait_for()
    assert page.evaluate("window.sameDocument")


def test_a_list_announces_what_is_new_and_moves_nothing(root: Path, serve: Serve, caller: Caller, page: Page) -> None:
    page.goto(serve(root).address + "/calls")
    rows = page.locator("#rows tr")
    expect(rows).to_have_count(3)
    page.keyboard.press("j")
    focused = page.locator("a.row").first
    caller.does("start fresh support")
    news = page.get_by_role("link", name="1 new: show")
    expect(news).to_be_visible()
    expect(rows).to_have_count(3)
    expect(focused).to_be_focused()
    news.click()
    expect(rows).to_have_count(4)
    expect(rows.first).to_contain_text("fresh")
    expect(news).to_have_count(0)
    caller.does("end")


def test_a_list_announces_only_what_its_filter_lets_through(
    root: Path, serve: Serve, caller: Caller, page: Page
) -> None:
    address = serve(root).address
    page.goto(address + "/calls?q=agent:sales")
    every = page.context.new_page()
    every.goto(address + "/calls")
    expect(page.locator("#rows tr")).to_have_count(3)
    expect(every.locator("#rows tr")).to_have_count(3)
    caller.does("start one support")
    every.get_by_role("link", name="1 new: show").wait_for()
    caller.does("start two sales")
    every.get_by_role("link", name="2 new: show").wait_for()
    expect(page.get_by_role("link", name="1 new: show")).to_be_visible()
    caller.does("end")


@pytest.mark.parametrize("place", ["/", "/calls", "/calls?q=agent:support"])
def test_where_nothing_was_shown_the_first_call_appears_by_itself(
    place: str, tmp_path: Path, serve: Serve, page: Page
) -> None:
    (tmp_path / "calls" / "calls").mkdir(parents=True)
    page.goto(serve(tmp_path / "calls").address + place)
    expect(page.get_by_text("No calls")).to_be_visible()
    caller = Caller(tmp_path / "calls")
    caller.does("start fresh support")
    expect(page.locator("#rows tr, #figures")).to_be_visible()
    caller.close()


def test_a_call_that_another_process_writes_goes_on_under_the_eyes(
    root: Path, serve: Serve, caller: Caller, page: Page
) -> None:
    path = caller.does("start fresh support")
    page.goto(serve(root).address + path)
    page.get_by_text("No turns were recorded.").wait_for()
    page.evaluate("window.sameDocument = true")
    for number in range(3):
        caller.does(f"turn user <i>word {number}</i>")
        expect(page.locator("#transcript")).to_contain_text(f"<i>word {number}</i>")
    caller.does("end")
    expect(page.locator("#facts")).not_to_contain_text("in progress")
    assert page.evaluate("window.sameDocument")


def test_what_is_read_of_a_call_that_goes_on_stays_where_it_is(
    root: Path, serve: Serve, caller: Caller, page: Page
) -> None:
    path = caller.does("start long support")
    for number in range(80):
        caller.does(f"turn user word {number} " + "and so on " * (number % 30))
    page.goto(serve(root).address + path)
    expect(page.locator(".turn")).to_have_count(80)
    place = """() => {
        const row = [...document.querySelectorAll(".turn")].find((each) => each.textContent.includes("word 40 "));
        window.read ??= row;
        return [row.getBoundingClientRect().top, row === window.read, String(getSelection())];
    }"""
    page.evaluate("""() => {
        const row = [...document.querySelectorAll(".turn")].find((each) => each.textContent.includes("word 40 "));
        row.scrollIntoView();
        getSelection().selectAllChildren(row.querySelector(".words"));
    }""")
    page.wait_for_function("scrollY > 500")
    top, *read = page.evaluate(place)
    still = [pytest.approx(top, abs=2), *read]
    for number in range(3):
        caller.does(f"error the key was refused {number}")
        expect(page.locator("#problems li")).to_have_count(number + 1)
        assert page.evaluate(place) == still
    caller.does("turn assistant Yes.")
    expect(page.locator("#transcript")).to_contain_text("Yes.")
    assert page.evaluate(place) == still
    caller.does("end")


def test_a_page_comes_back_with_the_dashboard(
    root: Path, serve: Serve, caller: Caller, page: Page, wrong: list[str]
) -> None:
    path = caller.does("start fresh support")
    first = serve(root)
    page.goto(first.address + path)
    state = page.locator("#connection")
    expect(state).to_have_text("● live")
    page.evaluate("window.sameDocument = true")
    first.stop()
    expect(state).to_have_text("○ reconnecting")
    caller.does("turn user Is somebody there?")
    serve(root, port=first.port)
    expect(state).to_have_text("● live")
    expect(page.locator("#transcript")).to_contain_text("Is somebody there?")
    caller.does("turn assistant Yes.")
    expect(page.locator("#transcript")).to_contain_text("Yes.")
    assert page.evaluate("window.sameDocument")
    caller.does("end")
    assert all("net::ERR" in told for told in wrong)
    wrong.clear()


def test_tabs_of_one_browser_share_one_stream(tmp_path: Path, serve: Serve, page: Page) -> None:
    root = tmp_path / "calls"
    logger = CallLogger(root=root)
    address = serve(root).address
    streams: list[str] = []
    page.context.on("request", lambda request: streams.append(request.url) if "/events" in request.url else None)
    page.goto(f"{address}/live")
    page.get_by_text("● live").wait_for()
    other = page.context.new_page()
    other.goto(f"{address}/live")
    other.get_by_text("No call is in progress").wait_for()

    logger.start_call("a-call")
    other.bring_to_front()
    other.get_by_text("1 call in progress").wait_for()
    page.bring_to_front()
    page.get_by_text("1 call in progress").wait_for()
    logger.close()
    assert len(streams) == 1


def test_when_the_listening_tab_is_closed_another_one_listens(tmp_path: Path, serve: Serve, page: Page) -> None:
    root = tmp_path / "calls"
    logger = CallLogger(root=root)
    address = serve(root).address
    first = page.context.new_page()
    first.goto(f"{address}/live")
    first.get_by_text("● live").wait_for()
    page.goto(f"{address}/live")
    first.close()
    page.get_by_text("● live").wait_for()
    logger.start_call("a-call")
    page.get_by_text("1 call in progress").wait_for()
    logger.close()
