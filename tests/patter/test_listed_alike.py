"""A call of another writer has the same figures in every list, and where it is shown alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from node_writer import needs_node
from patter_trees import exchange, told, typescript_metadata, write_call
from test_mixed_fleet import by_node

from callscope.cli.main import main


def lines(*arguments: str | Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert ended.value.code == 0
    return capsys.readouterr().out.splitlines()


def with_and_without_a_query(root: Path, capsys: pytest.CaptureFixture[str]) -> tuple[list[str], list[str]]:
    return lines("ls", "--root", root, capsys=capsys), lines("ls", "turns>0", "--root", root, capsys=capsys)


def patter_calls(root: Path) -> None:
    rows = [exchange(0, "", "Hello."), exchange(1, "where is it", "It was sent.")]
    write_call(root, typescript_metadata(), rows)
    write_call(root, typescript_metadata("CA-late", cost=None, latency=None), rows, name="CA-late")
    write_call(root, typescript_metadata("CA-zero", cost={"total": 0}), rows, name="CA-zero")


def test_calls_of_patter_are_listed_with_their_waits_and_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    patter_calls(tmp_path)

    listed, found = with_and_without_a_query(tmp_path, capsys)

    assert {line.split()[-1]: line.split()[-6:-1] for line in listed[1:]} == {
        "CA-ts": ["640", "ms", "640", "ms", "~$0.0255"],
        "CA-late": ["640", "ms", "640", "ms", "unpriced"],
        "CA-zero": ["640", "ms", "640", "ms", "unpriced"],
    }
    assert sorted(found) == sorted(listed)


def test_the_json_of_a_list_is_the_same_with_and_without_a_query(tmp_path: Path) -> None:
    patter_calls(tmp_path)

    def of(listed: dict[str, Any]) -> list[dict[str, Any]]:
        return sorted(listed["calls"], key=lambda call: str(call["call_id"]))

    assert of(told(tmp_path, "ls")) == of(told(tmp_path, "ls", "turns>0"))


@needs_node
def test_calls_of_node_are_listed_with_their_waits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "root"
    by_node(root, tmp_path, end="call.end(); await logger.close();")

    listed, found = with_and_without_a_query(root, capsys)

    assert listed == found
    assert listed[1].split()[-6:-1] == ["800", "ms", "800", "ms", "unpriced"]


def test_an_envelope_that_tells_its_waits_is_believed_and_its_rows_are_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waits = {"p50_ms": 812, "p95_ms": 900, "p99_ms": 900}
    ours = {"worst_wait_ms": 900}
    rows = [exchange(1, "where is it", "It was sent.")]
    write_call(tmp_path, typescript_metadata(latency=waits, callscope=ours), rows)

    assert lines("ls", "--root", tmp_path, capsys=capsys)[1].split()[-6:-2] == ["812", "ms", "900", "ms"]
