"""``callscope import``: what is told, what is on disk afterwards, and what a second run does."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from whole_calls import SETTINGS

from callscope.archive.reader import read_envelope
from callscope.archive.repair import repair
from callscope.archive.spend import call_spend
from callscope.archive.verify import verify
from callscope.importers.base import formats
from callscope.importers.base.run import Summary
from callscope.importers.base.run import run as keep_all
from callscope.recorder.keeper import Keeper

NOW_MS = 1_795_300_000_000
FIXTURES = Path(__file__).parent / "fixtures"


def run(*args: str, stdin: bytes = b"", **settings: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "callscope", *args],
        input=stdin, capture_output=True, timeout=60, check=False, env={**os.environ, **settings},
    )  # fmt: skip
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def imported(root: Path, form: str, *paths: Path, dry_run: bool = False) -> Summary:
    with Keeper(root, SETTINGS) as keeper:
        return keep_all(form, map(str, paths), keeper=keeper, dry_run=dry_run)


def calls(root: Path) -> list[Path]:
    return sorted(path.parent for path in root.glob("calls/*/*/*/*/metadata.json"))


def test_an_import_says_what_it_did_and_a_second_one_that_nothing_changed(tmp_path: Path) -> None:
    paths = [str(FIXTURES / "vapi_report.json"), str(FIXTURES / "vapi_calls.json")]
    first = run("import", "vapi", *paths, "--root", str(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    second = run("import", "vapi", *paths, "--root", str(tmp_path))

    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == (
        "3 calls: 3 new, 0 replaced, 0 unchanged.\n"
        "1 document told of no call that has ended: passed over.\n"
        "Not understood, and kept in source/: 1 × cost of type crystal-ball, 1 × message with role hologram.\n"
    )
    assert second.stdout.startswith("3 calls: 0 new, 0 replaced, 3 unchanged.\n")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before
    assert len(calls(tmp_path)) == 3


def test_imported_calls_are_listed_searched_verified_and_exported_like_recorded_ones(tmp_path: Path) -> None:
    for form, name in (("retell", "retell_call.json"), ("patter", "patter_tree"), ("jsonl", "calls.jsonl")):
        assert imported(tmp_path, form, FIXTURES / name).errors == []

    listed = json.loads(run("ls", "--root", str(tmp_path), "--json").stdout)
    assert {call["call_id"] for call in listed["calls"]} == {
        "Jabr9TXYYJHfvl6Syypi88rdAHYHmcq6", "CA77", "own-1", "own-2",
    }  # fmt: skip
    assert "cancel my booking" in run("search", "cancel my booking", "--root", str(tmp_path)).stdout
    assert [check.problems for check in verify(tmp_path, now_ms=NOW_MS)] == [()] * 4
    assert list(repair(tmp_path, now_ms=NOW_MS)) == []
    page = run("export", "Jabr9", "--format", "html", "--root", str(tmp_path), "--output", str(tmp_path / "page.html"))
    assert page.returncode == 0, page.stderr
    assert "Done, it is cancelled." in (tmp_path / "page.html").read_text()


def test_one_unreadable_original_keeps_no_other_out_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    good = json.loads((FIXTURES / "retell_call.json").read_bytes())
    lines = [json.dumps(good), "{torn", json.dumps({"call_id": "x"}), json.dumps(good).replace("Jabr9", "Other")]
    (tmp_path / "in" / "calls.jsonl").write_text("\n".join(lines))
    (tmp_path / "in" / "noise.json").write_text("nonsense")
    done = run("import", "retell", str(tmp_path / "in"), "--root", str(tmp_path / "root"))

    assert done.returncode == 1
    assert done.stdout.startswith("2 calls: 2 new, 0 replaced, 0 unchanged.\n")
    assert f"{tmp_path}/in/calls.jsonl:2 is no JSON" in done.stderr
    assert f"{tmp_path}/in/calls.jsonl:3 is no call of Retell" in done.stderr
    assert f"{tmp_path}/in/noise.json is no JSON" in done.stderr
    assert "3 originals could not be imported." in done.stderr
    assert len(calls(tmp_path / "root")) == 2


def test_a_dry_run_tells_the_same_and_writes_nothing(tmp_path: Path) -> None:
    call = FIXTURES / "retell_call.json"
    done = run("import", "retell", str(call), "--dry-run", "--json", "--root", str(tmp_path / "root"))
    told = json.loads(done.stdout)
    assert (done.returncode, told["new"], told["dry_run"]) == (0, 1, True)
    assert not (tmp_path / "root").exists()

    imported(tmp_path / "root", "retell", call)
    again = imported(tmp_path / "root", "retell", call, dry_run=True)
    assert (again.new, again.unchanged) == (0, 1)


def test_a_call_that_is_told_twice_is_there_as_its_last_telling_has_it(tmp_path: Path) -> None:
    analyzed = json.loads((FIXTURES / "retell_call.json").read_bytes())
    ended = json.loads((FIXTURES / "retell_call.json").read_bytes()) | {"event": "call_ended"}
    del ended["call"]["call_analysis"]
    paths = [tmp_path / f"{number}.json" for number in range(3)]
    for path, document in zip(paths, (ended, analyzed, analyzed), strict=True):
        path.write_text(json.dumps(document))
    first = imported(tmp_path / "root", "retell", *paths)
    second = imported(tmp_path / "root", "retell", *paths)

    assert (first.new, first.replaced, first.told_again) == (1, 1, 1)
    assert (second.unchanged, second.replaced, second.told_again) == (2, 0, 1)
    assert "call_analysis" in (calls(tmp_path / "root")[0] / "source" / "retell.json").read_text()


def test_an_earlier_telling_does_not_replace_a_later_one(tmp_path: Path) -> None:
    report = FIXTURES / "vapi_report.json"
    later = tmp_path / "later.json"
    newer = report.read_text().replace("1795253500000", "1795253900000")
    later.write_text(newer.replace("customer-ended", "assistant-ended"))
    assert imported(tmp_path / "root", "vapi", later).new == 1
    assert imported(tmp_path / "root", "vapi", report).unchanged == 1
    (call,) = calls(tmp_path / "root")
    assert json.loads((call / "metadata.json").read_bytes())["callscope"]["end_reason"] == "assistant ended call"


def test_standard_input_and_packed_files_are_read_too(tmp_path: Path) -> None:
    content = (FIXTURES / "retell_call.json").read_bytes()
    done = run("import", "retell", "-", "--root", str(tmp_path / "root"), stdin=content)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "1 call: 1 new, 0 replaced, 0 unchanged.")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "call.json.gz").write_bytes(gzip.compress(content))
    told = imported(tmp_path / "root", "retell", tmp_path / "in")
    assert (told.unchanged, told.errors) == (1, [])


def test_patter_trees_are_found_from_any_directory_in_or_above_them(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(FIXTURES / "patter_tree", tree)
    for number, place in enumerate((".", "calls", "calls/2026", "calls/2026/05/20/CA77")):
        told = imported(tmp_path / "root", "patter", tree / place)
        assert (told.new, told.unchanged) == (int(not number), int(bool(number)))
    (error,) = imported(tmp_path / "root", "patter", tmp_path / "nothing").errors
    assert error == f"{tmp_path}/nothing cannot be read (No such file or directory)"
    (tmp_path / "nothing").mkdir()
    (error,) = imported(tmp_path / "root", "patter", tmp_path / "nothing").errors
    assert error.startswith(f"{tmp_path}/nothing holds no call")


@pytest.mark.parametrize("form", [name for name in formats.names() if name != "patter"])
@pytest.mark.parametrize("content", ["", " \n", "[]", " [ ]\n", "{}"])
def test_a_file_that_holds_nothing_is_an_error_that_names_it(tmp_path: Path, form: str, content: str) -> None:
    given = tmp_path / "given.json"
    given.write_text(content)

    told = imported(tmp_path / "root", form, given)

    assert (told.calls, told.passed_over) == (0, 0)
    (error,) = told.errors
    assert error == f"{given} is empty: it holds no call"


def test_traces_of_no_call_are_an_error_that_names_the_file(tmp_path: Path) -> None:
    given = tmp_path / "given.json"
    given.write_text('{"resourceSpans": []}')

    assert imported(tmp_path / "root", "otlp", given).errors == [f"{given} holds nothing that is a call"]


@pytest.mark.parametrize("form", ["patter", "jsonl"])
def test_a_call_that_nobody_knows_the_end_of_has_no_length_and_no_price(tmp_path: Path, form: str) -> None:
    about = {"call_id": "CA1", "started_at": "2026-11-21T09:30:12.000Z", "telephony_provider": "twilio"}
    given = tmp_path / "CA1" / "metadata.json"
    given.parent.mkdir()
    given.write_text(json.dumps({**about, "status": "in_progress"}))
    place = given.parent if form == "patter" else given
    first, second = (imported(tmp_path / "root", form, place) for _ in range(2))

    assert (first.new, second.unchanged) == (1, 1)
    (call,) = calls(tmp_path / "root")
    metadata = json.loads((call / "metadata.json").read_bytes())
    assert (metadata["ended_at"], metadata["duration_ms"], metadata["status"]) == (None, None, "abandoned")
    assert call_spend(read_envelope(call, now_ms=NOW_MS), started_at_ms=0).cost.status == "unpriced"
    assert [check.problems for check in verify(tmp_path / "root", now_ms=NOW_MS)] == [()]


@pytest.mark.parametrize(
    ("args", "code", "why"),
    [
        (("nonsense", "x"), 2, "there is no format 'nonsense': give one of jsonl, "),
        (("vapi",), 2, "Missing argument 'PATH...'"),
        (("vapi", "/there/is/no/such/file.json"), 1, "cannot be read (No such file or directory)"),
    ],
)
def test_what_was_asked_wrongly_is_told(tmp_path: Path, args: tuple[str, ...], code: int, why: str) -> None:
    done = run("import", *args, "--root", str(tmp_path))
    assert done.returncode == code
    assert why in done.stderr


def test_the_help_lists_the_formats() -> None:
    done = run("import", "--help")
    assert done.returncode == 0
    assert "openai-realtime" in done.stdout


def test_calls_that_the_next_sweep_would_remove_are_told(tmp_path: Path) -> None:
    row = json.dumps({"call_id": "old", "ts": "2020-01-01T00:00:00Z", "role": "user", "text": "Hi."}).encode()
    done = run("import", "jsonl", "-", "--root", str(tmp_path), stdin=row, PATTER_LOG_RETENTION_DAYS="90")
    assert done.returncode == 0
    assert "1 call began before the days that are kept" in done.stderr
    kept = run(
        "import", "jsonl", "-", "--root", str(tmp_path / "b"), stdin=row,
        PATTER_LOG_RETENTION_DAYS="0",
    )  # fmt: skip
    assert kept.stderr == ""


def test_words_stay_off_the_disk_where_the_policy_says_so(tmp_path: Path) -> None:
    done = run(
        "import", "vapi", str(FIXTURES / "vapi_report.json"), "--root", str(tmp_path), PATTER_LOG_TRANSCRIPT="off"
    )
    assert done.returncode == 0
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for words in (b"Saturday", b"Blue Dental, how", b"opening hours", b"555 000 1234", b"9-13"):
        assert words not in everything
    assert b"as_1" in everything
