"""``callscope logs`` and ``callscope show --logs`` as somebody types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from log_samples import hostile_archive, line, put, run, write_call

from callscope.cli.main import program
from callscope.errors import SettingError
from callscope.index.index import Index

STACK = 'Traceback (most recent call last):\n  File "bot.py", line 3, in main\nTimeoutError: no answer'
FAILED = {"type": "TimeoutError", "message": "no answer", "stack": STACK}


def invoked(*arguments: str) -> Result:
    """The command in this process; what it raises is in the result."""
    return CliRunner().invoke(program, arguments)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A day of two files."""
    path = tmp_path / "root"
    write_call(path)
    write_call(path, "other")
    put(
        path,
        "2026-11-21.1.jsonl.gz",
        line(-60_000, "starting", data={"port": 8080}),
        line(500, "linked", level="debug", logger="pipecat.processors", call_id="CA1"),
    )
    put(
        path,
        "2026-11-21.jsonl",
        line(4_000, "no answer", level="error", logger="pipecat.llm", call_id="CA1", stage="llm", exception=FAILED),
        line(7_000, "slow \x1b[31m", level="warning", call_id="CA1", data={"what": "two words"}),
        line(8_000, "elsewhere", call_id="other"),
        line(3_600_000 + 3_600_000, "the same id on another day", call_id="CA1"),
        b"Segmentation fault\n",
        b'{"ts":"2026-11-21T0\n',
    )
    return path


def test_lines_are_read_one_an_event_with_tracebacks_below(root: Path) -> None:
    done = run("logs", "--root", str(root))

    assert done.stdout.split("\n") == [
        "2026-11-21 09:29:12.000 info     bot starting port=8080",
        "2026-11-21 09:30:12.500 debug    pipecat.processors [CA1] linked",
        "2026-11-21 09:30:16.000 error    pipecat.llm [CA1] no answer stage=llm",
        "    Traceback (most recent call last):",
        '      File "bot.py", line 3, in main',
        "    TimeoutError: no answer",
        '2026-11-21 09:30:19.000 warning  bot [CA1] slow  what="two words"',
        "2026-11-21 09:30:20.000 info     bot [other] elsewhere",
        "2026-11-21 11:30:12.000 info     bot [CA1] the same id on another day",
        "–                                Segmentation fault",
        '–                       torn     {"ts":"2026-11-21T0',
        "",
    ]
    assert done.stderr == "1 line torn: the beginning or the end is missing\n"
    assert done.returncode == 0
    assert not (root / ".callscope").exists()


@pytest.mark.parametrize(
    ("arguments", "events"),
    [
        (["--level", "warning"], ["no answer", "slow \x1b[31m"]),
        (["--level", "ERROR"], ["no answer"]),
        (["--call", "CA1", "--level", "debug"], ["linked", "no answer", "slow \x1b[31m"]),
        (["--call", "oth"], ["elsewhere"]),
        (["--call", "2026/11/21/CA1"], ["linked", "no answer", "slow \x1b[31m"]),
        (["--logger", "pipecat"], ["linked", "no answer"]),
        (["--logger", "pipe"], []),
        (["--grep", "no.answer|port=80"], ["starting", "no answer"]),
        (["--since", "2026-11-21T09:30:16", "--until", "2026-11-21T09:30:20"], ["no answer", "slow \x1b[31m"]),
        (["-n", "2", "--until", "2026-11-21T09:30:20"], ["no answer", "slow \x1b[31m"]),
    ],
)
def test_each_option_narrows_and_json_is_lines_as_they_are(root: Path, arguments: list[str], events: list[str]) -> None:
    done = invoked("logs", "--root", str(root), "--json", *arguments)

    assert [json.loads(each)["event"] for each in done.stdout.splitlines()] == events


def test_what_is_no_json_is_left_out_of_json_and_counted(root: Path) -> None:
    done = invoked("logs", "--root", str(root), "--json")

    assert len([json.loads(each) for each in done.stdout.splitlines()]) == 6
    assert done.stderr == "2 lines left out: no JSON\n"


