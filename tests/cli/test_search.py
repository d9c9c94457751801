from __future__ import annotations

from pathlib import Path

import pytest
from asked_calls import HOUR_MS, NOW_MS, Error, Said, Tool, ask, many, small_archive, write
from rich.cells import cell_len
from rich.text import Text
from sample_calls import HOSTILE, ORDER, START_MS, moment, run, run_on_terminal, run_unprivileged, write_order_call


def test_a_phrase_is_found_with_its_call_moment_speaker_and_turn(tmp_path: Path) -> None:
    small_archive(tmp_path)

    done = run("search", '"want a refund"', "--root", str(tmp_path))

    assert done.stdout.splitlines() == [
        f"{moment(NOW_MS - 2 * HOUR_MS)}  refund",
        "   0:03  turn 1  caller       I want a refund for order 1234",
    ]
    assert (done.returncode, done.stderr) == (0, "")


def test_tools_and_errors_are_searched_too(tmp_path: Path) -> None:
    write(
        tmp_path,
        "one",
        tools=[Tool("lookup", {"order": "4412-x"}, {"state": "4412-y"})],
        errors=[Error("4412-z failed")],
    )

    found = run("search", "4412", "--root", str(tmp_path)).stdout.splitlines()[1:]

    assert [line[17:30].strip() for line in found] == ["error", "tool call", "tool result"]


def test_the_json_says_where_in_the_snippet_the_words_are(tmp_path: Path) -> None:
    small_archive(tmp_path)

    (hit,) = ask("search", '"want a refund"', root=tmp_path)["hits"]

    (mark,) = hit["marks"]
    assert hit["snippet"][slice(*mark)] == "want a refund"
    assert (hit["call_id"], hit["path"], hit["kind"]) == ("refund", "2026/11/21/refund", "user")
    assert (hit["started_at"], hit["ts"]) == ("2026-11-21T08:00:00.000Z", "2026-11-21T08:00:03.400Z")


def test_on_a_terminal_the_words_are_bold_and_to_be_seen_however_long_the_text(tmp_path: Path) -> None:
    write(tmp_path, "one", said=[Said(f"{'before ' * 30}the Needle{' after' * 30}")])

    output = run_on_terminal("search", "needle", "--root", str(tmp_path), columns=60)

    assert "\x1b[1mNeedle\x1b[0m" in output
    assert max(cell_len(line) for line in Text.from_ansi(output).plain.splitlines()) <= 60


def test_several_arguments_are_one_query_and_a_dash_negates(tmp_path: Path) -> None:
    small_archive(tmp_path)
    every = {hit["call_id"] for hit in ask("search", "the", root=tmp_path)["hits"]}

    completed = {hit["call_id"] for hit in ask("search", "the", "status:completed", root=tmp_path)["hits"]}
    others = {hit["call_id"] for hit in ask("search", "the", "-status:completed", root=tmp_path)["hits"]}

    assert completed
    assert others
    assert completed | others == every
    assert not completed & others


def test_pages_go_on_where_the_one_before_ended(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, f"call-{number}", started_at_ms=NOW_MS - number * HOUR_MS)
    first = run("search", "hello", "--limit", "3", "--root", str(tmp_path))
    page = ask("search", "hello", "--limit", "3", root=tmp_path)
    rest = ask("search", "hello", "--cursor", page["next"], root=tmp_path)

    assert f"3 hits shown, there are more: --cursor {page['next']}\n" == first.stderr
    assert [hit["call_id"] for hit in (*page["hits"], *rest["hits"])] == [f"call-{number}" for number in range(5)]
    assert rest["next"] is None


def test_ranked_hits_come_with_the_best_one_first(tmp_path: Path) -> None:
    write(tmp_path, "much", started_at_ms=NOW_MS - 2 * HOUR_MS, said=[Said("refund refund refund")])
    write(tmp_path, "little", said=[Said(f"{'something else ' * 20}refund")])

    assert [hit["call_id"] for hit in ask("search", "refund", "--ranked", root=tmp_path)["hits"]] == ["much", "little"]
    assert [hit["call_id"] for hit in ask("search", "refund", root=tmp_path)["hits"]] == ["little", "much"]


def test_times_may_be_options(tmp_path: Path) -> None:
    write(tmp_path, "new")
    write(tmp_path, "old", started_at_ms=NOW_MS - 48 * HOUR_MS)

    assert [hit["call_id"] for hit in ask("search", "hello", "--since", "2026-11-21", root=tmp_path)["hits"]] == ["new"]
    assert [hit["call_id"] for hit in ask("search", "hello", "--until", "2026-11-21", root=tmp_path)["hits"]] == ["old"]


