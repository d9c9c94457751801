from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.text import Text
from sample_calls import HOSTILE, run, run_on_terminal, run_unprivileged, write
from spent_calls import cost_call, line

from callscope.report import period

DAY = datetime(2026, 11, 20, 9, tzinfo=UTC)
BEFORE = datetime(2026, 11, 18, 9, tzinfo=UTC)
PERIOD = ("--since", "2026-11-19", "--until", "2026-11-21")


def cost(root: Path, *args: str) -> str:
    done = run("cost", "--root", str(root), *args)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def report(root: Path, *args: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(cost(root, *PERIOD, "--json", *args))
    return document


def row(output: str, name: str) -> list[str]:
    return next(each for each in output.splitlines() if each.startswith(name)).split()


@pytest.fixture
def spent(tmp_path: Path) -> Path:
    """Two calls of two minutes: $0.30 of deepgram, $0.10 of openai estimated, and something of acme without a price."""
    cost_call(tmp_path, "one", line("deepgram", "0.10"), line("acme", None, service="tts"), at=DAY)
    cost_call(
        tmp_path,
        "two",
        line("deepgram", "0.20"),
        line("openai", "0.10", service="llm", status="estimated", reason="assumed"),
        at=DAY,
        agent={"name": "shop"},
    )
    cost_call(tmp_path, "earlier", line("deepgram", "0.20"), at=BEFORE)
    cost_call(tmp_path, "long ago", line("deepgram", "7"), at=BEFORE.replace(day=16))
    return tmp_path


def test_providers_stand_dearest_first_beside_the_period_before(spent: Path) -> None:
    output = cost(spent, *PERIOD)

    assert row(output, "deepgram")[1:] == ["$0.300", "+50", "%", "$0.0750", "$0.150", "2", "4.0"]
    assert row(output, "openai")[1:] == ["~$0.100", "new", "$0.0500", "$0.100", "1", "2.0"]
    assert row(output, "acme")[1:4] == ["unpriced", "new", "–"]
    assert row(output, "total")[1:] == ["≥", "~$0.400", "+100", "%", "$0.100", "$0.200", "2", "4.0", "1"]
    assert "≥ ~$0.400, 1 unpriced · 2 calls · 4.0 minutes" in output
    assert "1 of 4 cost lines (25 %), in 1 of 2 calls: callscope prices missing" in output
    assert "$0.200 in the equally long period before (+100 % of the known amounts)" in output


def test_a_query_leaves_only_the_calls_that_it_finds_in_both_periods(spent: Path) -> None:
    of_shop = report(spent, "agent:shop")
    cheap = report(spent, "-agent:shop", "cost<1")

    assert (of_shop["total"]["usd"], of_shop["total"]["calls"]) == ("0.30", 1)
    assert of_shop["total"]["before_usd"] is None
    assert (cheap["total"]["calls"], cheap["total"]["before_usd"]) == (1, "0.20")
    assert "No calls that match from" in cost(spent, *PERIOD, "agent:nobody")


def test_times_in_a_query_are_refused_for_the_period_has_one_before_it(spent: Path) -> None:
    done = run("cost", "--root", str(spent), "since:7d")

    assert done.returncode != 0
    assert "write --since and --until, not in QUERY" in done.stderr


def test_a_sum_that_is_not_complete_is_never_shown_as_one_that_is(spent: Path) -> None:
    output = cost(spent, *PERIOD, "--by", "call")

    assert row(output, "one")[1:3] == ["≥", "$0.100"]
    assert row(output, "two")[1] == "~$0.300"


@pytest.mark.parametrize(
    ("by", "keys", "usd"),
    [
        ("day", [{"day": "2026-11-20"}], ["0.40"]),
        ("service", [{"service": "stt"}, {"service": "llm"}, {"service": "tts"}], ["0.30", "0.10", None]),
        (
            "agent",
            [{"agent": "shop", "agent_version": None}, {"agent": None, "agent_version": None}],
            ["0.30", "0.10"],
        ),
    ],
)
def test_it_adds_up_by_what_is_asked_for(
    spent: Path, by: str, keys: list[dict[str, Any]], usd: list[str | None]
) -> None:
    rows = report(spent, "--by", by)["rows"]

    assert [{name: each[name] for name in keys[0]} for each in rows] == keys
    assert [each["usd"] for each in rows] == usd


@pytest.mark.parametrize("by", ["day", "provider", "service", "model", "agent", "call"])
def test_the_rows_add_up_to_the_total(spent: Path, by: str) -> None:
    document = report(spent, "--by", by)

    assert sum(float(each["usd"] or 0) for each in document["rows"]) == pytest.approx(float(document["total"]["usd"]))
    assert sum(each["unpriced_lines"] for each in document["rows"]) == document["total"]["unpriced_lines"] == 1
    assert document["total"]["usd_per_minute"] == "0.100000000"
    assert document["total"]["change_percent"] == 100


def test_a_period_is_thirty_days_up_to_now_and_the_one_before_is_as_long() -> None:
    now_ms = round(datetime(2026, 11, 21, 10, tzinfo=UTC).timestamp() * 1000)

    assert str(period.parse(None, None, now_ms=now_ms)) == "2026-10-22 10:00 to 2026-11-21 10:00 UTC"
    assert str(period.parse(None, "2026-11-20", now_ms=now_ms)) == "2026-10-21 00:00 to 2026-11-20 00:00 UTC"
    assert str(period.parse("24h", None, now_ms=now_ms).before) == "2026-11-19 10:00 to 2026-11-20 10:00 UTC"
    assert str(period.parse("2026-11-20T12:00:00+02:00", "today", now_ms=now_ms)) == (
        "2026-11-20 10:00 to 2026-11-21 00:00 UTC"
    )
    assert str(period.today(now_ms=now_ms).before) == "2026-11-20 00:00 to 2026-11-20 10:00 UTC"


def test_calls_without_prices_are_told_and_leave_the_sum_open(tmp_path: Path) -> None:
    usage = {"service": "stt", "provider": "deepgram", "model": "nova-3", "reports": 1, "units": {"audio_seconds": 9}}
    write(tmp_path, "old", callscope={"usage": [usage]})
    write(tmp_path, "mute")
    write(tmp_path, "patter", cost={"stt": 0.01, "llm": 0.01, "tts": 0.01, "telephony": 0.01, "total": 0.04})
    write(tmp_path, "unanswered", status="no_answer")

    output = cost(tmp_path, *PERIOD)

    assert row(output, "total")[1:3] == ["≥", "~$0.0400"]
    assert "1 call recorded without prices: callscope reprice" in output
    assert "1 call told of no usage" in output
    assert "1 call with nothing but a total of another writer" in output
    assert report(tmp_path)["calls_by_source"] == {"no_prices": 1, "no_usage": 1, "recorded": 1, "nothing": 1}


def test_no_calls_are_no_error_and_no_zero(tmp_path: Path) -> None:
    output = cost(tmp_path, *PERIOD)

    assert output == f"No calls from 2026-11-19 00:00 to 2026-11-21 00:00 UTC in {tmp_path}\n"
    assert report(tmp_path)["total"]["usd"] is None


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--since", "7 fortnights"], "2w or yesterday"),
        (["--until", "tomorrowish"], "2w or yesterday"),
        (["--since", "2026-11-21", "--until", "2026-11-20"], "the period is empty"),
        (["--by", "mood"], "'day', 'provider', 'service', 'model', 'agent', 'call'"),
        (["--today", "--since", "7d"], "leave out QUERY, --by, --since and --until"),
    ],
)
def test_what_is_not_allowed_says_what_is(tmp_path: Path, args: list[str], says: str) -> None:
    done = run("cost", "--root", str(tmp_path), *args)

    assert done.returncode == 2
    assert says in done.stderr


