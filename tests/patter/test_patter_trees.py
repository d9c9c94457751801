"""What Patter's SDKs leave on disk reads as calls, with its flaws taken for what they are."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from patter_trees import LATENCY, NOW_MS, age, exchange, real_tree, told, typescript_metadata, write_call

from callscope.archive.listing import list_calls
from callscope.archive.reader import QUIET_MS, CallRecord, read_call
from callscope.archive.repair import repair_call
from callscope.archive.spend import call_spend
from callscope.archive.verify import verify_call
from callscope.clock import now_ms
from callscope.index.extract import rows_of
from callscope.timeline.summary import summarise


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Python SDK itself writes; nobody writes to it."""
    pytest.importorskip("getpatter.services.call_log")
    return real_tree(tmp_path_factory.mktemp("patter"))


def the_call(root: Path, name: str) -> Path:
    (found,) = root.glob(f"calls/*/*/*/{name}")
    return found


def texts(record: CallRecord) -> list[tuple[str, str | None]]:
    return [(turn.role, turn.text) for turn in record.turns]


# -- the Python SDK itself ---------------------------------------------------------------------------


def test_a_real_call_reads_as_turns_tools_and_waits(tree: Path) -> None:
    record = read_call(the_call(tree, "CA-tool"), now_ms=now_ms())

    assert texts(record) == [
        ("assistant", "Hello, this is the shop."),
        ("user", "where is my order"),
        ("assistant", "It was sent on Tuesday."),
        ("user", "thank you very much"),
        ("assistant", "Goodbye."),
    ]
    assert [event.type for event in record.events] == ["tool_call", "tool_result"]
    assert record.problems == ()
    asked, used = record.turns[1].ts_ms, record.events[0].ts_ms
    assert asked is not None
    assert used is not None
    assert asked <= used  # the row is written when the exchange is over; the caller spoke before


def test_an_error_with_the_status_completed_is_a_failure(tree: Path) -> None:
    directory = the_call(tree, "CA-failed")
    record = read_call(directory, now_ms=now_ms())

    assert json.loads((directory / "metadata.json").read_text(encoding="utf-8"))["status"] == "completed"
    assert (record.call.status, record.call.error) == ("failed", "timeout")
    (error,) = rows_of(record, path="2026/11/22/CA-failed", stamp="").errors
    assert error[4] == "timeout"


def test_an_interrupted_turn_has_no_words_and_rows_out_of_order_are_put_in_order(tree: Path) -> None:
    record = read_call(the_call(tree, "CA-cut"), now_ms=now_ms())

    assert [turn.turn_index for turn in record.turns] == [0, 1, 1, 2, 2]
    last = record.turns[-1]
    assert (last.role, last.text, last.interrupted) == ("assistant", None, True)
    assert texts(record)[-2] == ("user", "wait, stop")
    assert [event.type for event in record.events] == ["barge_in"]


def test_a_call_that_never_ended_goes_on_until_it_is_quiet(tree: Path) -> None:
    directory = the_call(tree, "CA-open")
    now = now_ms()

    assert read_call(directory, now_ms=now).call.status == "in_progress"
    later = read_call(directory, now_ms=now + QUIET_MS + 60_000)
    assert (later.call.status, later.call.turns) == ("abandoned", 3)


def test_costs_that_are_zero_for_want_of_a_price_are_unpriced(tree: Path) -> None:
    record = read_call(the_call(tree, "CA-tool"), now_ms=now_ms())
    spend = call_spend(record.call, started_at_ms=record.call.started_at_ms or 0)

    assert spend.cost.usd is None
    assert spend.cost.unpriced


def test_the_commands_read_a_real_tree(tree: Path) -> None:
    listed = told(tree, "ls")["calls"]
    assert {call["call_id"]: call["status"] for call in listed} == {
        "CA-tool": "completed",
        "CA-cut": "completed",
        "CA-failed": "failed",
        "CA-open": "in_progress",
    }
    assert told(tree, "verify")["bad"] == []
    assert told(tree, "repair")["actions"] == []
    assert {hit["kind"] for hit in told(tree, "search", "sent")["hits"]} == {"assistant", "result"}


# -- the Python SDK's logger, and what goes wrong with it -----------------------------------------------


def patters_logger(root: Path) -> Any:
    """The SDK's own."""
    return pytest.importorskip("getpatter.services.call_log").CallLogger(root)


def test_an_end_without_a_start_has_neither_parties_nor_moment(tmp_path: Path) -> None:
    logger = patters_logger(tmp_path)
    logger.log_turn("CA1", {"turn_index": 0, "user_text": "hi", "agent_text": "hello", "timestamp": 1_795_253_410.5})
    logger.log_call_end("CA1", duration_seconds=12.5, turns=1)

    record = read_call(the_call(tmp_path, "CA1"), now_ms=now_ms())
    assert (record.call.status, record.call.caller, record.call.agent) == ("completed", None, {})
    assert record.call.started_at_ms == 1_795_253_410_500  # its first row's
    assert record.call.duration_ms == 12_500


