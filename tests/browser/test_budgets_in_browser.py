"""The budgets of the cost page: each figure is read by itself, however wide the window is."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from browsing import Open, Page, Serve
from shown_calls import exchange

from callscope import CallLogger
from callscope.clock import now_ms

BUDGETS: Final = """\
schema = 1
[[budget]]
name = "everything that this agent says"
usd = "0.9"
per = "month"
[[budget]]
name = "one call"
usd = "0.97"
per = "call"
[[budget]]
name = "a cent"
usd = "0.00001"
per = "month"
[[budget]]
name = "far away"
usd = "123456"
per = "day"
"""
WRONG: Final = """() => {
    const table = document.querySelector("#cost-budgets table");
    const place = table.closest(".scroll").getBoundingClientRect();
    const texts = document.createTreeWalker(table, NodeFilter.SHOW_TEXT), boxes = [], wrong = [];
    while (texts.nextNode()) {
        const { textContent, parentElement } = texts.currentNode;
        if (!textContent.trim() || parentElement.closest(".visually-hidden")) continue;
        const range = document.createRange();
        range.selectNodeContents(texts.currentNode);
        const clip = parentElement.closest("td.cut")?.getBoundingClientRect().right ?? Infinity;
        const told = { node: texts.currentNode, text: textContent.trim() };
        for (const { left, right, top, bottom } of range.getClientRects())
            boxes.push({ ...told, left, right: Math.min(right, clip), top, bottom });
    }
    for (const [at, one] of boxes.entries()) {
        if (one.right > place.right + 0.5) wrong.push(`${one.text} is cut off`);
        for (const other of boxes.slice(at + 1)) {
            const across = Math.min(one.right, other.right) - Math.max(one.left, other.left);
            const down = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
            if (one.node !== other.node && across > 0.5 && down > 3) wrong.push(`${one.text} lies on ${other.text}`);
        }
    }
    return boxes.length ? wrong : ["there is no text"];
}"""


@pytest.fixture
def budgets(tmp_path: Path, serve: Serve, open_page: Open, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The cost page of a call that is not priced whole, and of budgets from far away to far over."""
    root, at_ms = tmp_path / "calls", now_ms() - 60_000
    with closing(CallLogger(root=root)) as logger:
        call = logger.start_call("CA" + "1f3a" * 8, at_ms=at_ms, agent={"name": "desk", "model": "gpt-4.1-mini"})
        exchange(call, at_ms, 1_000)
        for _ in range(5):
            call.usage("tts", provider="nobody", model="unknown", at_ms=at_ms + 5_000, characters=120)
        call.usage("llm", provider="openai", model="gpt-4.1-mini", at_ms=at_ms + 4_000, output_tokens=550_000)
        call.end(at_ms=at_ms + 20_000)
    (tmp_path / "budgets.toml").write_text(BUDGETS, encoding="utf-8")
    monkeypatch.setenv("CALLSCOPE_BUDGETS", str(tmp_path / "budgets.toml"))
    page = open_page()
    page.goto(serve(root).address + "/cost?range=all")
    page.locator("#cost-budgets .badge").first.wait_for()
    return page


def test_no_figure_of_a_budget_lies_on_another_or_is_cut_off(budgets: Page) -> None:
    assert budgets.locator("#cost-budgets tbody tr").count() == BUDGETS.count("[[budget]]")
    assert "unpriced" in budgets.locator("#cost-budgets").inner_text()
    for width in (390, 768, 1_000, 1_100, 1_400):
        budgets.set_viewport_size({"width": width, "height": 900})
        assert budgets.evaluate(WRONG) == [], width
