from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from callscope.archive import replace


def test_a_failed_replacement_leaves_the_old_file_whole_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "metadata.json"
    replace.write_json(path, {"n": 1})

    def full(fd: int, data: memoryview) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        replace.write_json(path, {"n": 2})
    monkeypatch.undo()

    assert json.loads(path.read_text()) == {"n": 1}
    assert os.listdir(tmp_path) == ["metadata.json"]


def test_any_data_becomes_a_document_of_valid_json(tmp_path: Path) -> None:
    path = tmp_path / "metadata.json"
    circular: dict[str, object] = {}
    circular["self"] = circular

    replace.write_json(path, {"a": float("nan"), "b": "\ud800", "c": b"\xff", "d": circular, (1, 2): 2**80})  # type: ignore[dict-item]

    document = json.loads(path.read_text(encoding="utf-8"))
    assert document["a"] is None
    assert document["b"] == "\ufffd"
    assert document["(1, 2)"] == str(2**80)


def test_two_claims_of_one_name_get_two_directories(tmp_path: Path) -> None:
    first = replace.claim(tmp_path / "day" / "call", {"call_id": "call"})
    second = replace.claim(tmp_path / "day" / "call", {"call_id": "call"})

    assert (first.name, second.name) == ("call", "call~2")


def test_a_directory_that_holds_no_call_yet_is_taken(tmp_path: Path) -> None:
    (tmp_path / "call").mkdir()

    assert replace.claim(tmp_path / "call", {}).name == "call"


def test_a_linked_directory_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "call").symlink_to(tmp_path / "elsewhere")

    assert replace.claim(tmp_path / "call", {}).name == "call~2"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_system_without_hard_links_still_tells_two_calls_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)

    assert replace.claim(tmp_path / "call", {}).name == "call"
    assert replace.claim(tmp_path / "call", {}).name == "call~2"


def test_directories_are_for_their_owner_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        claimed = replace.claim(tmp_path / "calls" / "2026" / "call", {})
    finally:
        os.umask(before)

    assert [path.stat().st_mode & 0o777 for path in (claimed, claimed.parent, claimed.parent.parent)] == [0o700] * 3
    assert (claimed / "metadata.json").stat().st_mode & 0o777 == 0o600


def test_a_claim_writes_nothing_into_another_calls_directory(tmp_path: Path) -> None:
    taken = replace.claim(tmp_path / "call", {"call_id": "call"})
    before = taken.stat().st_mtime_ns

    replace.claim(tmp_path / "call", {"call_id": "call"})

    assert taken.stat().st_mtime_ns == before
