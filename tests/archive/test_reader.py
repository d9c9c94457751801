from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from call_tree import MINUTE_MS, NOW_MS, dead_writer, envelope, open_envelope, row, touch_all, ts, write_call

from callscope.archive.envelope import status_of
from callscope.archive.liveness import WriterFile
from callscope.archive.reader import read_call, read_envelope
from callscope.model.wire import parse_ts


def test_a_whole_call_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = write_call(
        tmp_path,
        metadata=envelope(turns=2, callscope={"labels": {"env": "prod"}, "end_reason": "the caller hung up"}),
        transcript=[
            row(turn_index=0, role="user", text="hello", latency=None, cost=None),
            row(
                turn_index=1,
                role="assistant",
                text="Good day to you",
                interrupted=True,
                heard="Good day",
                duration_ms=900,
            ),
        ],
        events=[row(type="usage", data={"service": "llm", "input_tokens": 12})],
    )

    record = read_call(path, now_ms=NOW_MS)

    assert record.problems == ()
    assert (record.call.status, record.call.turns, record.call.duration_ms) == ("completed", 2, 60_000)
    assert record.call.labels == {"env": "prod"}
    assert record.call.end_reason == "the caller hung up"
    assert [(turn.role, turn.text) for turn in record.turns] == [("user", "hello"), ("assistant", "Good day to you")]
    assert (record.turns[1].interrupted, record.turns[1].heard, record.turns[1].duration_ms) == (True, "Good day", 900)
    assert record.events[0].data == {"service": "llm", "input_tokens": 12}
    assert record.events[0].ts_ms == parse_ts(ts())


def test_a_row_of_an_exchange_becomes_the_turns_of_both_sides(tmp_path: Path) -> None:
    path = write_call(
        tmp_path,
        metadata=envelope(),
        transcript=[
            row(turn_index=0, user_text="", agent_text="Welcome", latency={"agent_response_ms": None}),
            row(turn_index=1, user_text="Hi", agent_text="[interrupted]", tts_characters=30, timestamp=1),
        ],
    )

    turns = read_call(path, now_ms=NOW_MS).turns

    assert [(turn.turn_index, turn.role, turn.text, turn.interrupted) for turn in turns] == [
        (0, "assistant", "Welcome", False),
        (1, "user", "Hi", False),
        (1, "assistant", None, True),
    ]
    assert turns[2].extra == {"tts_characters": 30}
    assert turns[1].extra is None


def test_words_that_the_policy_kept_off_the_disk_are_turns_with_a_length(tmp_path: Path) -> None:
    path = write_call(
        tmp_path,
        metadata=envelope(),
        transcript=[
            row(role="user", text=None, text_length=12),
            row(user_text=None, user_text_length=3, agent_text=None, agent_text_length=9),
        ],
    )

    turns = read_call(path, now_ms=NOW_MS).turns

    assert [(turn.role, turn.text, turn.text_length) for turn in turns] == [
        ("user", None, 12),
        ("user", None, 3),
        ("assistant", None, 9),
    ]


def test_turns_come_in_the_order_of_their_index_whatever_the_order_of_the_lines(tmp_path: Path) -> None:
    path = write_call(
        tmp_path,
        metadata=envelope(),
        transcript=[row(turn_index=index, role="user", text=text) for index, text in ((2, "c"), (0, "a"), (1, "b"))],
    )

    assert [turn.text for turn in read_call(path, now_ms=NOW_MS).turns] == ["a", "b", "c"]


def test_turns_without_an_index_come_in_the_order_of_their_time(tmp_path: Path) -> None:
    rows = [{"ts": ts(2000), "role": "user", "text": "b"}, {"ts": ts(1000), "role": "user", "text": "a"}]
    path = write_call(tmp_path, metadata=envelope(), transcript=rows)

    assert [turn.text for turn in read_call(path, now_ms=NOW_MS).turns] == ["a", "b"]


