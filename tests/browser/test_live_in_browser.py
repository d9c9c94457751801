"""A real recorder writes while a real browser looks."""

from __future__ import annotations

from pathlib import Path

from browsing import Page, Serve

from callscope import CallLogger


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
