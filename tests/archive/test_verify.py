from __future__ import annotations

from pathlib import Path

import pytest
from call_tree import NOW_MS, dead_writer, envelope, open_envelope, row, write_call

from callscope.archive.audio import Recording
from callscope.archive.verify import verify, verify_call
from callscope.errors import NotFoundError

ROWS = [row(turn_index=index, role="user", text="hi") for index in range(3)]


def messages(path: Path) -> list[str]:
    return [problem.message for problem in verify_call(path, now_ms=NOW_MS).problems]


def test_a_call_in_order_has_no_problems(tmp_path: Path) -> None:
    path = write_call(
        tmp_path,
        metadata=envelope(turns=3, callscope={"accepted": 4, "written": 4, "lost": {}}),
        transcript=ROWS,
        events=[row(type="x", data={})],
    )
    recording = Recording(path / "recording.wav", sample_rate=8000, channels=2)
    recording.append(bytes(400))
    recording.close()

    check = verify_call(path, now_ms=NOW_MS)

    assert (check.problems, check.rows, check.status) == ((), 4, "completed")


def test_turns_that_are_not_in_the_transcript_are_told(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=envelope(turns=4), transcript=ROWS)

    assert messages(path) == ["4 turns, but transcript.jsonl holds 3 readable rows"]


def test_rows_of_exchanges_count_as_rows_or_as_turns(tmp_path: Path) -> None:
    rows = [row(user_text="a", agent_text="b")] * 3
    for name, turns in (("rows", 3), ("turns", 6)):
        assert messages(write_call(tmp_path, name, metadata=envelope(turns=turns), transcript=rows)) == []


def test_a_ledger_that_does_not_add_up_is_told(tmp_path: Path) -> None:
    ledger = {"accepted": 5, "written": 3, "lost": {"disk_full": 1}}
    path = write_call(tmp_path, metadata=envelope(turns=3, callscope=ledger), transcript=ROWS)

    assert messages(path) == [
        "3 rows written and 1 lost are not the 5 accepted",
        "rows were lost: 1 disk_full",
    ]


def test_rows_that_were_written_and_are_gone_are_told(tmp_path: Path) -> None:
    ledger = {"accepted": 5, "written": 5, "lost": {}}
    path = write_call(tmp_path, metadata=envelope(turns=3, callscope=ledger), transcript=ROWS)

    assert messages(path) == ["5 rows were written, 3 can be read in transcript.jsonl and events.jsonl"]


def test_a_call_that_was_never_closed_is_told(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=open_envelope(callscope=dead_writer()), transcript=ROWS)

    assert "callscope repair" in messages(path)[0]


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a wav file, but long enough to hold a header of one"])
def test_a_recording_that_is_none_is_told(tmp_path: Path, content: bytes) -> None:
    path = write_call(tmp_path, metadata=envelope())
    (path / "recording.wav").write_bytes(content)

    assert messages(path) == ["no WAV file"]


def test_a_recording_that_is_shorter_than_its_header_says_is_told(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=envelope())
    recording = Recording(path / "recording.wav", sample_rate=8000, channels=2)
    recording.append(bytes(400))
    recording.close()
    (path / "recording.wav").write_bytes((path / "recording.wav").read_bytes()[:100])

    assert messages(path) == ["its header tells of 444 bytes, the file has 100"]


def test_a_recording_that_goes_on_behind_its_header_is_fine(tmp_path: Path) -> None:
    path = write_call(tmp_path, metadata=envelope())
    recording = Recording(path / "recording.wav", sample_rate=8000, channels=2)
    recording.append(bytes(400))
    recording.close()
    with (path / "recording.wav").open("ab") as file:
        file.write(bytes(40))

    assert messages(path) == []


def test_every_call_of_the_archive_is_checked(tmp_path: Path) -> None:
    write_call(tmp_path, "good", metadata=envelope("good"))
    write_call(tmp_path, "bad", metadata=b"", day="2026/11/20")

    assert {check.call_id: bool(check.problems) for check in verify(tmp_path, now_ms=NOW_MS)} == {
        "good": False,
        "bad": True,
    }


def test_an_archive_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        list(verify(tmp_path / "none", now_ms=NOW_MS))
