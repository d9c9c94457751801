"""The network goes away in the middle of a call: what is recorded, logged and told, and to whom.

Between a real bot and its language model is a line that is cut: broken while an answer comes, silent while an answer
comes, or silent from the start. `callscope watch` looks on meanwhile, and tells a real endpoint.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from logged_calls import TRIES, Line, Run, patient, run_calls, together
from recorded_calls import Recorded, read
from webhook_ear import Ear

from callscope import CallLogger
from callscope.demo.scenarios import APOLOGY, SCENARIOS, Scenario

pytestmark = pytest.mark.e2e

MID_ANSWER = 3000
"""Bytes: two sentences of the long answer have come."""
TOLD_SECONDS = 60
ASKING = msgspec.structs.replace(SCENARIOS["order"], lines=SCENARIOS["order"].lines[:1], patience_ms=6000)
RULES = """
schema = 1

[[target]]
name = "on call"
kind = "webhook"
url = "{url}"

[[rule]]
name = "calls with errors"
kind = "error_rate"
threshold = "60%"
minimum_calls = 1
severity = "critical"

[[rule]]
name = "a new error"
kind = "new_error"
"""


class Away(msgspec.Struct, frozen=True):
    """Three calls whose network went away, and what the endpoint was told of the first."""

    broken: Run
    hanging: Run
    silent: Run
    rules: Path
    ear: Ear
    told_at_the_end: int

    def lines(self, run: Run) -> list[dict[str, Any]]:
        """All lines of a run."""
        (file,) = (run.root / "logs").glob("*.jsonl")
        return [json.loads(line) for line in file.read_bytes().splitlines()]


@pytest.fixture(scope="module")
def away(tmp_path_factory: pytest.TempPathFactory) -> Any:
    for number in range(TRIES):
        with Ear() as ear:
            made = asyncio.run(_away(tmp_path_factory.mktemp("away"), ear, at_once=1 if number else 3))
            if number == TRIES - 1 or all(run.is_smooth for run in (made.broken, made.hanging, made.silent)):
                yield made
                return


async def _away(place: Path, ear: Ear, *, at_once: int) -> Away:
    rules = place / "rules.toml"
    rules.write_text(RULES.format(url=ear.url))
    roots = [place / name for name in ("broken", "hanging", "silent")]
    (roots[0] / "calls").mkdir(parents=True)
    watch = await asyncio.create_subprocess_exec(
        sys.executable, *watching(roots[0], rules), "--every", "1s", "--json", stdout=asyncio.subprocess.PIPE
    )
    assert watch.stdout is not None
    try:
        broken, hanging, silent = await together(
            _call(roots[0], patient(SCENARIOS["barge_in"]), _reset),
            _call(roots[1], patient(SCENARIOS["barge_in"]), _hang, LLM_READ_SECONDS="2"),
            _call(roots[2], ASKING, _say_nothing, CALLSCOPE_SILENCE_SECONDS="3"),
            at_once=at_once,
        )
        delivered = 0
        while delivered < 2:
            line = json.loads(await asyncio.wait_for(watch.stdout.readline(), TOLD_SECONDS))
            delivered += line["what"] == "delivery" and line["error"] is None
    finally:
        watch.kill()  # as a machine that goes down: what was told must be known after the next start
        await watch.communicate()
    return Away(broken, hanging, silent, rules, ear, len(ear.told))


async def _call(root: Path, scenario: Scenario, damage: Any, **environment: str) -> Run:
    return await run_calls(root, {"cut": scenario}, damage=damage, environment=environment)


def _reset(line: Line) -> None:
    line.reset_after = MID_ANSWER


def _hang(line: Line) -> None:
    line.hang_after = MID_ANSWER


def _say_nothing(line: Line) -> None:
    line.hang_after = 0


def watching(root: Path, rules: Path) -> list[str]:
    return ["-m", "callscope", "watch", "--root", str(root), "--rules", str(rules)]


async def look(away: Away) -> list[Any]:
    """A watch that begins anew, looks once and ends; what the endpoint was told by that."""
    before = len(away.ear.told)
    process = await asyncio.create_subprocess_exec(
        sys.executable, *watching(away.broken.root, away.rules), "--once", stdout=asyncio.subprocess.DEVNULL
    )
    assert await process.wait() == 0
    return away.ear.told[before:]


def recorded(run: Run) -> Recorded:
    return read(run.root, "cut")


def test_a_broken_line_is_an_error_with_its_stack_stage_provider_and_category(away: Away) -> None:
    first, _again = recorded(away.broken).data_of("error")
    assert (first["stage"], first["provider"], first["model"]) == ("llm", "localhost", "gpt-4.1-mini")
    assert (first["category"], first["recoverable"]) == ("connectivity", True)
    assert first["exception_type"] == "APIConnectionError"
    stack = str(first["stack"])
    assert stack.index("ReadError") < stack.index("APIConnectionError: Connection error.")
    assert "Traceback (most recent call last):\n  File " in stack
    assert "The above exception was the direct cause of the following exception:" in stack


def test_a_line_that_falls_silent_is_a_timeout(away: Away) -> None:
    (error,) = recorded(away.hanging).data_of("error")
    assert (error["stage"], error["category"], error["recoverable"]) == ("llm", "timeout", True)
    assert error["exception_type"] == "APITimeoutError"
    assert [each["error_id"] for each in recorded(away.hanging).data_of("error_recovered")] == [error["error_id"]]


@pytest.mark.parametrize("name", ["broken", "hanging"])
def test_the_error_is_a_line_of_the_log_once_with_call_service_and_stack(away: Away, name: str) -> None:
    run: Run = getattr(away, name)
    lines = [line for line in away.lines(run) if line["logger"] == "callscope.call" and line["event"] == "error"]
    errors = recorded(run).data_of("error")
    assert [line["level"] for line in lines] == ["error"] * len(errors)
    for line, error in zip(lines, errors, strict=True):
        assert (line["call_id"], line["stage"], line["provider"]) == ("cut", "llm", "localhost")
        assert line["exception"]["stack"] == error["stack"]
        assert line["data"]["category"] == error["category"]
    assert f"error: {errors[0]['exception_type']}: Error during completion" in run.stderr


def test_the_call_goes_on_and_is_completed_where_the_agent_could_still_speak(away: Away) -> None:
    for run in (away.broken, away.hanging):
        call = recorded(run).record.call
        assert (call.status, call.end_reason) == ("completed", "the caller hung up")
        assert call.callscope["lost"] == {}
        assert APOLOGY in " ".join(text for role, text in recorded(run).spoken() if role == "assistant")
        assert [role for role, _ in recorded(run).spoken()][-1] == "assistant"
    (usage,) = [line for line in recorded(away.broken).record.call.callscope["usage"] if line["service"] == "llm"]
    assert usage["unreported_requests"] == 2


def test_a_call_whose_caller_waits_in_vain_is_failed_and_the_silence_is_told_while_it_lasts(away: Away) -> None:
    call = recorded(away.silent)
    (silence,) = call.data_of("silence")
    assert (silence["kind"], silence["stage"]) == ("no_answer", "llm")
    (told,) = [line for line in away.lines(away.silent) if line["event"] == "silence"]
    assert (told["level"], told["call_id"]) == ("warning", "cut")
    assert "silence: no answer" in away.silent.stderr
    assert call.record.call.status == "failed"
    assert call.record.call.error


def test_the_alert_reaches_the_endpoint_once_whatever_restarts(away: Away) -> None:
    fired = [(each["rule"], each["state"]) for each in away.ear.told[: away.told_at_the_end]]
    assert sorted(fired) == [("a new error", "fired"), ("calls with errors", "fired")]
    assert [each["calls"][0]["call_id"] for each in away.ear.told[:2]] == ["cut", "cut"]
    assert asyncio.run(look(away)) == []

    logger = CallLogger(away.broken.root)
    for number in range(2):
        with logger.start_call(f"good-{number}") as call:
            call.turn("assistant", "Hello.")
    logger.close()
    over = [each for each in asyncio.run(look(away)) if each["rule"] == "calls with errors"]
    assert [each["state"] for each in over] == ["resolved"]
    first = next(each for each in away.ear.told if each["rule"] == "calls with errors")
    assert over[0]["incident"] == first["incident"]
    assert asyncio.run(look(away)) == []
