"""Whether a gate is passed: conditions held against two samples. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from callscope.cli.gate_condition import Condition
from callscope.cli.gate_measures import Measured, Sample
from callscope.index.figures import ENOUGH
from callscope.index.interval import Estimate, difference
from callscope.report import figures

Outcome = Literal["passes", "fails", "unclear", "unknown"]
"""``unclear``: it is beyond the limit, and that may be chance. ``unknown``: there is not enough to tell."""

PASSED: Final = 0
FAILED: Final = 1
NOT_TOLD: Final = 2


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A condition and what became of it."""

    condition: Condition
    outcome: Outcome
    baseline: Measured | None
    """None: a level needs none."""
    candidate: Measured
    limit: float | None
    """What the candidate is held against; None: unknown."""
    difference: Estimate | None = None
    """Candidate - baseline, with its interval; None where there is none."""
    note: str = ""
    """Why it is not simply passed or failed."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a gate says."""

    judged: tuple[Judged, ...]
    exit_code: int
    strict: bool


def judge(
    conditions: Sequence[Condition], baseline: Sample | None, candidate: Sample, *, strict: bool, fewest: int
) -> Verdict:
    """Hold conditions against the samples.

    Args:
        conditions: what must not be.
        baseline: None: all conditions are levels.
        candidate: what is looked at.
        strict: what is unclear fails.
        fewest: calls below which a sample says nothing.
    """
    shared = 0 if baseline is None else len(baseline.numbers & candidate.numbers)
    judged = tuple(_judged(each, baseline, candidate, fewest=fewest, shared=shared) for each in conditions)
    outcomes = {each.outcome for each in judged}
    if "fails" in outcomes or (strict and "unclear" in outcomes):
        code = FAILED
    else:
        code = NOT_TOLD if "unknown" in outcomes else PASSED
    return Verdict(judged=judged, exit_code=code, strict=strict)


def _judged(condition: Condition, baseline: Sample | None, candidate: Sample, *, fewest: int, shared: int) -> Judged:
    name = condition.measure
    is_level = condition.kind == "level"
    a = None if is_level or baseline is None else baseline.measures.get(name, Measured(value=None))
    b = candidate.measures.get(name, Measured(value=None))
    sides = {"candidate": (candidate, b)}
    if a is not None and baseline is not None:
        sides = {"baseline": (baseline, a), **sides}
    judged = Judged(condition=condition, outcome="unknown", baseline=a, candidate=b, limit=None)
    for side, (sample, measured) in sides.items():
        if sample.calls < fewest:
            note = f"the {side} has {figures.count(sample.calls, 'call')}, {fewest} are needed"
            return msgspec.structs.replace(judged, note=note)
        if measured.value is None:
            what = f"only {figures.count(measured.n, 'value')}" if measured.n else "no value"
            needed = f", {ENOUGH} are needed" if condition.unit == "ms" else ""
            return msgspec.structs.replace(judged, note=f"the {side} has {what} of it{needed}")
    limit = condition.limit(0 if a is None else a.value or 0)
    judged = msgspec.structs.replace(judged, limit=limit, difference=_difference(a, b, shared))
    if b.value is None or not condition.is_beyond(b.value, limit):
        return msgspec.structs.replace(judged, outcome="passes")
    if shared:
        note = f"{figures.count(shared, 'call')} on both sides: what is chance cannot be told"
        return msgspec.structs.replace(judged, note=note)
    why = _why_unclear(condition, a, b, limit)
    return msgspec.structs.replace(judged, outcome="unclear" if why else "fails", note=why)


def _difference(a: Measured | None, b: Measured, shared: int) -> Estimate | None:
    if a is None or a.estimate is None or b.estimate is None or shared:
        return None
    return difference(a.estimate, b.estimate)


def _why_unclear(condition: Condition, a: Measured | None, b: Measured, limit: float) -> str:
    """Why what is beyond the limit may be chance; empty: it is not.

    A level is clear when the whole interval is beyond it. A change is, when the interval of the difference leaves out
    no change at all; where less than that is asked for (``p95>-5%``: it has to get better), when it is clear that the
    limit was missed.
    """
    if b.estimate is None or (a is not None and a.estimate is None):
        return "beyond the limit, but of too few calls to tell it from chance"
    if a is None or a.estimate is None:
        against, beyond = Estimate(limit, limit, limit), b.estimate
    else:
        from_limit = (limit >= a.estimate.value) if condition.is_above else (limit <= a.estimate.value)
        against = a.estimate if from_limit else _moved(condition, a.estimate)
        beyond = difference(against, b.estimate)
        against = Estimate(0, 0, 0)
    clear = beyond.low > against.value if condition.is_above else beyond.high < against.value
    return "" if clear else "beyond the limit, but no clear difference: it may be chance"


def _moved(condition: Condition, value: Estimate) -> Estimate:
    return Estimate(*(condition.limit(each) for each in value))
