"""Measures the dashboard, writes a section of docs/performance.md: ``python -m benchmarks.web [--calls N]``.

The archives are those of ``make bench-index``, which makes them; the index is built first and not counted. Beside it
Patter's dashboard with as many calls as its store keeps by default, and with all of the small archive.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from benchmarks.index import archives, material
from benchmarks.web.asking import serving
from callscope.clock import now_ms
from callscope.index.index import Index

PAGE: Final = Path(__file__).parents[2] / "docs" / "performance.md"
START, END = "<!-- web -->", "<!-- end of web -->"
PAGE_MS: Final = 100.0
START_S: Final = 0.5
MEMORY_MB: Final = 60.0
PAGES: Final = {
    "Overview, 7 days": "/",
    "Overview, 30 days": "/?range=30d",
    "Calls": "/calls",
    "Calls, filtered and sorted": f"/calls?q={quote('agent:front-desk sort:-p95')}&range=7d",
    "Calls, a phrase": f"/calls?q={quote('text:order')}",
    "Latency, 7 days": "/latency",
    "Latency, 30 days": "/latency?range=30d",
    "Cost, 7 days": "/cost",
    "Cost, 30 days": "/cost?range=30d",
    "Errors, 7 days": "/errors",
    "Live": "/live",
    "Health": "/health",
    "completion": "/completions?text=agent%3A&cursor=6",
    "API, calls": "/api/calls",
    "API, trends": "/api/stats?by=day&range=30d",
}
PATTER: Final = {
    "list": "/api/dashboard/calls?limit=50",
    "aggregates": "/api/dashboard/aggregates",
    "page": "/",
}
SMALL: Final = 2_000
PATTER_KEEPS: Final = 500


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.web", description="Measures the dashboard.")
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--directory", type=Path, default=Path(tempfile.gettempdir()) / "callscope-bench-index")
    parser.add_argument("--print", dest="only_print", action="store_true", help="do not write docs/performance.md")
    options = parser.parse_args()
    if not material.available():
        raise SystemExit(f"The benchmark needs the data of {material.DATA}, which is not there.")
    small, root = (archives.archive(options.directory, count) for count in (SMALL, options.calls))
    place = options.directory / f"web-{options.calls}.sqlite"
    with Index.open(root, place=place) as index:
        index.refresh()
    results = {"calls": options.calls, "callscope": ours(root, place), "patter": patter(small)}
    text = section(results)
    print(text)
    if not options.only_print:
        page = PAGE.read_text(encoding="utf-8")
        between = re.compile(f"{START}.*{END}", re.DOTALL)
        PAGE.write_text(between.sub(lambda _: f"{START}\n{text}\n{END}", page), encoding="utf-8")


def ours(root: Path, place: Path) -> dict[str, Any]:
    """Our dashboard on an archive whose index is there."""
    arguments = ["-m", "callscope", "serve", "--root", str(root), "--port", "{port}"]
    with serving(arguments, environ={"CALLSCOPE_INDEX": str(place)}) as server:
        found: dict[str, Any] = {"ready_seconds": server.ready_seconds("/static/icon.svg"), "memory_mb": {}}
        found["first_page_seconds"] = server.ready_seconds("/calls")
        found["memory_mb"]["started"] = server.memory_mb()
        with Index.open(root, place=place, now_ms=now_ms) as index:
            call = index.calls("sort:-worst limit:1").calls[0].path
        pages = {**PAGES, "a call": f"/calls/{call}"}
        found["pages"] = {name: server.measure(path) for name, path in pages.items()}
        found["memory_mb"]["after all pages"] = server.memory_mb()
    return found


def patter(root: Path) -> dict[str, Any]:
    """Patter's dashboard, with the calls that it keeps by default and with those of the whole archive."""
    found: dict[str, Any] = {}
    for calls in (PATTER_KEEPS, SMALL):
        arguments = ["-m", "benchmarks.web.patter", str(root), "{port}", str(calls)]
        with serving(arguments) as server:
            ready = server.ready_seconds("/")
            pages = {name: server.measure(path) for name, path in PATTER.items()}
            found[str(calls)] = {"ready_seconds": ready, "pages": pages, "memory_mb": server.memory_mb()}
    return found


def section(results: dict[str, Any]) -> str:
    """The tables."""
    own = results["callscope"]
    verdict = {True: "reached", False: "**missed**"}
    started, after = own["memory_mb"]["started"], own["memory_mb"]["after all pages"]
    lines = [
        f"Measured by `make bench-web` with {results['calls']:,} calls; each page asked up to 40 times, one by one.",
        "",
        "| | budget | callscope | | Patter, 500 calls | Patter, 2,000 calls |",
        "|---|---:|---:|---|---:|---:|",
    ]
    few, many = (results["patter"][str(calls)] for calls in (PATTER_KEEPS, SMALL))
    lines.append(
        f"| started, s | ≤ {START_S} | {own['ready_seconds']:.2f} | {verdict[own['ready_seconds'] <= START_S]} "
        f"| {few['ready_seconds']:.2f} | {many['ready_seconds']:.2f} |"
    )
    lines.append(
        f"| memory then, MB | ≤ {MEMORY_MB:.0f} | {started:.0f} | {verdict[started <= MEMORY_MB]} "
        f"| {few['memory_mb']:.0f} | {many['memory_mb']:.0f} |"
    )
    lines.append(
        f"| memory after all pages, MB | ≤ {MEMORY_MB:.0f} | {after:.0f} | {verdict[after <= MEMORY_MB]} | | |"
    )
    lines += ["", "| page | median, ms | p95, ms | kB | budget 100 ms |", "|---|---:|---:|---:|---|"]
    for name, page in own["pages"].items():
        told = verdict[page["median_ms"] <= PAGE_MS] if page["status"] == 200 else f"status {page['status']}"
        lines.append(f"| {name} | {_figures(page)} | {told} |")
    for calls, found in results["patter"].items():
        for name, page in found["pages"].items():
            lines.append(f"| Patter, {int(calls):,} calls: {name} | {_figures(page)} | |")
    return "\n".join(lines)


def _figures(page: dict[str, Any]) -> str:
    return f"{page['median_ms']:.1f} | {page['p95_ms']:.1f} | {page['bytes'] / 1000:.0f}"


if __name__ == "__main__":
    main()
