from __future__ import annotations

import asyncio
import json
import re
import threading
import wave
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callscope import CallLogger, Settings
from callscope.model.documents import EventRow, Metadata, TurnRow
from callscope.model.wire import format_ts
from callscope.recorder import guard
from callscope.testing import Disk, call_dirs, metadata, rows
from callscope.timeline.fold import Fold

START_MS = 1_795_253_400_250  # 2026-11-21T09:30:00.250Z

METADATA_KEYS = [
    "schema_version", "call_id", "trace_id", "started_at", "ended_at", "duration_ms", "status", "caller", "callee",
    "direction", "telephony_provider", "provider_mode", "agent", "turns", "cost", "latency", "error", "callscope",
]  # fmt: skip


def test_metadata_is_written_at_the_start_with_the_unknown_as_null(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    logger.start_call(
        "CA1",
        caller="+15551234567",
        callee="+15559876543",
        telephony_provider="twilio",
        provider_mode="pipeline",
        agent={"provider": "openai", "model": "gpt-4.1", "voice": "alloy"},
        labels={"agent_version": "2.4"},
        at_ms=START_MS,
    )
    logger.flush()

    directory = tmp_path / "calls" / "2026" / "11" / "21" / "CA1"
    envelope = metadata(directory)
    assert list(envelope) == METADATA_KEYS
    assert {key: envelope[key] for key in METADATA_KEYS[:-1]} == {
        "schema_version": "1.0",
        "call_id": "CA1",
        "trace_id": None,
        "started_at": "2026-11-21T09:30:00.250Z",
        "ended_at": None,
        "duration_ms": None,
        "status": "in_progress",
        "caller": "***4567",
        "callee": "***6543",
        "direction": "inbound",
        "telephony_provider": "twilio",
        "provider_mode": "pipeline",
        "agent": {"provider": "openai", "model": "gpt-4.1", "voice": "alloy"},
        "turns": 0,
        "cost": None,
        "latency": None,
        "error": None,
    }
    assert envelope["callscope"]["labels"] == {"agent_version": "2.4"}
    logger.close()


def test_metadata_at_the_end_tells_what_happened(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("CA1", at_ms=START_MS)
    call.turn("user", "hello", at_ms=START_MS + 1000)
    call.turn("assistant", "hi", at_ms=START_MS + 2000, latency={"response_ms": 800})
    call.usage("llm", provider="openai", model="gpt-4.1", input_tokens=10, output_tokens=2)
    call.usage("llm", provider="openai", model="gpt-4.1", input_tokens=5, unreported_requests=1)
    call.usage("tts", provider="cartesia", model="sonic-3", characters=2)
    call.end(reason="the caller hung up", at_ms=START_MS + 60_500)
    logger.close()

    envelope = metadata(call_dirs(tmp_path)[0])
    assert envelope["status"] == "completed"
    assert envelope["ended_at"] == format_ts(START_MS + 60_500)
    assert envelope["duration_ms"] == 60_500
    assert envelope["turns"] == 2
    assert envelope["latency"] == {"p50_ms": 800, "p95_ms": 800, "p99_ms": 800}
    added = envelope["callscope"]
    assert added["end_reason"] == "the caller hung up"
    assert added["usage"] == [
        {
            "service": "llm",
            "provider": "openai",
            "model": "gpt-4.1",
            "reports": 2,
            "unreported_requests": 1,
            "units": {"input_tokens": 15, "output_tokens": 2},
        },
        {
            "service": "tts",
            "provider": "cartesia",
            "model": "sonic-3",
            "reports": 1,
            "unreported_requests": 0,
            "units": {"characters": 2},
        },
    ]
    assert (added["accepted"], added["written"], added["lost"]) == (5, 5, {})


def test_turn_rows_have_the_specified_keys(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("CA1")
    call.turn("user", "hello", at_ms=START_MS)
    call.turn("assistant", "hi there", cost={"total": 0.01}, interrupted=True, heard="hi")
    logger.close()

    first, second = rows(call_dirs(tmp_path)[0])
    assert first == {
        "schema_version": "1.0",
        "ts": "2026-11-21T09:30:00.250Z",
        "turn_index": 0,
        "role": "user",
        "text": "hello",
        "latency": None,
        "cost": None,
    }
    assert list(second)[:7] == ["schema_version", "ts", "turn_index", "role", "text", "latency", "cost"]
    assert (second["turn_index"], second["cost"], second["interrupted"], second["heard"]) == (
        1,
        {"total": 0.01},
        True,
        "hi",
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", second["ts"])


def test_event_rows_have_the_specified_keys(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("CA1")
    call.event("tool_call", {"name": "lookup", "arguments": {"order": [1, 2]}}, at_ms=START_MS)
    call.event("hold_music")
    logger.close()

    first, second = rows(call_dirs(tmp_path)[0], "events.jsonl")
    assert first == {
        "schema_version": "1.0",
        "ts": "2026-11-21T09:30:00.250Z",
        "type": "tool_call",
        "data": {"name": "lookup", "arguments": {"order": [1, 2]}},
    }
    assert (second["type"], second["data"]) == ("hold_music", {})


def test_the_latency_of_an_answer_is_measured_from_the_speaking_edges(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("CA1", at_ms=START_MS)
    call.event("user_started_speaking", at_ms=START_MS + 1000)
    call.event("user_stopped_speaking", {"delay_ms": 200}, at_ms=START_MS + 2000)
    call.event("agent_started_speaking", at_ms=START_MS + 2900)
    call.turn("user", "hello", at_ms=START_MS + 1000)
    call.turn("assistant", "hi", at_ms=START_MS + 2900)
    call.event("agent_stopped_speaking", at_ms=START_MS + 4000)
    call.end(at_ms=START_MS + 5000)
    logger.close()

    directory = call_dirs(tmp_path)[0]
    latency = rows(directory)[1]["latency"]
    assert latency["response_ms"] == 900
    assert latency["endpointing_ms"] == 200
    assert metadata(directory)["latency"]["p50_ms"] == 900


def test_a_call_stays_on_the_day_of_its_start(tmp_path: Path) -> None:
    just_before_midnight = 1_795_305_599_000
    logger = CallLogger(tmp_path)
    call = logger.start_call("late", at_ms=just_before_midnight)
    call.turn("user", "after midnight", at_ms=just_before_midnight + 120_000)
    call.end(at_ms=just_before_midnight + 180_000)
    logger.close()

    assert [directory.parent.name for directory in call_dirs(tmp_path)] == ["21"]
    assert rows(call_dirs(tmp_path)[0])[0]["ts"].startswith("2026-11-22T")


@pytest.mark.parametrize("call_id", ["../../etc/passwd", "..", "", "x" * 300, "con", "a\0b", "a/b", "\ud800"])
def test_a_hostile_call_id_stays_inside_the_archive(call_id: str, tmp_path: Path) -> None:
    root = tmp_path / "deep" / "root"
    logger = CallLogger(root)
    logger.start_call(call_id).turn("user", "hello")
    logger.close()

    (directory,) = call_dirs(root)
    assert metadata(directory)["call_id"] == call_id.replace("\ud800", "\ufffd")
    assert len(rows(directory)) == 1
    assert [path.name for path in tmp_path.rglob("metadata.json")] == ["metadata.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep"]


def test_a_second_call_with_one_id_gets_its_own_directory(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    first = logger.start_call("same")
    first.turn("user", "first")
    second = logger.start_call("same")
    second.turn("user", "second")
    first.turn("user", "first again")
    logger.close()

    assert [[row["text"] for row in rows(directory)] for directory in call_dirs(tmp_path)] == [
        ["first", "first again"],
        ["second"],
    ]
    assert [metadata(directory)["call_id"] for directory in call_dirs(tmp_path)] == ["same", "same"]


def test_files_that_hold_words_are_for_their_owner_only(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path / "root")
    call = logger.start_call("a")
    call.turn("user", "secret")
    call.event("x")
    call.audio(b"\0" * 400, sample_rate=8000)
    logger.close()

    files = [path for path in (tmp_path / "root").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {"metadata.json", "transcript.jsonl", "events.jsonl", "recording.wav"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "root").rglob("*") if path.is_dir()} == {0o700}


def test_an_exception_ends_the_call_as_failed_with_its_stack_and_goes_on(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    with pytest.raises(ZeroDivisionError), logger.start_call("a") as call:
        call.turn("user", "hello")
        _ = 1 // 0
    logger.close()

    directory = call_dirs(tmp_path)[0]
    envelope = metadata(directory)
    (event,) = rows(directory, "events.jsonl")
    assert envelope["status"] == "failed"
    assert "ZeroDivisionError" in envelope["error"]
    assert event["type"] == "error"
    assert event["data"]["exception_type"] == "ZeroDivisionError"
    assert "_ = 1 // 0" in event["data"]["stack"]


def test_a_cancelled_task_ends_its_call_as_canceled(tmp_path: Path) -> None:
    async def main() -> None:
        logger = CallLogger(tmp_path)

        async def talk() -> None:
            with logger.start_call("a"):
                await asyncio.Event().wait()

        task = asyncio.create_task(talk())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await logger.aclose()

    asyncio.run(main())
    assert metadata(call_dirs(tmp_path)[0])["status"] == "canceled"


def test_only_the_first_end_counts(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    call.end(status="busy")
    call.end(status="failed", error="late")
    logger.close()

    assert metadata(call_dirs(tmp_path)[0])["status"] == "busy"


def test_rows_that_come_after_the_end_are_kept_and_counted(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    call.end()
    logger.flush()
    call.usage("llm", provider="openai", model="gpt-4.1", input_tokens=7)
    logger.close()

    added = metadata(call_dirs(tmp_path)[0])["callscope"]
    assert added["usage"][0]["units"] == {"input_tokens": 7}
    assert added["written"] == 1


def test_what_becomes_known_later_is_added_to_the_metadata(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a", agent={"model": "m"}, labels={"x": 1})
    call.update(
        caller="+15551234567", agent={"voice": "v"}, labels={"y": 2}, framework={"name": "pipecat", "version": "1.14.0"}
    )
    logger.flush()

    envelope = metadata(call_dirs(tmp_path)[0])
    assert envelope["status"] == "in_progress"
    assert envelope["caller"] == "***4567"
    assert envelope["agent"] == {"model": "m", "voice": "v"}
    assert envelope["callscope"]["labels"] == {"x": 1, "y": 2}
    assert envelope["callscope"]["framework"] == {"name": "pipecat", "version": "1.14.0"}
    logger.close()


def test_a_change_after_handing_over_does_not_leak_into_the_record(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    data: dict[str, Any] = {"n": 1, "deep": {"list": [1]}}
    flat: dict[str, Any] = {"n": 1}
    call.event("deep", data)
    call.event("flat", flat)
    data["deep"]["list"].append(2)
    data["n"] = flat["n"] = 2
    logger.close()

    assert [row["data"] for row in rows(call_dirs(tmp_path)[0], "events.jsonl")] == [
        {"n": 1, "deep": {"list": [1]}},
        {"n": 1},
    ]


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


@pytest.mark.parametrize(
    "value",
    [
        Hostile(),
        object(),
        b"\xff",
        float("nan"),
        float("inf"),
        2**200,
        "\ud800",
        "\0",
        "\u2028",
        1e300,
        None,
        {1, 2},
        "x" * 2_000_000,
    ],
    ids=lambda value: type(value).__name__,
)
def test_hostile_values_are_written_somehow_and_never_raise(value: Any, tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    call.turn("user", value)
    call.turn(value, "text", at_ms=value, latency={"x": value}, cost={"y": value})
    call.event("e", {"v": value, "deep": [value]}, at_ms=value)
    call.event(value, {})
    call.usage(value, provider=value, model=value, input_tokens=value)
    call.update(caller=value, agent={"x": value})
    call.end(reason=value, error=value)
    logger.close()

    directory = call_dirs(tmp_path)[0]
    health = logger.health()
    assert len(rows(directory)) == 2
    assert len(rows(directory, "events.jsonl")) == 3
    assert (health.accepted, health.written, health.lost) == (5, 5, {})
    assert metadata(directory)["status"] in {"completed", "failed"}


@given(
    texts=st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.text()), max_size=20),
)
def test_what_was_said_is_read_back_as_it_was_said(
    texts: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("root")
    logger = CallLogger(root)
    call = logger.start_call("a")
    for role, text in texts:
        call.turn(role, text)
    call.end()
    logger.close()

    written = [(row["role"], row["text"]) for row in rows(call_dirs(root)[0])]
    assert written == [
        (role, text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")) for role, text in texts
    ]


def test_the_words_of_a_private_call_never_reach_the_disk(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path, settings=Settings(transcript="off"))
    with pytest.raises(ValueError, match="xylophone"), logger.start_call("a", caller="+15551234567") as call:
        call.turn("user", "my xylophone is broken")
        call.turn("assistant", "which xylophone", interrupted=True, heard="which xylo")
        call.event("tool_call", {"name": "repair", "arguments": {"what": "xylophone"}})
        call.event("tool_result", {"name": "repair", "result": "xylophone repaired"})
        raise ValueError("xylophone")
    logger.close()

    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"xylo" not in everything
    first = rows(call_dirs(tmp_path)[0])[0]
    assert (first["text"], first["text_length"]) == (None, 22)


def test_spoken_card_numbers_are_redacted_before_anything_is_written(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path, settings=Settings(transcript="redact"))
    call = logger.start_call("a")
    call.turn("user", "it is four one one one, one one one one, one one one one, one one one one, thanks")
    call.turn("user", "or 4111 1111 1111 1111 and mail me at ann@example.com")
    call.event("tool_call", {"name": "pay", "arguments": {"card": "4111111111111111"}})
    call.end(reason="card 4111111111111111 was refused")
    logger.close()

    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"4111" not in everything
    assert b"one one one" not in everything
    assert b"ann@example.com" not in everything
    assert b"thanks" in everything


@pytest.mark.parametrize("transcript", ["full", "redact", "off"])
def test_keys_never_reach_the_disk_whatever_the_policy(transcript: Any, tmp_path: Path) -> None:
    key = "sk-proj-" + "Ab1" * 16
    logger = CallLogger(tmp_path, settings=Settings(transcript=transcript))
    with pytest.raises(RuntimeError), logger.start_call("a", labels={"note": key}) as call:
        call.turn("tool", f"Authorization: Bearer {key}")
        call.event("error", {"message": f"Incorrect API key provided: {key}", "headers": {"api-key": key}})
        raise RuntimeError(f"401 with {key}")
    logger.close()

    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"Ab1Ab1" not in everything


def test_sound_is_kept_with_its_place_in_the_call(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a", at_ms=START_MS)
    second = b"\x01\x00\x02\x00" * 8000
    call.audio(second, sample_rate=8000, at_ms=START_MS + 500)
    call.audio(second, sample_rate=8000, at_ms=START_MS + 1510)
    call.audio(second, sample_rate=8000, at_ms=START_MS + 4500)
    call.audio(second, sample_rate=16000, at_ms=START_MS + 5500)
    call.end(at_ms=START_MS + 9000)
    logger.close()

    directory = call_dirs(tmp_path)[0]
    envelope = metadata(directory)
    with wave.open(str(directory / "recording.wav")) as wav:
        assert (wav.getnchannels(), wav.getframerate(), wav.getnframes()) == (2, 8000, 5 * 8000)
    assert envelope["recording_path"] == "recording.wav"
    assert envelope["callscope"]["recording"] == {
        "offset_ms": 500, "sample_rate": 8000, "channels": 2, "duration_ms": 5000, "lost_chunks": 1,
    }  # fmt: skip


def test_the_place_of_the_sound_is_known_while_the_call_goes_on(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a", at_ms=START_MS)
    call.audio(bytes(3200), sample_rate=8000, at_ms=START_MS + 500)
    logger.flush()

    assert metadata(call_dirs(tmp_path)[0])["callscope"]["recording"]["offset_ms"] == 500
    logger.close()


def test_the_ledger_is_exact_when_memory_is_short(tmp_path: Path) -> None:
    disk = Disk()
    logger = CallLogger(tmp_path, settings=Settings(buffer_rows=50), write=disk)
    call = logger.start_call("a")
    logger.flush()
    disk.stall()
    call.turn("user", "0")
    assert disk.reached.wait(10)
    for number in range(1, 500):
        call.turn("user", str(number))
    disk.mend()
    call.end()
    logger.close()

    health = logger.health()
    written = rows(call_dirs(tmp_path)[0])
    added = metadata(call_dirs(tmp_path)[0])["callscope"]
    assert health.accepted == 500
    assert health.written == len(written) == 51
    assert health.lost == {"buffer_full": 449}
    assert (added["accepted"], added["written"], added["lost"]) == (500, 51, {"buffer_full": 449})


def test_the_bound_counts_content_too(tmp_path: Path) -> None:
    disk = Disk()
    logger = CallLogger(tmp_path, settings=Settings(buffer_mb=1), write=disk)
    call = logger.start_call("a")
    logger.flush()
    disk.stall()
    call.turn("user", "0")
    assert disk.reached.wait(10)
    for _ in range(10):
        call.event("big", {"text": "x" * 300_000})
    assert logger.health().pending_bytes < 1_400_000
    disk.mend()
    logger.close()

    assert logger.health().lost == {"buffer_full": 6}
    assert len(rows(call_dirs(tmp_path)[0], "events.jsonl")) == 4


def test_threads_and_event_loops_share_one_call(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")

    def in_a_thread(name: int) -> None:
        async def in_a_loop() -> None:
            for number in range(200):
                call.event("n", {"thread": name, "number": number})
                await asyncio.sleep(0)

        asyncio.run(in_a_loop())

    threads = [threading.Thread(target=in_a_thread, args=(name,)) for name in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    call.end()
    logger.close()

    events = rows(call_dirs(tmp_path)[0], "events.jsonl")
    assert len(events) == 1000
    for name in range(5):
        assert [row["data"]["number"] for row in events if row["data"]["thread"] == name] == list(range(200))


def test_two_loggers_on_one_root_keep_their_calls_apart(tmp_path: Path) -> None:
    loggers = [CallLogger(tmp_path), CallLogger(tmp_path)]
    for number in range(20):
        for logger in loggers:
            with logger.start_call(f"call-{number}") as call:
                call.turn("user", str(id(logger)))
    for logger in loggers:
        logger.close()

    directories = call_dirs(tmp_path)
    assert len(directories) == 40
    assert all(len(rows(directory)) == 1 for directory in directories)
    assert all(metadata(directory)["status"] == "completed" for directory in directories)


def test_an_error_of_our_own_does_not_reach_the_call(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    guard.reraise = False
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    logger.flush()

    def broken(*_: object) -> None:
        raise LookupError("a bug of ours")

    assert logger._writer is not None
    handlers = list(logger._writer._handlers)
    good = handlers[4]
    handlers[4] = broken
    logger._writer._handlers = tuple(handlers)
    call.event("lost")
    call.event("lost")
    logger.flush()
    handlers[4] = good
    logger._writer._handlers = tuple(handlers)
    call.event("kept")
    call.end()
    logger.close()

    assert [row["type"] for row in rows(call_dirs(tmp_path)[0], "events.jsonl")] == ["kept"]
    assert logger.health().lost == {"invalid": 2}
    assert "a bug of ours" in caplog.text
    assert "the call goes on" in caplog.text


@pytest.mark.parametrize("transcript", ["full", "redact", "off"])
def test_what_is_written_is_exactly_the_schema(transcript: Any, tmp_path: Path) -> None:
    logger = CallLogger(tmp_path, settings=Settings(transcript=transcript))
    with logger.start_call("a", caller="+15551234567", framework={"name": "plain", "version": "1"}) as call:
        call.event("user_stopped_speaking", {"delay_ms": 200})
        call.event("agent_started_speaking")
        call.turn("user", "hello")
        call.turn("assistant", "hi there", interrupted=True, heard="hi", duration_ms=400)
        call.turn("assistant", "unheard", interrupted=True)
        call.usage("llm", provider="openai", model="gpt-4.1", input_tokens=10)
        call.error("x")
        call.audio(bytes(400), sample_rate=8000)
        logger.flush()
        directory = call_dirs(tmp_path)[0]
        msgspec.json.decode((directory / "metadata.json").read_bytes(), type=Metadata)
    logger.close()

    msgspec.json.decode((directory / "metadata.json").read_bytes(), type=Metadata)
    for name, kind in {"transcript.jsonl": TurnRow, "events.jsonl": EventRow}.items():
        for line in (directory / name).read_bytes().splitlines():
            msgspec.json.decode(line, type=kind)


def test_a_row_on_disk_is_not_counted_as_lost_when_a_sum_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    guard.reraise = False
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    logger.flush()

    def broken(*_: object) -> None:
        raise LookupError("a bug of ours")

    monkeypatch.setattr(Fold, "event", broken)
    call.event("written")
    call.end()
    logger.close()

    health = logger.health()
    assert (health.accepted, health.written, health.lost) == (1, 1, {})


def test_the_envelope_is_valid_json_at_every_moment(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    logger.flush()
    path = call_dirs(tmp_path)[0] / "metadata.json"
    stop = threading.Event()
    seen: list[dict[str, Any]] = []

    def read() -> None:
        while not stop.is_set():
            seen.append(json.loads(path.read_bytes()))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(200):
        call.update(labels={"number": number})
        call.event("x")
        if number % 20 == 0:
            logger.flush()
    call.end()
    logger.close()
    stop.set()
    reader.join()

    assert all(envelope["call_id"] == "a" for envelope in seen)


def test_a_traces_id_is_kept_although_it_looks_like_a_secret_and_a_secret_is_not(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path, settings=Settings())
    trace = logger.start_call("trace", trace_id="4bf92f3577b34da6a3ce929d0e0e4736")
    secret = logger.start_call("secret", trace_id="sk-proj-abcdefghijklmnop1234567890abcdefghijk")
    logger.close()

    assert trace.path is not None
    assert secret.path is not None
    assert metadata(trace.path)["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert "abcdefghijklmnop" not in (secret.path / "metadata.json").read_text()
