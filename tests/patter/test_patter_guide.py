"""What docs/patter.md shows runs with Patter's SDK itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from patter_trees import run_sdk

from callscope.archive.reader import read_call
from callscope.clock import now_ms
from callscope.testing import call_dirs, metadata

PAGE = Path(__file__).parents[2] / "docs" / "patter.md"


def example(word: str) -> str:
    """The page's program that has a word in it."""
    found = [match[1] for match in re.finditer(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)]
    (program,) = [each for each in found if word in each]
    return program


@pytest.mark.e2e
def test_one_line_has_the_sdk_record_with_our_writer(tmp_path: Path) -> None:
    pytest.importorskip("getpatter.services.call_log")
    program = tmp_path / "example.py"
    program.write_text(example("getpatter.server"), encoding="utf-8")
    root = tmp_path / "root"
    run_sdk(root, str(Path(__file__).with_name("patter_agent.py")), program)

    found = {metadata(directory)["call_id"]: directory for directory in call_dirs(root)}
    statuses = {name: metadata(directory)["status"] for name, directory in found.items()}
    assert statuses == {"CA-tool": "completed", "CA-cut": "completed", "CA-failed": "failed", "CA-open": "abandoned"}
    assert {metadata(directory)["caller"] for directory in found.values()} == {"***4567"}
    record = read_call(found["CA-tool"], now_ms=now_ms())
    assert [turn.text for turn in record.turns][-1] == "Goodbye."
    assert record.call.callscope["written"] == 5
    assert record.problems == ()


def test_the_same_methods_take_the_same_arguments(tmp_path: Path) -> None:
    pytest.importorskip("getpatter.services.call_log")
    ours = example("from callscope import")
    theirs = ours.replace("from callscope import", "from getpatter.services.call_log import").replace(
        "logger.close()", ""
    )
    for name, program in (("ours", ours), ("theirs", theirs)):
        path = tmp_path / f"{name}.py"
        path.write_text(f"import os, sys\nos.environ['PATTER_LOG_DIR'] = sys.argv[1]\n{program}", encoding="utf-8")
        run_sdk(tmp_path / name, str(path))

    (one,), (other,) = (sorted((tmp_path / name).glob("calls/*/*/*/*")) for name in ("ours", "theirs"))
    read = [[json.loads(line) for line in (at / "transcript.jsonl").read_bytes().splitlines()] for at in (one, other)]
    assert [list(row) for row in read[0]] == [list(row) for row in read[1]]
    assert [row["user_text"] for row in read[0]] == [row["user_text"] for row in read[1]]
    keys = list(metadata(other))
    assert [key for key in metadata(one) if key != "callscope"] == keys