def test_a_call_that_cannot_be_read_is_counted_and_told(tmp_path: Path) -> None:
    cost_call(tmp_path, "good", line("deepgram", "0.10"), at=DAY)
    (cost_call(tmp_path, "locked", line("deepgram", "0.10"), at=DAY) / "metadata.json").chmod(0)

    # Its day is all that is known of its start.
    done = run_unprivileged("cost", "--root", str(tmp_path), *PERIOD)

    assert done.returncode == 4
    assert "≥ $0.100, 1 unpriced" in done.stdout
    assert "locked/metadata.json cannot be read" in done.stderr


def test_a_call_whose_metadata_is_torn_is_counted_and_told_and_the_sum_stays_open(tmp_path: Path) -> None:
    cost_call(tmp_path, "good", line("deepgram", "0.10"), at=DAY)
    torn = cost_call(tmp_path, "torn", line("deepgram", "0.10"), at=DAY)
    (torn / "metadata.json").write_text('{"call_id": "to')
    for path in (torn / "metadata.json", torn):
        os.utime(path, (DAY.timestamp(), DAY.timestamp()))  # what was torn just now may still be written

    output = cost(tmp_path, *PERIOD)

    assert "2 calls" in output
    assert "1 of 2 cost lines (50 %), in 1 of 2 calls" in output


