"""A call from its attachment to its end: who takes part, how it ends, and what must never happen to it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.clocks.base_clock import BaseClock
from pipecat.frames import frames as pf
from pipecat.observers.base_observer import FramePushed
from pipecat.processors.frame_processor import FrameDirection
from scripted_bot import SAMPLE_RATE, Answer, Bot, read, running

from callscope.adapters import pipecat as adapter
from callscope.adapters import pipecat_setup
from callscope.adapters.pipecat import CallObserver, attach
from callscope.recorder import guard
from callscope.recorder.logger import CallLogger

HERE = Path(__file__).parent


async def conversation(bot: Bot) -> None:
    await bot.greet("Welcome.")
    await bot.ask("How are you?")
    await bot.ask("Where are you?")


def talker() -> Bot:
    return Bot([Answer(("I am fine.",)), Answer(("Here. ", "As always."))])


def shape(root: Path) -> tuple[Any, ...]:
    """What a record says, without its times."""
    (call,) = read(root)
    usage = call.metadata["callscope"]["usage"]
    started = sorted((event["type"], event["data"].get("characters")) for event in call.events)
    return call.texts(), started, usage, call.metadata["agent"], call.metadata["callscope"]["framework"]


def test_the_observer_the_one_line_and_the_setup_file_give_the_same_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_observer(bot: Bot) -> None:
        bot.worker.add_observer(CallObserver(CallLogger(tmp_path / "observer")))

    def by_line(bot: Bot) -> None:
        attach(bot.worker, CallLogger(tmp_path / "line"))

    def by_setup_file(_bot: Bot) -> None:
        monkeypatch.setenv("PIPECAT_SETUP_FILES", str(pipecat_setup.__file__))
        monkeypatch.setenv("PATTER_LOG_DIR", str(tmp_path / "setup"))

    async def call(connect: Any) -> None:
        bot = talker()
        connect(bot)
        async with running(bot):
            await conversation(bot)

    adapter.process_logger.cache_clear()
    for connect in (by_observer, by_line, by_setup_file):
        asyncio.run(call(connect))
    adapter.process_logger().close()
    adapter.process_logger.cache_clear()

    import gc  # noqa: PLC0415 -- the loggers of the functions above have no other name

    for logger in [each for each in gc.get_objects() if isinstance(each, CallLogger)]:
        logger.close()
    assert shape(tmp_path / "observer") == shape(tmp_path / "line") == shape(tmp_path / "setup")


def test_metrics_and_usage_are_switched_on(record: Any) -> None:
    call = record(talker, conversation)

    assert {each["service"] for each in call.of("usage")} == {"llm", "tts"}
    assert call.metadata["callscope"]["framework"]["name"] == "pipecat"


def test_a_worker_that_is_recorded_already_is_not_recorded_twice(calls: CallLogger, tmp_path: Path) -> None:
    async def call() -> None:
        bot = talker()
        first = attach(bot.worker, calls)
        assert attach(bot.worker, calls) is first
        async with running(bot):
            await conversation(bot)

    asyncio.run(call())
    calls.close()
    assert len(read(tmp_path)) == 1


def test_a_logger_that_is_off_leaves_the_worker_alone() -> None:
    async def call() -> None:
        bot = talker()
        observer = attach(bot.worker, CallLogger(None))
        assert not observer.enabled
        assert not bot.worker.params.enable_metrics
        async with running(bot):
            await conversation(bot)
        assert observer.call is None

    asyncio.run(call())


def test_the_agent_is_read_from_the_services(record: Any) -> None:
    call = record(talker, conversation, agent={"name": "Front desk"})

    agent = call.metadata["agent"]
    assert (agent["model"], agent["voice"], agent["name"]) == ("mind-1", "anna", "Front desk")
    assert agent["tts"]["model"] == "voice-1"


def test_the_call_is_named_by_what_telephony_tells(record: Any) -> None:
    data = {"call_id": "CA123", "from": "+15550001234", "to": "+15550009999"}

    call = record(talker, conversation, call_data=data, telephony_provider="twilio")

    assert call.metadata["call_id"] == "CA123"
    assert call.metadata["caller"].endswith("1234")
    assert call.metadata["callee"].endswith("9999")
    (line,) = [each for each in call.metadata["callscope"]["usage"] if each["service"] == "telephony"]
    assert line["provider"] == "twilio"
    assert line["units"]["call_seconds"] > 0


def test_the_call_is_named_by_the_workers_own_metadata_or_conversation(record: Any) -> None:
    def named() -> Bot:
        bot = Bot([], conversation_id="conversation-7")
        bot.worker.params.start_metadata.update({"caller": "alice", "labels": {"agent_version": "2"}})
        return bot

    async def nothing(_bot: Bot) -> None:
        return

    call = record(named, nothing)

    assert call.metadata["call_id"] == "conversation-7"
    assert call.metadata["callscope"]["labels"] == {"agent_version": "2"}


@pytest.mark.parametrize(
    ("end", "reason", "initiator"),
    [
        (pf.EndFrame(), "the agent ended the call", "agent"),
        (pf.EndFrame(reason="goodbye was said"), "goodbye was said", "agent"),
        (pf.CancelFrame(reason="client disconnected"), "client disconnected", "caller"),
        (pf.CancelFrame(reason="idle timeout"), "idle timeout", "system"),
        (pf.CancelFrame(), "the pipeline was cancelled", "system"),
    ],
)
def test_the_reason_of_the_end_is_told(record: Any, end: pf.Frame, reason: str, initiator: str) -> None:
    async def ending(bot: Bot) -> None:
        await bot.worker.queue_frame(end)
        await asyncio.wait_for(bot.worker.wait(), 5)

    call = record(Bot, ending)

    assert call.of("call_ended") == [{"reason": reason, "initiator": initiator}]
    assert call.metadata["callscope"]["end_reason"] == reason
    assert call.metadata["ended_at"] is not None


def test_the_end_is_written_also_when_it_comes_at_once(record: Any) -> None:
    async def nothing(_bot: Bot) -> None:
        return

    call = record(Bot, nothing)

    assert call.metadata["status"] != "in_progress"
    assert call.kinds("client_connected", "call_ended") == ["client_connected", "call_ended"]


def test_a_killed_bot_leaves_every_turn_that_was_spoken(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, str(HERE / "killed_bot.py"), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "spoken"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()

    (call,) = read(tmp_path)
    assert call.texts() == [
        ("assistant", "Welcome."),
        ("user", "How are you?"),
        ("assistant", "I am fine."),
    ]
    assert call.metadata["status"] == "in_progress"
    assert [each["input_tokens"] for each in call.of("usage") if each["service"] == "llm"] == [33]


def test_two_calls_in_one_process_stay_apart(calls: CallLogger, tmp_path: Path) -> None:
    async def both() -> None:
        bots = [Bot([Answer((f"I am number {number}.",))] * 3) for number in (1, 2)]
        for number, bot in enumerate(bots, 1):
            attach(bot.worker, calls, call_id=f"call-{number}")
        async with running(*bots):
            await asyncio.gather(*(talk(bot, number) for number, bot in enumerate(bots, 1)))

    async def talk(bot: Bot, number: int) -> None:
        for _ in range(3):
            await bot.ask(f"Who is number {number}?")

    asyncio.run(both())
    calls.close()
    for number, call in enumerate(read(tmp_path), 1):
        assert call.texts() == [
            ("user", f"Who is number {number}?"),
            ("assistant", f"I am number {number}."),
        ] * 3
        assert str(3 - number) not in "".join(text for _, text in call.texts())


def test_an_error_of_ours_neither_stops_the_record_nor_reaches_the_pipeline(record: Any) -> None:
    class Odd(str):
        __slots__ = ()

        def strip(self, *_: Any) -> str:
            raise RuntimeError("an odd text")

    async def odd(bot: Bot) -> None:
        guard.reraise = False
        await bot.line.push_frame(pf.LLMContextUserTurnFrame(text=Odd("x"), timestamp=""))
        await bot.line.push_frame(pf.MetricsFrame(data=[None, SimpleNamespace()]))  # type: ignore[list-item]
        await bot.line.push_frame(pf.VADUserStartedSpeakingFrame(start_secs=None))  # type: ignore[arg-type]
        await bot.ask("How are you?")

    call = record(talker, odd)

    assert ("assistant", "I am fine.") in call.texts()


class FastClock(BaseClock):  # type: ignore[misc]
    """A pipeline clock that a test moves."""

    def __init__(self) -> None:
        self.now_ns = 1

    def start(self) -> None:
        self.now_ns = 1

    def get_time(self) -> int:
        return self.now_ns


def test_half_an_hour_of_frames_is_recorded_with_flat_memory(calls: CallLogger, tmp_path: Path) -> None:
    """Every frame that a call of that length has, pushed as fast as it goes by a real pipeline."""
    exchanges = 360
    sizes: list[int] = []

    async def long_call() -> None:
        clock = FastClock()
        bot = Bot([Answer(("I am fine.",)) for _ in range(exchanges)], clock=clock, idle_timeout_secs=None)
        attach(bot.worker, calls)
        sound = b"\0" * (SAMPLE_RATE // 50 * 2)
        async with running(bot):
            for number in range(exchanges):
                clock.now_ns += 5_000_000_000
                for _ in range(25):
                    await bot.line.push_frame(
                        pf.InputAudioRawFrame(audio=sound, sample_rate=SAMPLE_RATE, num_channels=1)
                    )
                await bot.ask("How are you?")
                if number in {exchanges // 3, exchanges - 1}:
                    calls.flush()
                    sizes.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    try:
        asyncio.run(long_call())
    finally:
        tracemalloc.stop()
    assert calls.close()
    (call,) = read(tmp_path)
    assert len(call.turns) == 2 * exchanges
    assert call.metadata["callscope"]["lost"] == {}
    assert len(call.events) / exchanges < 25
    ours = sizes[1] - sizes[0]
    assert ours < 3_000_000, f"grew by {ours} bytes, most of it the bot's own context and events"


def test_a_push_costs_less_than_five_microseconds(calls: CallLogger) -> None:
    """Over the mix of a real call: 570 pushes a second, of which 10 to 20 are worth anything."""

    async def cost() -> float:
        bot = talker()
        observer = attach(bot.worker, calls)
        async with running(bot):
            await bot.ask("How are you?")
            sound = pf.InputAudioRawFrame(audio=b"", sample_rate=SAMPLE_RATE, num_channels=1)
            said = pf.LLMTextFrame("word ")
            pushes = [
                FramePushed(bot.line, bot.ear, frame, FrameDirection.DOWNSTREAM, 1, False)
                for frame in [*[sound] * 95, *[said] * 5]
            ]
            best = float("inf")
            for _ in range(50):
                began = time.perf_counter()
                for push in pushes:
                    await observer.on_push_frame(push)
                best = min(best, (time.perf_counter() - began) / len(pushes))
            return best

    assert asyncio.run(cost()) < 5e-6
    calls.close()
