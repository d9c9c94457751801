"""An output without Unicode: no sign of ours is lost, nothing fails, JSON says the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from asked_calls import DAY_MS, NOW_MS, Error, Said, cost_line, small_archive, write
from rich.cells import cell_len
from sample_calls import run

import callscope.cli
from callscope.cli import plain_signs

ASCII = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
plain_signs.register()


def test_every_sign_that_commands_print_has_another() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(callscope.cli.__file__).parent.rglob("*.py"))
    signs = sorted(set(re.findall(r"[^\x00-\x7f]", sources)))

    assert len(signs) > 20
    for sign in signs:
        assert sign.encode("ascii", plain_signs.NAME) != b"?", sign


@pytest.mark.parametrize("text", ["≥ $0.03", "  ≥ $3.25  ≥ $1", "│███░░│ a→b… ✓ 1−2", "≥…≥ "])
def test_columns_stay_where_they_are(text: str) -> None:
    plain = text.replace("≥…", "≥ …").encode("ascii", plain_signs.NAME).decode()

    assert len(plain) == cell_len(text.replace("≥…", "≥ …"))
    assert "?" not in plain
    assert plain.count(">=") == text.count("≥")


def test_what_there_is_no_sign_for_is_a_question_mark() -> None:
    assert "é ≥ 退款".encode("ascii", plain_signs.NAME) == b"? >=??"
    assert "€ ≥".encode("latin-1", plain_signs.NAME) == b"? >="


@pytest.fixture
def root(tmp_path: Path) -> Path:
    small_archive(tmp_path)
    write(
        tmp_path, "partly", started_at_ms=NOW_MS - DAY_MS, said=[Said("a long story " * 30, "yes", interrupted=True)],
        lines=[cost_line("stt", "deepgram", "0.5"), cost_line("llm", "openai", None, model="gpt-4.1")],
        errors=[Error("Request timed out after 3 s")], status="failed", error="it broke",
    )  # fmt: skip
    return tmp_path


@pytest.mark.parametrize(
    "args",
    [
        ["ls"],
        ["ls", "sort:-cost"],
        ["show", "partly"],
        ["search", "story"],
        ["stats"],
        ["stats", "--by", "day", "--stages"],
        ["stats", "--by", "agent"],
        ["errors"],
        ["compare", "-status:failed", "status:failed"],
        ["sql", "SELECT call_id, cost_usd FROM calls"],
        ["cost"],
        ["cost", "--by", "provider"],
        ["reindex"],
        ["doctor"],
        ["budget"],
        ["verify"],
    ],
    ids=" ".join,
)
def test_no_command_prints_a_sign_that_is_lost(root: Path, args: list[str]) -> None:
    done = run(*args, "--root", str(root), environ=ASCII)
    told = run(*args, "--root", str(root))

    assert done.returncode == told.returncode
    printed = (done.stdout + done.stderr).splitlines()
    assert [line for line in printed if "?" in line and line not in told.stdout] == []
    assert done.stdout.isascii()


def test_a_sum_that_is_not_whole_is_at_least_that(root: Path) -> None:
    shown = run("stats", "--by", "day", "--root", str(root), environ=ASCII).stdout

    assert ">=$0.554" in shown


def test_json_says_the_same(tmp_path: Path) -> None:
    write(tmp_path, "one", agent="Zürich 退款 👍")

    plain = run("ls", "--json", "--root", str(tmp_path), environ=ASCII).stdout

    assert plain.isascii()
    assert json.loads(plain) == json.loads(run("ls", "--json", "--root", str(tmp_path)).stdout)
