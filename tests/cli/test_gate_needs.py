"""What a gate says when there is not enough to tell."""

from __future__ import annotations

import pytest

from callscope.cli import gate_condition, gate_verdict
from callscope.cli.gate_measures import Measured, Sample


@pytest.mark.parametrize(
    ("text", "values", "note"),
    [
        ("p95>2s", 2, "the candidate has only 2 values of it, 20 are needed"),
        ("stage.tool.p50>2s", 0, "the candidate has no value of it, 20 are needed"),
        ("cost_per_call>$1", 0, "the candidate has no value of it"),
    ],
)
def test_it_says_how_many_values_are_needed(text: str, values: int, note: str) -> None:
    condition = gate_condition.parse(text)
    sample = Sample(calls=30, measures={condition.measure: Measured(value=None, n=values, calls=values)})

    verdict = gate_verdict.judge([condition], None, sample, strict=False, fewest=20)

    assert [each.note for each in verdict.judged] == [note]
    assert verdict.exit_code == gate_verdict.NOT_TOLD
