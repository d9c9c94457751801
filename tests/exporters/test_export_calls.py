"""``callscope export`` of many calls, as a user types it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "cli"))

from exported import settle
from sample_calls import ORDER, run, write_order_call
from sample_calls import write as write_metadata

from callscope.cli import main


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_order_call(tmp_path / "archive")
    write_metadata(tmp_path / "archive", "other")
    settle(tmp_path / "archive")
    return tmp_path / "archive"


def test_rows_go_to_standard_output(archive: Path) -> None:
    done = run("export", "--format", "jsonl", "--root", str(archive), "-status:failed")

    assert (done.returncode, done.stderr) == (0, "")
    assert [json.loads(line)["call_id"] for line in done.stdout.splitlines()] == ["other", ORDER]


def test_one_word_that_is_a_call_is_that_call(archive: Path) -> None:
    for name in (ORDER, f"2026/11/21/{ORDER}"):
        done = run("export", name, "--format", "csv", "--table", "exchanges", "--root", str(archive))
        assert {line.split(",")[1] for line in done.stdout.splitlines()[1:]} == {ORDER}
    said = run("export", "shipped", "--format", "jsonl", "--root", str(archive))
    assert [json.loads(line)["call_id"] for line in said.stdout.splitlines()] == [ORDER]


def test_the_short_option_says_where_to(archive: Path, tmp_path: Path) -> None:
    done = run("export", "--format", "csv", "-o", str(tmp_path / "calls.csv"), "--root", str(archive))
    lake = run("export", "--format", "parquet", "-o", str(tmp_path / "lake"), "--root", str(archive))
    again = run("export", "--format", "parquet", "-o", str(tmp_path / "lake"), "--root", str(archive))

    assert done.stdout.startswith(f"{tmp_path / 'calls.csv'}  2 calls  ")
    assert lake.stdout.startswith(f"{tmp_path / 'lake'}  2 calls  14 files written  ")
    assert again.stdout == f"{tmp_path / 'lake'}  2 calls  0 files written  14 unchanged\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--format", "csv", "--sound"), "--sound means nothing to --format csv: it is of html"),
        (("--format", "html", "a", "--no-text"), "--no-text means nothing to --format html"),
        (("--format", "html"), "which call?"),
        (("--format", "html", "a", "--since", "7d"), "it is of one call"),
        (("--format", "parquet"), "where to? give --output FILE.parquet, or a directory"),
        (("--format", "prometheus", "agent:x"), "of the whole archive"),
        (("--format", "prometheus", "-o", "metrics.txt"), "files that end in .prom"),
        (("--format", "csv", "limit:3"), "every call that fits is counted"),
    ],
)
def test_what_makes_no_sense_is_told_in_a_line(
    archive: Path, args: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main._run(["export", *args, "--root", str(archive)])

    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert said in printed.err


def test_metrics_go_to_a_file_that_everybody_may_read(archive: Path, tmp_path: Path) -> None:
    place = tmp_path / "callscope.prom"

    done = [run("export", "--format", "prometheus", "-o", str(place), "--root", str(archive)) for _ in range(2)]

    assert [each.returncode for each in done] == [0, 0]
    assert place.stat().st_mode & 0o777 & ~0o022 == 0o644
    assert "callscope_archive_calls 2.0" in place.read_text()
