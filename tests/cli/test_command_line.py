from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import forked_commands
import pytest
from sample_calls import HOSTILE, _environ, append, run, run_from_nothing, write, write_order_call

import callscope
from callscope.cli.main import COMMANDS

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_version_is_the_packages() -> None:
    assert run_from_nothing("--version").stdout == f"callscope {callscope.__version__}\n"


def test_help_lists_every_command_and_the_exit_codes() -> None:
    text = run("--help").stdout

    assert all(f"  {name} " in text for name in COMMANDS)
    assert "no such call, no such archive" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    done = run_from_nothing(name, "--help")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: callscope {name}")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_its_options_are_documented(name: str) -> None:
    section = re.search(rf"^## callscope {name}\b.*?(?=^## |\Z)", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    assert section is not None
    options = set(re.findall(r"--[a-z-]+", run(name, "--help").stdout)) - {"--help"}
    undocumented = {option for option in options if option not in section[0]}

    assert not undocumented


def test_what_only_some_commands_need_is_not_loaded_for_the_version() -> None:
    program = (
        "import sys; from callscope.cli.main import program; print('rich' in sys.modules, 'pipecat' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "False False\n"


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["ls"], 2, "PATTER_LOG_DIR"),
        (["ls", "--root", "{root}/none"], 3, "there is no directory"),
        (["ls", "--root", "{root}", "--since", "soon"], 2, "--since 'soon' is no time"),
        (["ls", "--root", "{root}", "--since", "1h", "--until", "2h"], 2, "range of time is empty"),
        (["ls", "--root", "{root}", "--cursor", "x"], 2, "cursor"),
        (["ls", "--root", "{root}", "--limit", "0"], 2, "--limit"),
        (["ls", "--root", "{root}", "--status", "lost"], 2, "--status"),
        (["ls", "--root", "{root}", "--nothing"], 2, "--nothing"),
        (["show", "--root", "{root}"], 2, "CALL"),
        (["show", "nobody", "--root", "{root}"], 3, "there is no call 'nobody'"),
        (["tail", "nobody", "--root", "{root}"], 3, "there is no call 'nobody'"),
        (["verify", "nobody", "--root", "{root}"], 3, "there is no call 'nobody'"),
        (["repair", "--root", "{root}/none"], 3, "there is no directory"),
        (["prune", "--root", "{root}/none"], 3, "there is no directory"),
        (["prune", "--root", "{root}", "--max-size", "big"], 2, "--max-size 'big' is no size"),
        (["prune", "--root", "{root}", "--days", "-1"], 2, "--days"),
        (["nothing"], 2, "nothing"),
    ],
)
def test_a_mistake_is_one_clear_line_and_an_exit_code(tmp_path: Path, args: list[str], code: int, words: str) -> None:
    write(tmp_path, "somebody")

    done = run(*(arg.format(root=tmp_path) for arg in args))

    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("callscope: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


@pytest.mark.parametrize("command", ["ls", "verify", "doctor", "prune", "repair", "tail"])
def test_what_is_wrong_with_the_root_is_one_line_too(tmp_path: Path, command: str) -> None:
    lines = run(command, "--root", f"{tmp_path}/two\nlines")
    nobody = run(command, environ={"PATTER_LOG_DIR": "~nosuchuser/x"})

    assert (lines.returncode, lines.stdout, lines.stderr.count("\n")) == (3, "", 1)
    assert (nobody.returncode, nobody.stdout, nobody.stderr.count("\n")) == (2, "", 1)
    assert "~nosuchuser" in nobody.stderr


def test_hostile_arguments_are_harmless_in_messages(tmp_path: Path) -> None:
    write(tmp_path, "somebody")

    done = run("show", HOSTILE, "--root", str(tmp_path))

    assert done.returncode == 3
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr


def test_an_archive_may_be_named_by_the_environment(tmp_path: Path) -> None:
    write(tmp_path, "somebody")

    assert "somebody" in run("ls", environ={"PATTER_LOG_DIR": str(tmp_path)}).stdout


@pytest.mark.parametrize(
    "args",
    [
        ("ls", "--limit", "300", "--json"),
        ("ls", "--limit", "300"),
        ("show", "CA0"),
        ("show", "CA0", "--json"),
        ("verify",),
    ],
    ids=" ".join,
)
def test_a_reader_that_goes_away_is_no_error_worth_a_word(tmp_path: Path, args: tuple[str, ...]) -> None:
    directory = write_order_call(tmp_path)
    append(directory / "transcript.jsonl", *({"role": "user", "text": "x" * 5000} for _ in range(100)))
    for number in range(300):
        write(tmp_path, f"call-{number}-{'x' * 50}")
    command = forked_commands.from_nothing((*args, "--root", str(tmp_path)))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_environ(None)) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        said = process.stderr.read()

    assert (process.returncode, said) == (141, b"")


def test_a_terminal_without_unicode_still_gets_an_answer(tmp_path: Path) -> None:
    write_order_call(tmp_path)

    done = run("show", "CA0", "--root", str(tmp_path), environ={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"})

    assert done.returncode == 0
    assert "where is my order" in done.stdout


def test_the_setup_file_for_pipecat_is_told_by_its_absolute_path() -> None:
    path = Path(run("pipecat-setup").stdout.rstrip("\n"))

    assert path.is_absolute()
    assert path.is_file()
    assert path.parts[-4:] == ("callscope", "adapters", "pipecat", "setup.py")


def test_the_demo_without_its_packages_says_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['pocketsphinx'] = None; from callscope.cli.main import main; main()"
    command = [sys.executable, "-c", program, "demo", "--root", str(tmp_path / "demo")]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 5
    assert done.stderr == "callscope: callscope demo needs more packages: pip install 'callscope[demo]'\n"
