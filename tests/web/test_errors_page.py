"""The pages of errors: groups, what is new about them, and one group."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dashboards import dashboard
from pages_read import link, table
from plain_files import DAY_MS, HOUR_MS, error, put
from starlette.testclient import TestClient

STACK = 'Traceback (most recent call last):\n  File "bot.py", line 7, in <module>\nAPITimeoutError: no answer'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Timeouts in three calls of this week and one of the week before, and one other error."""
    root = tmp_path / "archive"
    put(root, "CA1", errors=[error("no answer after 812 ms", stack=STACK), error("no answer after 90 ms")])
    put(root, "CA2", ago_ms=2 * DAY_MS, version="2.5", errors=[error("no answer after 3 s", recovered=True)])
    put(root, "CA3", ago_ms=3 * DAY_MS, errors=[error("voice not found", stage="tts", provider="acme")])
    put(root, "CA4", ago_ms=9 * DAY_MS, errors=[error("no answer after 5 s")])
    put(root, "fine", ago_ms=4 * HOUR_MS)
    return root


@pytest.fixture
def client(root: Path) -> TestClient:
    return dashboard(root)


def group_of(client: TestClient, pattern: str = "no answer") -> str:
    page = client.get("/errors?range=all").text
    return next(
        str(address)
        for address, name in re.findall(r'href="(/errors/[^"?]*)[^"]*"><strong>([^<]*)', page)
        if pattern in name
    )


def test_errors_that_differ_in_details_are_one_group(client: TestClient) -> None:
    rows = table(client.get("/errors?range=7d&sort=count").text, "4 errors in 2 groups")

    assert [(row[0].split(" ·")[0], row[2], row[3], row[4]) for row in rows] == [
        ("no answer after <duration> llm", "31 before", "2", "33 %"),
        ("voice not found newtts", "10 before", "1", "0 %"),
    ]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("last", ["brand new", "voice", "no answer"]),
        ("first", ["brand new", "no answer", "voice"]),
        ("count", ["no answer", "voice", "brand new"]),
    ],
)
def test_the_order_is_in_the_address(root: Path, sort: str, order: list[str]) -> None:
    put(root, "CA5", ago_ms=HOUR_MS // 6, errors=[error("brand new")])
    put(root, "CA6", ago_ms=HOUR_MS // 3, errors=[error("voice not found", stage="tts", provider="acme")])

    rows = table(dashboard(root).get(f"/errors?range=7d&sort={sort}").text, "6 errors")

    assert [next(words for words in order if row[0].startswith(words)) for row in rows] == order


def test_states_are_told_against_the_time_before_and_can_be_asked_for(tmp_path: Path) -> None:
    root = tmp_path / "states"
    for number in range(20):
        put(root, f"then-{number}", ago_ms=9 * DAY_MS + number, errors=[error("line lost")] if number < 12 else [])
        put(root, f"now-{number}", ago_ms=HOUR_MS + number, errors=[error("no credit")] if number < 3 else [])
    client = dashboard(root)

    page = client.get("/errors?range=7d").text
    assert [(name, many) for name, many in re.findall(r">(all|new|rising|gone) <span[^>]*>(\d+)<", page)] == [
        ("all", "1"), ("new", "1"), ("rising", "0"), ("gone", "1"),
    ]  # fmt: skip
    (gone,) = table(client.get("/errors?range=7d&state=gone").text, "0 errors in 1 group")
    assert gone[0].startswith("line lost gone")
    assert (gone[2], gone[3]) == ("012 before", "0")
    assert "No rising errors in this time" in client.get("/errors?range=7d&state=rising").text
    assert client.get("/errors?range=7d&state=odd").status_code == 400


def test_nothing_is_new_when_nothing_was_recorded_before(client: TestClient) -> None:
    page = client.get("/errors?range=30d").text

    assert "before" not in table(page, "5 errors")[0][2]
    assert ">new<" not in page


def test_a_filter_keeps_the_errors_that_it_asks_for(client: TestClient) -> None:
    rows = table(client.get("/errors?range=7d&q=version:2.5").text, "1 error in 1 group")

    assert rows[0][4] == "100 %"


def test_a_group_shows_its_stack_and_leads_to_the_moment_in_each_call(client: TestClient) -> None:
    page = client.get(f"{group_of(client)}?range=7d").text

    assert "line 7, in &lt;module&gt;" in page
    assert "no answer after 90 ms" in page
    rows = table(page, "Calls in which the error happened")
    assert [(row[1], row[2], row[6]) for row in rows] == [("0:01", "2", "CA1"), ("0:01", "1", "CA2")]
    assert link(page, "09:00:00") == "/calls/2026/11/21/CA1?t=1.0"


def test_a_group_tells_in_which_share_of_calls_it_is(client: TestClient) -> None:
    page = client.get(f"{group_of(client)}?range=7d").text

    rows = table(page, "Share of the calls in which it happened, by agent and version")
    assert [row[:4] for row in rows] == [
        ["front-desk 2.4", "1", "3", "33.3 %"],
        ["front-desk 2.5", "1", "1", "100.0 %"],
    ]


def test_a_group_counts_by_day(client: TestClient) -> None:
    rows = table(client.get(f"{group_of(client)}?range=7d").text, "Errors by day")

    assert [row[1] for row in rows] == ["2", "1"]


def test_a_group_of_another_time_says_so(client: TestClient) -> None:
    page = client.get(f"{group_of(client, 'voice')}?range=24h").text

    assert "None in this time" in page
    assert "range=all" in page


def test_a_group_that_nobody_knows_is_not_found(client: TestClient) -> None:
    assert client.get("/errors/0000000000000000").status_code == 404
    assert client.get("/errors/*").status_code == 404


def test_no_errors_says_what_errors_are(client: TestClient) -> None:
    page = client.get("/errors?range=7d&q=id:fine").text

    assert "No errors in this time" in page
    assert "call.error(...)" in page


def test_messages_of_errors_are_text(root: Path) -> None:
    hostile = "<script>alert(1)</script>{{7*7}}\u202e\x1b[31m"
    put(root, "bad", errors=[error(hostile, stack=hostile, provider=hostile)])
    client = dashboard(root)

    for address in ("/errors?range=7d", group_of(client, "alert")):
        page = client.get(address).text
        assert "<script>alert" not in page
        assert "{{7*7}}" in page
        assert "\u202e" not in page
        assert "\x1b" not in page
