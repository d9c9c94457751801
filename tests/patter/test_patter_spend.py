"""What a call cost whose rows alone tell of it."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from patter_trees import NOW_MS, exchange, told, typescript_metadata, write_call

from callscope import CallLogger
from callscope.archive.listing import call_paths
from callscope.archive.price_file import read_book
from callscope.archive.reader import read_call, read_envelope
from callscope.archive.reprice import repriced
from callscope.archive.spend import CallSpend, call_spend
from callscope.clock import now_ms
from callscope.importers.base.run import keep
from callscope.index.extract import rows_of
from callscope.testing import call_dirs

ROWS = [exchange(0, "", "Hello."), exchange(1, "where is it", "It was sent.")]


def spent(root: Path, rows: list[Any], **metadata: Any) -> CallSpend:
    """From the envelope alone, which is how lists see it; with all rows at hand it is the same."""
    directory = write_call(root, typescript_metadata(**{"cost": None, **metadata}), rows)
    found = call_spend(read_envelope(directory, now_ms=NOW_MS), started_at_ms=NOW_MS)
    record = read_call(directory, now_ms=NOW_MS)
    assert call_spend(record.call, started_at_ms=NOW_MS, record=record) == found
    return found


def documented(usd: object, **fields: Any) -> dict[str, Any]:
    row = {"role": "assistant", "text": "It was sent.", "ts": "2026-11-21T09:30:12.000Z", "latency": None, "cost": usd}
    return {**row, **fields}


def test_what_rows_say_was_used_is_told_and_not_priced_for_nobody_names_the_provider(tmp_path: Path) -> None:
    found = spent(tmp_path, ROWS)

    assert found.source == "no_provider"
    assert [(line.service, line.usage, line.quantity, line.usd) for line in found.lines] == [
        ("stt", "audio_seconds", Decimal(3), None),
        ("tts", "characters", Decimal(18), None),
    ]
    (reason,) = found.cost.reasons
    assert "not of which provider" in reason


def test_a_call_of_which_nothing_is_told_says_so(tmp_path: Path) -> None:
    found = spent(tmp_path, [exchange(0, "hi", "hello", stt_audio_seconds=0, tts_characters=0)])

    assert (found.source, found.cost.reasons) == (
        "no_usage",
        ["its writer told neither what this call used nor what it cost"],
    )


def test_what_turns_cost_is_taken_as_an_estimate_and_what_they_leave_out_is_unknown(tmp_path: Path) -> None:
    rows = [
        documented(0.001),
        documented({"total": 0.005, "llm": 0.004}),
        documented(None),
        documented(0),
        documented(float("nan")),
        documented(-1),
        documented(None, role="user"),
    ]

    found = spent(tmp_path, rows)

    assert (found.source, found.cost.usd, found.cost.status) == ("recorded", Decimal("0.006"), "partial")
    assert {line.service: line.usd for line in found.lines if line.usd} == {
        "llm": Decimal("0.004"),
        "other": Decimal("0.002"),
    }
    assert [line.reason for line in found.lines if line.usd is None] == [
        "4 of 6 turns tell no cost, or not all of it",
        "its writer recorded no cost of the telephone line",
    ]


def test_a_total_of_the_whole_call_goes_before_its_rows(tmp_path: Path) -> None:
    assert spent(tmp_path, [documented(0.001)], cost={"total": 0.25, "llm": 0.25}).recorded_usd == Decimal("0.25")


def test_a_call_of_ours_whose_writer_died_is_to_be_priced_from_what_it_reported(tmp_path: Path) -> None:
    live = tmp_path / "live"
    logger = CallLogger(live)
    call = logger.start_call("CA1")
    call.turn("assistant", "hello")
    call.usage("llm", provider="openai", model="gpt-4.1", input_tokens=1000)
    logger.flush()
    (directory,) = call_dirs(live)
    left = tmp_path / "left" / directory.relative_to(live)
    shutil.copytree(directory, left)  # without the sign of life of its writer
    logger.close()

    dead = read_envelope(left, now_ms=now_ms())
    found = call_spend(dead, started_at_ms=0)

    assert dead.status == "abandoned"
    assert (found.source, found.cost.reasons) == ("no_prices", ["recorded without prices: callscope reprice"])
    assert [(line.service, line.provider, line.model) for line in found.lines] == [("llm", "openai", "gpt-4.1")]


@pytest.mark.parametrize("rows", [ROWS, [documented(0.001)]])
def test_the_index_has_the_same_lines(tmp_path: Path, rows: list[Any]) -> None:
    found = spent(tmp_path, rows)
    (directory,) = call_dirs(tmp_path)

    indexed = rows_of(read_call(directory, now_ms=NOW_MS), path="2026/11/21/CA-ts", stamp="")

    assert [(line[0], line[-1]) for line in indexed.billed] == [
        (line.service, None if line.usd is None else float(line.usd)) for line in found.lines
    ]


def test_the_commands_say_it(tmp_path: Path) -> None:
    spent(tmp_path, ROWS)

    missing = told(tmp_path, "prices", "missing", "--since", "2026-11-01")["missing"]
    assert {(each["service"], each["quantity"]) for each in missing} == {("stt", "3"), ("tts", "18")}
    assert told(tmp_path, "cost", "--since", "2026-11-01")["calls_by_source"] == {"no_provider": 1}


def recorded(root: Path, row: dict[str, Any], **end: Any) -> CallSpend:
    """Of a call that was written with Patter's methods; the length of it prices the line at 0.0085."""
    logger = CallLogger(root)
    logger.log_call_start("CA1", telephony_provider="twilio")
    logger.log_turn("CA1", {"turn_index": 0, "user_text": "a", "agent_text": "b", **row})
    logger.log_call_end("CA1", duration_seconds=12.5, turns=1, **end)
    logger.close()
    (directory,) = call_dirs(root)
    found = call_spend(read_envelope(directory, now_ms=now_ms()), started_at_ms=0)
    record = read_call(directory, now_ms=now_ms())
    assert call_spend(record.call, started_at_ms=0, record=record) == found
    return found


