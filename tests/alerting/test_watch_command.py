"""``callscope watch`` as a process: what it prints, how it ends, and that there is one of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from loopback_ears import receiver
from watched import NOBODY_CALLS, target

from callscope.alerts import lookout, store
from callscope.archive.paths import CALLS

EVENT = target("file", "event")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "calls-of-mine" / CALLS).mkdir(parents=True)
    (tmp_path / "rules.toml").write_text(f"schema = 1\n{NOBODY_CALLS}{EVENT}")
    return tmp_path


def command(place: Path, *more: str) -> list[str]:
    files = ["--root", str(place / "calls-of-mine"), "--rules", str(place / "rules.toml")]
    return [sys.executable, "-m", "callscope", "watch", *files, *more]


def run(place: Path, *more: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(place, *more), capture_output=True, text=True, check=False, timeout=60, env=os.environ | environment
    )


def test_one_look_prints_a_line_for_what_begins_and_where_it_was_sent(place: Path) -> None:
    first, second = run(place, "--once"), run(place, "--once")

    lines = first.stdout.splitlines()
    assert [line[10:].split(":")[0] for line in lines] == ["critical", "  sent to file"]
    assert "1 rule looked at in" in first.stderr
    assert (first.returncode, second.returncode, second.stdout) == (0, 0, "")
    assert len((place / "calls-of-mine" / "alerts.jsonl").read_text().splitlines()) == 1


@pytest.mark.e2e
def test_one_look_by_other_rules_in_between_tells_nothing_twice(place: Path) -> None:
    other = place / "other.toml"
    other.write_text(f"schema = 1\n{EVENT}")

    told = [run(place, "--once", *more).stdout.count("critical") for more in ([], ["--rules", str(other)], [])]

    assert told == [2, 0, 0]
    assert len((place / "calls-of-mine" / "alerts.jsonl").read_text().splitlines()) == 1


@pytest.mark.e2e
def test_one_look_waits_until_another_one_is_over(place: Path) -> None:
    with store.held(place / "calls-of-mine") as is_ours:
        assert is_ours
        process = subprocess.Popen(command(place, "--once"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        assert "waits until another look at" in process.stderr.readline()
    told, _ = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "sent to file" in told


def test_one_look_ends_with_1_when_something_was_wrong(place: Path) -> None:
    with receiver(503) as here:
        hook = target("hook", "webhook", f'url = "{here.address}"')
        (place / "rules.toml").write_text(f"schema = 1\n{NOBODY_CALLS}{hook}")
        done = run(place, "--once")

    assert done.returncode == 1
    assert "not sent: critical: nobody calls: hook: answered 503" in done.stdout
    assert "1 notice not sent yet" in done.stderr


def test_lines_of_json_say_the_same(place: Path) -> None:
    notice, delivery = (json.loads(line) for line in run(place, "--once", "--json").stdout.splitlines())

    assert (notice["what"], notice["state"], notice["rule"]) == ("notice", "fired", "nobody calls")
    assert (delivery["what"], delivery["target"], delivery["error"]) == ("delivery", "file", None)
    assert delivery["notice"] == notice["id"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_it_is_told_to_and_says_so(number: signal.Signals, place: Path) -> None:
    with subprocess.Popen(command(place), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "critical: nobody calls" in process.stdout.readline()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "callscope watches" in said
    assert "Traceback" not in said
    ended = lookout.load(place / "calls-of-mine")
    assert ended is not None
    assert ended.ended_ms is not None


def test_a_second_one_says_who_watches(place: Path) -> None:
    with subprocess.Popen(command(place), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        second = run(place, "--once")
        process.terminate()
        process.communicate(timeout=30)

    assert second.returncode == 1
    assert f"is watched by callscope watch (process {process.pid} on " in second.stderr


def test_a_process_that_is_killed_leaves_no_lock(place: Path) -> None:
    with subprocess.Popen(command(place), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
        process.communicate()

    assert run(place, "--once").returncode == 0
    assert store.load(place / "calls-of-mine").of(place / "rules.toml").pending == ()


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [(["--every", "30"], 2, "a unit is missing"), (["--every", "5ms"], 2, "write a second or more"),
     (["--rules", "/no/such/rules.toml"], 2, "callscope alerts init"),
     (["--root", "/no/such/calls"], 3, "no directory")],
)  # fmt: skip
def test_what_is_not_allowed_ends_it_with_what_to_write(more: list[str], code: int, says: str, place: Path) -> None:
    done = run(place, "--once", *more)

    assert done.returncode == code
    assert says in done.stderr.lower()


def test_a_secret_that_is_not_set_ends_it_before_it_begins(place: Path) -> None:
    hook = target("hook", "webhook", 'url = "${HOOK_URL}"')
    (place / "rules.toml").write_text(f"schema = 1\n{NOBODY_CALLS}{hook}")
    done = run(place, HOOK_URL="")

    assert done.returncode == 2
    assert "rules.toml line 7: url of target 'hook': the environment has no variable HOOK_URL" in done.stderr
