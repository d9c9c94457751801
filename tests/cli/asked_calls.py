"""Archives for the commands that ask the index: real files, as the tests of the index make them."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sample_calls import run

sys.path.append(str(Path(__file__).parents[1] / "index"))

from archives import DAY_MS, HOUR_MS, NOW_MS, Error, Said, Tool, cost_line, many, settle, small_archive, write

__all__ = [
    "DAY_MS",
    "HOUR_MS",
    "NOW_MS",
    "Error",
    "Said",
    "Tool",
    "ask",
    "cost_line",
    "day",
    "many",
    "settle",
    "small_archive",
    "write",
]


def ask(command: str, *args: str, root: Path, environ: dict[str, str] | None = None) -> Any:
    """What a command prints as JSON."""
    done = run(command, *args, "--json", "--root", str(root), environ=environ)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def day(at_ms: int) -> str:
    """The UTC day of a moment."""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).date().isoformat()