def test_a_torn_row_is_told_with_its_line_and_the_row_glued_to_it_is_kept(tmp_path: Path) -> None:
    whole = [json.dumps(row(role="user", text=text)).encode() for text in ("one", "two", "three")]
    torn = json.dumps(row(role="user", text="lost", latency={"a": {"b": 1}})).encode()[:-12]
    path = write_call(
        tmp_path, metadata=envelope(), transcript=b"\n".join([whole[0], torn + whole[1], whole[2]]) + b"\n"
    )

    record = read_call(path, now_ms=NOW_MS)

    assert [turn.text for turn in record.turns] == ["one", "two", "three"]
    assert [(problem.file, problem.line) for problem in record.problems] == [("transcript.jsonl", 2)]
    assert "1 whole row on the same line kept" in record.problems[0].message


def test_a_nested_object_of_a_torn_row_is_not_taken_for_a_row(tmp_path: Path) -> None:
    torn = b'{"schema_version":"1.0","ts":"2026-11-21T09:30:00Z","type":"x","data":{"tool":{"type":"function"}'
    path = write_call(tmp_path, metadata=envelope(), events=torn + b"\n")

    record = read_call(path, now_ms=NOW_MS)

    assert record.events == ()
    assert [problem.line for problem in record.problems] == [1]


def test_two_rows_on_one_line_are_both_kept(tmp_path: Path) -> None:
    line = json.dumps(row(type="a", data={})) + json.dumps(row(type="b", data={}))
    path = write_call(tmp_path, metadata=envelope(), events=line.encode() + b"\n")

    assert [event.type for event in read_call(path, now_ms=NOW_MS).events] == ["a", "b"]


def test_only_a_line_feed_ends_a_row(tmp_path: Path) -> None:
    text = "one\u2028two\u0085three\u2029four\x1cfive"
    document = json.dumps(row(role="user", text=text), ensure_ascii=False).encode()
    path = write_call(tmp_path, metadata=envelope(), transcript=document + b"\r\n")

    record = read_call(path, now_ms=NOW_MS)

    assert [turn.text for turn in record.turns] == [text]
    assert record.problems == ()


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b'{"role":"user","text":"a","latency":{"ms":NaN}}', "a"),
        (b'{"role":"user","text":"\\ud800"}', "\N{REPLACEMENT CHARACTER}"),
        (b'{"role":"user","text":"tab\there"}', "tab\there"),
        (b'\xef\xbb\xbf{"role":"user","text":"mark"}', "mark"),
        (b'\0\0\0{"role":"user","text":"after a power cut"}', "after a power cut"),
        (b'{"role":"user","text":"first","text":"last"}', "last"),
        (b'{"role":"user","text":"x","big":1234567890123456789012345678901234567890}', "x"),
    ],
)
def test_what_strict_readers_refuse_is_read(tmp_path: Path, line: bytes, text: str) -> None:
    path = write_call(tmp_path, metadata=envelope(), transcript=line + b"\n")

    record = read_call(path, now_ms=NOW_MS)

    assert [turn.text for turn in record.turns] == [text]
    json.dumps([turn.extra for turn in record.turns], allow_nan=False).encode()


@pytest.mark.parametrize("line", ["null", "[1]", '"text"', "7", "true", "{}"])
def test_a_row_that_is_no_turn_is_skipped_and_told(tmp_path: Path, line: str) -> None:
    path = write_call(tmp_path, metadata=envelope(), transcript=f"{line}\n".encode())

    record = read_call(path, now_ms=NOW_MS)

    assert record.turns == ()
    assert [(problem.file, problem.line) for problem in record.problems] == [("transcript.jsonl", 1)]


def test_a_row_nested_a_hundred_thousand_levels_deep_is_told(tmp_path: Path) -> None:
    path = write_call(
        tmp_path, metadata=b"[" * 100_000, events=b'{"data":' * 100_000 + b"\n", transcript=b"{" * 100_000 + b"\n"
    )

    record = read_call(path, now_ms=NOW_MS)

    assert {problem.file for problem in record.problems} == {"metadata.json", "transcript.jsonl", "events.jsonl"}


