from __future__ import annotations

from pathlib import Path

import pytest
from asked_calls import DAY_MS, HOUR_MS, NOW_MS, Error, Said, ask, cost_line, day, many, small_archive, write
from rich.cells import cell_len
from rich.text import Text
from sample_calls import HOSTILE, run, run_on_terminal

from callscope.cli.stats_table import waits
from callscope.index.figures import Percentiles

NEW = NOW_MS - HOUR_MS
OLD = NOW_MS - 3 * DAY_MS


def facts(output: str) -> dict[str, str]:
    """The page of one set of calls, by label."""
    lines = output.split("\n\n", maxsplit=1)[0].splitlines()
    return {line[:12].strip(): line[12:] for line in lines}


def test_one_page_says_what_calls_come_to(tmp_path: Path) -> None:
    for number in range(5):
        said = [Said("hi", wait_ms=500 + 100 * n, interrupted=n == 4) for n in range(5)]
        errors = [Error("boom")] if number == 0 else []
        status = "failed" if number == 0 else "completed"
        write(
            tmp_path, f"c{number}", said=said, errors=errors, status=status, lines=[cost_line("llm", "openai", "0.02")]
        )

    page = facts(run("stats", "--root", str(tmp_path)).stdout)

    assert page["calls"] == "5 · 5 ended, 80 % of them completed"
    assert page["response"] == "p50 700 ms · p95 900 ms · p99 900 ms · n=25"
    assert page["interrupted"] == "20 % of the answers"
    assert page["errors"] == "in 20 % of the calls"
    assert page["cost"] == "$0.100"


def test_fewer_than_20_waits_are_not_enough_for_percentiles(tmp_path: Path) -> None:
    write(tmp_path, "one", said=[Said("hi", wait_ms=500 + n) for n in range(19)])
    few = facts(run("stats", "--root", str(tmp_path)).stdout)["response"]
    (_, group, *_) = run("stats", "--by", "agent", "--root", str(tmp_path)).stdout.splitlines()
    write(tmp_path, "two", started_at_ms=OLD, said=[Said("hi", wait_ms=600)])
    enough = facts(run("stats", "--root", str(tmp_path)).stdout)["response"]

    assert few == "not enough for percentiles (n=19): 500 ms to 518 ms"
    assert " not enough      19 " in group
    assert enough.startswith("p50 510 ms · ")
    assert enough.endswith(" · n=20")


@pytest.mark.parametrize("n", [20, 127_662, 12_345_678])
def test_however_many_waits_there_are_their_number_stands_apart(n: int) -> None:
    shown = waits(Percentiles(n=n, p50_ms=600, p95_ms=1000, p99_ms=4280)).plain

    assert shown.split() == ["600", "ms", "1.00", "s", "4.28", "s", f"{n:,}"]


def test_the_spread_of_the_waits_is_drawn_and_adds_up(tmp_path: Path) -> None:
    many(tmp_path, 60)

    page, chart = run("stats", "--root", str(tmp_path)).stdout.split("\n\n")

    n = int(facts(page)["response"].partition("n=")[2])
    bars = [line[20:].split() for line in chart.splitlines()]
    counts = [int(next((word for word in words if word.isdecimal()), 0)) for words in bars]
    assert sum(counts) == n
    assert {mark for line in chart.splitlines() for mark in line.split()} >= {"p50", "p95", "p99"}


def test_a_cost_that_is_not_whole_is_a_lower_bound_and_none_is_not_zero(tmp_path: Path) -> None:
    write(tmp_path, "one", agent="a", lines=[cost_line("llm", "openai", "1.20"), cost_line("tts", "acme", None)])
    write(tmp_path, "two", agent="b", lines=[cost_line("tts", "acme", None)])

    output = run("stats", "--by", "agent", "--root", str(tmp_path)).stdout

    assert facts(run("stats", "--root", str(tmp_path)).stdout)["cost"] == "≥ $1.20, 2 of 2 calls not whole"
    assert "≥ $1.20" in next(line for line in output.splitlines() if line.startswith("a "))
    assert "unpriced" in next(line for line in output.splitlines() if line.startswith("b "))


def test_groups_are_rows_and_add_up_to_the_whole(tmp_path: Path) -> None:
    many(tmp_path, 60)
    (whole,) = ask("stats", root=tmp_path)["rows"]

    for by in ("day", "agent", "agent,version", "week", "month", "hour", "status", "label.agent_version"):
        rows = ask("stats", "--by", by, root=tmp_path)["rows"]

        assert sum(row["calls"] for row in rows) == whole["calls"] == 60
        assert sum(row["response"]["n"] for row in rows) == whole["response"]["n"]
        assert all(list(row["group"]) == by.split(",") for row in rows)


def test_days_follow_each_other_with_bars_and_lines(tmp_path: Path) -> None:
    write(tmp_path, "a", started_at_ms=OLD)
    for name in ("b", "c"):
        write(tmp_path, name, started_at_ms=NEW)

    lines = run("stats", "--by", "day", "--root", str(tmp_path)).stdout.splitlines()

    assert [line.split()[:3] for line in lines[1:3]] == [
        [day(OLD), "1", "█" * 10],
        [day(NEW), "2", "█" * 20],
    ]
    assert lines[4] == "calls  ▅  █"  # of the two days between them there is nothing to be seen
    assert lines[5].strip() == f"{day(OLD)} to {day(NEW)}, one column a day · up to 2 calls"


