from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from callscope.cli.charts import Charts
from callscope.cli.wait_chart import steps
from callscope.index.histogram import histogram_of


def test_a_bar_is_as_long_as_its_share_in_eighths() -> None:
    charts = Charts("utf-8")

    assert charts.bar(10, largest=10, width=4) == "████"
    assert charts.bar(5, largest=10, width=4) == "██"
    assert charts.bar(1, largest=16, width=4) == "▎"
    assert charts.bar(0, largest=10, width=4) == ""


def test_what_is_not_nothing_is_to_be_seen() -> None:
    assert Charts("utf-8").bar(1, largest=10**9, width=4) == "▏"
    assert Charts("ascii").bar(1, largest=10**9, width=4) == "#"


def test_a_line_tells_nothing_from_little_and_from_what_is_not_known() -> None:
    assert Charts("utf-8").sparkline([8, 4, 0.1, 0, None]) == "█▅▁ ·"
    assert Charts("utf-8").sparkline([0, None]) == " ·"


def test_where_the_output_has_no_more_it_is_plain_ascii() -> None:
    for encoding in ("ascii", "latin-1", "no-such-encoding"):
        charts = Charts(encoding)
        drawn = charts.bar(3, largest=4, width=8) + charts.sparkline([1, 2, 3, 0, None])
        assert drawn.isascii()
    assert Charts("ascii").sparkline([8, 0, None]) == "# ?"


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=200))
def test_the_bars_of_waits_hold_each_wait_once(waits_ms: list[int]) -> None:
    histogram = histogram_of(waits_ms)
    assert histogram is not None

    found = steps(histogram)

    assert sum(step.waits for step in found) == len(waits_ms)
    assert found[0].waits
    assert found[-1].waits