def test_a_file_of_nothing_but_torn_rows_is_told_in_a_bounded_number_of_problems(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=envelope(), events=b"{torn\n" * 5000)

    problems = read_call(path, now_ms=NOW_MS).problems

    assert len(problems) < 100
    assert problems[-1].message == "4950 more lines with problems"


def test_facts_beside_the_type_of_an_event_are_its_data(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=envelope(), events=[row(type="note", note="x"), row(type="list", data=[1])])

    assert [event.data for event in read_call(path, now_ms=NOW_MS).events] == [{"note": "x"}, {"value": [1]}]


def test_a_completed_call_with_an_error_has_failed(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=envelope(error="provider_error"))

    assert read_envelope(path, now_ms=NOW_MS).status == "failed"


@pytest.mark.parametrize(
    ("word", "error", "status"),
    [
        ("error", None, "failed"),
        ("cancelled", None, "canceled"),
        ("no-answer", None, "no_answer"),
        ("ended", None, "completed"),
        ("ended", "auth", "failed"),
        ("busy", "auth", "busy"),
        (None, None, "completed"),
        ("on hold", None, "on hold"),
        ("on hold", "auth", "failed"),
    ],
)
def test_other_writers_words_for_the_status_are_understood(
    tmp_path: Path, word: str | None, error: str | None, status: str
) -> None:
    path = write_call(tmp_path, metadata=envelope(status=word, error=error))

    assert read_envelope(path, now_ms=NOW_MS).status == status


def test_a_word_that_the_schema_does_not_know_is_told(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=envelope(status="on hold"))

    assert "on hold" in read_call(path, now_ms=NOW_MS).problems[0].message


def test_a_call_whose_writer_is_gone_is_abandoned(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=open_envelope(callscope=dead_writer()))

    assert read_envelope(path, now_ms=NOW_MS).status == "abandoned"


def test_a_call_whose_writer_lives_is_in_progress(tmp_path: Path) -> None:
    writer = WriterFile(tmp_path, "alive")
    path = write_call(tmp_path, metadata=open_envelope(callscope={"writer": {"id": "alive", "host": "elsewhere"}}))
    touch_all(path, NOW_MS - 60 * MINUTE_MS)

    assert read_envelope(path, now_ms=NOW_MS).status == "in_progress"
    writer.close(keep=False)
    assert read_envelope(path, now_ms=NOW_MS).status == "abandoned"


def test_a_call_of_another_writer_is_in_progress_until_nothing_was_written_for_a_quarter_of_an_hour(
    tmp_path: Path,
) -> None:
    path = write_call(tmp_path, metadata=open_envelope(), transcript=[row(role="user", text="hi")])
    touch_all(path, NOW_MS - 16 * MINUTE_MS)

    assert read_envelope(path, now_ms=NOW_MS).status == "abandoned"
    os.utime(path / "transcript.jsonl", ((NOW_MS - 14 * MINUTE_MS) / 1000,) * 2)
    assert read_envelope(path, now_ms=NOW_MS).status == "in_progress"


def test_a_row_that_is_being_written_is_no_problem(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=open_envelope(), transcript=b'{"role":"user","te')
    touch_all(path, NOW_MS)

    record = read_call(path, now_ms=NOW_MS)

    assert (record.call.status, record.turns, record.problems) == ("in_progress", (), ())


def test_a_call_that_never_ended_has_as_many_turns_as_rows(tmp_path: Path) -> None:
    rows = [row(role="user", text="hi"), row(role="assistant", text="ho")]
    path = write_call(tmp_path, metadata=open_envelope(turns=0, callscope=dead_writer()), transcript=rows)

    assert read_envelope(path, now_ms=NOW_MS).turns == 2
    assert read_call(path, now_ms=NOW_MS).call.turns == 2


