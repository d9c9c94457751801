"""The Latency page: how waits are spread, what they are made of, when they were, and which were the longest."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from dashboards import dashboard
from pages_read import link, patient, table
from starlette.testclient import TestClient
from written_calls import write_call


@pytest.fixture(name="client")
def _client(tmp_path: Path) -> TestClient:
    root = tmp_path / "archive"
    for number in range(24):
        write_call(root, f"quick-{number}", minutes_ago=61 + number, wait_ms=800 + number)
    write_call(root, "slow", minutes_ago=200, wait_ms=5_000, agent="billing")
    return patient(dashboard(root))


def page(client: TestClient, address: str = "/latency?range=7d") -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_percentiles_are_told_with_their_number(client: TestClient) -> None:
    html = page(client)
    assert re.search(r"n 25 · p50 8\d\d ms", html)
    assert "longest 5.00 s" in html
    assert re.search(r'aria-label="Response on a logarithmic scale: p50 8\d\d ms', html)


def test_columns_hold_all_waits_and_lead_to_their_calls(client: TestClient) -> None:
    html = page(client)
    rows = [row[0] for row in table(html, "How many waits are how long")]
    counts = [re.findall(r": (\d+),", row)[0] for row in rows]
    assert sum(int(count) for count in counts) == 25
    assert "above the target" in rows[-1]
    calls = client.get(link(html, rows[-1])).text
    assert "/slow" in calls
    assert "quick-" not in calls


def test_groups_have_a_row_each_the_largest_first(client: TestClient) -> None:
    rows = table(page(client, "/latency?range=7d&by=agent"), "Response by agent")
    assert [row[:2] for row in rows] == [["front-desk", "24"], ["billing", "1"]]
    assert rows[1][2:5] == ["not enough"] * 3
    assert rows[1][5] == "5.00 s"


def test_a_group_leads_to_its_calls(client: TestClient) -> None:
    address = link(page(client, "/latency?range=7d&by=agent"), "billing")
    assert parse_qs(urlsplit(address).query) == {"q": ["agent:billing"], "range": ["7d"]}


def test_shares_of_the_stages_add_up_to_the_response(client: TestClient) -> None:
    rows = {row[0]: row for row in table(page(client), "What the response is made of")}
    shares = {name: float(row[5].removesuffix(" %")) for name, row in rows.items()}
    assert shares.pop("Response") == 100
    assert sum(shares.values()) == pytest.approx(100, abs=0.5)


def test_a_stage_can_be_looked_at_alone(client: TestClient) -> None:
    html = page(client, link(page(client), "Unexplained"))
    assert "Unexplained: how waits are spread" in html
    assert "target 1.5 s" not in html


def test_a_stage_that_never_occurred_says_so(client: TestClient) -> None:
    assert "No waits of this kind" in page(client, "/latency?range=7d&stage=tool")


def test_the_slowest_exchange_stands_first_and_leads_to_itself(client: TestClient) -> None:
    html = page(client)
    rows = table(html, "Slowest exchanges")
    assert len(rows) == 20
    assert rows[0][1] == "slow"
    assert rows[0][3].startswith("5.00 s")
    address = link(html, "slow")
    assert address.startswith("/calls/2026/11/21/slow?exchange=0")
    assert client.get(address).status_code == 200


def test_an_hour_of_few_answers_is_marked_and_one_of_enough_is_not(client: TestClient) -> None:
    html = page(client)
    hours = dict(re.findall(r'title="(Sat 21 Nov \d\d:00): [^"]*">([^<]*)</a>', html))
    assert hours["Sat 21 Nov 08:00"] == ""
    assert hours["Sat 21 Nov 06:00"] == "·"


def test_an_hour_leads_to_its_calls(client: TestClient) -> None:
    found = re.search(r'href="([^"]*)" tabindex="-1" title="Sat 21 Nov 06:00', page(client))
    assert found is not None
    calls = client.get(found[1].replace("&amp;", "&")).text
    assert "/slow" in calls
    assert "quick-" not in calls


def test_answers_can_be_counted_in_place_of_percentiles(client: TestClient) -> None:
    assert "Answers; the more, the darker" in page(client, "/latency?range=7d&heat=n")


@pytest.mark.parametrize("parameter", ["stage=nothing", "by=caller", "heat=p50"])
def test_what_is_not_known_is_refused_with_what_is(client: TestClient, parameter: str) -> None:
    answer = client.get(f"/latency?range=7d&{parameter}")
    assert answer.status_code == 400
    assert "is not known: write one of" in answer.text


def test_links_keep_the_filter_the_range_and_the_other_choices(client: TestClient) -> None:
    html = page(client, "/latency?range=30d&by=agent&q=agent:front-desk")
    address = link(html, "LLM")
    assert parse_qs(urlsplit(address).query) == {
        "range": ["30d"], "by": ["agent"], "q": ["agent:front-desk"], "stage": ["llm"],
    }  # fmt: skip


def test_without_calls_the_page_says_so(tmp_path: Path) -> None:
    (tmp_path / "archive").mkdir()
    for built in (True, False):
        assert "No waits of this kind" in page(dashboard(tmp_path / "archive", built=built), "/latency")