def by_service(found: CallSpend) -> dict[str, Decimal | None]:
    assert len({line.service for line in found.lines}) == len(found.lines)
    return {line.service: line.usd for line in found.lines}


LEG = Decimal("0.0085")


def test_what_turns_cost_stands_beside_the_telephone_line(tmp_path: Path) -> None:
    found = recorded(tmp_path, {"cost": {"total": 0.02, "llm": 0.02}})

    assert by_service(found) == {"telephony": LEG, "llm": Decimal("0.02")}
    assert (found.cost.usd, found.cost.status, found.recorded_usd) == (Decimal("0.0285"), "estimated", found.cost.usd)


def test_what_rows_used_is_unpriced_beside_the_telephone_line(tmp_path: Path) -> None:
    found = recorded(tmp_path, {"stt_audio_seconds": 3, "tts_characters": 9})

    assert by_service(found) == {"telephony": LEG, "stt": None, "tts": None}
    assert found.cost.status == "partial"


def test_a_line_whose_call_tells_nothing_else_is_not_all_of_it(tmp_path: Path) -> None:
    assert by_service(recorded(tmp_path, {})) == {"telephony": LEG, "other": None}


@pytest.mark.parametrize(
    ("cost", "expected"),
    [
        ({"total": 0.25, "llm": 0.25}, {"telephony": LEG, "llm": Decimal("0.25")}),
        ({"total": 0.25, "llm": 0.24, "telephony": 0.01}, {"llm": Decimal("0.24"), "telephony": Decimal("0.01")}),
        ({"total": 0.25}, {"other": Decimal("0.25")}),
        ({"total": 0, "llm": 0, "telephony": 0}, {"telephony": LEG, "llm": Decimal("0.02")}),
    ],
)
def test_a_total_that_the_program_gives_is_neither_lost_nor_counted_twice(
    tmp_path: Path, cost: dict[str, float], expected: dict[str, Decimal]
) -> None:
    found = recorded(tmp_path, {"cost": {"total": 0.02, "llm": 0.02}}, cost=cost)

    assert {service: usd for service, usd in by_service(found).items() if usd} == expected


def test_a_tree_costs_the_same_after_its_import_but_for_the_line(tmp_path: Path) -> None:
    write_call(tmp_path / "theirs", typescript_metadata(cost=None), ROWS)
    keep("patter", [str(tmp_path / "theirs")], root=tmp_path / "ours")
    (directory,) = call_paths(tmp_path / "ours")

    found = call_spend(read_envelope(directory, now_ms=now_ms()), started_at_ms=0)

    assert [(line.service, line.quantity) for line in found.lines if line.usd is None] == [
        ("stt", Decimal(3)),
        ("tts", Decimal(18)),
    ]
    assert found.cost.usd is not None


def test_pricing_anew_changes_nothing_where_the_rows_tell_the_rest(tmp_path: Path) -> None:
    recorded(tmp_path, {"cost": {"total": 0.02, "llm": 0.02}})

    assert list(repriced(tmp_path, read_book(None), now_ms=now_ms())) == []
