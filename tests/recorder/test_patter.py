"""An application that used Patter's logger moves over by one import line."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest

import callscope
from callscope import CallLogger, alog_call_end, alog_call_start, alog_event, alog_turn
from callscope.archive.reader import read_call
from callscope.clock import now_ms
from callscope.testing import call_dirs, metadata, rows

EXCHANGE = {
    "turn_index": 0,
    "user_text": "hello",
    "agent_text": "hi there",
    "latency": {"stt_ms": 100.0, "llm_ms": 300.0, "tts_ms": 90.0, "total_ms": 2412.5, "agent_response_ms": 620.0},
    "stt_audio_seconds": 1.2,
    "tts_characters": 8,
    "timestamp": 1_795_253_400.25,
}


def test_a_whole_call_by_its_methods(tmp_path: Path) -> None:
    logger = CallLogger(str(tmp_path))
    logger.log_call_start(
        "CA1", caller="+15551234567", callee="+15559876543", telephony_provider="twilio", agent={"model": "m"}
    )
    logger.log_turn("CA1", EXCHANGE)
    logger.log_turn("CA1", {"turn_index": 1, "role": "user", "text": "bye"})
    logger.log_event("CA1", "tool_call", {"name": "lookup", "arguments": {"id": 7}, "result": None})
    logger.log_event("CA1", "hold")
    directory = logger.call_dir("CA1")
    logger.log_call_end("CA1", duration_seconds=12.34, turns=2, cost={"total": 0.01}, latency={"p50_ms": 620.0})
    assert logger.flush()

    assert directory == call_dirs(tmp_path)[0]
    assert rows(directory)[0] == {"schema_version": "1.0", "ts": "2026-11-21T09:30:00.250Z", **EXCHANGE}
    assert rows(directory)[1]["text"] == "bye"
    assert [row["data"] for row in rows(directory, "events.jsonl")] == [
        {"name": "lookup", "arguments": {"id": 7}, "result": None},
        {},
    ]
    envelope = metadata(directory)
    assert envelope["status"] == "completed"
    assert (envelope["duration_ms"], envelope["turns"]) == (12340.0, 2)
    assert (envelope["cost"], envelope["latency"]) == ({"total": 0.01}, {"p50_ms": 620.0})
    logger.close()


def test_our_reader_turns_either_shape_into_turns(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    logger.log_call_start("CA1")
    logger.log_turn("CA1", EXCHANGE)
    logger.log_turn("CA1", {"turn_index": 1, "role": "user", "text": "bye"})
    logger.log_call_end("CA1")
    logger.close()

    record = read_call(call_dirs(tmp_path)[0], now_ms=now_ms())
    assert [(turn.role, turn.text) for turn in record.turns] == [
        ("user", "hello"),
        ("assistant", "hi there"),
        ("user", "bye"),
    ]
    assert metadata(call_dirs(tmp_path)[0])["latency"] == {"p50_ms": 620, "p95_ms": 620, "p99_ms": 620}


def test_an_error_makes_a_call_failed_though_its_status_says_completed(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    logger.log_call_start("CA1")
    logger.log_call_end("CA1", error="timeout")
    logger.close()

    envelope = metadata(call_dirs(tmp_path)[0])
    assert (envelope["status"], envelope["error"]) == ("failed", "timeout")


def test_the_async_functions_take_what_theirs_take(tmp_path: Path) -> None:
    async def main() -> None:
        logger = CallLogger(tmp_path)
        await alog_call_start(logger, "CA1", caller="+15551234567")
        await alog_turn(logger, "CA1", EXCHANGE)
        await alog_event(logger, "CA1", "hold", {"seconds": 3})
        await alog_call_end(logger, "CA1", duration_seconds=1.0)
        await logger.aclose()
        for off in (None, CallLogger(None)):
            await alog_call_start(off, "CA2")
            await alog_turn(off, "CA2", {})
            await alog_event(off, "CA2", "x")
            await alog_call_end(off, "CA2")

    asyncio.run(main())
    (directory,) = call_dirs(tmp_path)
    assert metadata(directory)["status"] == "completed"
    assert len(rows(directory)) == len(rows(directory, "events.jsonl")) == 1


@pytest.mark.parametrize(
    "turn",
    [
        None,
        7,
        "text",
        {"text": "\ud800"},
        {"timestamp": "no"},
        {"timestamp": float("nan")},
        {"timestamp": 1e20},
        {"timestamp": 1_795_253_400_250},
        {(1, 2): object()},
    ],
    ids=repr,
)
def test_what_raised_in_theirs_does_not_in_ours(turn: Any, tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    logger.log_call_start("a\ud800")
    logger.log_turn("a\ud800", turn)
    circular: dict[str, Any] = {}
    circular["self"] = circular
    logger.log_event("a\ud800", "x", circular)
    logger.log_event("a\ud800", "x", {(1, 2): 3})  # type: ignore[dict-item]
    logger.log_call_end("a\ud800")
    logger.close()

    health = logger.health()
    assert health.accepted == 3
    assert health.written == (3 if isinstance(turn, dict) else 2)
    (directory,) = call_dirs(tmp_path)
    assert len(rows(directory)) + len(rows(directory, "events.jsonl")) == health.written


def test_rows_of_a_call_that_never_began_are_kept(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    logger.log_turn("unannounced", EXCHANGE)
    logger.log_event("unannounced", "hold")
    logger.log_call_end("unannounced", turns=1)
    logger.log_event("unannounced", "after the end")
    logger.close()

    (directory,) = call_dirs(tmp_path)
    assert metadata(directory)["status"] == "completed"
    assert len(rows(directory, "events.jsonl")) == 2


def test_our_methods_have_their_signatures() -> None:
    theirs = pytest.importorskip("getpatter.services.call_log")
    for name in ("log_call_start", "log_turn", "log_event", "log_call_end", "call_dir"):
        their, our = (inspect.signature(getattr(cls, name)).parameters for cls in (theirs.CallLogger, CallLogger))
        assert [(p.name, p.kind, p.default) for p in our.values()] == [
            (p.name, p.kind, p.default) for p in their.values()
        ]
    for name in ("resolve_log_root", "alog_call_start", "alog_turn", "alog_event", "alog_call_end"):
        assert hasattr(callscope, name)


def test_their_reader_reads_what_ours_wrote(tmp_path: Path) -> None:
    store = pytest.importorskip("getpatter.dashboard.store")
    logger = CallLogger(tmp_path)
    logger.log_call_start("CA1", caller="+15551234567")
    logger.log_turn("CA1", EXCHANGE)
    logger.log_call_end("CA1", duration_seconds=12.0, turns=1)
    logger.close()

    metrics = store.MetricsStore()
    assert metrics.hydrate(str(tmp_path)) == 1
    assert "hello" in repr(metrics.get_calls())
