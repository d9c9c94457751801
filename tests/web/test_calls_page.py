"""The list of calls: what it shows, where its links lead, and what it says when there is nothing to show."""

from __future__ import annotations

import fcntl
import html
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from dashboards import dashboard
from starlette.testclient import TestClient
from written_calls import write_call

HOSTILE = '<script>alert(1)</script> {{7*7}} \x1b[31mred\x1b[0m \u202egnp.exe" onload="x'


@pytest.fixture(autouse=True)
def no_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLSCOPE_VIEWS", str(tmp_path / "views.toml"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "archive"
    write_call(root, "slow", minutes_ago=30, wait_ms=4120, said="I want a refund for order 1234", cost=("0.0601",))
    write_call(root, "fine", minutes_ago=60, wait_ms=840, cost=("0.031", None))
    write_call(root, "broken", minutes_ago=90, answered=None, status="failed", agent="billing",
               error="synthesis failed", errors=("no voice", "no voice"), cost=())  # fmt: skip
    write_call(root, "barged", minutes_ago=26 * 60, wait_ms=2_100, interrupted=True)
    return root


@pytest.fixture
def client(root: Path) -> TestClient:
    return dashboard(root)


def rows(page: str) -> list[str]:
    return re.findall(r"<tr id=\"c-\d+\" data-row>.*?</tr>", page, re.DOTALL)


def names(page: str) -> list[str]:
    return [str(re.findall(r'<span class="visually-hidden"> ([^<]*)</span></a>', row)[0]) for row in rows(page)]


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", markup)).split())


def link(page: str, name: str) -> str:
    """Where the link with this text leads."""
    for address, content in re.findall(r'<a [^>]*?href="([^"]*)"[^>]*>(.*?)</a>', page, re.DOTALL):
        if name in words(content):
            return html.unescape(address)
    raise AssertionError(f"no link {name!r}")


def asked(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def test_a_row_says_what_stands_out_and_leads_to_the_call(client: TestClient) -> None:
    page = client.get("/calls").text
    slow, fine, broken, barged = rows(page)

    assert names(page) == ["slow", "fine", "broken", "barged"]
    assert words(slow).startswith("09:30:00 slow ***4567 front-desk @2.4 0:34 4.12 s $0.0601")
    assert "more than twice the target" in slow
    assert "within the target" in fine
    assert "no answer" in words(barged), "what the caller said over the answer had none"
    assert "≥ $0.0310 , 1 unpriced" in words(fine)
    assert all(badge in words(broken) for badge in ("failed", "error 2", "silent", "synthesis failed"))
    assert "interrupted" in words(barged)
    assert "11-20 08:00" in words(barged)
    assert 'title="2026-11-21 09:30:00 UTC"' in slow
    assert 'href="/calls/2026/11/21/slow"' in slow
    assert 'id="total" data-part>4<' in page


def test_a_row_tells_what_went_wrong_before_why_it_ended(client: TestClient) -> None:
    cells = re.findall(r'<td class="what.*?</td>', client.get("/calls").text, re.DOTALL)
    told = [words(cell) for cell in cells]

    assert 'title="waited 4.12 s · the caller hung up"' in cells[0]
    assert told == [
        "waited 4.12 s",
        "the caller hung up",
        "synthesis failed · no answer for 31.00 s",
        "no answer for 27.40 s · interrupted",
    ]


def test_badges_are_those_of_the_call_s_page(client: TestClient) -> None:
    slow, fine, _, barged = rows(client.get("/calls").text)

    assert '<span class="badge warn">slow</span>' in slow
    assert "badge warn" not in fine
    assert '<span class="badge ">interrupted</span>' in barged


def test_what_is_not_known_is_never_0(root: Path) -> None:
    (write_call(root, "unsaid", minutes_ago=1, cost=()) / "events.jsonl").write_text("")
    unsaid = rows(dashboard(root).get("/calls").text)[0]

    assert [words(cell) for cell in re.findall(r'<td class="num[^>]*>.*?</td>', unsaid)] == [
        "0:34",
        "–",
        "",
        "unpriced",
    ]


def test_a_call_that_goes_on_shows_its_length_so_far(root: Path) -> None:
    write_call(root, "talking", minutes_ago=3, status="in_progress")
    writers = root / ".callscope" / "writers"
    writers.mkdir(parents=True)
    with (writers / "w.json").open("w") as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)
        row = rows(dashboard(root).get("/calls").text)[0]

    assert "3:00" in words(row)
    assert "in progress" in words(row)