def test_one_who_bills_has_one_row_whatever_it_was_reported_as(tmp_path: Path) -> None:
    cost_call(tmp_path, "of openai", line("openai", "0.10", service="llm"), at=DAY)
    cost_call(tmp_path, "by price", line("OpenAI", "0.10", service="llm", matched="openai/llm/m@2026-01-01"), at=DAY)
    cost_call(tmp_path, "by biller", line("localhost:4000", "0.10", service="llm", biller="openai"), at=DAY)
    cost_call(tmp_path, "as reported", line("acme", "0.10", service="llm"), at=DAY)

    for by in ("provider", "model"):
        rows = report(tmp_path, "--by", by)["rows"]
        assert [(each["provider"], each["usd"], each["calls"]) for each in rows] == [
            ("openai", "0.30", 3), ("acme", "0.10", 1),
        ]  # fmt: skip


def test_what_nobody_bills_is_no_amount_beside_what_has_no_price(tmp_path: Path) -> None:
    free = line("piper", "0", service="tts", status="not_billed", biller="local")
    cost_call(tmp_path, "one", free, line("local", None, service="llm"), line("openai", "0.10"), at=DAY)
    cost_call(tmp_path, "two", free, at=DAY.replace(hour=10))

    document = report(tmp_path)
    of_local = next(each for each in document["rows"] if each["provider"] == "local")

    assert (of_local["usd"], of_local["usd_per_minute"], of_local["usd_per_call"]) == (None, None, None)
    assert (of_local["status"], of_local["lines"], of_local["unpriced_lines"]) == ("unpriced", 3, 1)
    assert (document["total"]["usd"], document["total"]["status"]) == ("0.10", "partial")
    assert row(cost(tmp_path, *PERIOD), "local") == ["local", "unpriced", "new", "–", "–", "2", "4.0", "1"]


def test_what_nobody_bills_alone_is_nothing_and_no_amount_has_an_exponent(tmp_path: Path) -> None:
    cost_call(tmp_path, "free", line("piper", "0", status="not_billed", biller="local"), at=DAY)
    cost_call(tmp_path, "cheap", line("openai", "2.46E-7"), at=DAY, minutes=90)

    rows = {each["provider"]: each for each in report(tmp_path)["rows"]}

    assert (rows["local"]["usd"], rows["local"]["usd_per_minute"], rows["local"]["usd_per_call"]) == ("0", "0", "0")
    assert (rows["openai"]["usd"], rows["openai"]["usd_per_minute"]) == ("0.000000246", "0.000000003")


def test_thousands_are_marked_alike(tmp_path: Path) -> None:
    unpriced = [line("acme", None, usage=f"key{number}") for number in range(1_234)]
    cost_call(tmp_path, "long", line("openai", "1"), *unpriced, at=DAY, minutes=108_842.7)

    output = cost(tmp_path, *PERIOD)

    assert "108,842.7 minutes" in output
    assert "1,234 of 1,235 cost lines" in output
    assert row(output, "total")[-2:] == ["108,842.7", "1,234"]


