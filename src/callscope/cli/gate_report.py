"""What a gate says: for people, for pull requests, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from callscope.cli import columns
from callscope.cli.columns import Column
from callscope.cli.gate_condition import Condition
from callscope.cli.gate_measures import Measured, Sample, Unit
from callscope.cli.gate_verdict import FAILED, PASSED, Judged, Verdict
from callscope.report import figures
from callscope.report.money import money
from callscope.report.safe_text import clean

_PERCENT: Final = 100
_STYLES: Final = {"passes": "green", "fails": "bold red", "unclear": "yellow", "unknown": "yellow"}
_SIGNS: Final = {"passes": "✓", "fails": "✗", "unclear": "?", "unknown": "?"}
_MARKS: Final = {"passes": "✅", "fails": "❌", "unclear": "⚠️", "unknown": "⚠️"}
_HEADS: Final = ("CONDITION", "BASELINE", "CANDIDATE", "DIFFERENCE", "95 % SURE")
_WORDS: Final = {PASSED: "passed", FAILED: "FAILED"}

Sides = Sequence[tuple[str, str, Sample]]
"""The name of each side, what it is, and its calls."""


def render(console: Console, verdict: Verdict, sides: Sides) -> None:
    """Print it for people."""
    for name, what, sample in sides:
        text = f"{clean(what) or 'all calls'}  ({figures.count(sample.calls, 'call')})"
        columns.print_fact(console, name, text, indent=11)
    console.print()
    judged = verdict.judged
    cells = [_cells(each) for each in judged]
    outcomes = [each.outcome for each in judged]
    table = [
        Column(name="", cells=[Text(_SIGNS[each], style=_STYLES[each]) for each in outcomes], left=True),
        *(
            Column(name=head, cells=[Text(row[place]) for row in cells], left=place == 0)
            for place, head in enumerate(_HEADS)
        ),
        Column(name="", cells=[Text(each, style=_STYLES[each]) for each in outcomes], left=True),
    ]
    columns.render(console, table)
    noted = [each for each in judged if each.note]
    if noted:
        console.print()
    for each in noted:
        columns.print_line(console, Text(f"{clean(each.condition.text)}: {each.note}"))
    console.print()
    columns.print_line(console, Text(summary(verdict), style="bold"))


def markdown(verdict: Verdict, sides: Sides) -> str:
    """The same as Markdown."""
    lines = [f"### callscope gate: {summary(verdict)}", ""]
    for name, what, sample in sides:
        lines.append(f"- {name}: {_code(what) if what else 'all calls'}, {figures.count(sample.calls, 'call')}")
    lines += ["", "| | condition | baseline | candidate | difference | 95 % sure | |", "|---|---|--:|--:|--:|--:|---|"]
    for each in verdict.judged:
        condition, *rest = _cells(each)
        said = each.outcome if each.outcome != "fails" else "**fails**"
        note = f": {each.note}" if each.note else ""
        lines.append(f"| {_MARKS[each.outcome]} | {_code(condition)} | {' | '.join(rest)} | {said}{note} |")
    return "\n".join(lines) + "\n"


def document(verdict: Verdict, sides: Sides) -> dict[str, Any]:
    """The same for programs: units are milliseconds, US dollars and shares from 0 to 1."""
    return {
        "verdict": _WORDS.get(verdict.exit_code, "not told").lower(),
        "exit_code": verdict.exit_code,
        "strict": verdict.strict,
        "sides": {name: {"what": what, "calls": sample.calls} for name, what, sample in sides},
        "conditions": [
            {
                "condition": each.condition.text,
                "measure": each.condition.measure,
                "unit": each.condition.unit,
                "outcome": each.outcome,
                "limit": each.limit,
                "baseline": each.baseline,
                "candidate": each.candidate,
                "difference": None if each.difference is None else each.difference._asdict(),
                "note": each.note or None,
            }
            for each in verdict.judged
        ],
    }


def summary(verdict: Verdict) -> str:
    """``FAILED: 1 of 3 conditions``."""
    count = len(verdict.judged)
    total = figures.count(count, "condition")
    bad = sum(each.outcome == "fails" or (verdict.strict and each.outcome == "unclear") for each in verdict.judged)
    unclear = sum(each.outcome == "unclear" for each in verdict.judged)
    unknown = sum(each.outcome == "unknown" for each in verdict.judged)
    if verdict.exit_code == FAILED:
        return f"FAILED: {bad} of {total}"
    if verdict.exit_code != PASSED:
        return f"not told: data for {unknown} of {total} is missing"
    return f"passed: {total}" + (f", {unclear} unclear" if unclear else "")


def _cells(judged: Judged) -> tuple[str, str, str, str, str]:
    condition = judged.condition
    baseline = figures.UNKNOWN if judged.baseline is None else _value(judged.baseline, condition.unit)
    change = interval = figures.UNKNOWN
    a, b = judged.baseline, judged.candidate
    if a is not None and a.value is not None and b.value is not None:
        change = _changed(condition, b.value - a.value, a.value)
    if judged.difference is not None and a is not None and a.value is not None:
        low, high = (_changed(condition, each, a.value) for each in judged.difference[1:])
        interval = f"{low} to {high}"
    elif a is None and b.low is not None and b.high is not None:
        interval = f"{written(b.low, condition.unit)} to {written(b.high, condition.unit)}"
    return clean(condition.text), baseline, _value(b, condition.unit), change, interval


def _value(measured: Measured, unit: Unit) -> str:
    shown = figures.UNKNOWN if measured.value is None else written(measured.value, unit)
    return f"{shown}  n={measured.n:,}"


def _changed(condition: Condition, change: float, baseline: float) -> str:
    sign = "+" if change > 0 else "−" if change < 0 else ""
    if condition.kind == "relative" and baseline:
        return f"{sign}{abs(change / baseline) * _PERCENT:.1f} %"
    return f"{sign}{written(abs(change), condition.unit, points=True)}"


def written(value: float, unit: Unit, *, points: bool = False) -> str:
    """A figure in its unit; ``points``: a share as percentage points."""
    if unit == "ms":
        return figures.wait(value)
    if unit == "usd":
        return money(Decimal(str(round(value, 9))), 0)
    return f"{value * _PERCENT:.1f} {'pp' if points else '%'}"


def _code(text: str) -> str:
    """Text as code in a cell of a table."""
    shown = clean(text).replace("`", "'").replace("|", "\\|")
    return f"`{shown}`"