def test_the_links_of_a_row_keep_the_list(client: TestClient) -> None:
    page = client.get("/calls", params={"q": "agent:front-desk sort:-worst", "range": "7d"}).text

    assert asked(link(page, "slow")) == {"in": "agent:front-desk sort:-worst", "range": "7d"}


def test_words_are_shown_where_they_were_said_and_lead_there(client: TestClient) -> None:
    page = client.get("/calls", params={"q": "REFUND"}).text
    [row] = rows(page)

    assert "<mark>refund</mark>" in row
    assert "0:01 caller I want a refund for order 1234" in words(row)
    found = urlsplit(link(row, "caller"))
    assert found.path == "/calls/2026/11/21/slow"
    assert asked(link(row, "caller")) == {"t": "1", "in": "REFUND"}


def test_a_chip_leaves_its_condition_out_and_nothing_else(client: TestClient) -> None:
    page = client.get("/calls", params={"q": 'Agent:front-desk  p95<9.50s "order"', "range": "30d"}).text

    assert asked(link(page, "Leave out p95<9.50s")) == {"q": 'Agent:front-desk "order"', "range": "30d"}
    assert asked(link(page, 'Leave out "order"')) == {"q": "Agent:front-desk  p95<9.50s", "range": "30d"}


def test_quick_conditions_are_added_once(client: TestClient) -> None:
    page = client.get("/calls", params={"q": "failed"}).text

    assert asked(link(page, "wait>1.5s")) == {"q": "failed wait>1.5s"}
    assert "Only calls with </span>failed" not in page
    assert names(client.get(link(client.get("/calls").text, "wait>1.5s")).text) == ["slow", "broken", "barged"]


def test_headers_sort_both_ways_and_say_so(client: TestClient) -> None:
    first = client.get("/calls", params={"q": "front-desk sort:-started", "after": "old"})
    assert first.status_code == 400

    page = client.get("/calls").text
    assert re.findall(r'aria-sort="(\w+)"', page) == ["descending"]
    worst = link(page, "Worst wait")
    assert asked(worst) == {"q": "sort:-worst"}
    page = client.get(worst).text
    assert names(page) == ["broken", "barged", "slow", "fine"]
    assert asked(link(page, "Worst wait")) == {"q": "sort:worst"}
    assert asked(link(page, "Time")) == {}
    assert 'aria-sort="descending"><a href="/calls?q=sort%3Aworst">' in page


def test_pages_follow_each_other_though_calls_arrive(root: Path) -> None:
    client = dashboard(root)
    first = client.get("/calls", params={"q": "limit:2"}).text
    write_call(root, "newest", minutes_ago=5)
    while not client.app.state.site.refresher.refresh():  # type: ignore[attr-defined]
        pass
    second = client.get(link(first, "Next page")).text

    assert names(first) == ["slow", "fine"]
    assert names(second) == ["broken", "barged"]
    assert 'rel="next"' not in second
    assert names(client.get(link(second, "First page")).text) == ["newest", "slow"]


def test_a_range_is_offered_unless_the_filter_names_a_time(client: TestClient) -> None:
    page = client.get("/calls").text
    assert names(client.get(link(page, "24h")).text) == ["slow", "fine", "broken"]
    assert 'aria-label="Range of time"' in page
    assert 'aria-label="Range of time"' not in client.get("/calls?q=since:2d&range=1h").text


