from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from call_tree import DAY_MS, NOW_MS, envelope, open_envelope, write_call
from hypothesis import given
from hypothesis import strategies as st

from callscope.archive.reader import read_envelope
from callscope.archive.spend import CallSpend, call_spend, spend_of
from callscope.errors import NotFoundError
from callscope.model.cost import CostLine

USAGE = [
    {"service": "stt", "provider": "deepgram", "model": "nova-3", "reports": 1, "unreported_requests": 0, "units": {}}
]


def line(usd: str | None = "0.01", **fields: Any) -> dict[str, Any]:
    known = {} if usd is None else {"amount": usd, "usd": usd, "matched": "deepgram/stt/nova-3"}
    status = "unpriced" if usd is None else "priced"
    return {"service": "stt", "provider": "deepgram", "model": "nova-3", "status": status, **known, **fields}


def spent(root: Path, metadata: dict[str, Any]) -> CallSpend:
    write_call(root, metadata=metadata)
    (found,) = spend_of(root, now_ms=NOW_MS)
    return found


def test_a_call_costs_what_its_lines_say(tmp_path: Path) -> None:
    added = {
        "labels": {"agent_version": "2.4"},
        "writer": {"id": "w1"},
        "cost_lines": [line("0.0100"), line("0.0230", service="llm", provider="openai", status="estimated")],
        "actual": [{"service": "stt", "provider": "deepgram", "amount": "0.0095"}],
    }

    found = spent(tmp_path, envelope(cost={"total": 0.033}, callscope=added))

    assert (found.source, found.cost.usd, found.cost.status, found.cost.unpriced) == (
        "lines",
        Decimal("0.0330"),
        "estimated",
        0,
    )
    assert (found.agent, found.agent_version, found.writer_id) == ("openai/gpt-4.1", "2.4", "w1")
    assert [each.amount for each in found.actual] == [Decimal("0.0095")]
    assert (found.duration_ms, found.recorded_usd) == (60_000, Decimal("0.033"))


@pytest.mark.parametrize(
    "bad",
    [
        {"usd": "12"},
        line("NaN"),
        line("-1"),
        line("1e999999"),
        line("0.1", status="free"),
        line("0.1", quantity="many"),
        7,
        None,
    ],
)
def test_a_bad_line_is_counted_and_leaves_the_others(tmp_path: Path, bad: object) -> None:
    found = spent(tmp_path, envelope(callscope={"cost_lines": [line("0.01"), bad]}))

    assert (found.bad_lines, found.cost.usd, found.cost.status, found.cost.unpriced) == (
        1,
        Decimal("0.01"),
        "partial",
        1,
    )


def test_a_total_of_another_writer_is_taken_by_service_as_estimated(tmp_path: Path) -> None:
    cost = {"stt": 0.01, "tts": 0.0, "llm": 0.02, "telephony": 0.0085, "total": 0.0385, "llm_cached_savings": 0.5}

    found = spent(tmp_path, envelope(cost=cost))

    assert (found.source, found.cost.usd, found.cost.status) == ("recorded", Decimal("0.0385"), "estimated")
    assert {each.service: each.provider for each in found.lines} == {"stt": None, "llm": None, "telephony": "twilio"}


def test_what_the_parts_of_a_total_do_not_explain_is_kept(tmp_path: Path) -> None:
    found = spent(tmp_path, envelope(cost={"total": 0.05, "llm": 0.02}, telephony_provider=None))

    assert {each.service: each.usd for each in found.lines} == {"llm": Decimal("0.02"), "other": Decimal("0.03")}


@pytest.mark.parametrize(
    "cost",
    [
        {"stt": 0.0, "tts": 0.0, "llm": 0.0, "telephony": 0.0085, "total": 0.0085},
        {"stt": 0.0, "tts": 0.0, "llm": 0.0, "telephony": 0.0, "total": 0.0},
        {"total": 0},
    ],
)
def test_a_zero_of_another_writer_is_not_believed(tmp_path: Path, cost: dict[str, float]) -> None:
    found = spent(tmp_path, envelope(cost=cost))

    assert found.cost.unpriced == 1
    assert found.cost.usd in {Decimal("0.0085"), None}


