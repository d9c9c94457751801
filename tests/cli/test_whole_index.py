"""What is kept, or decides something, is made of all calls, however many came since the last command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from callscope.cli import call_index

NOW_MS = 1_795_300_000_000
ENVELOPE = {"schema_version": "1.0", "started_at": "2026-11-21T09:30:00.000Z", "ended_at": "2026-11-21T09:31:00.000Z"}


def write_calls(root: Path, numbers: range) -> None:
    for number in numbers:
        directory = root / "calls/2026/11/21" / f"CA{number}"
        directory.mkdir(parents=True)
        text = json.dumps(ENVELOPE | {"call_id": f"CA{number}", "status": "completed", "turns": 0})
        (directory / "metadata.json").write_text(text, encoding="utf-8")


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
