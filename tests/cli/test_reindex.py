from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from pathlib import Path

from asked_calls import Said, ask, settle, small_archive, write
from sample_calls import run, run_unprivileged


def index_of(root: Path) -> Path:
    return root / ".callscope" / "index.sqlite"


def test_it_makes_the_index_anew_and_says_how_many_calls_there_are(tmp_path: Path) -> None:
    small_archive(tmp_path)

    done = run("reindex", "--root", str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("13 calls read in ")
    assert str(index_of(tmp_path)) in done.stdout
    assert sqlite3.connect(index_of(tmp_path)).execute("SELECT count(*) FROM call").fetchone() == (13,)


def test_deleting_the_index_loses_nothing(tmp_path: Path) -> None:
    small_archive(tmp_path)
    before = ask("stats", "--by", "agent,status", root=tmp_path)["rows"]

    for path in (tmp_path / ".callscope").glob("index.sqlite*"):
        path.unlink()

    after = ask("stats", "--by", "agent,status", root=tmp_path)["rows"]
    assert [{**row, "calls_per_minute": None, "turns_per_minute": None} for row in after] == [
        {**row, "calls_per_minute": None, "turns_per_minute": None} for row in before
    ]


def test_a_broken_index_is_made_anew(tmp_path: Path) -> None:
    write(tmp_path, "one")
    ask("search", "hello", root=tmp_path)
    index_of(tmp_path).write_bytes(b"no database at all" * 1000)

    done = run("search", "hello", "--root", str(tmp_path))

    assert done.returncode == 0
    assert "is damaged: it is kept as index.sqlite.broken, and made anew" in done.stderr
    assert "one" in done.stdout


def test_verify_finds_what_other_programs_changed(tmp_path: Path) -> None:
    call = write(tmp_path, "one", said=[Said("before")])
    settle(tmp_path)
    ask("search", "before", root=tmp_path)
    transcript = call / "transcript.jsonl"
    transcript.write_text(transcript.read_text().replace("before", "behind"))
    assert ask("search", "behind", root=tmp_path)["hits"] == []  # neither the day's time nor the call's has changed

    report = ask("reindex", "--verify", root=tmp_path)

    assert (report["read"], report["removed"], report["complete"]) == (1, 0, True)
    assert len(ask("search", "behind", root=tmp_path)["hits"]) == 1


def test_what_cannot_be_listed_is_told_and_ends_with_1(tmp_path: Path) -> None:
    write(tmp_path, "one")
    hidden = tmp_path / "calls" / "2026" / "11" / "20"
    hidden.mkdir(parents=True)
    hidden.chmod(0)
    try:
        done = run_unprivileged("reindex", "--root", str(tmp_path))
        asked = run_unprivileged("search", "hello", "--root", str(tmp_path))
    finally:
        hidden.chmod(0o700)

    assert done.returncode == 1
    assert f"{hidden} cannot be listed" in done.stdout
    assert (asked.returncode, "one" in asked.stdout) == (0, True)


def test_while_another_process_holds_the_index_it_says_so_and_questions_are_answered(tmp_path: Path) -> None:
    write(tmp_path, "one")
    ask("search", "hello", root=tmp_path)
    write(tmp_path, "two")
    with Path(f"{index_of(tmp_path)}.lock").open("rb+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        again = run("reindex", "--root", str(tmp_path))
        asked = run("search", "hello", "--json", "--root", str(tmp_path))

    assert again.returncode == 1
    assert "another process is bringing the index" in again.stderr
    assert [hit["call_id"] for hit in json.loads(asked.stdout)["hits"]] == ["one"]
    assert asked.stderr.startswith("note: another process is bringing the index up to date; the answer is as of ")


def test_before_there_is_an_index_another_process_that_makes_it_is_told_of(tmp_path: Path) -> None:
    write(tmp_path, "one")
    (tmp_path / ".callscope").mkdir()
    with Path(f"{index_of(tmp_path)}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        asked = run("search", "hello", "--root", str(tmp_path))

    assert (asked.returncode, asked.stdout, asked.stderr.count("\n")) == (1, "", 1)
    assert "ask again when it is done" in asked.stderr


def test_an_index_that_can_no_longer_be_written_is_still_read(tmp_path: Path) -> None:
    root, place = tmp_path / "archive", tmp_path / "kept" / "index.sqlite"
    write(root, "one")
    environ = {"CALLSCOPE_INDEX": str(place)}
    ask("search", "hello", root=root, environ=environ)
    Path(f"{place}.lock").unlink()
    place.parent.chmod(0o500)
    os.environ["CALLSCOPE_INDEX"] = str(place)
    try:
        done = run("search", "hello", "--root", str(root), environ=environ)
    finally:
        place.parent.chmod(0o700)
        del os.environ["CALLSCOPE_INDEX"]

    assert done.returncode == 0
    assert "one" in done.stdout
    if os.geteuid():
        assert "could not be brought up to date" in done.stderr


def test_the_search_for_parts_of_words_can_be_switched_off_and_on(tmp_path: Path) -> None:
    write(tmp_path, "one", said=[Said("I want a refund")])
    settle(tmp_path)
    ask("search", "efun", root=tmp_path)

    off = run("reindex", "--no-search", "--root", str(tmp_path))
    asked = run("search", "efun", "--root", str(tmp_path))
    ranked = ask("search", "refund", "--ranked", root=tmp_path)["hits"]
    again = ask("reindex", "--search", root=tmp_path)

    assert (off.returncode, "1 as they were" in off.stdout) == (0, True)
    assert (asked.returncode, "callscope reindex --search" in asked.stderr) == (2, True)
    assert len(ranked) == 1
    assert (again["read"], again["unchanged"]) == (0, 1)
    assert len(ask("search", "efun", root=tmp_path)["hits"]) == 1


def test_there_has_to_be_an_archive(tmp_path: Path) -> None:
    assert run("reindex", "--root", str(tmp_path / "none")).returncode == 3
    assert run("reindex").returncode == 2


def test_where_an_index_cannot_be_kept_it_is_said_and_the_answer_is_given(tmp_path: Path) -> None:
    write(tmp_path / "root", "one")
    environ = {"CALLSCOPE_INDEX": "/dev/null/x", "TMPDIR": str(tmp_path)}

    asked = run("ls", "agent:front-desk", "--root", str(tmp_path / "root"), environ=environ)
    made = run("reindex", "--root", str(tmp_path / "root"), environ=environ)

    assert (asked.returncode, "one" in asked.stdout, asked.stderr.count("\n")) == (0, True, 1)
    assert asked.stderr.startswith("note: the index cannot be kept at /dev/null/x")
    assert (made.returncode, made.stderr.startswith("callscope: the index cannot be kept")) == (2, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["root"]


def test_a_setting_among_the_calls_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "one")
    environ = {"CALLSCOPE_INDEX": str(tmp_path / "calls" / "2026" / "index.sqlite")}

    for args in (["ls", "agent:front-desk"], ["reindex"]):
        done = run(*args, "--root", str(tmp_path), environ=environ)

        assert (done.returncode, "among the calls" in done.stderr) == (2, True)
