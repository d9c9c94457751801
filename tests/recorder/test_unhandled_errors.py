"""Exceptions that nobody catches are errors of their call, and nothing else changes for the host."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callscope import CallLogger
from callscope.recorder import logger as loggers
from callscope.recorder import unhandled
from callscope.testing import call_dirs, metadata, rows

BROKEN = """
    import sys, threading
    from callscope import CallLogger

    def answer():
        raise ValueError("the answer broke")

    logger = CallLogger(sys.argv[1] or None)
    {body}
"""


@pytest.fixture(autouse=True)
def _no_other_call_goes_on() -> None:
    """What earlier tests of the process left open would be calls that an exception may be of."""
    for logger in list(loggers._loggers):
        logger.close()
    unhandled.release()


def run(body: str, root: Path | str) -> subprocess.CompletedProcess[str]:
    script = textwrap.dedent(BROKEN).format(body=textwrap.dedent(body).strip())
    return subprocess.run([sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=False)


def errors_of(root: Path, place: int = 0) -> list[dict[str, Any]]:
    return [row["data"] for row in rows(call_dirs(root)[place], "events.jsonl") if row["type"] == "error"]


@pytest.mark.parametrize(
    "body",
    [
        "logger.start_call('a')\nanswer()",
        "with logger.start_call('a'):\n    answer()",
        "logger.start_call('a')\nt = threading.Thread(target=answer, name='t')\nt.start()\nt.join()",
        "logger.start_call('a')\nsys.excepthook = lambda *error: print('the host says', error[1])\nanswer()",
        "logger.start_call('a')\nsys.exit(3)",
        "logger.start_call('a')\nraise KeyboardInterrupt",
    ],
    ids=["process", "block", "thread", "hook", "exit", "interrupt"],
)
def test_what_is_printed_and_how_the_process_ends_is_as_without_a_recorder(body: str, tmp_path: Path) -> None:
    without, recorded = run(body, ""), run(body, tmp_path)

    assert (recorded.returncode, recorded.stderr, recorded.stdout) == (
        without.returncode,
        without.stderr,
        without.stdout,
    )


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ("logger.start_call('a')\nanswer()", "process"),
        ("logger.start_call('a')\nt = threading.Thread(target=answer)\nt.start()\nt.join()", "thread"),
    ],
    ids=["process", "thread"],
)
def test_an_exception_that_nobody_catches_is_an_error_of_the_only_call(body: str, where: str, tmp_path: Path) -> None:
    run(body, tmp_path)

    (error,) = errors_of(tmp_path)
    assert (error["exception_type"], error["category"], error["stage"]) == ("ValueError", "application", "application")
    assert error["unhandled"] == where
    assert "in answer" in error["stack"]


def test_an_exception_that_leaves_the_block_of_a_call_is_no_error_of_another(tmp_path: Path) -> None:
    run("other = logger.start_call('b')\nwith logger.start_call('a'):\n    answer()", tmp_path)

    found = {metadata(path)["call_id"]: metadata(path)["callscope"]["errors"] for path in call_dirs(tmp_path)}
    assert found == {"a": 1, "b": 0}


def test_a_task_that_fails_is_an_error_of_the_call_and_the_hosts_handler_is_asked_too(tmp_path: Path) -> None:
    told: list[str] = []

    async def fail() -> None:
        raise TimeoutError("no answer from the tool")

    async def take() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["message"]))
        logger = CallLogger(tmp_path)
        with logger.start_call("a"):
            asyncio.create_task(fail())  # noqa: RUF006 -- nobody keeps it: its exception is never asked for
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            gc.collect()
        assert await logger.aclose()

    asyncio.run(take())

    (error,) = errors_of(tmp_path)
    assert (error["exception_type"], error["category"], error["recoverable"]) == ("TimeoutError", "timeout", True)
    assert error["unhandled"] == "task"
    assert told == ["Task exception was never retrieved"]


def test_a_callback_that_fails_is_an_error_of_the_call_that_called_for_it(tmp_path: Path) -> None:
    def fail() -> None:
        raise ValueError("x")

    async def take() -> None:
        logger = CallLogger(tmp_path)
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        first, second = logger.start_call("a"), logger.start_call("b")
        with second.bind():
            asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0)
        for call in (first, second):
            call.end()
        assert await logger.aclose()

    asyncio.run(take())

    found = {metadata(path)["call_id"]: metadata(path)["callscope"]["errors"] for path in call_dirs(tmp_path)}
    assert found == {"a": 0, "b": 1}


def test_a_handler_that_the_host_sets_later_stays_and_ours_comes_before_it_again(tmp_path: Path) -> None:
    told: list[dict[str, Any]] = []

    def hosts(_loop: Any, context: dict[str, Any]) -> None:
        told.append(context)

    async def take() -> None:
        loop = asyncio.get_running_loop()
        logger = CallLogger(tmp_path)
        with logger.start_call("a"):
            loop.set_exception_handler(hosts)
            unhandled.look_after()
            loop.call_exception_handler({"message": "x", "exception": ValueError("y")})
        assert await logger.aclose()
        assert loop.get_exception_handler() is hosts

    asyncio.run(take())

    assert len(errors_of(tmp_path)) == 1
    assert len(told) == 1


def test_hooks_are_there_from_the_first_call_on_until_the_last_logger_is_closed(tmp_path: Path) -> None:
    def hooks() -> tuple[Callable[..., Any], Callable[..., Any]]:
        return sys.excepthook, threading.excepthook

    before = hooks()
    off, logger, other = CallLogger(None), CallLogger(tmp_path / "a"), CallLogger(tmp_path / "b")
    off.start_call("x")
    assert hooks() == before

    logger.start_call("a")
    other.start_call("b")
    assert not set(hooks()) & set(before)
    logger.close()
    assert not set(hooks()) & set(before)
    other.close()
    assert hooks() == before


def test_an_exception_is_counted_once_however_often_it_is_told_and_so_is_what_it_led_to(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    other = logger.start_call("b")
    cause = ConnectionResetError("the line broke")
    try:
        try:
            raise cause
        except ConnectionResetError as error:
            call.error(error, stage="tts")
            raise RuntimeError("no speech") from error
    except RuntimeError as error:
        call.error(error)
        call.error(cause)
        other.error(error)
    logger.close()

    by_call = {metadata(path)["call_id"]: errors_of(tmp_path, place) for place, path in enumerate(call_dirs(tmp_path))}
    first, second, third = by_call["a"]
    assert second["duplicate_of"] == third["duplicate_of"] == first["error_id"]
    assert first["category"] == "connectivity"
    assert "duplicate_of" not in by_call["b"][0]
    assert [metadata(path)["callscope"]["errors"] for path in call_dirs(tmp_path)] == [1, 1]


def test_an_exception_that_takes_no_mark_or_answers_no_question_is_recorded_all_the_same(tmp_path: Path) -> None:
    class Closed(Exception):  # noqa: N818 -- a class of somebody else
        __slots__ = ()

        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

        @property
        def status_code(self) -> int:
            raise RuntimeError("not now")

    logger = CallLogger(tmp_path)
    with logger.start_call("a") as call:
        call.error(Closed("x"))
    logger.close()

    (error,) = errors_of(tmp_path)
    assert error["exception_type"].endswith("Closed")


def test_an_error_says_what_the_provider_answered(tmp_path: Path) -> None:
    class Refused(Exception):  # noqa: N818 -- what a client raises
        status_code = 429

    logger = CallLogger(tmp_path)
    with logger.start_call("a") as call:
        call.error(Refused("please wait"), stage="llm")
        call.error("connection refused by 10.0.0.7")
        call.error("odd", category="authorization")
    logger.close()

    found = [(each.get("http_status"), each["category"], each.get("recoverable")) for each in errors_of(tmp_path)]
    assert found == [(429, "rate_limit", True), (None, "connectivity", True), (None, "permission", False)]
