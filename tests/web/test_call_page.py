"""The page of one call over HTTP: its address, its parts, what it keeps, and that it obeys nobody's words."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest
from call_scenes import LENGTH_MS, START_MS, event, exchange, record, slow_call, turn, write
from dashboards import dashboard
from pages_read import table
from starlette.testclient import TestClient

from callscope.archive.reader import CallRecord

PARTS = ("facts", "problems", "lanes", "transcript", "detail", "tabs")
HOSTILE = "<script>alert(1)</script>{{7*7}}\x1b[31m\u202eevil\"><b onclick='x'>=cmd() javascript:alert(1)"


def part(html: str, name: str) -> str:
    """The words of one live part."""
    found = re.search(rf'<section id="{name}".*?</section>', html, re.DOTALL)
    assert found is not None, name
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split())


def shown(root: Path, of: CallRecord, asking: str = "") -> str:
    """The page of a call that is alone in an archive."""
    address = write(root, of)
    answer = dashboard(root).get(address + asking)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "archive"


def test_the_first_look_tells_why_it_was_slow_and_what_it_cost(root: Path) -> None:
    line = {"service": "llm", "provider": "openai", "model": "gpt-4.1", "status": "priced", "usd": "0.0031"}
    none = {"service": "tts", "provider": "cartesia", "model": None, "status": "unpriced", "reason": "no price for it"}
    html = shown(root, slow_call(callscope={"end_reason": "the caller hung up", "cost_lines": [line, none]}))
    facts = part(html, "facts")
    assert "completed the caller hung up" in facts
    assert "Worst wait 4.00 s p50 2.40 s, n 2: not enough for p95" in facts
    assert "Cost ≥ $0.00310, 1 unpriced ≥ $0.00620 a minute" in facts
    assert "The caller waited 4.00 s; 3.49 s of it was the LLM" in part(html, "problems")
    assert "Where the 4.00 s went · exchange 1" in part(html, "detail")
    assert "no price for it" in part(html, "tabs")


def test_the_worst_wait_is_the_longest_also_without_an_answer(root: Path) -> None:
    silent = [event(20_000, "user_started_speaking"), event(21_000, "user_stopped_speaking")]
    html = shown(root, record([*exchange(1_000, 4_000), *silent]))
    assert "Worst wait 9.00 s no answer; 1 turn without an answer; p50 4.00 s, n 1" in part(html, "facts")
    listed = dashboard(root).get("/calls").text
    assert re.search(r'class="bad" title="no answer">9.00 s<', listed)


def test_the_worst_problems_are_shown_before_the_rest_is_unfolded(root: Path) -> None:
    rows = [event(number * 100, "barge_in") for number in range(1, 7)]
    rows += [
        event(1_000 + number, "error", error_id=str(number), message="no route", recovered=True) for number in (1, 2)
    ]
    rows += [*exchange(2_000, 5_000), event(20_000, "user_started_speaking"), event(21_000, "user_stopped_speaking")]
    problems = re.search(r'<section id="problems".*?</section>', shown(root, record(rows)), re.DOTALL)
    assert problems is not None
    first, more = problems[0].split("<details", 1)
    told = [" ".join(re.sub(r"<[^>]+>", " ", line).split()) for line in re.findall(r"<li.*?</li>", first, re.DOTALL)]
    moments = [line.split()[0] for line in told]
    assert len(told) == 6
    assert moments == sorted(moments)
    assert "The caller was not answered: nothing was heard for 9.00 s" in told[-1]
    assert "The caller waited 5.00 s" in told[-2]
    assert sum("no route" in line for line in told) == 2
    assert "4 more" in more


def test_the_parts_of_the_wait_are_a_table_that_adds_up(root: Path) -> None:
    html = shown(root, slow_call())
    *parts, last = table(html, "Parts of the wait of exchange 1")
    assert last == ["The caller waited", "4.00 s"]
    lengths = [row[-1] for row in parts]
    milliseconds = [float(text.split()[0]) * (1 if text.endswith("ms") else 1000) for text in lengths]
    assert sum(milliseconds) == pytest.approx(4_000, abs=5)


def test_words_that_were_not_heard_are_struck_through_and_named(root: Path) -> None:
    cut = record(turns=[turn(1_000, 0, "assistant", "On its way to you.", interrupted=True, heard="On its")])
    html = shown(root, cut)
    assert "Not heard:" in part(html, "transcript")
    assert re.search(r"<del[^>]*>way to you\.</del>", html)


def test_every_part_that_lives_is_there_whatever_the_call_holds(root: Path) -> None:
    write(root, slow_call(), name="full")
    empty = write(root, record(status="no_answer", duration_ms=0, ended_at_ms=START_MS), name="empty")
    one = write(root, record(turns=[turn(100, 0, "assistant", "Hello?")]), name="one")
    client = dashboard(root)
    for address in (empty, one, empty.replace("empty", "full")):
        html = client.get(address).text
        for name in PARTS:
            assert f'id="{name}"' in html
            part(html, name)
        assert all("data-part" in tag for tag in re.findall(rf'<section id="(?:{"|".join(PARTS)})"[^>]*>', html))
    assert "No turns were recorded" in client.get(empty).text
    assert "Nothing stood out" in client.get(empty).text


@pytest.mark.parametrize("tab", ["costs", "events", "tools", "raw", "nonsense"])
def test_each_table_has_an_address(root: Path, tab: str) -> None:
    rows = [event(1_000, "tool_call", tool_call_id="1", name="lookup", arguments={"a": 1}), *exchange(1_000, 800)]
    html = shown(root, record(rows), f"?tab={tab}")
    expected = {"costs": "What it cost", "events": '{"delay_ms":200}', "tools": "lookup", "raw": '"schema_version"'}
    assert expected.get(tab, "What it cost") in part(html, "tabs").replace("&#34;", '"')


def test_many_events_come_in_pages(root: Path) -> None:
    address = write(root, record([event(number * 10, "metrics", number=number) for number in range(1_200)]))
    client = dashboard(root)
    first, third = (client.get(address + f"?tab=events{more}").text for more in ("", "&first=1001"))
    assert len(table(first, "Events")) == 500
    assert len(table(third, "Events")) == 200
    assert "1,001 to 1,200 of 1,200" in part(third, "tabs")
    assert 'href="?tab=events&amp;first=501#tabs"' in first
    assert "Later events" not in third


@pytest.mark.parametrize("first", ["0", "-5", "x", "99999999999999", "¹"])
def test_a_page_of_events_that_is_none_is_the_nearest(root: Path, first: str) -> None:
    assert "client_connected" in shown(root, record([event(0, "client_connected")]), f"?tab=events&first={first}")


def test_links_keep_the_list_and_the_table(root: Path) -> None:
    html = shown(root, slow_call(), "?tab=raw&in=slow%3E2s&range=30d&t=13")
    assert 'href="/calls?q=slow%3E2s&amp;range=30d"' in html
    within = re.findall(r'<section id="(?:lanes|transcript|detail)".*?</section>', html, re.DOTALL)
    links = [link for section in within for link in re.findall(r'href="(\?[^"]+)"', section)]
    assert links
    assert all("in=slow%3E2s" in link and "range=30d" in link and "tab=raw" in link for link in links)


def test_a_filter_that_is_none_does_not_hide_the_call(root: Path) -> None:
    html = shown(root, slow_call(), "?in=%28%28nonsense")
    assert 'rel="up"' in html
    assert 'rel="prev"' not in html


def test_the_calls_before_and_after_in_the_list_are_links(root: Path) -> None:
    write(root, record(call_id="quick"), name="quick")
    names = {write(root, slow_call(call_id=name), name=name) for name in ("a", "b", "c")}
    client, asking = dashboard(root), "?in=worst%3E1s"
    before = {name: _beside(client.get(name + asking).text, "prev") for name in names}
    after = {name: _beside(client.get(name + asking).text, "next") for name in names}
    (first,) = names - {str(address).removesuffix(asking) for address in after.values()}
    assert before[first] is None
    seen = [first]
    while (following := after[seen[-1]]) is not None:
        assert before[following.removesuffix(asking)] == seen[-1] + asking
        seen.append(following.removesuffix(asking))
    assert set(seen) == names


def _beside(html: str, rel: str) -> str | None:
    found = re.search(rf'rel="{rel}" href="([^"]+)"', html)
    return found[1] if found else None


def test_a_call_is_found_by_its_id(root: Path) -> None:
    address = write(root, slow_call(call_id="an id/with + signs"), name="made-safe")
    answer = dashboard(root).get("/calls/id/" + quote("an id/with + signs") + "?t=3", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, address + "?t=3")
    assert dashboard(root).get("/calls/id/nobody", follow_redirects=False).status_code == 404


@pytest.mark.parametrize(
    "address",
    ["2026/11/21/none", "2026/11/21/.hidden", "2026/11/21/..", "2026/11/21/%2e%2e%2f%2e%2e", "2026/11/31/a-call",
     "26/11/21/a-call", "2026/11/21/a%5Cb", "2026/11/21/" + "x" * 300, "2026/11/21/a%00b"],
)  # fmt: skip
def test_only_calls_of_the_archive_have_a_page(root: Path, address: str) -> None:
    write(root, slow_call())
    assert dashboard(root).get(f"/calls/{address}").status_code == 404


def test_a_link_in_the_archive_is_not_followed(root: Path, tmp_path: Path) -> None:
    address = write(root, slow_call())
    inside = root / address.removeprefix("/")
    outside = tmp_path / "elsewhere"
    inside.rename(outside)
    inside.symlink_to(outside)
    assert dashboard(root).get(address).status_code == 404


def test_what_is_not_billed_is_shown_as_it_was_used(root: Path) -> None:
    own = {
        "service": "tts", "provider": None, "model": "espeak-ng", "status": "not_billed", "usage": "characters",
        "quantity": "135", "quantity_billed": "0", "amount": "0", "usd": "0", "reason": "runs on your own machine",
    }  # fmt: skip
    html = shown(root, slow_call(callscope={"cost_lines": [own]}), "?tab=costs")
    assert re.search(r'characters</td><td class="num mono">135</td>', html)
    assert "not billed" in html


def test_a_call_in_progress_lives_and_says_what_it_costs_so_far(root: Path) -> None:
    going = record(
        exchange(1_000, 800),
        [turn(3_800, 0, "assistant", "Hello.", cost={"total": 0.0012, "llm": 0.0012})],
        status="in_progress", ended_at_ms=None, duration_ms=None,
    )  # fmt: skip
    address = write(root, going)
    answer = dashboard(root, now_ms=START_MS + 9_000).get(address).text
    assert f'data-live="call:{address.removeprefix("/calls/")}"' in answer
    assert "In progress 0:09" in part(answer, "facts")
    assert "Cost so far $0.00120" in part(answer, "facts")
    assert f'data-since="{START_MS}"' in answer


def test_a_call_that_is_over_does_not_live(root: Path) -> None:
    assert "data-live" not in shown(root, slow_call())


def test_what_cannot_be_read_is_said_and_the_rest_is_shown(root: Path) -> None:
    address = write(root, slow_call())
    directory = root / address.removeprefix("/")
    (directory / "metadata.json").write_text('{"call_id": "torn')
    with (directory / "events.jsonl").open("a") as file:
        file.write('{"ts": "2026\n')
    html = dashboard(root).get(address).text
    assert "metadata.json: not a JSON object" in part(html, "problems")
    assert "events.jsonl line 21" in part(html, "problems")
    assert "On its way." in part(html, "transcript")


def test_a_call_of_another_writer_shows_what_it_tells(root: Path) -> None:
    address = write(root, record())
    directory = root / address.removeprefix("/")
    (directory / "transcript.jsonl").write_text(
        json.dumps({"ts": START_MS / 1000 + 9, "user_text": "Hi", "agent_text": "Yes", "latency": {"total_ms": 1_700}})
        + "\n"
    )
    (directory / "events.jsonl").unlink()
    html = dashboard(root).get(address).text
    assert "Where the 1.70 s went" in part(html, "detail")
    assert "Caller Hi" in part(html, "transcript")


def test_no_words_of_a_call_become_markup_an_address_or_a_template(root: Path) -> None:
    agent = {"name": HOSTILE, "provider": HOSTILE, "model": HOSTILE, "voice": HOSTILE, "stt": {"model": HOSTILE}}
    rows = [
        event(100, HOSTILE, **{HOSTILE: HOSTILE}),
        event(300, "tool_call", tool_call_id="1", name=HOSTILE, arguments={HOSTILE: HOSTILE * 9}),
        event(400, "tool_result", tool_call_id="1", outcome=HOSTILE, result=[HOSTILE]),
        event(500, "error", message=HOSTILE, stack=HOSTILE, provider=HOSTILE, stage=HOSTILE, error_id=HOSTILE),
        event(600, "log", level=HOSTILE, message=HOSTILE),
        event(650, "warning", message=HOSTILE),
        event(700, "usage", service=HOSTILE, provider=HOSTILE, model=HOSTILE, characters=3),
        *exchange(1_000, 2_000),
        event(20_000, "client_disconnected", reason=HOSTILE),
    ]
    turns = [
        turn(200, 0, "assistant", f"{HOSTILE} more", interrupted=True, heard=HOSTILE, cost={HOSTILE: 1}),
        turn(900, 1, HOSTILE, HOSTILE),
    ]
    lines = [{"service": HOSTILE, "provider": HOSTILE, "model": HOSTILE, "status": "unpriced", "reason": HOSTILE,
              "usage": HOSTILE, "unit": HOSTILE, "price": "1", "matched": HOSTILE}]  # fmt: skip
    more = {"labels": {HOSTILE: HOSTILE, "agent_version": HOSTILE}, "framework": {"name": HOSTILE}, "cost_lines": lines}
    of = record(rows, turns, call_id=HOSTILE, caller=HOSTILE, agent=agent, error=HOSTILE, status="failed",
                callscope={**more, "cost_problem": HOSTILE})  # fmt: skip
    address = write(root, of)
    client = dashboard(root)
    for asking in (
        "",
        "?tab=events",
        "?tab=log",
        "?tab=tools",
        "?tab=raw",
        f"?in={quote(HOSTILE)}&tab={quote(HOSTILE)}",
    ):
        html = client.get(address + asking).text
        _is_harmless(html)
        assert "&lt;script&gt;" in html
        assert "{{7*7}}" in html


class _Tags(HTMLParser):
    """All tags of a page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def _is_harmless(html: str) -> None:
    tags = _Tags()
    tags.feed(html)
    for tag, attributes in tags.found:
        assert tag != "script" or str(attributes.get("src")).startswith("/static/")
        assert tag not in {"iframe", "object", "embed", "base", "style"}
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            assert name != "style", tag
            if name in {"href", "src", "action", "formaction"}:
                assert str(value).startswith(("/", "?", "#")), (tag, value)
    assert "<script>alert" not in html
    assert "\x1b" not in html
    assert "\u202e" not in html


