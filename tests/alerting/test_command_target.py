"""Commands as targets: what they get, what they do not get, and when they are stopped."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from noticed import notice, target

from callscope.alerts import deliver
from callscope.alerts.deliver import DeliveryError
from callscope.alerts.evaluate import Shown
from callscope.alerts.incidents import Notice

KEEP = "import json, os, sys; json.dump([json.load(sys.stdin), dict(os.environ)], open(sys.argv[1], 'w'))"


def run(tmp_path: Path, told: Notice | None = None, **settings: Any) -> tuple[dict[str, object], dict[str, str]]:
    kept = tmp_path / "kept.json"
    command = target("command", run=[sys.executable, "-c", KEEP, str(kept)], **settings)
    deliver.send_now(command, told or notice(), root=tmp_path)
    document, environment = json.loads(kept.read_text())
    return document, environment


def fails(tmp_path: Path, program: str, **settings: Any) -> str:
    with pytest.raises(DeliveryError) as failed:
        deliver.send_now(target("command", run=[sys.executable, "-c", program], **settings), notice(), root=tmp_path)
    assert not failed.value.is_final
    return str(failed.value)


def test_a_command_gets_the_notice_on_its_input_and_in_its_environment(tmp_path: Path) -> None:
    shown = (Shown(call_id="one", path="2026/11/21/one"), Shown(call_id="two", path="2026/11/21/two"))

    document, environment = run(tmp_path, notice(calls=shown))

    assert document["id"] == environment["CALLSCOPE_ALERT_ID"] == "notice-1"
    assert environment["CALLSCOPE_ALERT_STATE"] == "fired"
    assert environment["CALLSCOPE_ALERT_VALUE"] == "3200"
    assert environment["CALLSCOPE_ALERT_TITLE"] == "critical: slow answers"
    assert environment["CALLSCOPE_ALERT_CALLS"] == "2026/11/21/one 2026/11/21/two"
    assert environment["CALLSCOPE_ALERT_ROOT"] == str(tmp_path)


def test_a_command_does_not_get_the_keys_of_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-model")
    monkeypatch.setenv("CHAT_TOKEN", "of-the-chat")

    _, environment = run(tmp_path, env={"CHAT": "${CHAT_TOKEN}"})

    assert environment["CHAT"] == "of-the-chat"
    assert {name for name in environment if not name.startswith("CALLSCOPE_ALERT_")} <= {
        "PATH", "HOME", "LC_ALL", "LC_CTYPE", "CHAT",
    }  # fmt: skip


def test_arguments_are_no_shell_and_nothing_is_filled_into_them(tmp_path: Path) -> None:
    program = "import sys; sys.exit(sys.argv[1:] != ['$(id); ${HOME} *'])"
    command = target("command", run=[sys.executable, "-c", program, "$(id); ${HOME} *"])

    deliver.send_now(command, notice(), root=tmp_path)


def test_hostile_words_arrive_as_they_can_be_held(tmp_path: Path) -> None:
    _, environment = run(tmp_path, notice(rule="a\0b", words="\x1b[31mred \ud800 é"))

    assert "\x1b" not in environment["CALLSCOPE_ALERT_WORDS"]
    assert "é" in environment["CALLSCOPE_ALERT_WORDS"]
    assert environment["CALLSCOPE_ALERT_RULE"] == "ab"


def test_a_command_that_fails_says_its_last_words_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAT_TOKEN", "of-the-chat")
    program = "import os, sys; sys.exit('\\x1b[31mno room for ' + os.environ['CHAT'])"

    said = fails(tmp_path, program, env={"CHAT": "${CHAT_TOKEN}"})

    assert said == "here: it ended with 1: no room for ***"


def test_a_command_that_says_much_is_cut_to_its_end(tmp_path: Path) -> None:
    said = fails(tmp_path, "import sys; sys.stderr.write('x' * 1_000_000 + ' the reason'); sys.exit(3)")

    assert said.endswith("the reason")
    assert len(said) < 400


def test_a_command_that_does_not_end_is_stopped_with_what_it_started(tmp_path: Path) -> None:
    """On a busy machine a limit may be over before the command has begun; the next one is longer."""
    for limit_ms in (1_500, 6_000, 20_000):
        said, held = stopped(tmp_path, limit_ms)
        assert f"did not end within {limit_ms / 1000:g} s" in said
        if held:
            break
    assert held == "up"


def stopped(tmp_path: Path, limit_ms: int) -> tuple[str, str]:
    """What is said of a command that is stopped after so long, and what came out of the pipe that it held.

    The pipe is closed once nobody holds its other end any more: neither the command nor its child.
    """
    import os

    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    place = f"/proc/{os.getpid()}/fd/{writing}"
    child = "import time; time.sleep(60); print('late', flush=True)"
    program = f"""
import subprocess, sys, time
held = open({place!r}, "w")
subprocess.Popen([sys.executable, "-c", {child!r}], stdout=held)
held.write("up"); held.flush()
time.sleep(600)
"""
    said = fails(tmp_path, program, timeout_ms=limit_ms)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        return said, pipe.read()


@pytest.mark.parametrize("name", ["/no/such/program", "/", "a\0b"])
def test_what_cannot_be_run_says_so(name: str, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="cannot be run"):
        deliver.send_now(target("command", run=[name]), notice(), root=tmp_path)
