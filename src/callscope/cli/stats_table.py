"""Figures of calls for people: a page for one set of calls, a row a group for several, and their shapes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from rich.console import Console
from rich.text import Text

from callscope.cli import columns
from callscope.cli.charts import Charts
from callscope.cli.columns import Column, print_fact
from callscope.index.figures import Figures, Percentiles
from callscope.index.periods import PERIODS, end_of
from callscope.index.trends import Key
from callscope.model.wire import format_ts
from callscope.query.query import STAGES
from callscope.report import figures
from callscope.report.money import at_least
from callscope.report.safe_text import clean

Rows = Sequence[tuple[Key, Figures]]

NOT_ENOUGH: Final = "not enough"
_WAIT: Final = 8
"""Characters of a wait; three of them and a number stand in one column, so that "not enough" can take their place."""
_COUNT: Final = 7
"""Characters of a number of waits, as of ``127,662``; what is longer moves the waits of its row to the left."""
_WAITS_NAME: Final = f"{'P50':>{_WAIT}}{'P95':>{_WAIT + 1}}{'P99':>{_WAIT + 1}}{'N':>{_COUNT + 1}}"
_BAR: Final = 20
_LEAST_BAR: Final = 6
_GAP: Final = 2
_PERIOD_NAMES: Final = {"hour": "HOUR UTC", "day": "DAY", "week": "WEEK FROM", "month": "MONTH", "year": "YEAR"}
_WRITTEN: Final = {
    "hour": slice(0, 16),
    "day": slice(0, 10),
    "week": slice(0, 10),
    "month": slice(0, 7),
    "year": slice(0, 4),
}
_EACH: Final = {"hour": "an hour", "day": "a day", "week": "a week", "month": "a month", "year": "a year"}
_PERCENT: Final = 100
_FEW_PERCENT: Final = 10
_MANY: Final = 10_000
"""Columns of a sparkline that are thought of at most."""


class _Figure(NamedTuple):
    """A column, and how much it would be missed."""

    column: Column
    worth: int
    """What is worth the least is left out first where a terminal is narrow; 9: never."""


def render_page(console: Console, value: Figures) -> None:
    """Print the figures of one set of calls; it has calls."""
    for label, text in _facts(value):
        print_fact(console, label, text, indent=12)


def render_rows(console: Console, rows: Rows, by: Sequence[str]) -> None:
    """Print a row a group, and where the groups follow each other in time, their shape."""
    charts = Charts(console.encoding)
    values = [value for _, value in rows]
    names = _names(rows, by)
    table = _fitting(names, _figures(values), console.width if console.is_terminal else None)
    if len(by) == 1 and by[0] in PERIODS:
        room = console.width - _width(table) - _GAP if console.is_terminal else _BAR
        if room >= _LEAST_BAR:
            at = next(number for number, column in enumerate(table) if column.name == "CALLS") + 1
            table.insert(at, _bars(charts, values, min(room, _BAR)))
    columns.render(console, table)
    if len(by) == 1 and by[0] in PERIODS and len(rows) > 1:
        console.print()
        _shapes(console, charts, rows, by[0])


def render_stages(console: Console, rows: Rows, by: Sequence[str]) -> None:
    """Print what the waits of each group are made of."""
    found = [(key, stage, value.stages[stage]) for key, value in rows for stage in STAGES if value.stages.get(stage)]
    if not found:
        columns.print_line(console, Text("No exchange of these calls tells of its stages.", style="dim"))
        return
    seen: Key | None = None
    cells: list[list[Text]] = [[] for _ in by]
    for key, _, _ in found:
        for column, name, part in zip(cells, by, key, strict=True):
            column.append(Text("") if key == seen else group_name(name, part))
        seen = key
    table = [_group_column(name, column) for name, column in zip(by, cells, strict=True)]
    table.append(Column(name="STAGE", cells=[Text(stage.replace("_", " ")) for _, stage, _ in found], left=True))
    table.append(Column(name=_WAITS_NAME, cells=[waits(value) for _, _, value in found]))
    columns.render(console, table)


def waits(value: Percentiles) -> Text:
    """p50, p95, p99 and of how many; of fewer than 20, only of how many."""
    if value.p50_ms is None or value.p95_ms is None or value.p99_ms is None:
        return Text.assemble((f"{NOT_ENOUGH:>{3 * _WAIT + 2}}", "dim"), f" {value.n:>{_COUNT},}")
    shown = (figures.wait(each) for each in (value.p50_ms, value.p95_ms, value.p99_ms))
    return Text(" ".join(f"{each:>{_WAIT}}" for each in shown) + f" {value.n:>{_COUNT},}")


def share(value: float | None) -> str:
    """``97 %``; ``0.4 %`` of what is little; a dash where there was nothing."""
    if value is None:
        return figures.UNKNOWN
    percent = value * _PERCENT
    if 0 < percent < _FEW_PERCENT or _PERCENT - 1 < percent < _PERCENT:
        return f"{min(max(percent, 0.1), 99.9):.1f} %"
    return f"{percent:.0f} %"


def cost(value: Figures) -> Text:
    """The known dollars; ``≥`` where some calls have more, or nothing that is known."""
    if value.cost_usd is None:
        return Text(
            "unpriced" if value.unpriced_calls else figures.UNKNOWN, style="yellow" if value.unpriced_calls else ""
        )
    known = at_least(Decimal(str(round(value.cost_usd, 9))), value.unpriced_calls)
    return Text(known, style="yellow" if value.unpriced_calls else "")


def group_name(name: str, part: str | int) -> Text:
    """A group's value: a period as it is written, a word made harmless; what nobody told is a dash."""
    if isinstance(part, int):
        return Text(format_ts(part)[_WRITTEN[name]].replace("T", " "))
    return Text(clean(part)) if part else Text(figures.UNKNOWN, style="dim")


