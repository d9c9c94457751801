"""Old calls are priced anew on command; what they cost before is kept."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from callscope import CallLogger, Settings
from callscope.archive.reprice import Repriced, reprice_call, repriced
from callscope.clock import now_ms
from callscope.prices import shipped
from callscope.prices.book import PriceBook
from callscope.prices.entry import Entry
from callscope.prices.own import OwnPrices
from callscope.testing import call_dirs, metadata, rows

LIST = PriceBook(shipped.catalogue())
DEARER = PriceBook(
    shipped.catalogue(),
    OwnPrices(
        prices=(
            Entry(id="own", provider="deepgram", service="stt", model="nova-2", rates={"minute": Decimal("0.10")}),
            Entry(
                id="new", provider="acme", service="llm", model="tomorrow", rates={"1M_input_text_tokens": Decimal(5)}
            ),
        )
    ),
)


def record(root: Path, *, call_id: str = "call", at_ms: float | None = None, **end: Any) -> Path:
    logger = CallLogger(root, settings=Settings())
    call = logger.start_call(call_id, at_ms=at_ms)
    call.usage("stt", provider="deepgram", model="nova-2", audio_seconds=60)
    call.usage("llm", provider="acme", model="tomorrow", input_tokens=1_000_000)
    call.turn("assistant", "good day")
    call.end(**end)
    logger.close()
    assert call.path is not None
    return call.path


def differences(root: Path, book: PriceBook, **period: Any) -> list[Repriced]:
    return list(repriced(root, book, now_ms=now_ms(), **period))


def test_a_call_whose_prices_are_still_the_same_is_left_alone(tmp_path: Path) -> None:
    record(tmp_path)

    assert differences(tmp_path, LIST) == []


def test_the_difference_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    path = record(tmp_path)
    before = (path / "metadata.json").read_bytes()

    (one,) = differences(tmp_path, DEARER)

    assert one.before.usd == Decimal("0.35") / 60
    assert one.after.usd == Decimal("5.10")
    assert (one.before.unpriced, one.after.unpriced) == (1, 0)
    assert one.difference_usd == Decimal("5.10") - Decimal("0.35") / 60
    assert (path / "metadata.json").read_bytes() == before


def test_a_call_is_priced_anew_and_its_former_lines_are_kept(tmp_path: Path) -> None:
    path = record(tmp_path)
    former = metadata(path)

    assert reprice_call(path, DEARER, now_ms=now_ms())

    document = metadata(path)
    assert document["cost"] == {"total": 5.10, "llm": 5.0, "stt": 0.1}
    assert document["callscope"]["cost_status"] == "priced"
    (kept,) = document["callscope"]["former_costs"]
    assert kept["cost_lines"] == former["callscope"]["cost_lines"]
    assert kept["cost"] == former["cost"]
    assert {key: document[key] for key in former if key not in ("cost", "callscope")} == {
        key: former[key] for key in former if key not in ("cost", "callscope")
    }


def test_each_pricing_is_kept_and_there_and_back_is_where_it_was(tmp_path: Path) -> None:
    path = record(tmp_path)
    former = metadata(path)

    reprice_call(path, DEARER, now_ms=now_ms())
    reprice_call(path, LIST, now_ms=now_ms())

    document = metadata(path)
    assert document["cost"] == former["cost"]
    assert document["callscope"]["cost_lines"] == former["callscope"]["cost_lines"]
    assert len(document["callscope"]["former_costs"]) == 2
    assert differences(tmp_path, LIST) == []


def test_the_turns_keep_the_costs_of_their_day(tmp_path: Path) -> None:
    path = record(tmp_path)
    before = rows(path)

    reprice_call(path, DEARER, now_ms=now_ms())

    assert rows(path) == before


def test_a_cost_that_the_program_gave_itself_stays_at_the_top(tmp_path: Path) -> None:
    path = record(tmp_path, cost={"total": 9.99})

    reprice_call(path, DEARER, now_ms=now_ms())

    assert metadata(path)["cost"] == {"total": 9.99}
    assert metadata(path)["callscope"]["cost_status"] == "priced"


def of_another_writer(root: Path, **more: Any) -> Path:
    path = root / "calls" / "2026" / "11" / "20" / "patter"
    path.mkdir(parents=True)
    document = {
        "schema_version": "1.0",
        "call_id": "patter",
        "started_at": "2026-11-20T09:00:00.000Z",
        "ended_at": "2026-11-20T09:01:00.000Z",
        "duration_ms": 60_000,
        "status": "completed",
        "direction": "inbound",
        "telephony_provider": "twilio",
        "cost": {"total": 0.05, "stt": 0.01, "tts": 0.02, "llm": 0.02},
        **more,
    }
    (path / "metadata.json").write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("added", [{}, {"callscope": {"labels": {"agent": "front-desk"}}}, {"cost": None}])
def test_what_another_writer_recorded_without_its_usage_is_left_alone(added: dict[str, Any], tmp_path: Path) -> None:
    path = of_another_writer(tmp_path, **added)
    before = (path / "metadata.json").read_bytes()

    assert differences(tmp_path, DEARER) == []
    assert not reprice_call(path, DEARER, now_ms=now_ms())
    assert (path / "metadata.json").read_bytes() == before


def test_a_line_that_was_priced_by_the_length_of_its_call_is_priced_anew(tmp_path: Path) -> None:
    path = of_another_writer(tmp_path, cost={"total": 1.0, "telephony": 1.0}, callscope={"cost_lines": [
        {"service": "telephony", "provider": "twilio", "model": None, "status": "estimated", "usd": "1.0"},
    ]})  # fmt: skip

    (one,) = differences(tmp_path, LIST)
    reprice_call(path, LIST, now_ms=now_ms())

    assert one.after.usd == Decimal("0.0085")
    assert metadata(path)["cost"] == {"total": 0.0085, "telephony": 0.0085}


def test_a_cost_without_lines_is_kept_too_when_usage_that_was_told_is_priced(tmp_path: Path) -> None:
    path = record(tmp_path)
    document = metadata(path)
    del document["callscope"]["cost_lines"]
    former = document["cost"] = {"total": 0.7, "stt": 0.7}
    (path / "metadata.json").write_text(json.dumps(document))

    assert reprice_call(path, DEARER, now_ms=now_ms())

    (kept,) = metadata(path)["callscope"]["former_costs"]
    assert kept["cost"] == former


def test_a_call_that_goes_on_is_left_alone(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path, settings=Settings())
    call = logger.start_call("call")
    call.usage("llm", provider="acme", model="tomorrow", input_tokens=1_000_000)
    logger.flush()
    (path,) = call_dirs(tmp_path)

    assert differences(tmp_path, DEARER) == []
    assert not reprice_call(path, DEARER, now_ms=now_ms())
    logger.close()


def test_only_calls_of_the_period_are_looked_at(tmp_path: Path) -> None:
    now = now_ms()
    record(tmp_path, call_id="old", at_ms=now - 3 * 86_400_000)
    record(tmp_path, call_id="new")

    assert [one.call_id for one in differences(tmp_path, DEARER, since_ms=now - 86_400_000)] == ["new"]
    assert [one.call_id for one in differences(tmp_path, DEARER, until_ms=now - 86_400_000)] == ["old"]


def test_who_looks_at_the_days_directory_alone_sees_that_a_call_changed(tmp_path: Path) -> None:
    path = record(tmp_path)
    before = path.parent.stat().st_mtime_ns

    reprice_call(path, DEARER, now_ms=now_ms())

    assert path.parent.stat().st_mtime_ns > before


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_metadata_that_cannot_be_read_is_left_alone(content: str, tmp_path: Path) -> None:
    path = record(tmp_path)
    (path / "metadata.json").write_text(content)

    assert not reprice_call(path, DEARER, now_ms=now_ms())
    assert (path / "metadata.json").read_text() == content
