"""The Overview: is it getting worse, and what to look at first."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from dashboards import NOW_MS, dashboard
from pages_read import link, patient, table
from web_calls import HOSTILE
from written_calls import write_call

from callscope.index.figures import Figures, Percentiles
from callscope.web.charts.time_axis import time_axis
from callscope.web.pages.tiles import Tile, relative, tiles
from callscope.web.pages.trend_charts import spend

DAY_MIN = 24 * 60


def figures(*, calls: int = 100, p95_ms: float | None = 1_000, completion: float = 0.9, errors: float = 0.1) -> Figures:
    n = 100 if p95_ms is not None else 3
    return Figures(
        calls=calls,
        ended=calls,
        minutes=calls * 2.0,
        turns=calls,
        exchanges=n,
        unanswered=0,
        completion=completion if calls else None,
        interruption_rate=0.05,
        error_rate=errors,
        response=Percentiles(n=n, p50_ms=p95_ms and p95_ms / 2, p95_ms=p95_ms, p99_ms=p95_ms and p95_ms * 2),
        stages={},
        cost_usd=2.0,
        unpriced_calls=0,
        calls_per_minute=None,
        turns_per_minute=None,
    )


def tile(now: Figures, before: Figures | None, name: str) -> Tile:
    return next(each for each in tiles(now, before, {}) if each.name == name)


def page(root: Path, address: str = "/?range=7d") -> str:
    answer = patient(dashboard(root)).get(address)
    assert answer.status_code == 200, answer.text
    return answer.text


def problems(html: str) -> list[str]:
    """The lines of "Problems first" as words."""
    first = html[html.index('id="first"') : html.index('class="trends"')]
    items = re.findall(r"<li(?: data-row)?>(.*?)</li>", first, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", item).split()) for item in items]


def test_a_longer_p95_is_worse_and_says_by_how_much() -> None:
    found = tile(figures(p95_ms=1_420), figures(), "Response p95")
    assert (found.value, found.change, found.is_worse, found.sign) == ("1.42 s", "+420 ms", True, "▲")


def test_a_p95_that_hardly_changed_is_not_worse() -> None:
    assert not tile(figures(p95_ms=1_050), figures(), "Response p95").is_worse


def test_fewer_than_twenty_answers_are_not_enough_for_percentiles() -> None:
    found = tile(figures(p95_ms=None), figures(), "Response p95")
    assert (found.value, found.detail, found.change) == ("not enough", "n 3, 20 needed", "")


@pytest.mark.parametrize(
    ("name", "now", "sign"),
    [("Completed", figures(completion=0.8), "▼"), ("With an error", figures(errors=0.2), "▲")],
)
def test_rates_are_worse_in_their_own_direction(name: str, now: Figures, sign: str) -> None:
    assert (tile(now, figures(), name).sign, tile(figures(), now, name).sign) == (sign, "")


def test_more_calls_are_a_difference_and_no_trouble() -> None:
    found = tile(figures(calls=106), figures(), "Calls")
    assert (found.value, found.change, found.is_worse) == ("106", "+6 %", False)


def test_without_calls_before_nothing_is_compared() -> None:
    assert {each.change for before in (None, figures(calls=0)) for each in tiles(figures(), before, {})} == {""}


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [
        (106, 100, "+6 %"),
        (94, 100, "−6 %"),
        (100, 100, "±0 %"),
        (5, 0, ""),
        (5, None, ""),
        (1_000, 100, "+900 %"),
        (1_101, 100, "> +999 %"),
        (8_200, 100, "> +999 %"),
    ],
)
def test_a_difference_is_told_in_the_words_that_say_most(now: float, before: float | None, words: str) -> None:
    assert relative(now, before) == words


def test_spend_shows_the_five_dearest_providers_and_the_rest_as_other() -> None:
    axis = time_axis(NOW_MS - 7 * DAY_MIN * 60_000, NOW_MS)
    start_ms = axis.slots[3].start_ms
    spent = {(start_ms, f"p{number}", "llm"): (float(number), 0) for number in range(1, 8)}
    spent[start_ms, "", "other"] = (0.0, 2)
    trend = spend(axis, spent, ["/calls"] * len(axis.slots))
    assert [(series.name, series.total) for series in trend.legend] == [
        ("p7", "$7.00"), ("p6", "$6.00"), ("p5", "$5.00"), ("p4", "$4.00"), ("p3", "$3.00"), ("other", "$3.00"),
    ]  # fmt: skip
    assert [spot.is_marked for spot in trend.spots] == [number == 3 for number in range(len(axis.slots))]
    assert trend.rows[3][1] == "≥ $28.00, 2 unpriced"
    assert trend.rows[2][1] == "$0.00"


def test_a_first_visit_says_what_to_do_next(tmp_path: Path) -> None:
    root = tmp_path / "my calls"
    root.mkdir()
    client = dashboard(root)
    told = [unescape(client.get(address).text) for address in ("/", "/calls")]
    for each in told:
        assert "No calls are recorded yet" in each
        assert f"callscope demo --root '{root}'" in each
        assert f"export PATTER_LOG_DIR='{root}'" in each
        assert "pip install '.[pipecat]'" in each
    first, second = (each[each.index("No calls are recorded yet") : each.index("what is missing.")] for each in told)
    assert first == second


def test_an_archive_that_is_still_being_read_is_not_called_empty(tmp_path: Path) -> None:
    html = dashboard(tmp_path / "archive", built=False).get("/").text
    assert "being read" in html
    assert "No calls are recorded" not in html


def test_slow_silent_and_failing_calls_stand_first_each_with_its_link(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    write_call(root, "quick")
    write_call(root, "slow", wait_ms=4_000)
    write_call(root, "unheard", answered=None)
    write_call(root, "broken", errors=("no route to the model",))
    html = page(root)
    found = problems(html)
    assert any(line.startswith("error llm: no route to the model") for line in found)
    assert any(line.startswith("silent 1 call in which") for line in found)
    assert any(line.startswith("slow The caller waited 4.00 s") for line in found)
    assert not any("900 ms" in line for line in found)
    assert re.search(r'href="/calls/2026/11/21/slow"', html)
    assert re.search(r'href="/calls\?range=7d&amp;q=silent"', html)


def test_an_error_is_new_or_more_only_beside_calls_before(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    write_call(root, "before", minutes_ago=10 * DAY_MIN, errors=("grows",))
    for number in range(3):
        write_call(root, f"now-{number}", minutes_ago=60 + number, errors=("grows", "appears"))
    lines = problems(page(root))
    assert any(line.startswith("more errors llm: grows 3 in 3 calls, 1 before") for line in lines)
    assert any(line.startswith("new error llm: appears") for line in lines)
    assert all("new" not in line for line in problems(page(root, "/?range=all")))


def test_when_nothing_stands_out_it_says_so(tmp_path: Path) -> None:
    write_call(tmp_path / "archive", "quick")
    html = page(tmp_path / "archive")
    assert problems(html) == []
    assert "Nothing stands out" in html


def test_lost_rows_are_told(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    write_call(root, "lossy", callscope={"lost": {"events": 3}, "labels": {}})
    assert any(line.startswith("rows lost 1 call of which") for line in problems(page(root)))


def test_a_mistake_in_the_budgets_file_is_said_and_the_page_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_call(tmp_path / "archive", "quick")
    (tmp_path / "budgets.toml").write_text("not a budget")
    monkeypatch.setenv("CALLSCOPE_BUDGETS", str(tmp_path / "budgets.toml"))
    assert "Budgets are not watched" in page(tmp_path / "archive")


def test_a_budget_near_its_limit_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_call(tmp_path / "archive", "dear", cost=("0.9",))
    (tmp_path / "budgets.toml").write_text('schema = 1\n[[budget]]\nname = "all day"\nusd = "1"\nper = "day"\n')
    monkeypatch.setenv("CALLSCOPE_BUDGETS", str(tmp_path / "budgets.toml"))
    assert any(
        line.startswith("budget all day: $0.900 of $1.00 per day 90 %") for line in problems(page(tmp_path / "archive"))
    )


def test_every_drawing_has_the_same_numbers_as_a_table(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    write_call(root, "one", cost=("0.25", None))
    write_call(root, "two", status="failed", minutes_ago=2 * DAY_MIN)
    html = page(root)
    days = {row[0]: row[1:] for row in table(html, "Calls by day")}
    assert days["Sat 21 Nov 2026"] == ["1", "0", "0", "0", "0"]
    assert days["Fri 20 Nov 2026"] == ["0", "0", "0", "0", "0"]
    assert days["Thu 19 Nov 2026"] == ["0", "0", "0", "0", "1"]
    money = {row[0]: row[1:] for row in table(html, "Spend by day")}
    assert money["Sat 21 Nov 2026"] == ["≥ $0.250, 1 unpriced", "$0.250"]
    assert {row[0]: row[1:] for row in table(html, "Response latency by day")}["Sat 21 Nov 2026"] == [
        "1", "not enough", "not enough", "not enough",
    ]  # fmt: skip


def test_a_day_leads_to_its_calls_and_keeps_the_filter(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    write_call(root, "today")
    write_call(root, "thursday", minutes_ago=2 * DAY_MIN)
    write_call(root, "thursday-too", minutes_ago=2 * DAY_MIN, agent="billing")
    client = patient(dashboard(root))
    address = link(client.get("/?range=7d&q=agent:front-desk").text, "Thu 19 Nov 2026")
    assert parse_qs(urlsplit(address).query)["q"] == ["agent:front-desk since:2026-11-19 until:2026-11-20"]
    calls = client.get(address).text
    assert "2026/11/19/thursday?" in calls or '2026/11/19/thursday"' in calls
    assert "thursday-too" not in calls
    assert "2026/11/21/today" not in calls


def test_a_day_that_is_partly_in_the_range_leads_to_that_part(tmp_path: Path) -> None:
    write_call(tmp_path / "archive", "one")
    address = link(page(tmp_path / "archive"), "Sat 14 Nov 2026")
    assert parse_qs(urlsplit(address).query)["q"] == ["since:2026-11-14T10:00:00.000Z until:2026-11-15"]


def test_two_days_are_shown_by_hour(tmp_path: Path) -> None:
    write_call(tmp_path / "archive", "one")
    html = page(tmp_path / "archive", "/?range=24h")
    assert [row[0] for row in table(html, "Calls by hour") if row[1] == "1"] == ["Sat 21 Nov, 09:00"]
    assert [row[0] for row in table(html, "Spend by hour") if row[1] == "$0.0312"] == ["Sat 21 Nov, 09:00"]


def test_links_keep_filter_and_range(tmp_path: Path) -> None:
    write_call(tmp_path / "archive", "one")
    html = page(tmp_path / "archive", "/?range=30d&q=agent:front-desk")
    assert link(html, "Spend") == "/cost?q=agent%3Afront-desk&range=30d"
    assert link(html, "24h") == "/?range=24h&q=agent%3Afront-desk"


def test_a_filter_that_fits_nothing_offers_the_way_out(tmp_path: Path) -> None:
    write_call(tmp_path / "archive", "one")
    html = page(tmp_path / "archive", "/?range=30d&q=agent:nobody")
    assert "No calls in this time fit the filter" in html
    assert link(html, "Without the filter") == "/?range=30d"


def test_what_others_said_is_text_and_nothing_else(tmp_path: Path) -> None:
    write_call(tmp_path / "archive", "one", agent=HOSTILE, wait_ms=5_000, errors=(HOSTILE,))
    for address in ("/?range=7d", "/latency?range=7d&by=agent"):
        html = page(tmp_path / "archive", address)
        assert "<script>alert" not in html
        assert "{{7*7}}" in html
        assert "\x1b" not in html
        assert "\u202e" not in html
        assert "style=" not in html


def test_a_p95_above_the_target_keeps_its_colour_and_is_hatched(tmp_path: Path) -> None:
    for number in range(20):
        write_call(tmp_path / "archive", f"slow-{number}", wait_ms=4_000, minutes_ago=60 + number)
    html = page(tmp_path / "archive")
    assert re.search(r'<rect class="over" [^>]*fill="url\(#over-latency\)"', html)
    assert "p95 above it" in html
    assert not re.search(r'<line class="over"', html)
    assert "p95 above it" not in page(tmp_path / "archive", "/?range=1h")


def test_a_call_of_1970_makes_a_page_of_years(tmp_path: Path) -> None:
    write_call(tmp_path / "archive", "now", cost=("0.25",))
    write_call(tmp_path / "archive", "then", minutes_ago=56 * 365 * DAY_MIN, cost=("0.25",))
    html = page(tmp_path / "archive", "/?range=all")
    assert len(table(html, "Calls by year")) <= 120
    assert ["2026", "1", "0", "0", "0", "0"] in [[row[0], *row[1:]] for row in table(html, "Calls by year")]