def _facts(value: Figures) -> list[tuple[str, str]]:
    response = value.response
    if response.p50_ms is None:
        few = f"{NOT_ENOUGH} for percentiles (n={response.n})"
        spread = f": {figures.wait(response.min_ms)} to {figures.wait(response.max_ms)}" if response.n else ""
        told = few + spread
    else:
        told = (
            f"p50 {figures.wait(response.p50_ms)} · p95 {figures.wait(response.p95_ms)} · "
            f"p99 {figures.wait(response.p99_ms)} · n={response.n:,}"
        )
    priced = cost(value).plain
    if value.cost_usd is not None and value.unpriced_calls:
        priced += f", {value.unpriced_calls:,} of {_count(value.calls, 'call')} not whole"
    return [
        ("calls", f"{value.calls:,} · {value.ended:,} ended, {share(value.completion)} of them completed"),
        (
            "talk",
            f"{value.minutes:,.1f} minutes · {_count(value.turns, 'turn')} · {_count(value.exchanges, 'exchange')}",
        ),
        ("response", told),
        ("interrupted", f"{share(value.interruption_rate)} of the answers"),
        ("no answer", f"{value.unanswered:,} of {_count(value.exchanges, 'exchange')}"),
        ("errors", f"in {share(value.error_rate)} of the calls"),
        ("cost", priced),
        ("throughput", f"{_rate(value.calls_per_minute)} calls, {_rate(value.turns_per_minute)} turns a minute"),
    ]


def _names(rows: Rows, by: Sequence[str]) -> list[Column]:
    return [_group_column(name, [group_name(name, key[place]) for key, _ in rows]) for place, name in enumerate(by)]


def _group_column(name: str, cells: list[Text]) -> Column:
    return Column(name=_PERIOD_NAMES.get(name, clean(name).upper()), cells=cells, left=True, cut=name not in PERIODS)


