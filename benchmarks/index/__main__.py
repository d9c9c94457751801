"""Makes the archives, asks everything, writes ``results.json`` and a section of docs/performance.md.

Usage: ``python -m benchmarks.index [--quick] [--without-million] [--directory DIR]``. An hour the first time, with 20
GB of disk: most of it to write the archives, which are kept for the next time, and to build an index of a million
calls, which ``--without-million`` leaves out. ``--quick``: 2,000 calls, under a minute, printed and not kept.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.index import archives, material, report
from benchmarks.index.measures import run

RESULTS = Path(__file__).parent / "results.json"
QUICK = (2_000,)
SIZES = (20_000, 100_000)
COPIES = 10


def main() -> None:
    """Measure, print, and keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.index", description="Measures the index at scale.")
    parser.add_argument("--quick", action="store_true", help="2,000 calls; nothing is kept")
    parser.add_argument("--without-million", action="store_true", help="nothing is asked of a million calls")
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "callscope-bench-index")
    options = parser.parse_args()
    if not material.available():
        print(f"The benchmark needs the data of {material.DATA}, which is not there.", file=sys.stderr)
        sys.exit(1)
    sizes, copies = (QUICK, None) if options.quick else (SIZES, None if options.without_million else COPIES)
    results = measure(options.directory, sizes, copies=copies)
    text = report.section(results)
    print(text)
    if not options.quick:
        RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
        report.put(text)


def measure(directory: Path, sizes: tuple[int, ...], *, copies: int | None) -> dict[str, Any]:
    """Everything, the questions to the largest archive; with ``copies`` also to as many times its calls."""
    where = machine()
    roots = {count: archive(directory, count) for count in sizes}
    place = directory / "index.sqlite"
    smallest, largest = roots[sizes[0]], roots[sizes[-1]]
    results: dict[str, Any] = {"machine": where, "made": made(largest, sizes[-1])}
    results |= {name: version(name) for name in ("duckdb", "pyarrow")}
    results["phases"] = told("phases", smallest, place)
    search_s = (results["phases"]["words"] + results["phases"]["trigrams"]) / 1e6
    results["builds"] = []
    for count, root in roots.items():
        for processes in (0, os.cpu_count() or 1):
            build = told("build", root, place, processes) | {"processes": processes}
            build["without_search_per_second"] = 1 / (build["seconds"] / count - search_s)
            results["builds"].append(build)
    results["refreshes"] = told("refreshes", largest, place, sizes[-1], 1 if sizes == QUICK else 3)
    results["archive"] = asked(largest, place, directory, calls=sizes[-1])
    if copies is not None:
        filled = told("million", largest, place, copies)
        results["million"] = asked(largest, place, directory, calls=filled["calls"]) | {
            "build_seconds": filled["seconds"]
        }
    place.unlink()
    results["machine"]["load_average_at_end"] = round(os.getloadavg()[0], 2)
    return results


def archive(directory: Path, count: int) -> Path:
    """An archive of a size, which may have to be made."""
    print(f"archive of {count:,} calls ...", file=sys.stderr, flush=True)
    return archives.archive(directory, count)


def asked(root: Path, place: Path, directory: Path, *, calls: int) -> dict[str, Any]:
    """Every question to an index, and to DuckDB over its rows."""
    parquet = directory / "parquet"
    ours = told("questions", root, place)
    told("export", root, place, parquet)
    theirs = told("rivals", parquet)
    same = told("agreement", root, place, parquet)["same"]
    shutil.rmtree(parquet)
    return {
        "calls": calls,
        "ms": ours["ms"],
        "cut_off": ours["cut_off"],
        "rival_ms": theirs["ms"],
        "same": same,
        "memory_mb": ours["memory_mb"],
        "rival_memory_mb": theirs["memory_mb"],
        "index_mb": place.stat().st_size / 1e6,
        "parquet_mb": theirs["parquet_mb"],
    }


def made(root: Path, count: int) -> dict[str, float]:
    """What an archive's calls hold on average, from the envelopes of one day."""
    day = sorted((root / "calls").glob("*/*/*"))[-2]
    calls = list(day.iterdir())
    rows = {name: sum((call / name).read_bytes().count(b"\n") for call in calls if (call / name).exists())
            for name in ("transcript.jsonl", "events.jsonl")}  # fmt: skip
    size = sum(path.stat().st_size for call in calls for path in call.iterdir())
    return {
        "calls": count,
        "turns": rows["transcript.jsonl"] / len(calls),
        "events": rows["events.jsonl"] / len(calls),
        "bytes": size / len(calls),
    }


def told(name: str, *arguments: object) -> dict[str, Any]:
    """Run a measure and say so, with what it found: a long run that is stopped leaves that behind."""
    print(f"{name} {' '.join(map(str, arguments))} ...", file=sys.stderr, flush=True)
    found = run(name, *map(str, arguments))
    print(f"  {json.dumps(found)}", file=sys.stderr, flush=True)
    return found


def machine() -> dict[str, Any]:
    """Where it was measured."""
    return {
        "date": datetime.now(tz=UTC).date().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "load_average": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    main()