def test_rows_without_metadata_are_a_call(tmp_path: Path) -> None:
    patters_logger(tmp_path).log_turn("CA1", {"turn_index": 0, "user_text": "hi", "agent_text": ""})

    directory = the_call(tmp_path, "CA1")
    record = read_call(directory, now_ms=now_ms() + QUIET_MS * 2)
    assert (record.call.call_id, record.call.status) == ("CA1", "abandoned")
    assert any("missing" in problem.message for problem in record.problems)
    kinds = {action.kind for action in repair_call(directory, now_ms=now_ms() + QUIET_MS * 2)}
    assert kinds == {"rebuilt", "closed"}
    assert read_call(directory, now_ms=now_ms()).problems == ()


def test_two_ids_in_one_directory_are_one_call_that_does_not_add_up(tmp_path: Path) -> None:
    logger = patters_logger(tmp_path)
    for name in ("a/b", "a_b"):
        logger.log_call_start(name)
        logger.log_turn(name, {"turn_index": 0, "user_text": name, "agent_text": "hello"})
        logger.log_call_end(name, turns=1)

    directory = the_call(tmp_path, "a_b")
    record = read_call(directory, now_ms=now_ms())
    assert record.call.call_id == "a_b"
    assert [turn.text for turn in record.turns if turn.role == "user"] == ["a/b", "a_b"]
    assert [problem.message for problem in verify_call(directory, now_ms=now_ms()).problems] == [
        "1 turns, but transcript.jsonl holds 2 readable rows"
    ]


def test_values_that_no_json_holds_are_read(tmp_path: Path) -> None:
    logger = patters_logger(tmp_path)
    logger.log_call_start("CA1")
    logger.log_event("CA1", "odd", {"nan": float("nan"), "raw": b"x", "line": "a\u2028b"})
    logger.log_turn("CA1", {"turn_index": 0, "user_text": "a\u2028b", "agent_text": "ok"})

    record = read_call(the_call(tmp_path, "CA1"), now_ms=now_ms())
    assert record.events[0].data == {"nan": None, "raw": "b'x'", "line": "a\u2028b"}
    assert record.turns[0].text == "a\u2028b"


def test_a_full_disk_glues_the_next_row_to_a_torn_one_and_it_is_kept(tmp_path: Path) -> None:
    logger = patters_logger(tmp_path)
    logger.log_call_start("CA1")
    for number in range(3):
        logger.log_turn("CA1", {"turn_index": number, "user_text": f"u{number}"})
    path = the_call(tmp_path, "CA1") / "transcript.jsonl"
    first, second, third = path.read_bytes().splitlines()
    path.write_bytes(first + b"\n" + second[:40] + third + b"\n")

    record = read_call(path.parent, now_ms=now_ms())
    assert [turn.text for turn in record.turns] == ["u0", "u2"]
    assert [problem.line for problem in record.problems] == [2]


# -- the TypeScript SDK, by its shapes -------------------------------------------------------------------


def test_a_call_of_the_typescript_sdk_reads_whole(tmp_path: Path) -> None:
    rows = [exchange(0, "", "Hello."), exchange(1, "where is it", "It was sent.")]
    record = read_call(write_call(tmp_path, typescript_metadata(), rows), now_ms=NOW_MS)

    assert texts(record) == [("assistant", "Hello."), ("user", "where is it"), ("assistant", "It was sent.")]
    assert record.call.latency == {"p50_ms": 640.0, "p95_ms": 640.0, "p99_ms": 640.0}
    spend = call_spend(record.call, started_at_ms=record.call.started_at_ms or 0)
    assert (spend.cost.usd, spend.source) == (Decimal("0.0255"), "recorded")
    used = rows_of(record, path="2026/11/21/CA-ts", stamp="").services
    assert json.loads(used)[-2:] == [["telephony", "twilio", ""], ["tts", "", ""]]


def test_use_that_only_rows_tell_of_is_shown(tmp_path: Path) -> None:
    rows = [exchange(0, "", "Hello."), exchange(1, "where is it", "It was sent.")]
    record = read_call(write_call(tmp_path, typescript_metadata(cost=None), rows), now_ms=NOW_MS)

    (details,) = rows_of(record, path="2026/11/21/CA-ts", stamp="").details
    assert json.loads(details[1]) == [
        ["stt", "", "", 2, 0, {"audio_seconds": 3}],
        ["tts", "", "", 2, 0, {"characters": 18}],
    ]


