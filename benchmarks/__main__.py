"""Runs every load, writes ``benchmarks/results.json`` and the tables of ``docs/performance.md``.

Usage: ``python -m benchmarks [LOAD ...]``; without arguments all of them, about five minutes.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.loads import LOADS

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent / "docs" / "performance.md"
START, END = "<!-- results -->", "<!-- end of results -->"
COMPARED = {
    "steady": ("nothing", "callscope", "patter"),
    "busy": ("nothing", "callscope", "patter"),
    "flood": ("nothing", "callscope", "patter"),
    "disabled": ("callscope",),
    "imported": ("callscope", "patter"),
    "killed": ("callscope", "patter"),
}
TITLES = {
    "steady": "1,000 calls, 2,000 rows/s, 10 s",
    "busy": "5,000 calls, 10,000 rows/s, 60 s",
    "flood": "As many rows as go through, 100 calls",
    "disabled": "A logger that is off",
    "imported": "Import, nine fresh processes",
    "killed": "kill -9 at 2,000 rows/s, nine times",
}


def measure(load: str, name: str) -> dict[str, Any]:
    """Run one load in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.loads", load, name]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=HERE.parent).stdout
    result: dict[str, Any] = json.loads(output.splitlines()[-1])
    return result


def shown(value: float | None) -> str:
    """A number for people: three significant digits."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def table(load: str, results: dict[str, dict[str, Any]]) -> str:
    """One load as a table: a row a figure, a column a recorder."""
    names = list(results)
    figures = list(next(iter(results.values())))
    lines = [f"### {TITLES[load]}", "", f"| | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    lines += [
        f"| `{figure}` | {' | '.join(shown(results[name].get(figure)) for name in names)} |" for figure in figures
    ]
    return "\n".join([*lines, ""])


def main() -> None:
    """Measure, print, and keep."""
    kept: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for load in sys.argv[1:] or list(LOADS):
        kept[load] = {}
        for name in COMPARED[load]:
            print(f"{load}: {name} ...", file=sys.stderr, flush=True)
            kept[load][name] = measure(load, name)
    kept["machine"] = {
        "date": datetime.now(tz=UTC).date().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load_average": os.getloadavg()[0],
    }
    RESULTS.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
    tables = "\n".join(table(load, kept[load]) for load in LOADS if load in kept)
    machine = ", ".join(f"{key} {value}" for key, value in kept["machine"].items())
    print(tables)
    if PAGE.exists():
        page = PAGE.read_text(encoding="utf-8")
        before, after = page.split(START)[0], page.split(END)[1]
        PAGE.write_text(
            f"{before}{START}\nMeasured by `make bench`: {machine}.\n\n{tables}{END}{after}", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
