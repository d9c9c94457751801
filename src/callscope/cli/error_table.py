"""Groups of errors for people: how often, in how many calls, when, where, and an example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.text import Text

from callscope.cli.columns import print_fact, print_line
from callscope.index.error_groups import ErrorGroup
from callscope.model.wire import format_ts
from callscope.report import figures
from callscope.report.error_states import Line
from callscope.report.safe_text import clean
from callscope.timeline.error_category import UNKNOWN

_GAP: Final = "  "
_WORDS: Final = frozenset({"STATE", "LAST UTC"})
_SHORT: Final = 8
"""Characters of a fingerprint that tell it from others, as `fingerprint:3fa9c1d2*` asks for it."""


def render(console: Console, lines: Sequence[Line], *, now_ms: int) -> None:
    """Print two lines a group, in the order they come; with their states where there is a time before."""
    columns: dict[str, list[str]] = {
        "COUNT": [f"{line.count:,}" for line in lines],
        "CALLS": [f"{line.calls:,}" for line in lines],
        "BEFORE": ["" if line.calls_before is None else f"{line.calls_before:,}" for line in lines],
        "STATE": [str(line.state) for line in lines],
        "LAST UTC": [figures.short_moment(line.group.last_ms, now_ms=now_ms) for line in lines],
    }
    shown = {name: cells for name, cells in columns.items() if any(cells)}
    widths = {name: max(map(len, (name, *cells))) for name, cells in shown.items()}
    print_line(console, Text(_row({name: name for name in shown}, widths) + "ERROR", style="dim"))
    for place, line in enumerate(lines):
        start = Text(_row({name: cells[place] for name, cells in shown.items()}, widths))
        style = "green" if line.state == "gone" else "red"
        print_line(console, start.append(clean(line.group.pattern) or figures.UNKNOWN, style=style))
        print_fact(console, "  └", _details(line.group, now_ms), indent=4)


def documents(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """The groups as JSON."""
    return [_document(line) for line in lines]


def _document(line: Line) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(line.group)
    for name in ("first", "last"):
        moment = fields.pop(f"{name}_ms")
        fields[name] = None if moment is None else format_ts(moment)
    fields |= {"count": line.count, "calls": line.calls}
    return fields | {"state": line.state or None, "before": line.before, "calls_before": line.calls_before}


def _row(cells: Mapping[str, str], widths: Mapping[str, int]) -> str:
    """Numbers to the right, words to the left."""
    return "".join(f"{cell:{'<' if name in _WORDS else '>'}{widths[name]}}{_GAP}" for name, cell in cells.items())


def _details(group: ErrorGroup, now_ms: int) -> str:
    where = " ".join(clean(part) for part in (group.stage, group.provider, group.exception_type) if part)
    recovered = f"{group.recovered:,} recovered" if group.recovered else ""
    first = f"first {figures.short_moment(group.first_ms, now_ms=now_ms)}"
    category = "of unknown kind" if group.category == UNKNOWN else clean(group.category or "").replace("_", " ")
    parts = [group.fingerprint[:_SHORT], category, where, recovered, first, f"e.g. {clean(group.example_call_id)}"]
    return " · ".join(part for part in parts if part)