@pytest.mark.parametrize(
    ("latency", "waited_ms"),
    [
        (LATENCY, 640),
        ({**LATENCY, "agent_response_ms": None, "user_speech_duration_ms": 4000.0}, 600),
        ({"total_ms": 900.0}, 900),
        ({"stt_ms": 0, "llm_ms": 0, "tts_ms": 0, "total_ms": 0}, None),
    ],
)
def test_what_the_caller_waited_is_without_their_own_speech(
    tmp_path: Path, latency: dict[str, Any], waited_ms: int | None
) -> None:
    rows = [exchange(0, "where is it", "It was sent.", latency=latency)]
    record = read_call(write_call(tmp_path, typescript_metadata(turns=1), rows), now_ms=NOW_MS)

    summary = summarise(record.call.started_at_ms, record.call.ended_at_ms, record.turns, record.events)
    assert (summary.latency or {}).get("p50_ms") == waited_ms


def test_a_race_leaves_a_completed_call_without_its_start(tmp_path: Path) -> None:
    metadata = typescript_metadata(started_at=None)
    for key in ("caller", "callee", "direction", "agent", "telephony_provider", "provider_mode", "trace_id"):
        del metadata[key]
    record = read_call(write_call(tmp_path, metadata, [exchange(0, "hi", "hello")]), now_ms=NOW_MS)

    assert (record.call.status, record.call.caller) == ("completed", None)
    assert record.call.started_at_ms == 1_795_253_410_500
    (listed,) = list_calls(tmp_path, now_ms=NOW_MS, limit=9).calls
    assert listed.call_id == "CA-ts"


def test_a_race_leaves_a_call_in_progress_for_ever_and_repair_closes_it(tmp_path: Path) -> None:
    metadata = typescript_metadata(
        ended_at=None, duration_ms=None, status="in_progress", turns=0, cost=None, latency=None
    )
    rows = [exchange(1, "bye", "goodbye"), exchange(0, "hi", "hello")]
    directory = write_call(tmp_path, metadata, rows)
    age(directory, ms=NOW_MS - QUIET_MS - 1)

    record = read_call(directory, now_ms=NOW_MS)
    assert record.call.status == "abandoned"
    assert [turn.text for turn in record.turns] == ["hi", "hello", "bye", "goodbye"]
    assert [action.kind for action in repair_call(directory, now_ms=NOW_MS)] == ["closed"]
    closed = json.loads((directory / "metadata.json").read_text(encoding="utf-8"))
    assert (closed["status"], closed["caller"], closed["ended_at"]) == (
        "abandoned",
        "+15551234567",
        "2026-11-21T09:30:11.500Z",
    )


def test_a_row_in_milliseconds_and_a_row_of_the_documentation_are_read(tmp_path: Path) -> None:
    in_ms = {"turn_index": 0, "user_text": "hi", "agent_text": "hello", "timestamp": 1_795_253_410_500}
    documented = {"role": "user", "text": "bye", "ts": "2026-11-21T09:30:20.000Z", "latency": None, "cost": 0.001}
    record = read_call(write_call(tmp_path, typescript_metadata(), [in_ms, documented]), now_ms=NOW_MS)

    assert [(turn.text, turn.ts_ms) for turn in record.turns] == [
        ("hi", 1_795_253_410_500),
        ("hello", 1_795_253_410_500),
        ("bye", 1_795_253_420_000),
    ]


def test_torn_rows_are_told_and_cost_nothing_else(tmp_path: Path) -> None:
    rows = [
        exchange(0, "hi", "hello"),
        '{"schema_version":"1.0","ts":"2026-11-21T09:3',
        "\n",
        exchange(1, "bye", "bye"),
    ]
    record = read_call(write_call(tmp_path, typescript_metadata(), rows), now_ms=NOW_MS)

    assert len(record.turns) == 4
    assert [(problem.file, problem.line) for problem in record.problems] == [("transcript.jsonl", 2)]


def test_what_a_killed_process_left_of_metadata_is_adopted_by_repair(tmp_path: Path) -> None:
    start = typescript_metadata(ended_at=None, duration_ms=None, status="in_progress", turns=0, cost=None, latency=None)
    directory = write_call(tmp_path, start, [exchange(0, "hi", "hello")])
    (directory / ".tmp.4711.9f3a.json").write_text(json.dumps(typescript_metadata()), encoding="utf-8")
    (directory / ".tmp.torn.json").write_text('{"schema_version"', encoding="utf-8")
    age(directory, ms=NOW_MS - QUIET_MS - 1)

    kinds = [action.kind for action in repair_call(directory, now_ms=NOW_MS)]
    assert sorted(kinds) == ["adopted", "removed"]
    assert read_call(directory, now_ms=NOW_MS).call.status == "completed"
    assert sorted(path.name for path in directory.iterdir()) == ["metadata.json", "transcript.jsonl"]


def test_soft_deletes_hide_no_call(tmp_path: Path) -> None:
    write_call(tmp_path, typescript_metadata(), [exchange(0, "hi", "hello")])
    (tmp_path / ".deleted_call_ids.json").write_text('{"version":1,"deleted_call_ids":["CA-ts"]}', encoding="utf-8")

    assert [call.call_id for call in list_calls(tmp_path, now_ms=NOW_MS, limit=9).calls] == ["CA-ts"]
