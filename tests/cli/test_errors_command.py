from __future__ import annotations

from pathlib import Path

import pytest
from asked_calls import HOUR_MS, NOW_MS, Error, ask, small_archive, write
from rich.cells import cell_len
from rich.text import Text
from sample_calls import HOSTILE, moment, run, run_on_terminal

from callscope.clock import now_ms


def test_errors_that_differ_in_details_are_one_group_with_its_calls_and_an_example(tmp_path: Path) -> None:
    for number in range(3):
        write(
            tmp_path, f"late-{number}", started_at_ms=NOW_MS - number * HOUR_MS,
            errors=[Error(f"Request timed out after {number + 1}.5 s", recovered=number == 0)] * 2,
        )  # fmt: skip
    write(tmp_path, "other", errors=[Error("no such voice", provider="cartesia", stage="tts", exception_type="")])

    lines = run("errors", "--root", str(tmp_path)).stdout.splitlines()

    assert lines[0].split() == ["COUNT", "CALLS", "LAST", "UTC", "ERROR"]
    assert lines[1].split()[:2] == ["6", "3"]
    assert lines[1].endswith("Request timed out after <duration>")
    assert " · llm openai APITimeoutError · 2 recovered · first " in lines[2]
    assert f" · first {moment(NOW_MS - 2 * HOUR_MS)} · e.g. late-0" in lines[2]
    assert lines[3].split()[:2] == ["1", "1"]
    assert " · tts cartesia · first " in lines[4]


def test_the_calls_of_a_group_are_found_by_its_fingerprint(tmp_path: Path) -> None:
    write(tmp_path, "late", errors=[Error("Request timed out after 3 s")])
    write(tmp_path, "other", errors=[Error("no such voice")])
    shown = next(line for line in run("errors", "timed", "--root", str(tmp_path)).stdout.splitlines() if "└" in line)

    found = ask("ls", f"fingerprint:{shown.split()[1]}*", root=tmp_path)["calls"]

    assert [call["call_id"] for call in found] == ["late"]


def test_the_json_has_the_same_groups(tmp_path: Path) -> None:
    write(tmp_path, "late", errors=[Error("Request timed out after 3 s")])

    (group,) = ask("errors", root=tmp_path)["groups"]

    assert (group["count"], group["calls"], group["recovered"], group["example_call_id"]) == (1, 1, 0, "late")
    assert (group["pattern"], group["example"]) == ("Request timed out after <duration>", "Request timed out after 3 s")
    assert group["first"] == group["last"] == "2026-11-21T09:00:00.500Z"


def test_a_query_says_of_which_calls_and_a_limit_how_many(tmp_path: Path) -> None:
    small_archive(tmp_path)
    every = ask("errors", root=tmp_path)["groups"]

    assert len(every) > 1
    assert len(ask("errors", "--limit", "1", root=tmp_path)["groups"]) == 1
    assert {group["example_call_id"] for group in ask("errors", "-status:failed", root=tmp_path)["groups"]} == {
        "got-over"
    }


def test_it_says_how_many_groups_there_are_more(tmp_path: Path) -> None:
    write(tmp_path, "one", errors=[Error(f"{word} failed") for word in ("disk", "voice", "line")])

    done = run("errors", "--limit", "1", "--root", str(tmp_path))

    assert done.stderr == "1 group shown, and 2 more: --limit 3\n"
    assert run("errors", "--limit", "3", "--root", str(tmp_path)).stderr == ""
    assert ask("errors", "--limit", "1", root=tmp_path)["more"] == 2
    assert ask("errors", root=tmp_path)["more"] == 0


def test_no_errors_are_said_to_be_none(tmp_path: Path) -> None:
    write(tmp_path, "fine")

    assert run("errors", "--root", str(tmp_path)).stdout == f"No errors in the calls of {tmp_path}\n"
    assert run("errors", "since:1h", "--root", str(tmp_path)).stdout == f"No errors in these calls of {tmp_path}\n"


@pytest.mark.parametrize("columns", [80, 140])
def test_it_fits_a_terminal_and_hostile_messages_are_harmless(tmp_path: Path, columns: int) -> None:
    write(
        tmp_path, "odd",
        errors=[Error(f"{HOSTILE} {'日本語 ' * 60}", provider=HOSTILE, stage=HOSTILE, exception_type="E" * 90)],
        call_id=f"{HOSTILE}{'x' * 90}",
    )  # fmt: skip

    output = run_on_terminal("errors", "--root", str(tmp_path), columns=columns)

    assert not {"\x07", "\u202e", "\x9b", "\r"} & set(output)
    assert "\x1b[2J" not in output
    assert max(cell_len(line) for line in Text.from_ansi(output).plain.splitlines()) <= columns


def test_states_are_of_the_time_before_and_can_be_asked_for(tmp_path: Path) -> None:
    for number in range(20):
        then, now = now_ms() - 9 * 24 * HOUR_MS + number, now_ms() - HOUR_MS + number
        write(tmp_path, f"then-{number}", started_at_ms=then, errors=[Error("line lost")] if number < 12 else [])
        write(tmp_path, f"now-{number}", started_at_ms=now, errors=[Error("no credit")] if number < 3 else [])

    lines = run("errors", "--since", "7d", "--root", str(tmp_path)).stdout.splitlines()
    assert lines[0].split() == ["COUNT", "CALLS", "BEFORE", "STATE", "LAST", "UTC", "ERROR"]
    assert lines[1].split()[:4] == ["3", "3", "0", "new"]
    assert lines[3].split()[:4] == ["0", "0", "12", "gone"]

    def patterns(*options: str) -> list[tuple[str, str]]:
        return [(group["pattern"], group["state"]) for group in ask("errors", *options, root=tmp_path)["groups"]]

    assert patterns("--new") == [("no credit", "new")]
    assert patterns("--gone", "--rising") == [("line lost", "gone")]
    assert run("errors", "--rising", "--root", str(tmp_path)).stdout == f"No rising errors in the calls of {tmp_path}\n"
    assert {group["state"] for group in ask("errors", root=tmp_path)["groups"]} == {None}
