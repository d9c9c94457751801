"""The page of alerts, the line on the overview, and the watching that a dashboard does by itself."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback_ears import receiver
from noticed import AT_MS, notice
from starlette.testclient import TestClient
from watched import NOBODY_CALLS, Watched, target

from callscope.alerts import history, store
from callscope.alerts.evaluate import Shown
from callscope.index.index import Index
from callscope.web.app import create_app
from callscope.web.pages.alerts import address, in_unit, length, quiet_hours
from callscope.web.site import Site

EVENT = target("file", "event")
Begin = Callable[..., Watched]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Begin]:
    begun: list[Watched] = []

    def begin(*parts: str) -> Watched:
        begun.append(Watched(tmp_path, *parts))
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


def site_of(at: Watched) -> Site:
    index = Index.open(at.root, place=at.root.parent / "index.sqlite", now_ms=lambda: at.now_ms)
    at._indexes.append(index)
    site = Site(at.root, index, now_ms=lambda: at.now_ms, version="0", rules_file=at.file)
    while not site.refresher.refresh():
        pass
    return site


def page(at: Watched, path: str = "/alerts", **more: Any) -> str:
    app = create_app(site_of(at), refreshing=False, **more)
    client = TestClient(app, base_url="http://127.0.0.1:8765", headers={"accept": "text/html"})
    answer = client.get(path)
    assert answer.status_code == 200
    return " ".join(answer.text.split())


def test_without_rules_the_page_says_how_to_begin(watched: Begin) -> None:
    at = watched()
    at.file.unlink()

    shown = page(at)

    assert "callscope alerts init" in shown
    assert "Nobody watches" in shown
    assert 'id="rail-Alerts" data-part hidden></b>' in shown


def test_a_file_without_a_rule_is_no_mistake(watched: Begin) -> None:
    shown = page(watched())

    assert "The file has no rule." in shown
    assert "nobody is told" in shown


def test_what_fires_stands_on_the_page_on_the_overview_and_beside_its_name(watched: Begin) -> None:
    rule = NOBODY_CALLS + 'repeat = "4h"\nquiet = "22:00-07:00"\nquiet_zone = "Europe/Berlin"\nquiet_days = ["sat"]\n'
    at = watched(rule, EVENT)
    at.call("long-ago", at.now_ms - 10 * 3_600_000)
    at.look()

    shown = page(at)

    assert "1 incident" in shown
    assert "1×, 0 s ago" in shown
    assert "14:00:00" in shown  # told again in four hours
    assert "22:00 to 07:00 Europe/Berlin, Sat" in shown
    assert "1 rule, looked at" in shown
    assert '<span class="good">arrives</span>' in shown
    assert 'id="rail-Alerts" data-part>1</b>' in shown
    overview = page(at, "/?range=all")
    assert '<span class="badge bad">1 alert</span><span>nobody calls: ' in overview


def test_what_is_over_is_in_the_list_with_its_calls(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    calls = (Shown(call_id="<b>", path="2026/11/21/b~1"),)
    store.place_of(at.root).parent.mkdir()
    history.add(at.root, [notice(calls=calls), notice(id="end", state="resolved", at_ms=AT_MS + 60_000)])

    shown = page(at)

    assert "10:01:00" in shown
    assert 'href="/calls/2026/11/21/b~1" title="&lt;b&gt;">&lt;b&gt;</a>' in shown
    assert 'href="/calls?q=worst%3E2s">all of them</a>' in shown


def test_a_link_that_leads_elsewhere_is_none() -> None:
    assert [address(link) for link in ("/calls", "//evil.example", "/\\evil.example", "javascript:x", "")] == [
        "/calls", "", "", "", "",
    ]  # fmt: skip


def test_a_target_that_fails_says_why_and_when_it_is_tried_again(watched: Begin) -> None:
    with receiver(503) as here:
        at = watched(NOBODY_CALLS, target("hook", "webhook", f'url = "{here.address}"'))
        at.look()
        shown = page(at)

    assert '<span class="badge bad">failing</span><span class="soft">again 10:00:10</span>' in shown
    assert "hook: answered 503 Service Unavailable, 0 s ago" in shown
    assert here.address not in shown


def test_a_mistake_in_the_file_is_told_with_its_line(watched: Begin) -> None:
    at = watched(NOBODY_CALLS.replace("window", "windwo"))

    shown = page(at)

    assert "Something is wrong with the watching" in shown
    assert "rules.toml line 5" in shown


def test_a_rule_that_cannot_be_looked_at_is_told_once_whether_anybody_looks_or_not(
    watched: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere/at-all")
    at = watched('[[rule]]\nname = "money"\nkind = "budget"\n', EVENT)

    assert page(at).count("there is no file of budgets") == 1
    at.look()
    assert page(at).count("there is no file of budgets") == 1


def test_rules_that_nobody_looks_at_are_told(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)

    assert "was started with <code>--no-watch</code>" in page(at, watching=False)
    at.look()
    at.watch.finish()
    assert "was ended 0 s ago" in page(at)


def test_a_state_that_cannot_be_read_leaves_the_other_pages_alone(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    store.place_of(at.root).parent.mkdir()
    store.place_of(at.root).write_text("{")

    assert "cannot be read" in page(at)
    page(at, "/health")


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [(1.5, "usd", "$1.50"), (3200.0, "ms", "3.20 s"), (7_200_000, "ms", "2:00:00"), (0.05, "share", "5.0 %"),
     (12_000, "count", "12,000"), (10**10, "bytes", "10.0 GB"), (3.0, "times", "3 times"), (None, "count", "–")],
)  # fmt: skip
def test_values_are_in_their_unit(value: float | None, unit: Any, said: str) -> None:
    assert in_unit(value, unit) == said


def test_lengths_are_in_the_largest_unit_that_fits() -> None:
    assert [length(each) for each in (30_000, 900_000, 3_600_000, 5_400_000, 604_800_000)] == [
        "30 s", "15 min", "1 h", "90 min", "7 d",
    ]  # fmt: skip
    assert quiet_hours(None) == ""


def told_by_a_dashboard(at: Watched, **more: Any) -> threading.Event:
    """Runs a dashboard until its watching has something to tell, or has looked."""
    site, looked = site_of(at), threading.Event()
    site.watcher._changed = looked.set
    with TestClient(create_app(site, **more), base_url="http://127.0.0.1:8765"):
        looked.wait(30 if more.get("watching", True) else 0)
        while more.get("watching", True) and not (at.root / "alerts.jsonl").exists():
            assert looked.wait(30)
            looked.clear()
    return looked


def test_a_dashboard_watches_by_itself(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)

    told_by_a_dashboard(at)

    (line,) = (at.root / "alerts.jsonl").read_text().splitlines()
    assert json.loads(line)["rule"] == "nobody calls"
    with store.held(at.root) as is_ours:
        assert is_ours


def test_a_dashboard_that_is_told_not_to_does_not_watch(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)

    assert not told_by_a_dashboard(at, watching=False).is_set()
    assert not store.place_of(at.root).exists()


def test_a_dashboard_leaves_it_to_who_watches_already(watched: Begin) -> None:
    at = watched(NOBODY_CALLS, EVENT)
    site = site_of(at)

    with store.held(at.root) as is_ours:
        assert is_ours
        site.watcher._hold()

    assert not (at.root / "alerts.jsonl").exists()
    assert site.watcher._watch is None


def test_a_dashboard_without_rules_takes_no_lock(watched: Begin) -> None:
    at = watched()
    at.file.unlink()
    site = site_of(at)

    assert not site.watcher._is_time
