"""What a rule says in words where it cannot tell."""

from __future__ import annotations

import pytest
from alert_index import rule

from callscope.alerts.evaluate import Reading, judge
from callscope.alerts.rule import Rule


def words(which: Rule, *, calls: int, n: int, value: float | None, unpriced: int = 0, hits: int | None = None) -> str:
    reading = Reading(at_ms=0, since_ms=0, calls=calls, value=value, n=n, hits=hits, unpriced=unpriced)
    (verdict,) = judge(which, reading)
    assert verdict.holds is None
    return verdict.words


def test_too_few_calls_are_said_with_how_many_are_needed() -> None:
    said = words(rule('kind = "error_rate"\nthreshold = "10%"'), calls=3, n=3, hits=3, value=1.0)
    assert (
        said
        == "Calls with an error: 100 % (3 of 3) in 1 hour; the limit is 10.0 %; 3 calls, and 20 are needed to tell."
    )


def test_too_few_answers_are_said_where_there_are_calls_enough() -> None:
    said = words(rule('kind = "latency"\nthreshold = "3s"'), calls=25, n=19, value=1000.0)
    assert said.endswith("; the limit is 3.00 s; 19 answers, and 20 are needed to tell.")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("call_cost", "What the dearest call cost in 1 day is not known: 2 calls without a price."),
        ("cost", "What all calls cost in 1 day is not known: 2 calls without a price."),
    ],
)
def test_a_cost_that_nobody_knows_is_no_sum(kind: str, said: str) -> None:
    assert words(rule(f'kind = "{kind}"\nthreshold = "2"'), calls=2, n=2, value=None, unpriced=2) == said


def test_the_room_on_a_disk_in_the_past_is_not_known() -> None:
    assert "nobody knows" in words(rule('kind = "disk"\nthreshold = "5%"'), calls=0, n=0, value=None)
