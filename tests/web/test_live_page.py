"""Calls in progress, and the stream that says when something is new."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from dashboards import dashboard, site_of
from web_calls import HOSTILE, record_call

from callscope import CallLogger
from callscope.archive.reader import read_call
from callscope.clock import now_ms
from callscope.index.index import Index
from callscope.report.going_on import STUCK_QUIET_MS, STUCK_WAIT_MS, Now, now_of
from callscope.testing import call_dirs
from callscope.timeline.summary import summarise


def moment_of(root: Path, *, later_ms: int = 0) -> Now:
    [path] = call_dirs(root)
    record = read_call(path, now_ms=now_ms())
    timeline = summarise(record.call.started_at_ms, None, record.turns, record.events)
    return now_of(record, timeline, now_ms=now_ms() + later_ms)


def call_with(root: Path, *events: str) -> CallLogger:
    logger = CallLogger(root=root)
    call = logger.start_call("going-on")
    for event in events:
        call.event(event)
    logger.flush()
    return logger


def test_a_call_in_progress_is_shown_with_its_words_and_an_ended_one_is_not(tmp_path: Path) -> None:
    root = tmp_path / "calls"
    record_call(root, "over", said="It is over")
    logger = record_call(root, "going-on", said=HOSTILE, ends=False)
    logger.flush()
    page = dashboard(root, now_ms=now_ms()).get("/live").text
    assert "1 call in progress" in page
    assert "going-on" in page
    assert "It is over" not in page
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "{{7*7}}" in page
    logger.close()


def test_a_caller_who_waits_is_told_from_one_who_speaks(tmp_path: Path) -> None:
    logger = call_with(tmp_path, "user_started_speaking")
    assert moment_of(tmp_path).doing == "caller speaks"
    logger.close()


def test_the_wait_counts_from_the_end_of_speech_and_a_long_one_is_stuck(tmp_path: Path) -> None:
    logger = call_with(tmp_path, "user_started_speaking", "user_stopped_speaking")
    logger.close()
    assert moment_of(tmp_path).doing == "caller waits"
    assert not moment_of(tmp_path).is_stuck
    assert moment_of(tmp_path, later_ms=STUCK_WAIT_MS + 1_000).is_stuck


def test_a_call_in_which_nothing_happens_is_stuck_in_the_end(tmp_path: Path) -> None:
    logger = call_with(tmp_path, "agent_started_speaking")
    logger.close()
    assert moment_of(tmp_path).doing == "agent speaks"
    assert not moment_of(tmp_path, later_ms=STUCK_WAIT_MS + 1_000).is_stuck
    assert moment_of(tmp_path, later_ms=STUCK_QUIET_MS + 1_000).is_stuck


def spent_so_far(root: Path, *told: tuple[str, dict[str, Any]], turns_after: int = 0, **about: Any) -> Now:
    """Of a call that goes on, with these uses; a turn ends after so many of them."""
    with closing(CallLogger(root)) as logger:
        call = logger.start_call("going-on", at_ms=now_ms() - 60_000, **about)
        for number, (service, usage) in enumerate(told):
            call.usage(service, **usage)
            if number + 1 == turns_after:
                call.turn("assistant", "Hello.")
        logger.flush()
        return moment_of(root)


GPT: tuple[str, dict[str, Any]] = (
    "llm",
    {"provider": "openai", "model": "gpt-4.1", "input_tokens": 1_000, "output_tokens": 0},
)
NOBODY: tuple[str, dict[str, Any]] = ("tts", {"provider": "acme", "model": "voice", "characters": 9})


def test_what_was_used_counts_before_a_turn_tells_of_it(tmp_path: Path) -> None:
    nothing, one, more, unknown = (
        spent_so_far(tmp_path / "nothing"),
        spent_so_far(tmp_path / "one", GPT),
        spent_so_far(tmp_path / "more", GPT, GPT, turns_after=1),
        spent_so_far(tmp_path / "unknown", GPT, NOBODY, turns_after=1),
    )

    assert (nothing.usd, nothing.unpriced) == (None, 0)
    assert (one.usd, one.unpriced, one.estimated) == (Decimal("0.002"), 0, False)
    assert (more.usd, more.unpriced, more.estimated) == (Decimal("0.004"), 0, False)
    assert (unknown.usd, unknown.unpriced) == (Decimal("0.002"), 1)
    assert spent_so_far(tmp_path / "alone", NOBODY).usd is None


def test_a_line_that_is_open_counts_as_long_as_it_is_by_now(tmp_path: Path) -> None:
    now = spent_so_far(tmp_path, GPT, telephony_provider="twilio", direction="inbound")

    assert now.estimated
    assert now.usd is not None
    assert now.usd > Decimal("0.002")


def test_what_the_recorder_priced_is_known_without_its_prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text(
        'schema = 1\n[[price]]\nprovider = "acme"\nservice = "tts"\nmodel = "voice"\nunit = "1k_chars"\nprice = "1"\n'
    )
    monkeypatch.setenv("CALLSCOPE_PRICES", str(prices))
    with closing(CallLogger(tmp_path / "calls")) as logger:
        call = logger.start_call("going-on")
        call.usage(NOBODY[0], **NOBODY[1])
        call.turn("assistant", "Hello.")
        logger.flush()
        known = moment_of(tmp_path / "calls")
        monkeypatch.delenv("CALLSCOPE_PRICES")
        elsewhere = moment_of(tmp_path / "calls")
        prices.write_text("schema = 1\nnonsense = 1\n")
        monkeypatch.setenv("CALLSCOPE_PRICES", str(prices))
        with_a_mistake = moment_of(tmp_path / "calls")

    assert (known.usd, known.unpriced) == (Decimal("0.009"), 0)
    assert (elsewhere.usd, elsewhere.unpriced) == (with_a_mistake.usd, with_a_mistake.unpriced) == (Decimal("0.009"), 1)


async def read(stream: AsyncIterator[bytes], name: str) -> dict[str, object]:
    """The value of the next message of that name."""
    async for message in stream:
        lines = message.decode().splitlines()
        if f"event: {name}" in lines:
            value: dict[str, object] = json.loads(next(line[6:] for line in lines if line.startswith("data: ")))
            return value
    raise AssertionError(name)


def test_a_stream_tells_of_a_call_that_begins_goes_on_and_ends(tmp_path: Path) -> None:
    site = site_of(tmp_path, now_ms=now_ms())
    site.news._now_ms = now_ms

    async def listen() -> None:
        stream = site.news.stream(7)
        assert await read(stream, "index") == {"generation": 7}
        logger = CallLogger(root=tmp_path)
        call = logger.start_call("going-on")
        logger.flush()
        seen: set[object] = set()
        while "ended" not in seen:
            told = await asyncio.wait_for(read(stream, "call"), 20)
            calls = told["calls"]
            assert isinstance(calls, dict)
            seen |= set(calls.values())
            if "rows" not in seen:
                call.event("user_started_speaking")
                logger.flush()
            else:
                call.end(status="completed")
                logger.close()
        assert "started" in seen
        site.news.close()

    asyncio.run(listen())


def test_a_stream_tells_that_the_index_changed(tmp_path: Path) -> None:
    site = site_of(tmp_path)

    async def listen() -> None:
        stream = site.news.stream(0)
        await read(stream, "index")
        record_call(tmp_path)
        await asyncio.to_thread(site.refresher.refresh)
        assert await asyncio.wait_for(read(stream, "index"), 20) == {"generation": site.refresher.progress.generation}
        await stream.aclose()  # type: ignore[attr-defined]  # a generator

    asyncio.run(listen())


def test_a_stream_tells_of_what_another_process_took_into_the_index(tmp_path: Path) -> None:
    site = site_of(tmp_path)

    async def listen() -> None:
        stream = site.news.stream(0)
        await read(stream, "index")
        record_call(tmp_path)
        with Index.open(tmp_path, place=site.index.place) as other:
            assert other.refresh().read == 1
        await asyncio.to_thread(site.refresher.refresh)
        assert await asyncio.wait_for(read(stream, "index"), 20) == {"generation": site.refresher.progress.generation}
        await stream.aclose()  # type: ignore[attr-defined]  # a generator

    asyncio.run(listen())


def test_a_stream_tells_that_a_figure_was_counted_for_the_first_time(tmp_path: Path) -> None:
    site = site_of(tmp_path)

    async def listen() -> None:
        stream = site.news.stream(0)
        await read(stream, "index")
        site.background.ask("a figure", lambda: 42, older_than_seconds=60)
        assert await asyncio.wait_for(read(stream, "counted"), 20) == {}
        await stream.aclose()  # type: ignore[attr-defined]  # a generator

    asyncio.run(listen())


def test_streams_end_when_the_dashboard_does(tmp_path: Path) -> None:
    site = site_of(tmp_path)

    async def listen() -> None:
        stream = site.news.stream(0)
        await read(stream, "index")
        site.news.close()
        rest = [message async for message in stream]
        assert rest == []

    asyncio.run(listen())
