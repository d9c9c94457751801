from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from sample_calls import HOSTILE, run, run_on_terminal
from spent_calls import cost_call, line

THREE = """\
schema = 1
[[budget]]
name = "Deepgram"
provider = "deepgram"
usd = "50"
per = "month"
[[budget]]
name = "all"
usd = "40"
per = "month"
thresholds = [50, 90]
[[budget]]
name = "a call"
usd = "30"
per = "call"
"""


def write_budgets(directory: Path, text: str = THREE) -> Path:
    path = directory / "budgets.toml"
    path.write_text(text)
    return path


def budgets(root: Path, file: Path) -> dict[str, dict[str, Any]]:
    done = run("budget", "--json", "--root", str(root), "--budgets", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    return {each["name"]: each for each in json.loads(done.stdout)["budgets"]}


def one(*, provider: str | None = None, agent: str | None = None) -> str:
    about = f'provider = "{provider}"\n' if provider else ""
    about += f'agent = "{agent}"\n' if agent else ""
    return f'schema = 1\n[[budget]]\nname = "one"\nusd = "10"\nper = "month"\n{about}'


def test_each_budget_stands_with_its_period_and_its_share(tmp_path: Path) -> None:
    cost_call(tmp_path, "one", line("deepgram", "5"), line("openai", "1.5", service="llm"))
    cost_call(tmp_path, "two", line("api.deepgram.com", "20"))
    cost_call(tmp_path, "last year", line("deepgram", "99"), at=datetime.now(UTC) - timedelta(days=365))

    found = budgets(tmp_path, write_budgets(tmp_path))

    month = datetime.now(UTC).strftime("%Y-%m")
    deepgram, everything, call = found["Deepgram"], found["all"], found["a call"]
    assert (deepgram["period"], deepgram["spent_usd"], deepgram["limit_usd"]) == (month, "25", "50")
    assert (deepgram["share"], deepgram["verdict"], deepgram["crossed"]) == (0.5, "ok", [])
    assert (everything["spent_usd"], everything["verdict"], everything["crossed"]) == ("26.5", "warning", [50])
    assert (call["period"], call["spent_usd"], call["verdict"]) == ("two", "20", "ok")


def test_a_budget_that_is_spent_is_over(tmp_path: Path) -> None:
    cost_call(tmp_path, "one", line("deepgram", "50"))

    found = budgets(tmp_path, write_budgets(tmp_path))

    assert {name: each["verdict"] for name, each in found.items()} == {
        "Deepgram": "over",
        "all": "over",
        "a call": "over",
    }


@pytest.mark.parametrize(
    "unknown",
    [
        line("deepgram", None),
        {"no": "cost line"},
        line(None, "0.1"),
    ],
)
def test_a_budget_with_something_unpriced_is_never_ok(tmp_path: Path, unknown: dict[str, Any]) -> None:
    cost_call(tmp_path, "one", line("deepgram", "1"), unknown)

    found = budgets(tmp_path, write_budgets(tmp_path, one(provider="deepgram")))["one"]

    assert (found["spent_usd"], found["unpriced"], found["verdict"]) == ("1", 1, "unknown")


def test_what_another_provider_has_no_price_for_is_not_ones_own_matter(tmp_path: Path) -> None:
    cost_call(tmp_path, "one", line("deepgram", "1"), line("acme", None))

    assert budgets(tmp_path, write_budgets(tmp_path, one(provider="deepgram")))["one"]["verdict"] == "ok"
    assert budgets(tmp_path, write_budgets(tmp_path, one()))["one"]["verdict"] == "unknown"


def test_a_budget_of_an_agent_counts_its_calls_alone(tmp_path: Path) -> None:
    cost_call(tmp_path, "one", line("deepgram", "1"), agent={"name": "shop"})
    cost_call(tmp_path, "two", line("deepgram", "2"), callscope={"labels": {"agent": "shop"}})
    cost_call(tmp_path, "three", line("deepgram", "4"), agent={"name": "desk"})

    assert budgets(tmp_path, write_budgets(tmp_path, one(agent="shop")))["one"]["spent_usd"] == "3"


def test_what_was_assumed_and_what_is_not_known_are_told_as_such(tmp_path: Path) -> None:
    file = write_budgets(
        tmp_path, one(provider="deepgram") + one(provider="acme").partition("schema = 1")[2].replace("one", "two")
    )
    free = line("acme", "0", status="not_billed")
    cost_call(tmp_path, "one", line("deepgram", "4", status="estimated", reason="assumed"), line("acme", None), free)

    found = budgets(tmp_path, file)
    table = run("budget", "--root", str(tmp_path), "--budgets", str(file)).stdout.splitlines()

    assert (found["one"]["spent_usd"], found["one"]["estimated"], found["one"]["share"]) == ("4", True, 0.4)
    assert (found["two"]["spent_usd"], found["two"]["estimated"], found["two"]["share"]) == (None, False, None)
    assert table[1].split()[2] == "~$4.00"
    assert table[2].split()[2] == "unpriced"
    assert " – " in table[2]


def test_of_calls_that_cost_the_same_the_first_by_path_stands_for_the_budget(tmp_path: Path) -> None:
    for name in ("CA3", "CA0", "CA2"):
        cost_call(tmp_path, name, line("deepgram", "20"))

    assert budgets(tmp_path, write_budgets(tmp_path))["a call"]["period"] == "CA0"


def test_without_a_file_it_says_how_to_make_one(tmp_path: Path) -> None:
    done = run("budget", "--root", str(tmp_path), environ={"HOME": str(tmp_path)})

    assert done.returncode == 0
    assert "--budgets FILE" in done.stdout
    example = done.stdout[done.stdout.index("schema = 1") :]
    assert "Deepgram" in budgets(tmp_path, write_budgets(tmp_path, example))


def test_the_file_of_the_environment_is_read(tmp_path: Path) -> None:
    done = run("budget", "--root", str(tmp_path), environ={"CALLSCOPE_BUDGETS": str(write_budgets(tmp_path))})

    assert "Deepgram" in done.stdout


def test_a_mistake_in_the_file_stops_with_its_line(tmp_path: Path) -> None:
    wrong = write_budgets(tmp_path, THREE.replace("per = ", "pre = ", 1))

    done = run("budget", "--root", str(tmp_path), "--budgets", str(wrong))

    assert done.returncode == 2
    assert "line 6" in done.stderr
    assert run("budget", "--root", str(tmp_path), "--budgets", "no-such-file").returncode == 2


def test_the_bar_shows_the_share_and_the_thresholds_to_come(tmp_path: Path) -> None:
    cost_call(tmp_path, "one", line("deepgram", "25"))

    (row,) = (
        each
        for each in run(
            "budget", "--root", str(tmp_path), "--budgets", str(write_budgets(tmp_path))
        ).stdout.splitlines()
        if each.startswith("Deepgram")
    )

    assert f"{'█' * 10}{'·' * 6}│{'·' * 3}    50 %" in row
    assert "$25.00  $50.00" in row


@pytest.mark.parametrize("columns", [80, 140])
def test_it_fits_a_terminal_and_hostile_names_are_harmless(tmp_path: Path, columns: int) -> None:
    cost_call(tmp_path, "one", line("deepgram", "123456.7"), line("acme", None), call_id=HOSTILE + "x" * 64)
    file = write_budgets(tmp_path, THREE.replace('"a call"', r'"\u001b[2J\u202e' + "日本語" * 30 + '"'))

    output = run_on_terminal(
        "budget", "--root", str(tmp_path), "--budgets", str(file), columns=columns, environ={"TERM": "dumb"}
    )

    table = output[: output.index("\n\n")].splitlines()
    assert len(table) == 4
    assert max(cell_len(each) for each in table) <= columns
    assert not {"\x1b", "\x07", "\u202e", "\x9b", "\r"} & set(output)
    assert "> 999 %" in output
