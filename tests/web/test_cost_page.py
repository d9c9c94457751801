"""The cost page: sums, what has no price, budgets, and the time before."""

from __future__ import annotations

from pathlib import Path

import pytest
from dashboards import dashboard
from pages_read import link, patient, table
from plain_files import DAY_MS, HOUR_MS, line, put
from starlette.testclient import TestClient

BUDGET = """\
schema = 1

[[budget]]
name = "All of it"
usd = "0.50"
per = "month"

[[budget]]
name = "OpenAI a call"
provider = "openai"
usd = "1"
per = "call"
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two calls of the last week and one of the week before."""
    root = tmp_path / "archive"
    put(root, "CA1", lines=[line("openai", "0.40", model="gpt-4.1"), line("deepgram", "0.10", service="stt")])
    put(
        root,
        "CA2",
        ago_ms=2 * DAY_MS,
        agent="billing",
        lines=[line("openai", "0.10", model="gpt-4.1"), line("acme", None, service="tts", reason="no price of acme")],
    )
    put(root, "CA3", ago_ms=8 * DAY_MS, lines=[line("openai", "0.25", model="gpt-4.1")])
    return root


@pytest.fixture
def client(root: Path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.delenv("CALLSCOPE_BUDGETS", raising=False)
    monkeypatch.delenv("CALLSCOPE_PRICES", raising=False)
    return patient(dashboard(root))


def test_each_provider_stands_beside_the_time_before_and_a_missing_price_is_no_zero(client: TestClient) -> None:
    rows = table(client.get("/cost?range=7d").text, "Sums by provider")

    assert [[row[0], row[1], *row[3:]] for row in rows] == [
        ["openai", "$0.500", "83.3 %", "2", "", "$0.250", "+100 %"],
        ["deepgram", "$0.100", "16.7 %", "1", "", "–", "new"],
        ["acme", "unpriced", "–", "1", "1 of 1", "–", "new"],
    ]


def test_the_sum_is_a_lower_bound_while_something_has_no_price(client: TestClient) -> None:
    page = client.get("/cost?range=7d").text

    assert "≥ $0.600" in page
    assert "of 4 cost lines" in page
    assert link(page, "in 1 of 2 calls") == "/calls?range=7d&q=unpriced%3E0"


def test_every_tab_adds_up_by_what_it_says(client: TestClient) -> None:
    def first_columns(by: str) -> list[tuple[str, str]]:
        return [(row[0], row[1]) for row in table(client.get(f"/cost?range=7d&by={by}").text, f"Sums by {by}")]

    assert first_columns("service") == [("llm", "$0.500"), ("stt", "$0.100"), ("tts", "unpriced")]
    assert first_columns("model")[0] == ("openai gpt-4.1", "$0.500")
    assert first_columns("agent") == [("front-desk 2.4", "$0.500"), ("billing 2.4", "≥ $0.100")]
    assert first_columns("day") == [("2026-11-21", "$0.500"), ("2026-11-19", "≥ $0.100")]


def test_a_group_leads_to_its_calls(client: TestClient) -> None:
    page = client.get("/cost?range=7d&by=agent&q=status:completed").text

    address = link(page, "billing 2.4")

    assert address.startswith("/calls?q=status%3Acompleted+agent%3Abilling+version%3A2.4&range=7d")


def test_what_a_page_counts_by_its_own_range_leads_to_the_calls_of_that_range(client: TestClient) -> None:
    page = client.get("/cost").text

    assert link(page, "openai") == "/calls?q=provider%3Aopenai&range=30d"
    assert link(page, "in 1 of 3 calls") == "/calls?q=unpriced%3E0&range=30d"


def test_a_day_leads_to_its_calls_alone(client: TestClient) -> None:
    page = client.get("/cost?range=7d&by=day").text

    assert link(page, "2026-11-19") == "/calls?q=on%3A2026-11-19"


def test_what_has_no_price_says_why_and_what_to_write(client: TestClient, root: Path) -> None:
    put(root, "CA4", lines=[line("acme", None, service="tts", usage="characters", quantity="1200", reason="who?")])
    while not client.app.state.site.refresher.refresh():  # type: ignore[attr-defined]  # Starlette's
        pass

    page = client.get("/cost?range=7d").text

    rows = table(page, "Of 2 calls with something unpriced")
    assert "no price of acme" in " ".join(rows[1])
    assert 'provider = "acme"' in rows[0][3].replace("&#34;", '"')
    assert rows[0][:3] == ["tts acme characters", "1", "1,200 characters"]


def test_the_dearest_call_is_first(client: TestClient) -> None:
    rows = table(client.get("/cost?range=7d").text, "The dearest calls")

    assert [row[4] for row in rows] == ["CA1", "CA2"]
    assert rows[1][0] == "≥ $0.100"


def test_today_is_compared_with_the_same_hours_of_the_day_before(root: Path) -> None:
    put(root, "early", ago_ms=DAY_MS + HOUR_MS, lines=[line("openai", "0.20")])
    put(root, "late", ago_ms=DAY_MS - HOUR_MS, lines=[line("openai", "9.00")])

    page = " ".join(patient(dashboard(root)).get("/cost").text.split())

    assert "Today until 10:00 UTC</small><strong>$0.500</strong><em>+150 %" in page
    assert "$0.200 by the same time of the day before" in page


def test_budgets_show_how_far_they_go(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "budgets.toml"
    file.write_text(BUDGET)
    monkeypatch.setenv("CALLSCOPE_BUDGETS", str(file))

    rows = table(client.get("/cost").text, "Budgets and what is spent of them")

    assert rows == [
        ["All of it 2026-11", "≥ $0.850 of $0.500", "170 %", "over 1 unpriced"],
        ["OpenAI a call CA1", "$0.400 of $1.00", "40 %", "ok"],
    ]


def test_a_wrong_budgets_file_is_told_on_a_page_that_works(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "budgets.toml"
    file.write_text(BUDGET.replace("month", "year"))
    monkeypatch.setenv("CALLSCOPE_BUDGETS", str(file))

    answer = client.get("/cost")

    assert answer.status_code == 200
    assert "line 6" in answer.text
    assert "deepgram" in answer.text


def test_without_budgets_the_page_says_how_to_set_one(client: TestClient) -> None:
    assert "[[budget]]" in client.get("/cost").text


def test_an_empty_archive_spent_nothing_and_an_unknown_tab_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    empty = dashboard(tmp_path / "none")

    assert "so nothing was spent" in empty.get("/cost").text
    assert empty.get("/cost?by=mood").status_code == 400


def test_names_of_providers_are_text(root: Path) -> None:
    put(root, "bad", lines=[line("<script>alert(1)</script>\u202e", "0.10")], agent="<em>x")

    for by in ("provider", "agent", "model"):
        page = patient(dashboard(root)).get(f"/cost?by={by}").text
        assert "<script>alert" not in page
        assert "<em>x" not in page
        assert "\u202e" not in page