def _figures(values: Sequence[Figures]) -> list[_Figure]:
    def column(name: str, worth: int, cells: list[Text]) -> _Figure:
        return _Figure(Column(name=name, cells=cells), worth)

    return [
        column("CALLS", 9, [Text(f"{value.calls:,}") for value in values]),
        column("MINUTES", 4, [Text(f"{value.minutes:,.1f}") for value in values]),
        column("DONE", 6, [Text(share(value.completion)) for value in values]),
        column(_WAITS_NAME, 9, [waits(value.response) for value in values]),
        column("INTERRUPTED", 5, [Text(share(value.interruption_rate)) for value in values]),
        column("ERRORS", 7, [Text(share(value.error_rate)) for value in values]),
        column("COST", 8, [cost(value) for value in values]),
        column("CALLS/MIN", 3, [Text(_rate(value.calls_per_minute)) for value in values]),
        column("TURNS/MIN", 2, [Text(_rate(value.turns_per_minute)) for value in values]),
    ]


def _fitting(names: list[Column], found: list[_Figure], width: int | None) -> list[Column]:
    """The columns that there is room for, without those that would be missed least."""
    while width is not None:
        least = min(found, key=lambda figure: figure.worth)
        if least.worth > 8 or _width([*names, *(figure.column for figure in found)]) <= width:  # noqa: PLR2004 -- 9: never
            break
        found = [figure for figure in found if figure is not least]
    return [*names, *(figure.column for figure in found)]


def _width(table: Sequence[Column]) -> int:
    """Characters of a line, what can be cut taken as short as it may be read."""
    widths = [
        min(24 if column.cut else 10**6, max([len(column.name), *(cell.cell_len for cell in column.cells)]))
        for column in table
    ]
    return sum(widths) + _GAP * (len(widths) - 1)


def _bars(charts: Charts, values: Sequence[Figures], width: int) -> Column:
    most = max(value.calls for value in values)
    return Column(
        name="",
        cells=[Text(charts.bar(value.calls, largest=most, width=width), style="blue") for value in values],
        left=True,
    )


def _shapes(console: Console, charts: Charts, rows: Rows, period: str) -> None:
    """Calls and p95 as lines of columns, one for each period, also for those without calls."""
    label = 7
    room = console.width - label if console.is_terminal else _MANY
    line = _line_of(rows, period, room)
    every = "" if len(line) < room else f" (the last {len(line)})"
    most = max((value.calls for value in line if value is not None), default=0)
    slowest = max((value.response.p95_ms or 0 for value in line if value is not None), default=0)
    calls = charts.sparkline([0 if value is None else value.calls for value in line])
    columns.print_line(console, Text.assemble((f"{'calls':<{label}}", "dim"), (calls, "blue")))
    if slowest:
        p95 = charts.sparkline([None if value is None else value.response.p95_ms for value in line])
        columns.print_line(console, Text.assemble((f"{'p95':<{label}}", "dim"), (p95, "magenta")))
    first, last = (group_name(period, rows[0][0][0]), group_name(period, rows[-1][0][0]))
    peak = f" · p95 up to {figures.wait(slowest)}" if slowest else ""
    text = f"{first} to {last}{every}, one column {_EACH[period]} · up to {_count(most, 'call')}{peak}"
    print_fact(console, "", text, indent=label)


def _line_of(rows: Rows, period: str, room: int) -> list[Figures | None]:
    """The last periods that there is room for; None for those without calls."""
    found = {key[0]: value for key, value in rows}
    line: deque[Figures | None] = deque(maxlen=room)
    moment, last = rows[0][0][0], rows[-1][0][0]
    while isinstance(moment, int) and isinstance(last, int) and moment <= last:
        line.append(found.get(moment))
        for name in PERIODS:
            if name == period:
                moment = end_of(name, moment)
    return list(line)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _rate(value: float | None) -> str:
    if value is None:
        return figures.UNKNOWN
    places = next((places for least, places in ((0.1, 2), (0.001, 3)) if value >= least or not value), None)
    if places is None:  # however few there are, that is not none
        places = max(5, 1 - math.floor(math.log10(value)))
    return f"{value:.{places}f}"