def test_a_call_without_metadata_is_told_by_its_directory_and_its_first_row(tmp_path: Path) -> None:
    path = write_call(tmp_path, "CA77", transcript=[row(ts=ts(5000), role="user", text="hi")])
    touch_all(path, NOW_MS - 60 * MINUTE_MS)

    record = read_call(path, now_ms=NOW_MS)

    assert (record.call.call_id, record.call.status, record.call.started_at_ms) == (
        "CA77",
        "abandoned",
        parse_ts(ts(5000)),
    )
    assert [problem.file for problem in record.problems] == ["metadata.json"]


def test_a_call_without_metadata_and_rows_began_on_the_day_of_its_directory(tmp_path: Path) -> None:
    path = write_call(tmp_path, day="2026/03/09")

    assert read_envelope(path, now_ms=NOW_MS).started_at_ms == parse_ts("2026-03-09")


def test_metadata_that_lost_its_beginning_still_tells_the_rest(tmp_path: Path) -> None:
    """As the TypeScript writer leaves it when a call ends before its start was written."""
    meta = {"schema_version": "1.0", "call_id": "x", "started_at": None, "status": "completed", "turns": 3}
    path = write_call(tmp_path, metadata=meta)

    call = read_envelope(path, now_ms=NOW_MS)

    assert (call.status, call.turns, call.caller, call.agent) == ("completed", 3, None, {})


def test_nested_latency_gives_what_the_caller_waited(tmp_path: Path) -> None:
    nested = {
        "p50_ms": 4000.0,
        "p95_ms": None,
        "p99_ms": 5000.0,
        "avg": {"total_ms": 4100.0},
        "p50": {"total_ms": 4000.0, "agent_response_ms": 812.5},
        "p95": {"total_ms": None},
    }
    path = write_call(tmp_path, metadata=envelope(latency=nested))

    assert read_envelope(path, now_ms=NOW_MS).latency == {"p50_ms": 812.5, "p95_ms": None, "p99_ms": 5000.0}


def test_latency_of_nothing_but_nulls_is_unknown_and_no_problem(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=envelope(latency={"p50_ms": None, "p50": None}))

    record = read_call(path, now_ms=NOW_MS)

    assert (record.call.latency, record.problems) == (None, ())


def test_values_of_the_wrong_type_are_unknown_and_told(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=envelope(turns="many", duration_ms=[1], started_at="yesterday", cost=3))

    record = read_call(path, now_ms=NOW_MS)

    assert (record.call.duration_ms, record.call.cost) == (None, None)
    assert [problem.message.split()[0] for problem in record.problems] == ["started_at", "duration_ms", "turns", "cost"]


def test_what_a_killed_replacement_left_is_told(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=envelope())
    (path / ".tmp.abc.json").write_text("{")

    assert [problem.file for problem in read_call(path, now_ms=NOW_MS).problems] == [".tmp.abc.json"]


