"""Stack traces beside a transcript, on a terminal and in a pipe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text
from sample_calls import ORDER, run, run_on_terminal, ts, write_order_call

from callscope.cli.stack_text import wrapped

FRAME = '  File "/srv/agent/.venv/lib/python3.11/site-packages/openai/_base_client.py", line 1850, in request'
SOURCE = "    return self._wrapped(request)"
PATH = '"/srv/agent/.venv/lib/python3.11/site-packages/openai/_base_client.py",'
TRACE = ["Traceback (most recent call last):", FRAME, SOURCE, "openai.AuthenticationError: 401"]


def with_logs(root: Path) -> Path:
    write_order_call(root)
    directory = root / "logs"
    directory.mkdir()
    exception = {"exception_type": "AuthenticationError", "message": "401", "stack": "\n".join(TRACE)}
    line = {"ts": ts(9900), "level": "critical", "logger": "bot", "event": "it broke", "call_id": ORDER}
    later = {"ts": ts(9950), "level": "info", "logger": "bot", "event": "going on", "call_id": ORDER}
    rows = [{**line, "exception": exception}, later]
    (directory / "2026-11-21.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return root


def test_a_trace_stands_below_its_line_over_the_whole_width(tmp_path: Path) -> None:
    shown = run_on_terminal("show", ORDER, "--logs", "--slowest", "0", "--root", str(with_logs(tmp_path)))
    lines = [line.rstrip() for line in Text.from_ansi(shown).plain.splitlines()]

    place = next(number for number, line in enumerate(lines) if "it broke" in line)
    assert "critical bot: it broke" in lines[place]
    assert lines[place + 1 : place + 6] == [
        "    Traceback (most recent call last):",
        '      File "/srv/agent/.venv/lib/python3.11/site-packages/openai/',
        '          _base_client.py", line 1850, in request',
        "        return self._wrapped(request)",
        "    openai.AuthenticationError: 401",
    ]
    assert lines[place].index("bot:") == lines[place + 6].index("bot:")
    assert max(map(cell_len, lines)) <= 80


def test_in_a_pipe_a_line_of_a_trace_is_one_line(tmp_path: Path) -> None:
    output = run("show", ORDER, "--logs", "--root", str(with_logs(tmp_path))).stdout

    assert "\n".join(f"    {line}" for line in TRACE) in output


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (120, [FRAME]),
        (77, ["  File", f"      {PATH}", "      line 1850, in request"]),
        (
            60,
            [
                '  File "/srv/agent/.venv/lib/python3.11/site-packages/',
                '      openai/_base_client.py", line 1850, in request',
            ],
        ),
    ],
)
def test_words_stay_whole_where_they_fit_and_paths_break_at_a_step(width: int, lines: list[str]) -> None:
    assert wrapped(FRAME, width) == lines


@given(st.text(alphabet=st.sampled_from(" \tab/日é,"), max_size=120), st.integers(1, 60))
def test_nothing_is_lost_and_nothing_is_wider(line: str, width: int) -> None:
    lines = wrapped(line, width)

    assert "".join("".join(lines).split()) == "".join(line.split())
    if width > 30:
        assert all(cell_len(each) <= width for each in lines)
        words = [word for word in line.split() if cell_len(word) <= 20]
        assert all(any(word in each for each in lines) for word in words)