def test_times_of_the_query_and_of_options_both_hold(tmp_path: Path) -> None:
    for days in range(4):
        write(tmp_path, f"{days} days ago", started_at_ms=NOW_MS - HOUR_MS - days * 24 * HOUR_MS)
    narrow = ("since:2026-11-19", "until:2026-11-21")

    def found(*args: str) -> list[str]:
        return [hit["call_id"][0] for hit in ask("search", "hello", *args, root=tmp_path)["hits"]]

    assert found(*narrow) == ["1", "2"]
    assert found(*narrow, "--since", "2026-11-18", "--until", "2026-11-22") == ["1", "2"]
    assert found(*narrow, "--since", "2026-11-20") == ["1"]
    assert found(*narrow, "--until", "2026-11-20") == ["2"]


def test_what_was_recorded_since_the_last_question_is_found(tmp_path: Path) -> None:
    write(tmp_path, "first")
    assert len(ask("search", "hello", root=tmp_path)["hits"]) == 1

    write(tmp_path, "second", started_at_ms=NOW_MS)

    assert [hit["call_id"] for hit in ask("search", "hello", root=tmp_path)["hits"]] == ["second", "first"]


def test_nothing_found_is_no_error(tmp_path: Path) -> None:
    done = run("search", "hello", "--root", str(tmp_path))

    assert (done.returncode, done.stdout, done.stderr) == (0, f"Nothing was found in {tmp_path}\n", "")


@pytest.mark.parametrize(
    ("args", "stderr"),
    [
        (
            ["refund agnet:x"],
            'callscope: unknown field "agnet": did you mean agent?\n  refund agnet:x\n         ^\n',
        ),
        (
            ["refund", "p95>1.5"],
            """callscope: a unit is missing: p95 is a time; write as in p95>1.5s or p95:500ms..1.5s
  refund p95>1.5
             ^
""",
        ),
    ],
)
def test_a_mistake_in_a_query_is_told_with_its_place(tmp_path: Path, args: list[str], stderr: str) -> None:
    done = run("search", *args, "--root", str(tmp_path))

    assert (done.returncode, done.stdout, done.stderr) == (2, "", stderr)


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        ([], 2, "there is nothing to look for"),
        (["x", "--since", "soon"], 2, "--since 'soon' is no time"),
        (["x", "--since", "1h", "--until", "2h"], 2, "range of time is empty"),
        (["x", "--cursor", "y"], 2, "cursor"),
        (["x", "--limit", "0"], 2, "--limit"),
        (["x", "--nothing"], 2, "--nothing"),
        (["x", "--root", "/nowhere"], 3, "there is no directory"),
    ],
)
def test_any_other_mistake_is_one_line(tmp_path: Path, args: list[str], code: int, words: str) -> None:
    done = run("search", "--root", str(tmp_path), *args)

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert words in done.stderr


def test_hostile_words_of_a_query_are_harmless_in_its_error(tmp_path: Path) -> None:
    done = run("search", f"agnet:{HOSTILE}", "--root", str(tmp_path))

    assert done.returncode == 2
    assert not {"\x1b", "\x07", "\u202e", "\x9b", "\r"} & set(done.stderr)
    assert done.stderr.count("\n") == 3


@pytest.mark.parametrize("columns", [40, 80, 140])
def test_hostile_words_of_a_call_are_harmless(tmp_path: Path, columns: int) -> None:
    write_order_call(tmp_path)

    output = run_on_terminal(
        "search", "exe", "--root", str(tmp_path), columns=columns, environ={"TERM": "xterm", "NO_COLOR": "1"}
    )
    plain = Text.from_ansi(output).plain

    assert f"{moment(START_MS)}  {ORDER[:20]}" in plain
    assert ("no, [bold]gnp.exe  fake row" if columns > 60 else "gnp.e") in plain
    assert not {"\x07", "\u202e", "\x9b", "\r"} & set(output)
    assert "\x1b[2J" not in output


def test_an_archive_that_cannot_be_written_is_searched_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, home = tmp_path / "archive", tmp_path / "home"
    write(root, "one")
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    directories = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for path in directories:
        path.chmod(0o500)
    try:
        done = run_unprivileged("search", "hello", "--root", str(root))
    finally:
        for path in directories:
            path.chmod(0o700)

    assert (done.returncode, done.stderr) == (0, "")
    assert "one" in done.stdout
    assert not (root / ".callscope").exists()


def test_the_index_may_be_kept_elsewhere(tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "index.sqlite"
    write(tmp_path / "archive", "one")

    ask("search", "hello", root=tmp_path / "archive", environ={"CALLSCOPE_INDEX": str(place)})

    assert place.is_file()
    assert not (tmp_path / "archive" / ".callscope").exists()


def test_a_first_build_shows_how_far_it_is_on_a_terminal_alone(tmp_path: Path) -> None:
    many(tmp_path, 600, turns=2)

    on_terminal = run_on_terminal("search", "nothing-like-this", "--root", str(tmp_path))
    (tmp_path / ".callscope" / "index.sqlite").unlink()
    piped = run("search", "nothing-like-this", "--root", str(tmp_path))

    assert "Reading calls" in on_terminal
    assert "/600" in on_terminal
    assert (piped.stdout, piped.stderr) == (f"Nothing was found in {tmp_path}\n", "")
