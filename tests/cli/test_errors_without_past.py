"""New and rising errors where there is no time before to compare with."""

from __future__ import annotations

from pathlib import Path

from asked_calls import DAY_MS, NOW_MS, Error, write
from sample_calls import run


def test_without_calls_before_it_is_said_why_nothing_is_new(tmp_path: Path) -> None:
    write(tmp_path, "late", errors=[Error("Request timed out")])

    said = run("errors", "--new", "--since", "2026-11-20", "--root", str(tmp_path)).stdout

    assert said.startswith("No new errors in these calls")
    assert "no call was recorded in the equally long time before to compare them with" in said


def test_with_calls_before_nothing_of_that_is_said(tmp_path: Path) -> None:
    write(tmp_path, "late", errors=[Error("Request timed out")])
    write(tmp_path, "earlier", started_at_ms=NOW_MS - 2 * DAY_MS, errors=[Error("Request timed out")])

    said = run("errors", "--new", "--since", "2026-11-20", "--until", "2026-11-22", "--root", str(tmp_path)).stdout

    assert "No new errors in these calls" in said
    assert "compare" not in said
