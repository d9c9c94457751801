"""What a person adds to a call that has ended: it is kept, and nothing else changes."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callscope import CallLogger, Settings
from callscope.archive import annotate as module
from callscope.archive.annotate import annotate, notes_of
from callscope.archive.reader import read_envelope
from callscope.archive.replace import write_json
from callscope.archive.verify import verify_call
from callscope.clock import now_ms
from callscope.errors import SettingError, UnreadableError
from callscope.model import documents
from callscope.testing import metadata

NOW_MS = 1_795_255_200_000  # 2026-11-21T10:00:00Z


def record(root: Path, *, ends: bool = True, **labels: Any) -> Path:
    logger = CallLogger(root, settings=Settings())
    call = logger.start_call("call", labels=labels)
    call.turn("user", "good day")
    if ends:
        call.end()
        logger.close()
    else:
        logger.flush()
    assert call.path is not None
    return call.path


def written(path: Path, **document: Any) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "metadata.json").write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_label_stands_beside_those_of_the_recorder(tmp_path: Path) -> None:
    path = record(tmp_path, env="prod")
    before = metadata(path)

    call = annotate(path, set_labels={"reviewed": "yes"}, now_ms=NOW_MS)

    after = metadata(path)
    assert call.labels == after["callscope"]["labels"] == {"env": "prod", "reviewed": "yes"}
    after["callscope"]["labels"] = {"env": "prod"}
    assert after == before


def test_a_label_is_replaced_and_removed(tmp_path: Path) -> None:
    path = record(tmp_path, env="prod", team="a")

    annotate(path, set_labels={"env": "test"}, remove_labels=("team", "unknown"), now_ms=NOW_MS)

    assert metadata(path)["callscope"]["labels"] == {"env": "test"}


def test_notes_are_kept_with_their_times(tmp_path: Path) -> None:
    path = record(tmp_path)

    annotate(path, add_note="  the tool was slow\r\nask them ", now_ms=NOW_MS)
    call = annotate(path, add_note="done", now_ms=NOW_MS)

    assert [(note.at, note.text) for note in notes_of(call)] == [
        ("2026-11-21T10:00:00.000Z", "the tool was slow\nask them"),
        ("2026-11-21T10:00:00.001Z", "done"),
    ]


def test_one_note_goes_and_the_others_stay(tmp_path: Path) -> None:
    path = record(tmp_path)
    for text in ("one", "two", "three"):
        annotate(path, add_note=text, now_ms=NOW_MS)

    call = annotate(path, remove_note="2026-11-21T10:00:00.001Z", now_ms=NOW_MS)

    assert [note.text for note in notes_of(call)] == ["one", "three"]


def test_everything_that_another_writer_left_stays_as_it_is(tmp_path: Path) -> None:
    other: dict[str, Any] = {
        "schema_version": "1.0",
        "call_id": "x",
        "status": "completed",
        "ended_at": "2026-11-21T09:00:00Z",
    }
    other |= {"latency": {"p50": {"agent_response_ms": 12.5}}, "unknown": [1, None, {"a": "ü\u202e\u2028"}], "turns": 2}
    path = written(tmp_path / "calls/2026/11/21/x", **other)

    annotate(path, set_labels={"a": "b"}, now_ms=NOW_MS)

    assert metadata(path) == {**other, "callscope": {"labels": {"a": "b"}}}


def test_the_day_is_touched_so_that_an_index_looks_again(tmp_path: Path) -> None:
    path = record(tmp_path)
    os.utime(path.parent, (1, 1))

    annotate(path, set_labels={"a": "b"}, now_ms=NOW_MS)

    assert path.parent.stat().st_mtime > 1


def test_the_call_still_adds_up(tmp_path: Path) -> None:
    path = record(tmp_path)

    annotate(path, set_labels={"a": "b"}, add_note="n", now_ms=NOW_MS)

    assert verify_call(path, now_ms=now_ms()).problems == ()


def test_the_envelope_is_still_what_the_published_schema_says(tmp_path: Path) -> None:
    path = record(tmp_path)

    annotate(path, set_labels={"a": "b"}, add_note="n", now_ms=NOW_MS)

    assert msgspec.convert(metadata(path), documents.Metadata).callscope.labels == {"a": "b"}


def test_a_call_in_progress_is_left_to_its_recorder(tmp_path: Path) -> None:
    path = record(tmp_path, ends=False)

    with pytest.raises(SettingError, match="still being written"):
        annotate(path, add_note="n", now_ms=now_ms())


def test_a_call_that_nobody_closed_is_closed_first(tmp_path: Path) -> None:
    path = written(tmp_path / "calls/2026/11/21/x", status="in_progress")
    for each in (path / "metadata.json", path):
        os.utime(each, (1, 1))

    with pytest.raises(SettingError, match="callscope repair"):
        annotate(path, add_note="n", now_ms=now_ms())


@pytest.mark.parametrize("content", [b"", b"[]", b"{torn", None])
def test_metadata_that_cannot_be_read_is_not_replaced(tmp_path: Path, content: bytes | None) -> None:
    path = written(tmp_path / "calls/2026/11/21/x")
    (path / "metadata.json").unlink()
    if content is not None:
        (path / "metadata.json").write_bytes(content)

    with pytest.raises(UnreadableError, match="nothing was changed"):
        annotate(path, add_note="n", now_ms=NOW_MS)

    assert content is None or (path / "metadata.json").read_bytes() == content


def test_metadata_behind_a_link_is_not_replaced(tmp_path: Path) -> None:
    path, other = record(tmp_path / "a"), record(tmp_path / "b")
    (path / "metadata.json").unlink()
    (path / "metadata.json").symlink_to(other / "metadata.json")

    with pytest.raises(UnreadableError, match="symbolic link"):
        annotate(path, add_note="n", now_ms=NOW_MS)

    assert (path / "metadata.json").is_symlink()


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\nb", "a\0", "\ud800", "\u2028"])
def test_a_name_that_no_query_could_ask_for_is_refused(tmp_path: Path, name: str) -> None:
    path = record(tmp_path)

    with pytest.raises(SettingError, match="a label's name"):
        annotate(path, set_labels={name: "v"} if name.strip() or not name else {f" {name}": "v"}, now_ms=NOW_MS)


@pytest.mark.parametrize("value", ["", "x" * 201, "a\nb", "\x1b[31m"])
def test_a_value_that_is_no_line_is_refused(tmp_path: Path, value: str) -> None:
    with pytest.raises(SettingError, match="a label's value"):
        annotate(record(tmp_path), set_labels={"a": value}, now_ms=NOW_MS)


@pytest.mark.parametrize("text", ["", " \n ", "x" * 4001, "\x1b]0;owned\x07"])
def test_a_note_that_is_no_text_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingError, match="a note has"):
        annotate(record(tmp_path), add_note=text, now_ms=NOW_MS)


def test_there_are_only_so_many_labels_and_notes(tmp_path: Path) -> None:
    path = record(tmp_path)
    annotate(path, set_labels={f"l{n}": "v" for n in range(module.MAX_LABELS)}, now_ms=NOW_MS)
    document = metadata(path)
    document["callscope"]["notes"] = [{"at": f"{n}", "text": "n"} for n in range(module.MAX_NOTES)]
    (path / "metadata.json").write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(SettingError, match="at most 100 labels"):
        annotate(path, set_labels={"one more": "v"}, now_ms=NOW_MS)
    with pytest.raises(SettingError, match="at most 200 notes"):
        annotate(path, add_note="one more", now_ms=NOW_MS)

    assert annotate(path, set_labels={"l1": "new"}, now_ms=NOW_MS).labels["l1"] == "new"


def test_nobody_who_annotates_at_the_same_time_loses_anything(tmp_path: Path) -> None:
    path = record(tmp_path)
    threads = [
        threading.Thread(
            target=annotate, args=(path,), kwargs={"add_note": f"n{n}", "set_labels": {f"l{n}": "v"}, "now_ms": NOW_MS}
        )
        for n in range(12)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    call = read_envelope(path, now_ms=NOW_MS)
    assert {note.text for note in notes_of(call)} == {f"n{n}" for n in range(12)}
    assert len({note.at for note in notes_of(call)}) == 12
    assert set(call.labels) == {f"l{n}" for n in range(12)}


def test_a_change_of_somebody_who_knows_no_lock_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = record(tmp_path)
    times = 0

    def priced_meanwhile(*args: Any) -> None:
        nonlocal times
        times += 1
        if times == 1:
            document = metadata(path)
            document["cost"] = {"total": 1.25}
            write_json(path / "metadata.json", document)
        return original(*args)

    original = module._change_notes
    monkeypatch.setattr(module, "_change_notes", priced_meanwhile)

    annotate(path, add_note="n", now_ms=NOW_MS)

    assert metadata(path)["cost"] == {"total": 1.25}
    assert [note["text"] for note in metadata(path)["callscope"]["notes"]] == ["n"]


def test_what_is_no_note_in_the_file_is_left_out_and_kept(tmp_path: Path) -> None:
    odd = [{"at": 5, "text": "x"}, "words", {"text": "no time"}, {"at": "2026-11-21T09:00:00Z", "text": "a note"}]
    path = written(
        tmp_path / "calls/2026/11/21/x", status="completed", ended_at="2026-11-21T09:00:00Z", callscope={"notes": odd}
    )

    call = annotate(path, add_note="new", now_ms=NOW_MS)

    assert [note.text for note in notes_of(call)] == ["a note", "new"]
    assert metadata(path)["callscope"]["notes"][:4] == odd
