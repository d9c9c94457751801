"""What lists print on 80 columns: whole words where there is room, figures that are not less than they are."""

from __future__ import annotations

import io
import re
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text
from sample_calls import ORDER, run, run_on_terminal, write, write_order_call

from callscope.alerts import rule_source
from callscope.alerts.store import State
from callscope.archive.reprice import Repriced
from callscope.cli import alert_table, error_table, missing_page, stats_table
from callscope.index.error_groups import ErrorGroup
from callscope.model.cost import NOT_BILLED, PRICED, UNPRICED, Cost, CostLine, CostStatus, total
from callscope.report.error_states import Line
from callscope.report.missing import Missing
from callscope.report.period import Period

RULES = """
schema = 1
[[rule]]
name = "callers are left in silence"
kind = "silence"
threshold = "10%"
window = "1h"
severity = "critical"
"""


def terminal(width: int = 80) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, no_color=True, highlight=False, markup=False)


def printed(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in Text.from_ansi(console.file.getvalue()).plain.splitlines()]


def line(status: CostStatus, usd: str | None) -> CostLine:
    amount = None if usd is None else Decimal(usd)
    return CostLine(service="llm", provider="openai", model="gpt-4.1", status=status, amount=amount, usd=amount)


@pytest.mark.parametrize(("width", "kind"), [(80, False), (120, True)])
def test_a_rule_of_alerts_has_its_name_and_its_severity(width: int, *, kind: bool) -> None:
    console = terminal(width)
    rules = rule_source.rules_of(RULES, file="alerts.toml")

    alert_table.print_rules(console, rules, State(), now_ms=0)

    head, rule, *_ = printed(console)
    assert "callers are left in silence" in rule
    assert "critical " in rule
    assert ("KIND" in head) == kind


def test_an_error_of_unknown_kind_is_called_so() -> None:
    group = ErrorGroup(
        fingerprint="2412ae28aa", pattern="the calendar did not answer", example="", stage="tool", provider="",
        exception_type="", category="unknown", count=1, calls=1, recovered=0, first_ms=0, last_ms=0, example_call="",
        example_call_id="CA1",
    )  # fmt: skip
    console = terminal()

    shown = Line(group=group, state="", count=1, calls=1, before=None, calls_before=None)
    error_table.render(console, [shown], now_ms=0)

    assert "  └ 2412ae28 · of unknown kind · tool · " in printed(console)[-1]


@pytest.mark.parametrize(
    ("quantity", "unit", "words"),
    [
        ("13.1618746666666669", "audio_seconds", "13.161875 audio_seconds in 2 calls"),
        ("2", "request", "2 requests in 2 calls"),
        ("1", "request", "1 request in 2 calls"),
        ("0.0000001", "minute", "0.0000001 minute in 2 calls"),
        ("1E+3", "characters", "1,000 characters in 2 calls"),
    ],
)
def test_what_has_no_price_is_told_in_figures_that_people_read(quantity: str, unit: str, words: str) -> None:
    missing = Missing(
        service="llm", provider="openai", model="a-model-with-a-long-name", usage="cache_read_input_tokens", unit=unit,
        reason=None, lines=2, calls=2, quantity=Decimal(quantity), first_seen_ms=0, last_seen_ms=90_000, toml=None,
    )  # fmt: skip
    console = terminal(60)

    missing_page.render(console, [missing], Period(since_ms=0, until_ms=1, step_ms=1))

    shown = " ".join(" ".join(printed(console)).split())
    assert f"{words}, 1970-01-01 00:00 to 1970-01-01 00:01 UTC" in shown


def test_a_cost_that_lost_its_price_has_no_difference() -> None:
    def difference(before: Cost, after: Cost) -> Decimal | None:
        return Repriced(call_id="CA1", path="", started_at_ms=0, before=before, after=after).difference_usd

    priced = total([line(PRICED, "0.5")])
    assert difference(priced, total([line(UNPRICED, None), line(NOT_BILLED, "0")])) is None
    assert difference(priced, total([line(UNPRICED, None), line(PRICED, "0.2")])) == Decimal("-0.3")
    assert difference(priced, total([line(NOT_BILLED, "0")])) == Decimal("-0.5")


@pytest.mark.parametrize(("value", "text"), [(0, "0.00"), (0.00031, "0.00031"), (0.0000041, "0.0000041"), (2, "2.00")])
def test_a_rate_that_is_not_0_is_not_told_as_0(value: float, text: str) -> None:
    assert stats_table._rate(value) == text


def test_a_call_that_is_shown_says_why_its_cost_is_not_known(tmp_path: Path) -> None:
    writer = {"writer": {"id": "w"}}
    write(tmp_path, "given", cost={"total": 0.5, "llm": 0.5}, callscope=writer)
    write(tmp_path, "foreign", cost={"total": 0.5, "llm": 0.5})
    write_order_call(tmp_path)

    def reason(name: str) -> str:
        return run_on_terminal("show", name, "--root", str(tmp_path)).rstrip().splitlines()[-1]

    assert reason("given") == "given by the program, without the prices it was made from"
    assert reason("foreign") == "recorded by another writer, without the prices it was made from"
    shown = run("show", ORDER, "--root", str(tmp_path)).stdout
    assert re.search(r"\ncost +unpriced · nobody reported what this call used: .*\n.* with usage\(\)", shown)


def test_doctor_goes_on_below_its_words(tmp_path: Path) -> None:
    told = Text.from_ansi(run_on_terminal("doctor", "--root", str(tmp_path))).plain.splitlines()

    (place,) = [number for number, each in enumerate(told) if each.startswith("· Recording is off")]
    assert told[place + 1].startswith("  agent runs.")
