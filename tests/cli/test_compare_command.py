from __future__ import annotations

import random
from pathlib import Path

import pytest
from asked_calls import HOUR_MS, NOW_MS, Said, ask, cost_line, write
from rich.cells import cell_len
from rich.text import Text
from sample_calls import run, run_on_terminal


def two_versions(root: Path, calls: int) -> None:
    """Of 2.5 answers come after half the time, and a call costs the same."""
    dice = random.Random(7)
    for number in range(calls * 2):
        version, scale = (("2.4", 1.0), ("2.5", 0.5))[number % 2]
        lines = [cost_line("llm", "openai", f"{dice.random():.4f}")]
        waits = [int(900 * scale * dice.lognormvariate(0, 0.2)) for _ in range(5)]
        write(
            root, f"c{number:03}", started_at_ms=NOW_MS - number * HOUR_MS, labels={"agent_version": version},
            said=[Said("hi", wait_ms=wait) for wait in waits], lines=lines,
        )  # fmt: skip


def rows(output: str) -> dict[str, str]:
    """Lines by their first words."""
    return {line[:22].strip(): line[22:] for line in output.splitlines() if line}


def test_what_is_clearly_different_is_told_with_its_interval_and_what_is_not_too(tmp_path: Path) -> None:
    two_versions(tmp_path, 20)

    output = run("compare", "version:2.4", "version:2.5", "--root", str(tmp_path)).stdout
    found = {f"{each['measure']} {each['statistic']}": each for each in ask(
        "compare", "version:2.4", "version:2.5", root=tmp_path)["figures"]}  # fmt: skip

    assert output.startswith("A   version:2.4\nB   version:2.5\n")
    assert rows(output)["response p50"].endswith("clearly faster")
    assert rows(output)["cost of a call, mean"].endswith("no clear difference")
    response = found["response p50"]
    assert response["low"] < response["difference"] < response["high"] < 0
    assert (response["n_a"], response["n_b"], response["verdict"]) == (100, 100, "clearly faster")
    assert found["cost mean"]["low"] < 0 < found["cost mean"]["high"]


def test_the_other_way_round_it_is_slower(tmp_path: Path) -> None:
    two_versions(tmp_path, 20)

    output = run("compare", "version:2.5", "version:2.4", "--root", str(tmp_path)).stdout

    assert rows(output)["response p50"].endswith("clearly slower")


def test_few_calls_are_not_enough(tmp_path: Path) -> None:
    two_versions(tmp_path, 3)

    output = rows(run("compare", "version:2.4", "version:2.5", "--root", str(tmp_path)).stdout)

    assert "not enough (n=15)" in output["response p50"]
    assert all(output[name].endswith("not enough calls") for name in ("response p50", "response p95", "completed"))


def test_sets_that_share_calls_are_said_to(tmp_path: Path) -> None:
    two_versions(tmp_path, 20)

    output = run("compare", "version:2.4", "since:2020-01-01", "--root", str(tmp_path)).stdout

    assert rows(output)["response p50"].endswith("not told")
    assert "20 calls in both sets" in output


def test_a_side_without_calls_leaves_nothing_to_compare(tmp_path: Path) -> None:
    two_versions(tmp_path, 1)

    done = run("compare", "version:2.4", "version:9", "--root", str(tmp_path))

    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "No calls of B: nothing to compare")


def test_times_hold_for_both_and_a_dash_begins_a_query(tmp_path: Path) -> None:
    two_versions(tmp_path, 2)

    document = ask("compare", "version:2.4", "-version:2.4", "--since", "2026-11-21T08:30", root=tmp_path)

    assert (document["a"]["calls"], document["b"]["calls"]) == (1, 1)


def test_a_mistake_points_at_its_place_in_its_query(tmp_path: Path) -> None:
    done = run("compare", "version:2.4", "versoin:2.5", "--root", str(tmp_path))

    assert done.returncode == 2
    assert done.stderr.splitlines()[1:] == ["  versoin:2.5", "  ^"]
    assert run("compare", "version:2.4", "--root", str(tmp_path)).returncode == 2


@pytest.mark.parametrize("columns", [80, 140])
def test_it_fits_a_terminal_with_every_verdict_to_be_read(tmp_path: Path, columns: int) -> None:
    two_versions(tmp_path, 20)

    plain = Text.from_ansi(
        run_on_terminal("compare", "version:2.4", "version:2.5", "--root", str(tmp_path), columns=columns)
    ).plain

    assert max(cell_len(line) for line in plain.splitlines()) <= columns
    assert "clearly faster" in plain
    assert "no clear difference" in plain
    assert "…" not in plain
    assert plain.count("pp to ") == 3