def test_a_call_of_sixty_turns_is_a_light_page(root: Path) -> None:
    rows, turns = [], []
    for number in range(30):
        at_ms = number * 10_000
        rows += exchange(at_ms, 900 + number * 50, number=number)
        turns += [
            turn(at_ms, 2 * number, "user", "Could you tell me where order 742 is, please?"),
            turn(at_ms + 3_000, 2 * number + 1, "assistant", "It left the depot this morning.", cost={"total": 0.001}),
        ]
    of = record(rows, turns, duration_ms=300_000, ended_at_ms=START_MS + 300_000)
    html = shown(root, of)
    client = dashboard(root)
    files = sum(len(_static(client, address)) for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', html))
    assert len(html.encode()) + files < 150_000


def test_an_hour_of_a_thousand_turns_has_all_of_its_turns(root: Path) -> None:
    turns = [turn(number * 3_600, number, "assistant" if number % 2 else "user", "words") for number in range(1_000)]
    rows = [row for number in range(500) for row in exchange(number * 7_200, 900, number=number)]
    html = shown(root, record(rows, turns, duration_ms=3_600_000, ended_at_ms=START_MS + 3_600_000))
    assert html.count('<li class="turn of-turn') == 1_000
    assert html.count("<rect") < 2_500


def _static(client: TestClient, address: str) -> bytes:
    answer = client.get(address)
    assert answer.status_code == 200, address
    return answer.content


def test_the_length_of_the_axis_is_that_of_the_call(root: Path) -> None:
    assert f'data-start-ms="0" data-length-ms="{LENGTH_MS}"' in shown(root, slow_call())
