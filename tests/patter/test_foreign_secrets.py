"""A secret that another writer left in its files is shown by nothing that reads them, and stays in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from patter_trees import AT, NOW_MS, exchange, typescript_metadata, write_call

from callscope.archive.reader import read_call, read_envelope, read_metadata
from callscope.cli.main import main
from callscope.importers.base.run import run as import_run
from callscope.index.plain_calls import read_plain
from callscope.index.readers import rows_at
from callscope.model.wire import encode
from callscope.recorder.keeper import Keeper
from callscope.report.follow import CallFollower

KEY = "sk-proj-abcdEFGH1234567890abcdEFGH1234567890"
ERROR = f"401 Incorrect API key provided: {KEY}"
AGENT = {"provider": "openai", "model": "gpt-4.1", "options": {"api_key": "hunter2hunter2"}}
PLACE = "2026/11/21/CA-ts"


def said(**more: Any) -> list[dict[str, Any]]:
    return [exchange(0, f"my key is {KEY}", "Thank you.", debug=f"Authorization: Bearer {KEY}", **more)]


def left_by_patter(root: Path, rows: list[Any], **changes: Any) -> Path:
    directory = write_call(root, typescript_metadata(**{"error": ERROR, "agent": AGENT, **changes}), rows)
    data = {"message": ERROR, "api_key": "hunter2hunter2", "caller": "+15551234567"}
    event = {"schema_version": "1.0", "ts": AT, "type": "error", "data": data}
    (directory / "events.jsonl").write_text(json.dumps(event) + "\n", encoding="utf-8")
    return directory


def everything_of(root: Path) -> bytes:
    return b"".join(sorted(path.read_bytes() for path in (root / "calls").rglob("*") if path.is_file()))


def assert_masked(text: str | bytes) -> None:
    shown = text if isinstance(text, str) else text.decode()
    assert "hunter2" not in shown
    assert "sk-proj" not in shown
    assert "[secret]" in shown


def test_what_is_read_of_a_call_holds_no_secret_and_the_files_are_as_they_were(tmp_path: Path) -> None:
    directory = left_by_patter(tmp_path, said())
    before = everything_of(tmp_path)

    record = read_call(directory, now_ms=NOW_MS)

    assert_masked(encode(record))
    assert_masked(encode(read_envelope(directory, now_ms=NOW_MS)))
    assert_masked(encode(read_metadata(str(directory))))
    assert record.call.error == "401 Incorrect API key provided: [secret]"
    assert [turn.text for turn in record.turns] == ["my key is [secret]", "Thank you."]
    assert (record.call.caller, record.events[0].data["caller"]) == ("+15551234567", "+15551234567")
    assert everything_of(tmp_path) == before


@pytest.mark.parametrize("plain", [True, False])
def test_the_index_holds_no_secret_whichever_way_the_call_is_read(tmp_path: Path, *, plain: bool) -> None:
    rows = [{"role": "user", "text": f"my key is {KEY}", "ts": AT}] if plain else said()
    directory = left_by_patter(tmp_path, rows)
    assert (read_plain(str(directory)) is not None) == plain

    assert_masked(encode(list(rows_at(tmp_path, PLACE, now_ms=NOW_MS) or ())))


@pytest.mark.parametrize(
    "arguments",
    [
        ["ls"],
        ["ls", "--json"],
        ["ls", "status:failed"],
        ["show", "CA-ts"],
        ["show", "CA-ts", "--json"],
        ["errors"],
        ["search", "my key"],
        ["export", "CA-ts", "--output", "-"],
        ["export", "--format", "jsonl", "--output", "-"],
    ],
    ids=" ".join,
)
def test_no_command_prints_it(tmp_path: Path, arguments: list[str], capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    left_by_patter(tmp_path, said())

    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--root", str(tmp_path)])

    printed = capfdbinary.readouterr()
    assert (ended.value.code, printed.err) == (0, b"")
    assert_masked(printed.out)


def test_who_follows_a_call_does_not_see_it(tmp_path: Path) -> None:
    directory = left_by_patter(tmp_path, said(), status="in_progress", ended_at=None)

    news = list(CallFollower(directory, now_ms=NOW_MS, from_now=False).look(now_ms=NOW_MS))

    assert {each.kind for each in news} >= {"turn", "event"}
    assert_masked(encode([msgspec.to_builtins(each.value) for each in news]))


def test_a_call_that_its_writer_masked_is_not_looked_at_again(tmp_path: Path) -> None:
    """Ours: what our own recorder lets through is what the policy let through."""
    ours = {"privacy": {"phone": "mask", "transcript": "full"}}
    directory = left_by_patter(tmp_path, said(), callscope=ours)

    record = read_call(directory, now_ms=NOW_MS)

    assert record.call.error == ERROR
    assert KEY in str(record.turns[0].text)
    assert (read_metadata(str(directory)) or {})["error"] == ERROR


def test_an_imported_call_has_none_in_its_files(tmp_path: Path) -> None:
    tree, root = tmp_path / "tree", tmp_path / "root"
    left_by_patter(tree, said())

    with Keeper(root) as keeper:
        list(import_run("patter", [str(tree)], keeper=keeper).errors)

    assert_masked(everything_of(root))