def test_a_terminal_without_unicode_gets_charts_in_plain_characters(tmp_path: Path) -> None:
    many(tmp_path, 40, days=3)

    done = run(
        "stats", "--by", "day", "--root", str(tmp_path), environ={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    )

    shapes = [line for line in done.stdout.splitlines() if line.startswith(("calls", "p95"))]
    assert "####" in done.stdout
    assert len(shapes) == 2
    assert all("?" not in line for line in shapes)


def test_groups_that_are_no_time_come_with_the_largest_first_and_the_unknown_is_a_dash(tmp_path: Path) -> None:
    write(tmp_path, "a", agent="rare")
    write(tmp_path, "b", agent=None, labels={})
    for name in ("c", "d"):
        write(tmp_path, name, agent="common")

    lines = run("stats", "--by", "agent,version", "--root", str(tmp_path)).stdout.splitlines()[1:]

    assert lines[0].startswith("common")
    assert next(line for line in lines if not line.startswith(("common", "rare"))).split()[1:3] == ["–", "1"]
    groups = [row["group"] for row in ask("stats", "--by", "version", root=tmp_path)["rows"]]
    assert {"version": None} in groups


def test_stages_say_what_the_waits_are_made_of(tmp_path: Path) -> None:
    write(tmp_path, "one", said=[Said("hi", wait_ms=900, llm_ms=400) for _ in range(25)])

    output = run("stats", "--stages", "--root", str(tmp_path)).stdout

    (line,) = [line for line in output.splitlines() if line.startswith("llm ")]
    assert line.split() == ["llm", "400", "ms", "400", "ms", "400", "ms", "25"]
    assert ask("stats", root=tmp_path)["rows"][0]["stages"]["llm"]["p50_ms"] == 400


def test_a_query_narrows_it(tmp_path: Path) -> None:
    small_archive(tmp_path)

    assert facts(run("stats", "agent:billing", "--root", str(tmp_path)).stdout)["calls"].startswith("2 · ")
    assert ask("stats", "-agent:billing", root=tmp_path)["rows"][0]["calls"] == 11
    assert ask("stats", "--until", "2026-11-20", root=tmp_path)["rows"][0]["calls"] == 2
    assert ask("stats", "refund", root=tmp_path)["rows"][0]["calls"] >= 1


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["stats", "refund sort:-cost"], "sort means nothing here: every call that fits is counted"),
        (["stats", "refund limit:5"], "limit means nothing here"),
        (["compare", "refund sort:-cost", "agent:b"], "sort means nothing here"),
        (["compare", "agent:b", "refund limit:5"], "limit means nothing here"),
        (["errors", "refund limit:5"], "--limit says how many groups"),
        (["errors", "refund sort:-cost"], "the commonest group comes first"),
        (["search", "refund sort:-cost"], "the newest call comes first"),
    ],
)
def test_an_order_that_means_nothing_is_pointed_at(tmp_path: Path, args: list[str], told: str) -> None:
    write(tmp_path, "a")

    done = run(*args, "--root", str(tmp_path))

    problem, query, caret = done.stderr.splitlines()
    assert (done.returncode, told in problem) == (2, True)
    assert (query.strip(), caret) == (next(arg for arg in args if "refund" in arg), "         ^")


def test_no_calls_are_no_error(tmp_path: Path) -> None:
    assert run("stats", "--root", str(tmp_path)).stdout == f"No calls yet in {tmp_path}\n"
    assert run("stats", "--by", "day", "failed", "--root", str(tmp_path)).stdout == f"No calls match in {tmp_path}\n"
    assert ask("stats", root=tmp_path)["rows"][0]["calls"] == 0
    assert ask("stats", "--by", "day", root=tmp_path)["rows"] == []


def test_groups_that_there_are_not_are_a_mistake(tmp_path: Path) -> None:
    done = run("stats", "--by", "day,colour", "--root", str(tmp_path))

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "'colour'" in done.stderr


@pytest.mark.parametrize("columns", [80, 140])
@pytest.mark.parametrize("by", ["", "day", "hour", "agent", "agent,version", "label.team"])
def test_it_fits_a_terminal_and_hostile_names_are_harmless(tmp_path: Path, by: str, columns: int) -> None:
    many(tmp_path, 30, days=3)
    write(tmp_path, "odd", agent=f"{HOSTILE}{'日本' * 40}", labels={"team": f"{HOSTILE}{'x' * 100}"})

    output = run_on_terminal("stats", "--by", by, "--stages", "--root", str(tmp_path), columns=columns)
    plain = Text.from_ansi(output).plain

    assert not {"\x07", "\u202e", "\x9b", "\r"} & set(output)
    assert "\x1b[2J" not in output
    assert max(cell_len(line) for line in plain.splitlines()) <= columns
    assert "CALLS" in plain or "calls " in plain