@pytest.mark.parametrize("make", ["directory", "link", "pipe", "unreadable"])
def test_what_is_no_readable_file_is_told_and_never_followed_or_waited_for(tmp_path: Path, make: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text(json.dumps(envelope("secret")))
    path = write_call(tmp_path)
    target = path / "metadata.json"
    if make == "directory":
        target.mkdir()
    elif make == "link":
        target.symlink_to(secret)
    elif make == "pipe":
        os.mkfifo(target)
    elif os.geteuid() == 0:
        pytest.skip("nothing is unreadable for this user")
    else:
        target.touch(mode=0)

    record = read_call(path, now_ms=NOW_MS)

    assert record.call.call_id == "call-1"
    assert [problem.file for problem in record.problems] == ["metadata.json"]


def test_a_call_that_is_not_there_is_abandoned_with_a_problem(tmp_path: Path) -> None:
    record = read_call(tmp_path / "nothing", now_ms=NOW_MS)

    assert record.call.status == "abandoned"
    assert [problem.file for problem in record.problems] == ["metadata.json"]


def spoken(offset_ms: int, text: str | None, **data: object) -> dict[str, object]:
    return row(ts=ts(offset_ms), type="agent_text", data={"text": text, **data})


def test_words_that_began_to_play_before_the_writer_died_are_the_agents_last_turn(tmp_path: Path) -> None:
    path = write_call(
        tmp_path,
        metadata=open_envelope(callscope=dead_writer()),
        transcript=[
            row(ts=ts(0), turn_index=0, role="assistant", text="Hello. How are you?", duration_ms=2000.4),
            row(ts=ts(3000), turn_index=1, role="user", text="fine"),
        ],
        events=[spoken(0, "Hello."), spoken(1500, "How are you?"), spoken(4000, "Good."), spoken(5200, "Bye.")],
    )

    record = read_call(path, now_ms=NOW_MS)

    last = record.turns[-1]
    assert last is record.unwritten
    assert (last.role, last.text, last.heard) == ("assistant", "Good. Bye.", "Good. Bye.")
    assert (last.ts_ms, last.turn_index, last.duration_ms) == (parse_ts(ts(4000)), 2, 1200)
    assert [problem.file for problem in record.problems] == ["transcript.jsonl"]
    assert "the agent was speaking when its writer died" in record.problems[0].message
    assert record.call.turns == read_envelope(path, now_ms=NOW_MS).turns == 3


def test_a_turn_that_has_its_row_is_not_told_twice(tmp_path: Path) -> None:
    path = write_call(
        tmp_path,
        metadata=open_envelope(callscope=dead_writer()),
        transcript=[row(ts=ts(1), turn_index=0, role="assistant", text="Hello. Bye.", duration_ms=1498.6)],
        events=[spoken(0, "Hello."), spoken(1500, "Bye.")],
    )

    record = read_call(path, now_ms=NOW_MS)

    assert (len(record.turns), record.unwritten, record.problems) == (1, None, ())
    assert read_envelope(path, now_ms=NOW_MS).turns == 1


def test_the_first_words_of_a_call_may_be_all_there_is(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=open_envelope(callscope=dead_writer()), events=[spoken(300, "Hello")])

    record = read_call(path, now_ms=NOW_MS)

    assert [(turn.text, turn.turn_index) for turn in record.turns] == [("Hello", 0)]
    assert record.call.turns == read_envelope(path, now_ms=NOW_MS).turns == 1


def test_words_that_were_kept_off_the_disk_have_a_length(tmp_path: Path) -> None:
    events = [spoken(0, None, text_length=5), spoken(900, None, text_length=7)]
    path = write_call(tmp_path, metadata=open_envelope(callscope=dead_writer()), events=events)

    last = read_call(path, now_ms=NOW_MS).turns[-1]

    assert (last.text, last.heard, last.text_length) == (None, None, 12)


@pytest.mark.parametrize("status", ["completed", "failed", "in_progress"])
def test_the_turns_of_a_call_that_is_not_abandoned_are_its_rows(tmp_path: Path, status: str) -> None:
    writer = WriterFile(tmp_path, "alive")
    path = write_call(
        tmp_path,
        metadata=envelope(status=status, callscope={"writer": {"id": "alive"}}),
        events=[spoken(300, "Hello"), row(type="agent_text", data={"text": 3})],
    )

    assert read_call(path, now_ms=NOW_MS).turns == ()
    writer.close(keep=False)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("completed", "completed"),
        (" Completed ", "completed"),
        ("CANCELLED", "canceled"),
        ("no-answer", "no_answer"),
        ("No Answer", "no_answer"),
        ("in-progress", "in_progress"),
        ("ringing", "in_progress"),
        ("Timeout", "failed"),
        ("abandoned", "abandoned"),
        ("unreadable", None),
        ("voicemail", None),
        ("", None),
    ],
)
def test_any_writers_word_for_a_status_is_the_schemas_or_none(word: str, status: str | None) -> None:
    assert status_of(word) == status
