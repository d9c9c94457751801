"""Which call running code belongs to, and who is told of what happened in calls."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from callscope import CallLogger
from callscope.recorder import current, guard, told
from callscope.recorder.told import Told


@pytest.fixture
def heard() -> Iterator[list[Told]]:
    """All that is told while a test runs."""
    found: list[Told] = []
    told.listeners.append(found.append)
    yield found
    told.listeners.remove(found.append)


def test_a_block_of_a_call_runs_for_it_and_what_comes_after_does_not(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    with logger.start_call("outer") as outer:
        assert current.call() is outer
        with logger.start_call("inner") as inner:
            assert current.call() is inner
        assert current.call() is outer
    assert current.call() is None
    logger.close()


def test_a_call_that_is_bound_goes_on_after_the_block(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    call = logger.start_call("a")
    with call.bind() as bound:
        assert bound is call
        assert current.call() is call
    assert current.call() is None
    assert not call.ended
    logger.close()


def test_tasks_of_two_calls_in_one_process_each_know_their_own(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    seen: dict[str, set[str]] = {"a": set(), "b": set()}

    async def work(name: str) -> None:
        await asyncio.sleep(0)
        call = current.call()
        assert call is not None
        seen[name].add(call.call_id)

    async def take(name: str) -> None:
        with logger.start_call(name):
            await asyncio.gather(*(asyncio.create_task(work(name)) for _ in range(3)))

    async def both() -> None:
        await asyncio.gather(take("a"), take("b"))

    asyncio.run(both())
    assert seen == {"a": {"a"}, "b": {"b"}}
    logger.close()


def test_a_block_left_in_another_context_leaves_that_one_without_a_call(tmp_path: Path) -> None:
    logger = CallLogger(tmp_path)
    bound = logger.start_call("a").bind()
    here = contextvars.copy_context()
    here.run(bound.__enter__)
    elsewhere = here.copy()
    elsewhere.run(bound.__exit__, None, None, None)
    assert elsewhere.run(current.call) is None
    logger.close()


def test_a_call_that_is_not_recorded_is_the_current_one_all_the_same() -> None:
    with CallLogger(None).start_call("off") as call:
        assert current.call() is call
    assert current.call() is None


def test_listeners_hear_of_a_call_from_its_start_to_its_outcome_and_never_its_words(
    tmp_path: Path, heard: list[Told]
) -> None:
    logger = CallLogger(tmp_path)
    with logger.start_call("a", agent={"name": "front-desk"}, caller="+15551234567") as call:
        call.turn("user", "my secret plan")
        call.event("barge_in", {"heard_characters": 3})
    logger.close()

    assert [each.type for each in heard] == ["call_started", "turn", "barge_in", "call_over"]
    start, turn, barge_in, over = heard
    assert {each.call_id for each in heard} == {"a"}
    assert start.data["agent"] == {"name": "front-desk"}
    assert turn.data["characters"] == len("my secret plan")
    assert barge_in.data == {"heard_characters": 3}
    assert (over.data["status"], over.data["turns"]) == ("completed", 1)
    assert "secret plan" not in str(heard)
    assert "5551234567" not in str(heard)


def test_a_listener_that_raises_is_in_nobodys_way(
    tmp_path: Path, heard: list[Told], caplog: pytest.LogCaptureFixture
) -> None:
    guard.reraise = False

    def broken(_: Told) -> None:
        raise RuntimeError("a listener's own bug")

    told.listeners.insert(0, broken)
    try:
        logger = CallLogger(tmp_path)
        with caplog.at_level(logging.WARNING), logger.start_call("a") as call:
            call.event("barge_in")
            assert logger.flush()
            assert logger.close()
    finally:
        told.listeners.remove(broken)

    assert "barge_in" in [each.type for each in heard]
    assert "a listener to calls" in caplog.text
    assert logger.health().written == 1
