"""What is kept, or decides something, is made of all calls, however many came since the last command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from callscope.cli import call_index
from callscope.cli.main import main
from callscope.index.place import place_of

NOW_MS = 1_795_300_000_000
ENVELOPE = {"schema_version": "1.0", "started_at": "2026-11-21T09:30:00.000Z", "ended_at": "2026-11-21T09:31:00.000Z"}


def write_calls(root: Path, numbers: range) -> None:
    for number in numbers:
        directory = root / "calls/2026/11/21" / f"CA{number}"
        directory.mkdir(parents=True)
        text = json.dumps(ENVELOPE | {"call_id": f"CA{number}", "status": "completed", "turns": 0})
        (directory / "metadata.json").write_text(text, encoding="utf-8")


COMMANDS = {
    "export": ["export", "--format", "jsonl", "--output"],
    "gate": ["gate", "--save"],
}
"""Each ends with the file that it writes."""
HOLDER = """
import sys
from pathlib import Path
from callscope.index.database import lock
with lock(Path(sys.argv[1])) as held:
    print(held, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process_that_writes_the_index(place: Path) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        try:
            yield
        finally:
            holder.communicate()


def run(name: str, root: Path, output: Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*COMMANDS[name], str(output), "--root", str(root)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def calls_of(output: Path) -> int:
    """How many calls a file was made of."""
    text = output.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()] if output.suffix == ".jsonl" else []
    return len(lines) or int(json.loads(text)["calls"])


def counted(root: Path, *, whole: bool) -> int | None:
    with call_index.call_index(root, now_ms=NOW_MS, whole=whole) as index:
        return index.count()


def test_an_answer_has_a_short_time_and_a_file_the_time_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_index, "_SECONDS", 0.0)
    write_calls(tmp_path, range(1))
    assert counted(tmp_path, whole=False) == 1
    write_calls(tmp_path, range(1, 1_500))
    answered = counted(tmp_path, whole=False)
    assert answered is not None
    assert answered < 1_500
    assert counted(tmp_path, whole=True) == 1_500


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("is_made", [True, False])
def test_while_another_process_writes_the_index_nothing_is_written_and_it_is_an_error(
    name: str,
    *,
    is_made: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(call_index, "_SECONDS", 0.0)
    root, output = tmp_path / "root", tmp_path / "out" / "calls.json"
    output.parent.mkdir()
    write_calls(root, range(2))
    if is_made:
        assert counted(root, whole=True) == 2
        write_calls(root, range(2, 3))
    place = place_of(root, None)

    with another_process_that_writes_the_index(place):
        code = run(name, root, output)

    told = capsys.readouterr()
    assert (code, told.out) == (4, "")
    assert f"another process is bringing the index {place} up to date" in told.err
    assert "run it again" in told.err
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_index_is_brought_up_to_date_first(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, output = tmp_path / "root", tmp_path / f"calls.{'jsonl' if name == 'export' else 'json'}"
    write_calls(root, range(2))
    assert counted(root, whole=True) == 2
    write_calls(root, range(2, 5))

    assert run(name, root, output) == 0

    assert calls_of(output) == 5
    assert "note:" not in capsys.readouterr().err


def test_a_question_is_answered_from_what_there_is_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(call_index, "_SECONDS", 0.0)
    write_calls(tmp_path, range(2))
    assert counted(tmp_path, whole=True) == 2

    with another_process_that_writes_the_index(place_of(tmp_path, None)):
        assert counted(tmp_path, whole=False) == 2

    assert "note: another process is bringing the index up to date" in capsys.readouterr().err
