from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.text import Text
from sample_calls import HOSTILE, ORDER, START_MS, moment, run, run_on_terminal, write, write_order_call

DASH = "\N{EN DASH}"


def lines(output: str) -> list[str]:
    return [line.rstrip() for line in output.splitlines()]


def test_each_call_is_a_line_newest_first_and_a_failed_one_says_why(tmp_path: Path) -> None:
    write_order_call(tmp_path)
    write(tmp_path, "failed-call", status="failed", error="synthesis failed throughout", latency=None, turns=None)

    listed = lines(run("ls", "--root", str(tmp_path)).stdout)

    assert listed[0].split() == ["STARTED", "UTC", "STATUS", "LENGTH", "TURNS", "P50", "WORST", "CALL"]
    assert listed[1] == f"{moment(START_MS):<11}  completed    0:15      5  812 ms  4.10 s  {ORDER}"
    assert listed[2].split()[-6:] == ["failed", "1:24", DASH, DASH, DASH, "failed-call"]
    assert listed[3] == "  └ synthesis failed throughout"


def test_the_json_holds_the_same_calls(tmp_path: Path) -> None:
    directory = write_order_call(tmp_path)
    write(tmp_path, "older", cost={"total": 0.0123})

    document = json.loads(run("ls", "--json", "--root", str(tmp_path)).stdout)

    assert document["next"] is None
    order, older = document["calls"]
    assert order["call_id"] == ORDER
    assert (order["status"], order["started_at"], order["duration_ms"]) == (
        "completed",
        "2026-11-21T09:30:12.000Z",
        15000,
    )
    assert (order["turns"], order["cost"], order["error"], order["path"]) == (5, None, None, str(directory))
    assert (order["labels"], order["latency"]["p50_ms"]) == ({"env": "prod"}, 812)
    assert older["cost"] == {"total": 0.0123}


def test_pages_go_on_where_the_one_before_ended(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, f"call-{number}")
    seen: list[str] = []
    cursor: list[str] = []
    while True:
        page = json.loads(run("ls", "--json", "--limit", "2", *cursor, "--root", str(tmp_path)).stdout)
        seen += [call["call_id"] for call in page["calls"]]
        if page["next"] is None:
            break
        cursor = ["--cursor", page["next"]]

    assert seen == [f"call-{number}" for number in (4, 3, 2, 1, 0)]


def test_filters_narrow_the_list(tmp_path: Path) -> None:
    write_order_call(tmp_path)
    write(tmp_path, "failed-call", status="failed")

    assert ORDER not in run("ls", "--status", "failed", "--root", str(tmp_path)).stdout
    assert "failed-call" not in run("ls", "--since", "2026-11-21", "--root", str(tmp_path)).stdout
    assert ORDER not in run("ls", "--until", "2026-11-21", "--root", str(tmp_path)).stdout


def test_no_calls_are_no_error(tmp_path: Path) -> None:
    assert run("ls", "--root", str(tmp_path)).stdout == f"No calls yet in {tmp_path}\n"
    assert run("ls", "--since", "1h", "--root", str(tmp_path)).stdout == f"No calls match in {tmp_path}\n"
    assert json.loads(run("ls", "--json", "--root", str(tmp_path)).stdout) == {"calls": [], "next": None}


def test_nothing_is_cut_or_coloured_in_a_pipe(tmp_path: Path) -> None:
    write(tmp_path, "x" * 60, status="failed", error="a reason of many words " * 20)

    output = run("ls", "--root", str(tmp_path), environ={"FORCE_COLOR": "1"}).stdout

    assert "x" * 60 in output
    assert ("a reason of many words " * 20).strip() in output
    assert "\x1b" not in output


def test_a_terminal_of_80_columns_is_enough(tmp_path: Path) -> None:
    for number in range(30):
        write(tmp_path, f"call-{number}-{'x' * 40}", status="failed", error="日本語" * 40, cost={"total": 1234.5})

    output = Text.from_ansi(run_on_terminal("ls", "--limit", "25", "--root", str(tmp_path))).plain

    listed = [line for line in lines(output) if "--cursor" not in line]
    assert len(listed) == 51
    assert max(cell_len(line) for line in listed) <= 80
    assert "25 calls shown, there are more" in output


def test_colour_is_for_terminals_and_not_for_those_who_refuse_it(tmp_path: Path) -> None:
    write(tmp_path, "one")

    assert "\x1b[32mcompleted" in run_on_terminal("ls", "--root", str(tmp_path))
    assert "\x1b[32m" not in run_on_terminal("ls", "--root", str(tmp_path), environ={"NO_COLOR": "1"})
    assert "\x1b" not in run_on_terminal("ls", "--json", "--root", str(tmp_path))


def test_hostile_ids_and_errors_are_harmless(tmp_path: Path) -> None:
    write(tmp_path, "hostile", call_id=HOSTILE, status="failed", error=HOSTILE)

    for args in (["ls"], ["ls", "--json"]):
        output = run_on_terminal(*args, "--root", str(tmp_path), environ={"TERM": "dumb"})
        assert not {"\x1b", "\x07", "\u202e", "\x9b", "\r"} & set(output)
        assert "[bold]" in output


def costs_of(root: Path) -> dict[str, str]:
    """By call, what stands in the column before it."""
    lines = run("ls", "--root", str(root)).stdout.splitlines()
    assert "COST" in lines[0]
    end = lines[0].index("CALL")
    return {line[end:]: line[:end].rstrip().rpartition("  ")[2] for line in lines[1:]}


def test_totals_that_another_writer_left_are_marked_as_estimates(tmp_path: Path) -> None:
    write(tmp_path, "foreign", cost={"total": 0.05, "stt": 0.05})
    write(tmp_path, "silent", cost={"total": 0, "stt": 0})

    assert costs_of(tmp_path) == {"foreign": "~$0.0500", "silent": "unpriced"}


@pytest.mark.parametrize("total", [1e300, 10**300, -1, True, "1"])
def test_a_total_that_nothing_costs_is_not_believed(total: object, tmp_path: Path) -> None:
    write(tmp_path, "absurd", cost={"total": total})
    write(tmp_path, "foreign", cost={"total": 0.05, "stt": 0.05})

    assert costs_of(tmp_path) == {"absurd": "unpriced", "foreign": "~$0.0500"}


def test_calls_that_could_not_be_priced_say_so(tmp_path: Path) -> None:
    write(tmp_path, "broken", callscope={"cost_status": "error", "cost_lines": [], "cost_problem": "line 3"})

    assert costs_of(tmp_path) == {"broken": "not priced"}
