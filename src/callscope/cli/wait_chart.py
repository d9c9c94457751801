"""How waits are spread, as bars on a logarithmic scale, so that the quick and the slow are both to be seen."""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import Final, NamedTuple

from rich.console import Console
from rich.text import Text

from callscope.cli.charts import Charts
from callscope.cli.columns import print_line
from callscope.index.figures import Percentiles
from callscope.index.histogram import Histogram, bucket_of
from callscope.report import figures

_DECADE: Final = (100, 125, 160, 200, 250, 315, 400, 500, 630, 800)
_EDGES_MS: Final = (0, *(edge * 10**power for power in range(3) for edge in _DECADE), 100_000)
"""Where bars begin: ten to a power of ten, each a quarter longer than the one before, so that their heights can be
compared. What is below the second one is in one bar, and so is what is above the last."""
_WIDTH: Final = 36
_LABEL: Final = 18
_LANE_BYTES: Final = 4


class Step(NamedTuple):
    """One bar."""

    low_ms: int
    high_ms: int | None
    """The first wait that is not in it; None: there is no end."""
    waits: int


def render(console: Console, histogram: Histogram, response: Percentiles) -> None:
    """Print a bar for each step from the shortest wait to the longest, with the percentiles beside theirs."""
    charts = Charts(console.encoding)
    found = steps(histogram)
    most = max(step.waits for step in found)
    marks = {"p50": response.p50_ms, "p95": response.p95_ms, "p99": response.p99_ms}
    for step in found:
        bar = charts.bar(step.waits, largest=most, width=_WIDTH)
        here = [name for name, wait_ms in marks.items() if wait_ms is not None and _is_in(wait_ms, step)]
        line = Text.assemble((f"{_name(step):>{_LABEL}}  ", "dim"), (bar, "blue"))
        line.append(f" {step.waits:,}" if step.waits else "").append(
            f"  {' '.join(here)}" if here else "", style="bold"
        )
        print_line(console, line)


def steps(histogram: Histogram) -> list[Step]:
    """The steps that there are waits in, and those between them; a wait at an edge may be in its neighbour."""
    counts = _counts(histogram)
    found = [
        Step(low, high, sum(counts[bucket_of(low) : None if high is None else bucket_of(high)]))
        for low, high in pairwise((*_EDGES_MS, None))
        if low is not None
    ]
    told = [number for number, step in enumerate(found) if step.waits]
    return found[told[0] : told[-1] + 1]


def _is_in(wait_ms: float, step: Step) -> bool:
    return wait_ms >= step.low_ms and (step.high_ms is None or wait_ms < step.high_ms)


def _name(step: Step) -> str:
    if step.high_ms is None:
        return f"{figures.wait(step.low_ms)} and more"
    return f"{figures.wait(step.low_ms)} to {figures.wait(step.high_ms)}"


def _counts(histogram: Histogram) -> array[int]:
    """How many values are in each bucket."""
    length = (bucket_of(histogram.highest) + 1) * _LANE_BYTES
    counts = array("I")
    counts.frombytes(histogram.lanes.to_bytes(length, "little"))
    return counts