def test_a_line_that_nobody_recorded_the_cost_of_is_unpriced(tmp_path: Path) -> None:
    found = spent(tmp_path, envelope(cost={"stt": 0.01, "tts": 0.01, "llm": 0.01, "total": 0.03}))

    assert [(each.service, each.provider) for each in found.lines if each.usd is None] == [("telephony", "twilio")]


@pytest.mark.parametrize(
    ("fields", "source", "unpriced"),
    [
        ({"callscope": {"usage": USAGE}}, "no_prices", 1),
        ({"callscope": {"usage": USAGE, "cost_lines": [], "cost_problem": "prices.toml line 3"}}, "no_prices", 1),
        ({}, "no_usage", 1),
        ({"status": "no_answer"}, "nothing", 0),
        ({"status": "busy", "cost": {"total": 0.0}}, "nothing", 0),
    ],
)
def test_a_call_without_lines_says_why(tmp_path: Path, fields: dict[str, Any], source: str, unpriced: int) -> None:
    found = spent(tmp_path, envelope(**fields))

    assert (found.source, found.cost.unpriced) == (source, unpriced)
    assert all(each.reason for each in found.lines)


def test_a_call_that_goes_on_has_no_cost_yet(tmp_path: Path) -> None:
    directory = write_call(tmp_path, metadata=open_envelope())
    call = msgspec.structs.replace(read_envelope(directory, now_ms=NOW_MS), status="in_progress")

    found = call_spend(call, started_at_ms=NOW_MS)

    assert (found.source, found.lines) == ("open", ())


def test_only_calls_that_started_within_the_period_are_read(tmp_path: Path) -> None:
    for name, at in (
        ("early", "08:59:59.999"),
        ("first", "09:00:00.000"),
        ("last", "09:59:59.999"),
        ("late", "10:00:00.000"),
    ):
        write_call(tmp_path, name, metadata=envelope(name, started_at=f"2026-11-21T{at}Z"))
    write_call(tmp_path, "older", day="2026/11/20", metadata=envelope("older", started_at="2026-11-20T09:30:00.000Z"))
    write_call(tmp_path, "undated", day="2026/11/20", metadata=None)

    def within(since_ms: int | None, until_ms: int | None) -> set[str]:
        return {each.call_id for each in spend_of(tmp_path, now_ms=NOW_MS, since_ms=since_ms, until_ms=until_ms)}

    assert within(NOW_MS - 3_600_000, NOW_MS) == {"first", "last"}
    assert within(None, NOW_MS - 3_600_000) == {"early", "older", "undated"}
    assert within(NOW_MS - NOW_MS % DAY_MS - DAY_MS, NOW_MS - NOW_MS % DAY_MS) == {"older", "undated"}


def test_an_archive_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        list(spend_of(tmp_path / "none", now_ms=NOW_MS))


amounts = st.none() | st.decimals(0, 10**6, places=9).map(str)


@given(st.lists(amounts, max_size=20))
def test_lines_that_were_written_are_read_and_add_up(usd: list[str | None]) -> None:
    lines = [line(each) for each in usd]
    written = [msgspec.to_builtins(msgspec.convert(each, CostLine)) for each in lines]
    call = msgspec.structs.replace(_CALL, callscope={"cost_lines": written})

    found = call_spend(call, started_at_ms=0)

    if usd:
        assert [msgspec.to_builtins(each) for each in found.lines] == written
        assert found.cost.unpriced == usd.count(None)
        assert (found.cost.usd or 0) == sum(Decimal(each) for each in usd if each is not None)


_CALL = read_envelope("no-such-call", now_ms=NOW_MS)
