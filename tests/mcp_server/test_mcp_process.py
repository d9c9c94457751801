"""The process that an assistant starts: how it begins, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asked_assistant import command

_HELLO: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "assistant", "version": "1"},
    },
}


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A server that has said hello."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command(tmp_path), stdin=pipe, stdout=pipe, stderr=pipe, text=True) as found:
        assert found.stdin is not None
        assert found.stdout is not None
        found.stdin.write(json.dumps(_HELLO) + "\n")
        found.stdin.flush()
        assert json.loads(found.stdout.readline())["result"]["serverInfo"]["name"] == "callscope"
        yield found
        found.kill()


@pytest.mark.e2e
def test_it_ends_when_the_assistant_lets_go(process: subprocess.Popen[str]) -> None:
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.e2e
def test_it_ends_by_ctrl_c_while_it_waits(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == -signal.SIGINT


@pytest.mark.e2e
def test_an_archive_that_is_not_there_is_one_line_on_stderr(tmp_path: Path) -> None:
    result = subprocess.run(command(tmp_path / "none"), capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr.count("\n") == 1
    assert "there is no directory" in result.stderr
