"""Groups of errors for people: how often, in how many calls, when, where, and an example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from rich.console import Console
from rich.text import Text

from callscope.cli.columns import print_fact, print_line
from callscope.index.error_groups import ErrorGroup
from callscope.model.wire import format_ts
from callscope.report import figures
from callscope.report.safe_text import clean

_GAP: Final = "  "
_SHORT: Final = 8
"""Characters of a fingerprint that tell it from others, as `fingerprint:3fa9c1d2*` asks for it."""


def render(console: Console, groups: Sequence[ErrorGroup], *, now_ms: int) -> None:
    """Print two lines a group, in the order they come."""
    counts = [f"{group.count:,}" for group in groups]
    calls = [f"{group.calls:,}" for group in groups]
    widths = [max(map(len, (name, *cells))) for name, cells in (("COUNT", counts), ("CALLS", calls))]
    moments = [figures.short_moment(group.last_ms, now_ms=now_ms) for group in groups]
    at = max(len("LAST UTC"), *map(len, moments))
    print_line(console, Text(_row("COUNT", "CALLS", f"{'LAST UTC':<{at}}", widths) + "ERROR", style="dim"))
    for group, count, of_calls, moment in zip(groups, counts, calls, moments, strict=True):
        start = _row(count, of_calls, f"{moment:<{at}}", widths)
        print_line(console, Text(start).append(clean(group.pattern) or figures.UNKNOWN, style="red"))
        print_fact(console, "  └", _details(group, now_ms), indent=4)


def documents(groups: Sequence[ErrorGroup]) -> list[dict[str, Any]]:
    """The groups as JSON."""
    return [_document(group) for group in groups]


def _document(group: ErrorGroup) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.to_builtins(group)
    for name in ("first", "last"):
        moment = fields.pop(f"{name}_ms")
        fields[name] = None if moment is None else format_ts(moment)
    return fields


def _row(count: str, calls: str, moment: str, widths: Sequence[int]) -> str:
    return f"{count:>{widths[0]}}{_GAP}{calls:>{widths[1]}}{_GAP}{moment}{_GAP}"


def _details(group: ErrorGroup, now_ms: int) -> str:
    where = " ".join(clean(part) for part in (group.stage, group.provider, group.exception_type) if part)
    recovered = f"{group.recovered:,} recovered" if group.recovered else ""
    first = f"first {figures.short_moment(group.first_ms, now_ms=now_ms)}"
    parts = [group.fingerprint[:_SHORT], where, recovered, first, f"e.g. {clean(group.example_call_id)}"]
    return " · ".join(part for part in parts if part)
