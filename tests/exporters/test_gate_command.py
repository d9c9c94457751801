"""``callscope gate`` as a build runs it: what it prints, what it ends with, what it keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from exported import HOUR_MS, NOW_MS, Error, Said, cost_line, settle, write

from callscope.cli import main
from callscope.cli.gate_measures import MEASURES

GUIDE = Path(__file__).parents[2] / "docs" / "gate.md"
Gate = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("gates") / "archive"
    for number in range(30):
        for version, slower in (("1", 0), ("2", 500), ("3", 0)):
            said = [Said("a", "b", 800 + 10 * number + slower + step) for step in range(4)]
            errors = [Error("no")] if version == "2" and number < 15 else []
            write(
                root,
                f"v{version}-{number}",
                started_at_ms=NOW_MS - HOUR_MS - number * 1000,
                said=said,
                errors=errors,
                labels={"agent_version": version},
                lines=[cost_line("llm", "openai", "0.02")],
            )
    settle(root)
    return root


@pytest.fixture
def gate(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALLSCOPE_INDEX", str(archive.parent / "index.sqlite"))
    monkeypatch.setitem(main.COMMANDS, "gate", main.COMMANDS.get("gate", ""))

    def run(*args: str) -> tuple[int, str, str]:
        code = main._run(["gate", *args, "--root", str(archive)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_calls_that_got_slower_fail(gate: Gate) -> None:
    sides = ("--baseline", "version:1", "--candidate", "version:2")
    code, out, _ = gate(*sides, "--fail-on", "p50>+10%", "--fail-on", "p50>9s")

    assert code == 1
    assert re.search(r"✗  p50>\+10%  +94\d ms +n=120 +1\.4\d s +n=120 +\+\d+\.\d % +\+\d.* fails\n", out)
    assert re.search(r"✓  p50>9s .* passes\n", out)
    assert out.endswith("FAILED: 1 of 2 conditions\n")


def test_calls_that_are_alike_pass(gate: Gate) -> None:
    code, out, err = gate("--baseline", "version:1", "--candidate", "version:3", "--fail-on", "p95>+10%",
                          "--fail-on", "error_rate>+1pp", "--fail-on", "cost_per_minute>+1%")  # fmt: skip

    assert (code, err) == (0, "")
    assert out.endswith("passed: 3 conditions\n")


def test_a_baseline_is_kept_and_held_against(gate: Gate, tmp_path: Path) -> None:
    place = tmp_path / "base.json"
    assert gate("--candidate", "version:1", "--save", str(place)) == (0, f"{place}  30 calls\n", "")
    kept = json.loads(place.read_text())

    code, out, _ = gate("--baseline", str(place), "--candidate", "version:2", "--fail-on", "error_rate>+10%", "--json")
    again = gate("--baseline", str(place), "--candidate", str(place), "--fail-on", "p95>+1%")

    found = json.loads(out)
    assert (kept["calls"], kept["query"], set(kept["measures"])) == (30, "version:1", set(MEASURES))
    assert (code, found["verdict"], found["exit_code"]) == (1, "failed", 1)
    [condition] = found["conditions"]
    assert (condition["outcome"], condition["baseline"]["value"], condition["candidate"]["value"]) == ("fails", 0, 0.5)
    assert again[0] == 0
    assert gate("--candidate", "version:1", "--save", str(place))[0] == 0
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_pull_request_gets_a_table(gate: Gate) -> None:
    sides = ("--baseline", "version:1", "--candidate", "version:2 -agent:`|x")
    code, out, _ = gate(*sides, "--fail-on", "p50>+10%", "--markdown")

    assert code == 1
    assert out.startswith("### callscope gate: FAILED: 1 of 1 condition\n")
    assert "- candidate: `version:2 -agent:'\\|x`, 30 calls\n" in out
    rows = [line for line in out.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) == 1
    assert "**fails**" in rows[-1]


def test_few_calls_say_nothing(gate: Gate) -> None:
    code, out, _ = gate("--baseline", "version:1", "--candidate", "id:v2-1", "--fail-on", "p95>+10%")

    assert code == 2
    assert "the candidate has 1 call, 20 are needed" in out
    assert out.endswith("not told: data for 1 of 1 condition is missing\n")


def test_a_stage_that_did_not_occur_is_not_known(gate: Gate) -> None:
    code, out, _ = gate("--candidate", "version:1", "--fail-on", "stage.tool.p95>1s")

    assert code == 2
    assert "the candidate has no value of it" in out


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        ((), 2, "fail on what?"),
        (("--fail-on", "p95>+10%"), 2, "give --baseline"),
        (("--fail-on", "p95>1s", "--baseline", "version:1", "--candidate", "x"), 2, "--baseline means nothing"),
        (("--fail-on", "p95>+1%", "--baseline", "version:1"), 2, "give --candidate, too"),
        (("--fail-on", "p95>1"), 2, "is no limit here"),
        (("--fail-on", "p95>1s", "--json", "--markdown"), 2, "choose one"),
        (("--fail-on", "p95>+1%", "--baseline", "none.json"), 3, "there is no baseline none.json"),
        (("--fail-on", "p95>+1%", "--baseline", "mine.json"), 4, "mine.json is no baseline"),
        (("--save", "mine.json"), 2, "--save replaces baselines alone"),
        (("--fail-on", "p95>1s", "--candidate", "nofield:x"), 2, "unknown field"),
    ],
)
def test_what_makes_no_sense_is_told(gate: Gate, tmp_path: Path, args: tuple[str, ...], code: int, said: str) -> None:
    (tmp_path / "mine.json").write_text('{"mine": true}')

    ended, out, err = gate(*args)

    assert (ended, out) == (code, "")
    assert said in err
    assert (tmp_path / "mine.json").read_text() == '{"mine": true}'


def test_every_measure_is_in_the_guide() -> None:
    text = GUIDE.read_text(encoding="utf-8")

    for name in MEASURES:
        shown = name if "." not in name else name.split(".")[1]
        assert f"`{shown}`" in text, name
    assert "`stage.NAME.p50`, `.p95`, `.p99`" in text
