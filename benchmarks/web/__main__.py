"""Measures the dashboard, writes a section of docs/performance.md: ``python -m benchmarks.web [--calls N]``.

The archives are those of ``make bench-index``, which makes them; the index is built first and not counted. Beside it
Patter's dashboard with as many calls as its store keeps by default, and finchvox, each also with all of the small
archive; finchvox gets the calls as the spans that it stores (see `benchmarks.web.finchvox`).
"""

from __future__ import annotations

import argparse
import re
import tempfile
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from benchmarks.index import archives, material
from benchmarks.web import finchvox
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
FINCHVOX: Final = {"list": "/api/sessions", "page": "/"}
SMALL: Final = 2_000
FEW: Final = 500
"""As many as Patter's store keeps."""


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
    results = {"calls": options.calls, "callscope": ours(root, place), "peers": {**patter(small), **finches(small)}}
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
    for calls in (FEW, SMALL):
        arguments = ["-m", "benchmarks.web.patter", str(root), "{port}", str(calls)]
        with serving(arguments) as server:
            ready = server.ready_seconds("/")
            pages = {name: server.measure(path) for name, path in PATTER.items()}
            found[f"Patter, {calls:,} calls"] = {
                "ready_seconds": ready, "pages": pages, "memory_mb": server.memory_mb()
            }  # fmt: skip
    return found


def finches(root: Path) -> dict[str, Any]:
    """The same for finchvox; nothing where it is not installed."""
    found: dict[str, Any] = {}
    if not finchvox.PYTHON.exists():
        print("finchvox is left out: make bench-web installs it into an environment of its own")
        return found
    for calls in (FEW, SMALL):
        with tempfile.TemporaryDirectory() as directory:
            longest = finchvox.convert(root, Path(directory), calls)
            arguments = finchvox.arguments(Path(directory))
            with serving(arguments, environ=finchvox.ENVIRON, python=str(finchvox.PYTHON)) as server:
                ready = server.ready_seconds("/")
                paths = {**FINCHVOX, "a call": f"/api/sessions/{longest}/trace"}
                pages = {name: server.measure(path) for name, path in paths.items()}
                found[f"finchvox, {calls:,} calls"] = {
                    "ready_seconds": ready, "pages": pages, "memory_mb": server.memory_mb()
                }  # fmt: skip
    return found


def section(results: dict[str, Any]) -> str:
    """The tables."""
    own = results["callscope"]
    verdict = {True: "reached", False: "**missed**"}
    peers = results["peers"]
    started, after = own["memory_mb"]["started"], own["memory_mb"]["after all pages"]
    lines = [
        f"Measured by `make bench-web` with {results['calls']:,} calls; each page asked up to 40 times, one by one.",
        "",
        "| | budget | callscope | | " + " | ".join(peers) + " |",
        "|---|---:|---:|---|" + "---:|" * len(peers),
    ]
    waits = " | ".join(f"{peer['ready_seconds']:.2f}" for peer in peers.values())
    sizes = " | ".join(f"{peer['memory_mb']:.0f}" for peer in peers.values())
    seconds = own["ready_seconds"]
    lines += [
        f"| started, s | ≤ {START_S} | {seconds:.2f} | {verdict[seconds <= START_S]} | {waits} |",
        f"| memory then, MB | ≤ {MEMORY_MB:.0f} | {started:.0f} | {verdict[started <= MEMORY_MB]} |{' |' * len(peers)}",
        f"| memory after all pages, MB | ≤ {MEMORY_MB:.0f} | {after:.0f} | {verdict[after <= MEMORY_MB]} | {sizes} |",
    ]
    lines += ["", "| page | median, ms | p95, ms | kB | budget 100 ms |", "|---|---:|---:|---:|---|"]
    for name, page in own["pages"].items():
        told = verdict[page["median_ms"] <= PAGE_MS] if page["status"] == 200 else f"status {page['status']}"
        lines.append(f"| {name} | {_figures(page)} | {told} |")
    for peer, found in peers.items():
        lines += [f"| {peer}: {name} | {_figures(page)} | |" for name, page in found["pages"].items()]
    return "\n".join(lines)


def _figures(page: dict[str, Any]) -> str:
    return f"{page['median_ms']:.1f} | {page['p95_ms']:.1f} | {page['bytes'] / 1000:.0f}"


if __name__ == "__main__":
    main()
