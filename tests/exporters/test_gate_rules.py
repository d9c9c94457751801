"""Conditions of the gate, and when one is passed, failed, unclear or unknown."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from exported import NOW_MS, Said, index_of, many, settle, write
from hypothesis import given
from hypothesis import strategies as st

from callscope.cli import gate_condition, gate_verdict
from callscope.cli.gate_measures import MEASURES, Measured, Sample, _ratio, measure
from callscope.cli.gate_verdict import Verdict
from callscope.errors import SettingError
from callscope.index.database import readable
from callscope.index.index import Index
from callscope.query.language import parse
from callscope.query.query import CallQuery


@pytest.mark.parametrize(
    ("text", "measure_name", "kind", "number"),
    [
        ("p95>+10%", "p95", "relative", 0.1),
        (" response.p95 >= +200ms ", "p95", "change", 200),
        ("P50>1.5s", "p50", "level", 1500),
        ("stage.turn_detection.p99>-5%", "stage.turn_detection.p99", "relative", -0.05),
        ("error_rate>2%", "error_rate", "level", 0.02),
        ("error_rate>0.02", "error_rate", "level", 0.02),
        ("completion<\N{MINUS SIGN}1pp", "completion", "change", -0.01),
        ("cost_per_call>+$0.01", "cost_per_call", "change", 0.01),
        ("cost_per_minute>.05", "cost_per_minute", "level", 0.05),
    ],
)
def test_a_condition_is_read(text: str, measure_name: str, kind: str, number: float) -> None:
    found = gate_condition.parse(text)

    assert (found.measure, str(found.kind)) == (measure_name, kind)
    assert found.number == pytest.approx(number)
    assert found.is_above == ("<" not in text)
    assert found.or_equal == ("=" in text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("p95", "is no condition"),
        ("p59>1s", "did you mean p99?"),
        ("zzzz>1s", "write one of p50"),
        ("stage.llm>1s", "did you mean stage.llm.p"),
        ("p95>2", "write \\+10%"),
        ("p95>2%", "no limit here"),
        ("p95>+2pp", "no limit here"),
        ("p95>$2", "no limit here"),
        ("error_rate>2pp", "no limit here"),
        ("error_rate>+2", "no limit here"),
        ("error_rate>200ms", "no limit here"),
        ("cost_per_call>2%", "no limit here"),
        ("cost_per_call>5ms", "no limit here"),
        ("p95>1e3ms", "no limit here"),
        ("p95=1s", "is no condition"),
    ],
)
def test_a_condition_that_is_none_is_told(text: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        gate_condition.parse(text)


@given(st.text(max_size=20))
def test_no_text_makes_anything_else_of_it(text: str) -> None:
    for whole in (text, f"p95>{text}", f"error_rate<{text}", f"cost_per_call>={text}"):
        try:
            gate_condition.parse(whole)
        except SettingError:
            continue


def of(
    value: float | None, reach: float | None = 5.0, *, calls: int = 100, numbers: frozenset[int] = frozenset()
) -> Sample:
    """A sample of which one figure is known: that of every measure."""
    low, high = (None, None) if value is None or reach is None else (value - reach, value + reach)
    found = Measured(value=value, low=low, high=high, n=calls, calls=calls)
    return Sample(calls=calls, measures=dict.fromkeys(MEASURES, found), numbers=numbers)


def verdict(text: str, a: Sample | None, b: Sample, *, strict: bool = False) -> Verdict:
    return gate_verdict.judge([gate_condition.parse(text)], a, b, strict=strict, fewest=20)


@pytest.mark.parametrize(
    ("text", "a", "b", "outcome"),
    [
        ("p95>+10%", of(100), of(105), "passes"),
        ("p95>+10%", of(100), of(110), "passes"),
        ("p95>=+10%", of(100), of(110), "fails"),
        ("p95>+10%", of(100), of(120), "fails"),
        ("p95>+10%", of(100, 40), of(120, 40), "unclear"),
        ("p95>+10%", of(100), of(120, None), "unclear"),
        ("p95>+10%", of(100), of(120, calls=9), "unknown"),
        ("p95>+10%", of(100), of(None), "unknown"),
        ("p95>+10%", of(None), of(100), "unknown"),
        ("p95>+10%", of(100, calls=3), of(120), "unknown"),
        ("p95>+200ms", of(100), of(301), "fails"),
        ("p95>+200ms", of(100), of(299), "passes"),
        ("completion<-1pp", of(0.9, 0.001), of(0.85, 0.001), "fails"),
        ("completion<-1pp", of(0.9, 0.001), of(0.95, 0.001), "passes"),
        ("completion<-1pp", of(0.9, 0.05), of(0.85, 0.05), "unclear"),
        ("p95>-10%", of(100, 10), of(95, 1), "unclear"),
        ("p95>-10%", of(100, 1), of(99, 1), "fails"),
        ("p95>-10%", of(100, 1), of(85, 1), "passes"),
        ("p95>110ms", None, of(120), "fails"),
        ("p95>110ms", None, of(112), "unclear"),
        ("p95>110ms", None, of(108), "passes"),
        ("completion<90%", None, of(0.8, 0.05), "fails"),
        ("completion<90%", None, of(0.88, 0.05), "unclear"),
        ("error_rate>+10%", of(0, 0), of(0.2, 0.1), "fails"),
    ],
)
def test_a_condition_is_judged(text: str, a: Sample | None, b: Sample, outcome: str) -> None:
    found = verdict(text, a, b)
    strict = verdict(text, a, b, strict=True)

    assert found.judged[0].outcome == strict.judged[0].outcome == outcome
    assert bool(found.judged[0].note) == (outcome in {"unclear", "unknown"})
    assert found.exit_code == {"passes": 0, "unclear": 0, "unknown": 2, "fails": 1}[outcome]
    assert strict.exit_code == {"passes": 0, "unclear": 1, "unknown": 2, "fails": 1}[outcome]


def test_sides_that_share_calls_are_not_told_apart() -> None:
    a, b = of(100, numbers=frozenset({1, 2})), of(150, numbers=frozenset({2, 3}))

    found = verdict("p95>+10%", a, b)

    assert (found.judged[0].outcome, found.exit_code) == ("unknown", 2)
    assert "1 call on both sides" in found.judged[0].note


def test_what_fails_counts_before_what_cannot_be_told() -> None:
    conditions = [gate_condition.parse(text) for text in ("p95>1ms", "p50>1ms")]
    sample = Sample(calls=100, measures=of(100).measures | {"p50": Measured(value=None)})

    assert gate_verdict.judge(conditions, None, sample, strict=False, fewest=20).exit_code == 1


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    root = tmp_path_factory.mktemp("gate") / "archive"
    many(root, 200, days=4, turns=6)
    settle(root)
    with index_of(root) as opened:
        yield opened


@pytest.fixture
def db(index: Index) -> Iterator[sqlite3.Connection]:
    with closing(readable(index.place, root=index.root)) as opened:
        yield opened


def test_figures_are_those_of_compare(index: Index, db: sqlite3.Connection) -> None:
    figures = index.compare("version:2.4", "version:2.5").figures
    compared = {(each.measure, str(each.statistic)): each for each in figures}
    names = {
        "p50": ("response", "p50"),
        "p95": ("response", "p95"),
        "stage.unexplained.p95": ("stage.unexplained", "p95"),
        "stage.endpointing.p50": ("stage.endpointing", "p50"),
        "completion": ("completion", "share"),
        "error_rate": ("error_rate", "share"),
        "interruption_rate": ("interruption_rate", "share"),
        "cost_per_call": ("cost", "mean"),
    }
    a, b = (measure(db, parse(text, now_ms=NOW_MS), names) for text in ("version:2.4", "version:2.5"))

    for name, key in names.items():
        figure = compared[key]
        one, other = a.measures[name], b.measures[name]
        assert (one.value, one.n, other.value, other.n) == (figure.a, figure.n_a, figure.b, figure.n_b), name
        sides = gate_verdict._difference(one, other, 0)
        assert (sides and sides[1:]) == (None if figure.low is None else (figure.low, figure.high)), name


def test_figures_are_those_of_stats(index: Index, db: sqlite3.Connection) -> None:
    [(_, figures)] = index.stats("agent:sales")
    found = measure(db, parse("agent:sales", now_ms=NOW_MS), MEASURES)

    assert found.calls == figures.calls == len(found.numbers)
    assert found.measures["p99"].value == pytest.approx(figures.response.p99_ms, rel=0.01)
    assert found.measures["unanswered"].value == figures.unanswered / figures.exchanges
    assert found.measures["cost_per_minute"].value == pytest.approx((figures.cost_usd or 0) / figures.minutes)


def test_the_interval_of_a_ratio_holds_it_nineteen_times_of_twenty() -> None:
    dice, held = random.Random(7), 0
    for _ in range(400):
        sizes = [dice.lognormvariate(0, 0.5) for _ in range(60)]
        found = _ratio([(0.05 * size + dice.gauss(0, 0.01), size) for size in sizes])
        held += found.low is not None and found.high is not None and found.low <= 0.05 <= found.high

    assert 366 <= held <= 394


def test_silence_is_what_was_not_answered_and_what_an_event_tells(tmp_path: Path) -> None:
    write(tmp_path / "archive", "fine")
    write(tmp_path / "archive", "not-answered", said=[Said("hello", None)])
    told = write(tmp_path / "archive", "told", said=[])
    with (told / "events.jsonl").open("a") as file:
        file.write('{"ts": "2026-11-21T09:00:01Z", "type": "silence", "data": {"kind": "never_spoke"}}\n')
    write(tmp_path / "archive", "fine-too", agent='"silence"')
    settle(tmp_path / "archive")
    with index_of(tmp_path / "archive") as index, closing(readable(index.place, root=index.root)) as db:
        found = measure(db, CallQuery(), ["silence"]).measures["silence"]

    assert (found.value, found.n) == (0.5, 4)
