"""Two sets of calls side by side: each figure, the difference, how sure it is, and what that means in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

from rich.console import Console
from rich.text import Text

from callscope.cli import columns
from callscope.cli.columns import Column
from callscope.index.compare import Comparison, Figure
from callscope.report import figures
from callscope.report.money import money
from callscope.report.safe_text import clean

NO_DIFFERENCE: Final = "no clear difference"
NOT_ENOUGH: Final = "not enough calls"
NOT_TOLD: Final = "not told"
_WORDS: Final = {
    "ms": ("faster", "slower"),
    "usd": ("cheaper", "dearer"),
    "share": ("less often", "more often"),
}
"""What b is when its figure is lower, and when it is higher."""
_NAMES: Final = {
    "completion": "completed",
    "interruption_rate": "interrupted",
    "error_rate": "calls with errors",
    "cost": "cost of a call",
}
_GOOD_WHEN_HIGH: Final = frozenset({"completion"})
_PERCENT: Final = 100
_GAP: Final = 2
_SIGNS: Final = {True: "+", False: "−"}


def render(console: Console, value: Comparison) -> None:
    """Print the comparison; parts of the wait that neither side has enough of are left out."""
    told = [each for each in value.figures if not _says_nothing(each)]
    table = _wide(value, told)
    if console.is_terminal and _width(table) > console.width:
        table = _narrow(value, told)
    columns.render(console, table)
    if value.shared_calls:
        console.print()
        shared = figures.count(value.shared_calls, "call")
        text = f"{shared} in both sets: what is clear can only be told of sets that share none"
        columns.print_fact(console, "note", text)


def _wide(value: Comparison, told: Sequence[Figure]) -> list[Column]:
    """A line a figure."""
    names, ours, theirs = _sizes(value)
    blank = [Text("") for _ in names]
    return [
        Column(name="", cells=[*names, *(Text(name(each)) for each in told)], left=True),
        Column(name="A", cells=[*ours, *(_side(each, each.a, each.n_a) for each in told)]),
        Column(name="B", cells=[*theirs, *(_side(each, each.b, each.n_b) for each in told)]),
        Column(name="B − A", cells=[*blank, *(_change(each, each.difference) for each in told)]),
        Column(name="95 % SURE", cells=[*blank, *map(_interval, told)]),
        Column(name="", cells=[*blank, *(_verdict(each, value.shared_calls) for each in told)], left=True),
    ]


def _narrow(value: Comparison, told: Sequence[Figure]) -> list[Column]:
    """Two lines a figure: below B the difference, below the verdict the interval."""
    cells: list[list[Text]] = [*_sizes(value), [Text(""), Text("")]]
    for each in told:
        first = (
            Text(name(each)),
            _side(each, each.a, each.n_a),
            _side(each, each.b, each.n_b),
            _verdict(each, value.shared_calls),
        )
        second = (Text(""), Text(""), _change(each, each.difference), _interval(each))
        for column, upper, lower in zip(cells, first, second, strict=True):
            column += [upper, lower]
    return [
        Column(name="", cells=cells[0], left=True, cut=1),
        Column(name="A", cells=cells[1]),
        Column(name="B, B − A", cells=cells[2]),
        Column(name="95 % SURE", cells=cells[3], left=True),
    ]


def _sizes(value: Comparison) -> tuple[list[Text], list[Text], list[Text]]:
    """The first two lines: how much there is of each side."""
    sides = [[Text(f"{side.calls:,}"), Text(f"{side.exchanges:,}")] for side in (value.a, value.b)]
    return [Text("calls"), Text("exchanges")], sides[0], sides[1]


def _width(table: Sequence[Column]) -> int:
    return sum(max([len(column.name), *(cell.cell_len for cell in column.cells)]) + _GAP for column in table) - _GAP


def _says_nothing(value: Figure) -> bool:
    return value.measure.startswith("stage.") and value.a is None and value.b is None


def name(value: Figure) -> str:
    """What is compared, in words: ``response p95``, ``  llm p50``, ``completed``."""
    if value.measure.startswith("stage."):
        return f"  {clean(value.measure.removeprefix('stage.')).replace('_', ' ')} {value.statistic}"
    known = _NAMES.get(value.measure, clean(value.measure))
    return (
        known
        if value.statistic == "share"
        else f"{known}, {value.statistic}"
        if " " in known
        else f"{known} {value.statistic}"
    )


def verdict(value: Figure, shared_calls: int) -> str:
    """``clearly faster``, ``no clear difference`` or ``not enough calls``; ``not told`` where sets share calls."""
    if value.low is None or value.difference is None:
        return NOT_TOLD if shared_calls and value.difference is not None else NOT_ENOUGH
    if not value.clear:
        return NO_DIFFERENCE
    lower, higher = _WORDS[value.unit]
    return f"clearly {higher if value.difference > 0 else lower}"


def _verdict(value: Figure, shared_calls: int) -> Text:
    if value.low is None or not value.clear:
        return Text(verdict(value, shared_calls), style="dim")
    is_good = ((value.difference or 0) > 0) == (value.measure in _GOOD_WHEN_HIGH)
    return Text(verdict(value, shared_calls), style="green" if is_good else "yellow")


def _side(value: Figure, figure: float | None, n: int) -> Text:
    if figure is None:
        return Text(f"not enough (n={n:,})" if n else figures.UNKNOWN, style="dim")
    return Text(_written(value)(figure)).append(f"  n={n:,}", style="dim")


def _change(value: Figure, change: float | None) -> Text:
    return Text(figures.UNKNOWN if change is None else _signed(value, change))


def _interval(value: Figure) -> Text:
    if value.low is None or value.high is None:
        return Text(figures.UNKNOWN)
    return Text(f"{_signed(value, value.low)} to {_signed(value, value.high)}")


def _signed(value: Figure, change: float) -> str:
    text = _written(value, points=True)(abs(change))
    return text if not change else f"{_SIGNS[change > 0]}{text}"


def _written(value: Figure, *, points: bool = False) -> Callable[[float], str]:
    if value.unit == "ms":
        return figures.wait
    if value.unit == "usd":
        return lambda usd: money(Decimal(str(round(usd, 9))), 0)
    return lambda share: f"{share * _PERCENT:.1f} {'pp' if points else '%'}"
