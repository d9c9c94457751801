"""What this user may not read is said to be so, never taken for something else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sample_calls import append, run_unprivileged, write

FILES = ("metadata.json", "transcript.jsonl", "events.jsonl")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Path]:
    """Two calls, one of which a test may make unreadable."""
    for name in ("good", "shut"):
        directory = write(tmp_path, name, turns=1)
        append(directory / "transcript.jsonl", {"role": "user", "text": "hello"})
        append(directory / "events.jsonl", {"type": "x", "data": {}})
    yield tmp_path
    for path in (tmp_path, tmp_path / "calls", tmp_path / "calls/2026/11/20/shut"):
        path.chmod(0o700)


def shut(archive: Path, *names: str) -> Path:
    directory = archive / "calls/2026/11/20/shut"
    for name in names:
        (directory / name).chmod(0)
    return directory


@pytest.mark.parametrize("names", [(".",), ("metadata.json",), ("metadata.json", "transcript.jsonl"), FILES], ids=str)
def test_a_call_that_cannot_be_read_is_an_error_of_show_and_never_abandoned(
    archive: Path, names: tuple[str, ...]
) -> None:
    directory = shut(archive, *names)

    for command in (("show", "shut"), ("show", "shut", "--json"), ("tail", "shut")):
        done = run_unprivileged(*command, "--root", str(archive))

        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
        assert done.stderr.startswith(f"callscope: {directory}/metadata.json cannot be read")


@pytest.mark.parametrize("name", ["transcript.jsonl", "events.jsonl"])
def test_show_tells_what_can_be_read_and_ends_with_4(archive: Path, name: str) -> None:
    directory = shut(archive, name)

    done = run_unprivileged("show", "shut", "--root", str(archive))

    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert f"{directory}/{name} cannot be read (Permission denied)" in done.stderr
    assert "completed" in done.stdout


@pytest.mark.parametrize("options", [(), ("--status", "completed"), ("--json",)], ids=str)
def test_ls_lists_what_it_can_and_marks_what_it_cannot(archive: Path, options: tuple[str, ...]) -> None:
    directory = shut(archive, ".")

    done = run_unprivileged("ls", *options, "--root", str(archive))

    assert done.returncode == 4
    assert done.stderr == f"callscope: {directory}/metadata.json cannot be read: check its owner and mode\n"
    if options == ("--json",):
        statuses = {call["call_id"]: call["status"] for call in json.loads(done.stdout)["calls"]}
        assert statuses == {"good": "completed", "shut": "unreadable"}
    else:
        shown = [line.split() for line in done.stdout.splitlines()[1:]]
        told = {words[-1]: {"completed", "unreadable"} & set(words) for words in shown}
        assert told == {"good": {"completed"}, "shut": {"unreadable"}}


def test_verify_and_doctor_tell_of_calls_that_cannot_be_read(archive: Path) -> None:
    shut(archive, ".")

    checked = run_unprivileged("verify", "--root", str(archive))
    examined = run_unprivileged("doctor", "--root", str(archive))

    assert (checked.returncode, examined.returncode) == (1, 1)
    assert "  ! metadata.json: cannot be read (Permission denied): check its owner and mode" in checked.stdout
    assert "2: 1 completed, 1 unreadable" in examined.stdout
    assert "1 call cannot be read by this user" in examined.stdout


def test_repair_and_prune_leave_alone_what_they_cannot_read(archive: Path) -> None:
    directory = shut(archive, "metadata.json")
    before = sorted(directory.iterdir())

    repaired = run_unprivileged("repair", "--root", str(archive))
    pruned = run_unprivileged("prune", "--days", "0", "--max-size", "0", "--root", str(archive))

    assert (repaired.returncode, pruned.returncode) == (1, 1)
    assert "shut  failed: metadata.json cannot be read" in repaired.stdout
    assert (
        pruned.stderr == f"callscope: {directory} stays: its metadata.json cannot be read, so it may be in progress\n"
    )
    assert sorted(directory.iterdir()) == before
    assert not (directory.parent / "good").exists()


def test_a_dead_call_whose_rows_cannot_be_read_is_not_closed_as_if_it_had_none(archive: Path) -> None:
    directory = shut(archive, "transcript.jsonl")
    (directory / "metadata.json").write_text(
        json.dumps({"call_id": "shut", "status": "in_progress", "callscope": {"writer": {"id": "gone"}}})
    )
    before = (directory / "metadata.json").read_bytes()

    repaired = run_unprivileged("repair", "--root", str(archive))

    assert repaired.returncode == 1
    assert "shut  failed: transcript.jsonl cannot be read" in repaired.stdout
    assert (directory / "metadata.json").read_bytes() == before


@pytest.mark.parametrize("command", ["ls", "tail", "verify", "repair", "prune", "doctor"])
@pytest.mark.parametrize("below", ["", "calls"])
def test_a_root_that_cannot_be_read_is_an_error_of_every_command(archive: Path, command: str, below: str) -> None:
    (archive / below).chmod(0)

    done = run_unprivileged(command, "--root", str(archive))

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
    assert "cannot be read (Permission denied)" in done.stderr
