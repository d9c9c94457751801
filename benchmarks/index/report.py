"""What was measured, as a section of docs/performance.md: each budget beside what was reached, missed ones said so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.index.queries import QUESTIONS

PAGE: Final = Path(__file__).parents[2] / "docs" / "performance.md"
START: Final = "<!-- index -->"
END: Final = "<!-- end of index -->"
PAGE_MS: Final = {"archive": 5.0, "million": 25.0}
"""DESIGN's budget of a list, a filter, a call, a page of search, by what is asked."""
TRENDS_MS: Final = 50.0
_MEMORY_MB: Final = 300.0
_QUIET: Final = 1.0
_BUSY: Final = "Other programs used the machine at the same time: on a quiet one, times are shorter."
_SPEEDS: Final = {20_000: (9_000, 6_000), 100_000: (9_000, 4_400)}
"""Calls a second by size: without and with search."""
_PHASES: Final = {
    "read": "opening and reading the files alone",
    "parse": "JSON into a call, its turns and events",
    "fold": "exchanges, waterfalls, costs, rows",
    "rows": "the rest: SQLite's tables and their indexes, mostly",
    "words": "SQLite: words, for ranked search",
    "trigrams": "SQLite: trigrams, for substrings and regular expressions",
    "sums": "sums by hour and day",
    "whole": "all",
}

Results = dict[str, Any]


class Line(NamedTuple):
    """One budget."""

    what: str
    budget: str
    measured: str
    reached: bool | None
    """None where nothing is promised."""


def section(results: Results) -> str:
    """Everything between the markers."""
    parts = [f"Measured by `make bench-index`: {_machine(results)}.", "", *_about(results), "### Budgets", ""]
    parts += _table(("", "budget", "measured", ""), "lrrl", [_shown(line) for line in lines(results)])
    parts += ["", "### Where a first build's time goes", "", *_phases(results)]
    for key, title in (("archive", "calls from an archive"), ("million", "calls, rows without events")):
        if key in results:
            parts += ["", f"### Questions to {results[key]['calls']:,} {title}", "", *_questions(results[key])]
    return "\n".join([*parts, ""])


def put(text: str) -> None:
    """Put the section where the last one was."""
    page = PAGE.read_text(encoding="utf-8")
    if START not in page:
        raise RuntimeError(f"{PAGE} has no line {START}: nothing was written")
    before, after = page.split(START)[0], page.split(END)[1]
    PAGE.write_text(f"{before}{START}\n{text}{END}{after}", encoding="utf-8")


def lines(results: Results) -> Iterator[Line]:
    """Each budget and what was measured."""
    for build in results["builds"]:
        without, budget = _SPEEDS.get(build["calls"], (None, None))
        how = "one process" if build["processes"] == 0 else f"{build['processes']} helper processes"
        speed = build["calls_per_second"]
        yield _at_least(f"first build, {build['calls']:,} calls, {how}, with search", budget, speed)
        if "without_search_per_second" in build:
            speed = build["without_search_per_second"]
            yield _at_least("the same less its full-text tables (reckoned)", without, speed)
        yield _at_most("memory while it builds, all processes", _MEMORY_MB, build["peak_memory_mb"], "MB")
    again = results["refreshes"]
    count = results["archive"]["calls"]
    yield _at_most(f"refresh of {count:,} calls, nothing changed", 5, again["unchanged_ms"])
    yield _at_most("the same with 100 calls in progress", 5, again["open_100_ms"])
    yield _at_most("refresh, 100 new calls", 50, again["new_100_ms"])
    yield Line("refresh, 100 calls removed", "", f"{_number(again['removed_100_ms'])} ms", None)
    for key in ("archive", "million"):
        if key in results:
            yield from _slowest(results[key], PAGE_MS[key])


def _slowest(asked: Results, page_ms: float) -> Iterator[Line]:
    for kind, budget, what in (("page", page_ms, "list, filter, open, search"), ("trends", TRENDS_MS, "trends")):
        times = {each.name: asked["ms"][each.name] for each in QUESTIONS if each.budget == kind}
        within = sum(taken <= budget and each not in asked["cut_off"] for each, taken in times.items())
        name = max(times, key=lambda each: times[each])
        measured = f"{within} of {len(times)} within; slowest {_number(times[name])} ms ({name})"
        yield Line(f"{what}, {asked['calls']:,} calls", f"≤ {budget:g} ms", measured, within == len(times))


def _phases(results: Results) -> list[str]:
    steps = results["phases"]
    whole = steps["whole"]
    rows = [(words, f"{steps[name]:,.0f}", f"{steps[name] / whole:.0%}") for name, words in _PHASES.items()]
    return _table((f"{steps['calls']:,} calls, one process", "CPU, µs a call", ""), "lrr", rows)


def _questions(asked: Results) -> list[str]:
    rows = []
    for each in QUESTIONS:
        ours, theirs = asked["ms"][each.name], asked["rival_ms"].get(each.name)
        cut_off = each.name in asked["cut_off"]
        ratio = "" if theirs is None or cut_off else f"{_number(theirs / ours)} ×"
        if asked["same"].get(each.name) is False:
            ratio = "the answers differ"
        told = f"{_number(ours)}, not finished" if cut_off else _number(ours)
        rows.append((each.name, told, "–" if theirs is None else _number(theirs), ratio))
    rows.append(("memory of the process, MB", _number(asked["memory_mb"]), _number(asked["rival_memory_mb"]), ""))
    rows.append(("on disk, MB", _number(asked["index_mb"]), _number(asked["parquet_mb"]), ""))
    return _table(("median ms", "callscope", "DuckDB, Parquet", "ratio"), "lrrr", rows)


def _about(results: Results) -> list[str]:
    made = results["made"]
    size_kb = made["bytes"] / 1000
    return [
        f"On average, a call has {made['turns']:.1f} turns and {made['events']:.1f} events in {size_kb:.1f} kB.",
        f"DuckDB {results['duckdb']}, pyarrow {results['pyarrow']}.",
        *([_BUSY] if results["machine"]["load_average"] > _QUIET else []),
        "",
    ]


def _machine(results: Results) -> str:
    return ", ".join(f"{key} {value}" for key, value in results["machine"].items())


def _at_least(what: str, budget: float | None, measured: float) -> Line:
    told = "" if budget is None else f"≥ {budget:,} calls/s"
    return Line(what, told, f"{measured:,.0f} calls/s", None if budget is None else measured >= budget)


def _at_most(what: str, budget: float, measured: float, unit: str = "ms") -> Line:
    return Line(what, f"≤ {budget:g} {unit}", f"{_number(measured)} {unit}", measured <= budget)


def _shown(line: Line) -> tuple[str, ...]:
    state = "" if line.reached is None else "reached" if line.reached else "**missed**"
    return line.what, line.budget, line.measured, state


def _number(value: float) -> str:
    """Three significant digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _table(head: tuple[str, ...], sides: str, rows: Iterable[tuple[str, ...]]) -> list[str]:
    rule = "|".join("---:" if side == "r" else "---" for side in sides)
    return [f"| {' | '.join(head)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows)]