def test_in_the_review_of_today_too_and_with_all_that_it_used(tmp_path: Path) -> None:
    used = {"usage": "audio_seconds", "unit": "minute", "quantity": "2", "price": "0.05"}
    for name in ("deepgram", "Deepgram", "api.deepgram.com"):
        biller = {} if name == "deepgram" else {"biller": "deepgram"}
        cost_call(tmp_path, f"of {name}", line(name, "0.10", **used, **biller))

    (found,) = json.loads(run("cost", "--today", "--json", "--root", str(tmp_path)).stdout)["rows"]

    assert (found["provider"], found["usd"], found["used"]["seconds"]) == ("deepgram", "0.30", 360.0)


def test_calls_that_go_on_are_told_and_are_in_no_mean(tmp_path: Path) -> None:
    cost_call(tmp_path, "over", line("deepgram", "0.10"), minutes=2)
    start = datetime.now(UTC).isoformat()
    day = f"{datetime.now(UTC):%Y/%m/%d}"
    write(tmp_path, "open", day=day, status="in_progress", started_at=start, ended_at=None, duration_ms=600_000)

    output = cost(tmp_path, "--by", "agent")

    assert row(output, "total")[1:] == ["$0.100", "new", "$0.0500", "$0.100", "1", "2.0"]
    assert "1 call still going on: not counted yet" in output


def test_the_review_of_today_has_it_all(tmp_path: Path) -> None:
    budgets = tmp_path / "budgets.toml"
    budgets.write_text('schema = 1\n[[budget]]\nname = "Deepgram"\nprovider = "deepgram"\nusd = "1"\nper = "day"\n')
    cost_call(
        tmp_path,
        "dear",
        line("deepgram", "0.50", usage="audio_seconds", unit="minute", quantity="2", price="0.25"),
        line("openai", "0.01", usage="input_tokens", unit="1M_input_text_tokens", quantity="0.012", price="1"),
        line("acme", None, service="tts", usage="characters", quantity="345", reason="no price is known"),
    )
    cost_call(tmp_path, "cheap", line("deepgram", "0.10", usage="audio_seconds", unit="minute", quantity="1"))

    done = run("cost", "--today", "--root", str(tmp_path), environ={"CALLSCOPE_BUDGETS": str(budgets)})
    output = done.stdout

    assert done.stderr == ""
    assert row(output, "deepgram")[1:] == ["$0.600", "new", "3.0", "–", "–"]
    assert row(output, "openai")[1:] == ["$0.0100", "new", "–", "12,000", "–"]
    assert row(output, "acme")[1:] == ["unpriced", "new", "–", "–", "345", "1"]
    assert "60 %" in " ".join(row(output, "Deepgram"))
    assert output.index("dear") < output.index("cheap")
    assert "tts acme m characters, in 1 call\n  no price is known" in output

    document = json.loads(
        run("cost", "--today", "--json", "--root", str(tmp_path), environ={"CALLSCOPE_BUDGETS": str(budgets)}).stdout
    )
    assert [each["call_id"] for each in document["dearest"]] == ["dear", "cheap"]
    assert document["budgets"]["budgets"][0]["verdict"] == "ok"
    assert document["rows"][0]["used"] == {"seconds": 180.0, "tokens": None, "characters": None}


@pytest.mark.parametrize("by", ["provider", "model", "agent", "call", "day"])
@pytest.mark.parametrize("columns", [80, 140])
def test_it_fits_a_terminal_and_hostile_names_are_harmless(tmp_path: Path, by: str, columns: int) -> None:
    cost_call(
        tmp_path,
        "x" * 64,
        line("日本語" * 20, "123456.789", model=HOSTILE),
        line(HOSTILE, None, reason=HOSTILE),
        at=DAY,
        call_id=HOSTILE + "x" * 100,
        agent={"name": HOSTILE + "x" * 100},
    )

    output = run_on_terminal(
        "cost", "--root", str(tmp_path), *PERIOD, "--by", by, columns=columns, environ={"TERM": "dumb"}
    )

    assert not {"\x1b", "\x07", "\u202e", "\x9b", "\r"} & set(output)
    assert max(cell_len(each) for each in Text(output).plain.splitlines()) <= columns
    assert output.count("$123,456.79") >= 4  # the row, the sum, and twice in what is said of it