def test_that_there_are_older_lines_is_told(root: Path) -> None:
    done = invoked("logs", "--root", str(root), "-n", "1", "--level", "info")

    assert done.stdout.count("\n") == 1
    assert done.stderr == "1 line shown, there are older ones: --limit 10\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--level", "loud"], "--level 'loud' is no level: write trace, debug, info, warning, error or critical"),
        (["--grep", "(a"], "--grep: the regular expression cannot be used: missing )"),
        (["--since", "soon"], "--since 'soon' is no time"),
        (["--since", "2h", "--until", "3h"], "the range of time is empty"),
        (["-f", "--until", "1h"], "--follow goes on for ever"),
    ],
)
def test_what_is_mistyped_is_an_error_that_says_what_to_write(root: Path, arguments: list[str], complaint: str) -> None:
    done = invoked("logs", "--root", str(root), *arguments)

    assert isinstance(done.exception, SettingError)
    assert complaint in str(done.exception)
    assert done.stdout == ""


def test_a_call_that_is_not_there_is_an_error(root: Path) -> None:
    done = run("logs", "--root", str(root), "--call", "CA9")

    assert done.returncode == 3
    assert "there is no call 'CA9'" in done.stderr


def test_an_archive_without_logs_is_told_how_it_gets_some(tmp_path: Path) -> None:
    write_call(tmp_path)
    assert "callscope.logs.configure()" in invoked("logs", "--root", str(tmp_path)).stdout
    put(tmp_path, "2026-11-21.jsonl", line(0, "a"))
    assert invoked("logs", "--root", str(tmp_path), "--level", "error").stdout.startswith("No such lines in ")
    assert run("logs", "--root", str(tmp_path / "none")).returncode == 3


def test_a_damaged_file_is_named_and_the_command_ends_with_4(root: Path) -> None:
    put(root, "2026-11-21.2.jsonl.gz").write_bytes(b"nothing that was compressed")
    done = run("logs", "--root", str(root), "--level", "warning")
    assert done.stdout.count("\n") == 5
    assert done.returncode == 4
    assert "2026-11-21.2.jsonl.gz is damaged" in done.stderr


def test_the_command_says_the_same_with_and_without_an_index(tmp_path: Path) -> None:
    hostile_archive(tmp_path, lines=120)
    (tmp_path / "calls").mkdir()
    asked = [("--level", "error"), ("--logger", "pipecat", "-n", "20"), ("--grep", "timeout"), ("--json",)]
    before = [invoked("logs", "--root", str(tmp_path), *each).stdout for each in asked]
    with Index.open(tmp_path) as index:
        index.refresh()
    after = [invoked("logs", "--root", str(tmp_path), *each).stdout for each in asked]
    assert before == after
    assert all(before)
    assert (tmp_path / ".callscope" / "index.sqlite").exists()


def test_show_puts_lines_between_turns_on_the_calls_clock(root: Path) -> None:
    done = invoked("show", "CA1", "--logs", "--root", str(root))

    transcript = done.stdout.partition("\n\n")[2]
    order = ["debug   pipecat.processors: linked", "caller  where", "error   pipecat.llm: no answer stage=llm"]
    order += ["Traceback", "TimeoutError: no answer", "agent   on its way", 'warning bot: slow  what="two words"']
    places = [transcript.index(part) for part in order]
    assert places == sorted(places)
    assert "0:04          error" in transcript
    assert "another day" not in transcript
    assert "pipecat" not in invoked("show", "CA1", "--root", str(root)).stdout


def test_show_as_json_has_the_lines_too(root: Path) -> None:
    told = json.loads(invoked("show", "CA1", "--logs", "--json", "--root", str(root)).stdout)

    assert [row["event"] for row in told["logs"]] == ["linked", "no answer", "slow \x1b[31m"]
    assert "logs" not in json.loads(invoked("show", "CA1", "--json", "--root", str(root)).stdout)


def test_show_says_when_no_line_belongs_to_a_call(tmp_path: Path) -> None:
    write_call(tmp_path)

    assert "No log lines belong to this call." in invoked("show", "CA1", "--logs", "--root", str(tmp_path)).stdout
