"""What ``callscope errors`` says where nothing is new fits a terminal, and is one line in a pipe."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "index"))

from archives import Error, write
from sample_calls import run, run_on_terminal


def test_that_nothing_is_new_fits_a_terminal_and_is_one_line_in_a_pipe(tmp_path: Path) -> None:
    write(tmp_path, "late", errors=[Error("Request timed out")])
    asked = ("errors", "--new", "--since", "2026-11-20", "--root", str(tmp_path))

    shown = run_on_terminal(*asked, columns=80).splitlines()
    (piped,) = run(*asked).stdout.splitlines()

    assert len(shown) > 1
    assert max(map(len, shown)) <= 80
    assert "no call was recorded in the equally long time before" in piped
    assert "".join(shown).replace(" ", "") == piped.replace(" ", "")