def test_a_mistake_is_told_above_the_box_that_keeps_what_was_typed(client: TestClient) -> None:
    answer = client.get("/calls", params={"q": '"refund" agnet:<b>', "range": "7d"})

    assert answer.status_code == 400
    assert "did you mean agent?" in answer.text
    assert "  &#34;refund&#34; agnet:&lt;b&gt;\n           ^" in answer.text
    assert 'value="&#34;refund&#34; agnet:&lt;b&gt;"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'name="range" value="7d"' in answer.text
    assert rows(answer.text) == []


@pytest.mark.parametrize(
    "query", ["range=5d", "after=nonsense", "q=sort:cost&after=WyJzdGFydGVkIix0cnVlLCJhbGwiLDEsMV0"]
)
def test_an_address_that_is_none_is_told(client: TestClient, query: str) -> None:
    answer = client.get(f"/calls?{query}")

    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


def test_no_match_offers_to_drop_conditions_one_by_one(client: TestClient) -> None:
    page = client.get("/calls", params={"q": "failed zzzz", "range": "1h"}).text

    assert "No call fits" in page
    assert asked(link(page, "without zzzz")) == {"q": "failed", "range": "1h"}
    assert asked(link(page, "without failed")) == {"q": "zzzz", "range": "1h"}
    assert asked(link(page, "at any time")) == {"q": "failed zzzz"}


def test_an_empty_archive_says_what_to_do_next(tmp_path: Path) -> None:
    root = tmp_path / "my calls"
    root.mkdir()
    page = words(dashboard(root).get("/calls").text)

    assert "No calls are recorded yet" in page
    assert f"callscope demo --root '{root}'" in page
    assert f"export PATTER_LOG_DIR='{root}'" in page
    assert "attach(worker)" in page


def test_before_there_is_an_index_the_page_says_so(root: Path) -> None:
    answer = dashboard(root, built=False).get("/calls")

    assert answer.status_code == 200
    assert "being read" in answer.text
    assert "No calls are recorded" not in answer.text


def test_hostile_text_is_text(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    write_call(root, "a-call", said=f"order {HOSTILE}", reason=HOSTILE, agent=HOSTILE, caller=HOSTILE)
    client = dashboard(root)

    for address in ("/calls", "/calls?q=order", "/calls?q=alert"):
        page = client.get(address).text
        assert "&lt;script&gt;" in page
        assert "<script>alert" not in page
        assert "{{7*7}}" in page
        assert not {"\x1b", "\u202e"} & set(page)
        assert not re.search(r"<[^>]* onload=\"x", re.sub(r'"[^"]*"', '""', page))


def test_the_page_obeys_its_own_policy(client: TestClient) -> None:
    for address in ("/calls", "/calls?q=order", "/calls?q=zzz", "/calls?q=agnet:x"):
        page = client.get(address).text
        assert not re.search(r"\s(style|on[a-z]+)=", re.sub(r'"[^"]*"', '""', page))
        assert len(page) < 60_000
        assert re.findall(r"<h1>|<caption|<main", page)
        assert page.count('id="q"') == page.count('for="q"') == 1


def test_the_help_shows_filters_that_work(client: TestClient) -> None:
    page = client.get("/calls").text
    examples = re.findall(r'<dt><a class="link" href="([^"]*)"', page)

    assert len(examples) > 40
    for address in examples:
        assert client.get(html.unescape(address)).status_code == 200, address


def test_completions_are_asked_for_as_json(client: TestClient) -> None:
    answer = client.get("/completions", params={"text": "failed stat", "cursor": "11"})
    found = json.loads(answer.text)

    assert answer.headers["content-type"] == "application/json"
    assert (found["start"], found["end"]) == (7, 11)
    assert found["candidates"][0]["text"] == "status:"


@pytest.mark.parametrize("cursor", ["", "-1", "x", "99999999999999999999", "²"])
def test_a_cursor_that_is_none_is_the_end(client: TestClient, cursor: str) -> None:
    found = client.get("/completions", params={"text": "stat", "cursor": cursor}).json()

    assert found["candidates"][0]["text"] == "status:"
