"""A call from its attachment to its end: who takes part, how it ends, and what must never happen to it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pipecat.clocks.base_clock import BaseClock
from pipecat.frames import frames as pf
from pipecat.observers.base_observer import FramePushed
from pipecat.processors.frame_processor import FrameDirection
from scripted_bot import SAMPLE_RATE, Answer, Bot, Recorded, read, running

from callscope.adapters import pipecat as adapter
from callscope.adapters.pipecat import CallObserver, attach
from callscope.adapters.pipecat import setup as pipecat_setup
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
    told = [event for event in call.events if event["type"] != "metrics"]  # how many are worth it is a matter of time
    events = Counter((event["type"], event["data"].get("characters")) for event in told)
    return call.texts(), events, usage, call.metadata["agent"], call.metadata["callscope"]["framework"]


def test_the_observer_the_one_line_and_the_setup_file_give_the_same_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_observer(bot: Bot, logger: CallLogger) -> None:
        bot.worker.add_observer(CallObserver(logger))

    def by_line(bot: Bot, logger: CallLogger) -> None:
        attach(bot.worker, logger)

    def by_setup_file(_bot: Bot, _logger: CallLogger) -> None:
        monkeypatch.setenv("PIPECAT_SETUP_FILES", str(pipecat_setup.__file__))
        monkeypatch.setenv("PATTER_LOG_DIR", str(tmp_path / "by_setup_file"))

    async def call(connect: Any) -> None:
        bot = talker()
        logger = CallLogger(tmp_path / connect.__name__)
        connect(bot, logger)
        async with running(bot):
            await conversation(bot)
        assert await logger.aclose()

    adapter.process_logger.cache_clear()
    for connect in (by_observer, by_line, by_setup_file):
        asyncio.run(call(connect))
    assert adapter.process_logger().close()
    adapter.process_logger.cache_clear()

    shapes = [shape(tmp_path / name) for name in ("by_observer", "by_line", "by_setup_file")]
    assert shapes[0] == shapes[1] == shapes[2]


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
        await asyncio.wait_for(bot.worker.wait(), 30)

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


def killed(root: Path, when: str) -> Recorded:
    """What a bot leaves that is killed at that moment."""
    child = subprocess.Popen(
        [sys.executable, str(HERE / "killed_bot.py"), str(root), when], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    told = child.stdout.readline().strip()
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert told == when
    (call,) = read(root)
    return call


def test_a_killed_bot_leaves_every_turn_that_was_spoken(tmp_path: Path) -> None:
    call = killed(tmp_path, "spoken")

    assert call.texts() == [
        ("assistant", "Welcome."),
        ("user", "How are you?"),
        ("assistant", "I am fine."),
    ]
    assert call.metadata["status"] == "in_progress"
    assert [each["input_tokens"] for each in call.of("usage") if each["service"] == "llm"] == [33]


def test_a_bot_killed_while_it_speaks_leaves_the_sentences_that_had_begun(tmp_path: Path) -> None:
    call = killed(tmp_path, "speaking")

    assert call.texts()[-1] == ("user", "Tell me a story.")
    texts = [told["text"] for told in call.of("agent_text")]
    assert texts == ["Welcome.", "I am fine.", "Once there was a king.", "He had a horse."]
    assert call.moments("agent_started_speaking")[0] <= call.moments("agent_text")[0]
    assert call.turns[-1]["ts"] < call.moments("agent_text")[2]


def test_a_bot_killed_while_its_caller_speaks_leaves_the_words_understood_so_far(tmp_path: Path) -> None:
    call = killed(tmp_path, "listening")

    assert call.texts()[-1] == ("assistant", "I am fine.")
    assert call.of("transcript")[-1]["text"] == "I would like"
    assert call.turns[-1]["ts"] < call.moments("transcript")[-1]


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
        assert (
            call.texts()
            == [
                ("user", f"Who is number {number}?"),
                ("assistant", f"I am number {number}."),
            ]
            * 3
        )
        assert str(3 - number) not in "".join(text for _, text in call.texts())


def test_an_error_of_ours_neither_stops_the_record_nor_reaches_the_pipeline(record: Any) -> None:
    class Odd(str):
        __slots__ = ()

        def strip(self, *_: Any) -> str:
            raise RuntimeError("an odd text")

    async def odd(bot: Bot) -> None:
        guard.reraise = False
        await bot.line.push_frame(pf.LLMContextUserTurnFrame(text=Odd("x"), timestamp=""))
        await bot.line.push_frame(pf.MetricsFrame(data=[None, SimpleNamespace()]))
        await bot.line.push_frame(pf.VADUserStartedSpeakingFrame(start_secs=None))
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


def held_by(thing: object, seen: set[int]) -> int:
    """How many objects of ours a thing holds; pipecat's and the recorder's are not followed."""
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, dict):
        parts = [*thing.keys(), *thing.values()]
    elif isinstance(thing, (list, tuple, set, deque)):
        parts = list(thing)
    elif type(thing).__module__.startswith("callscope.adapters"):
        slots = [getattr(thing, name, None) for name in getattr(type(thing), "__slots__", ())]
        parts = [*slots, *getattr(thing, "__dict__", {}).values()]
    else:
        return 1
    return 1 + sum(held_by(part, seen) for part in parts)


def test_half_an_hour_is_recorded_in_the_memory_of_ten_minutes(calls: CallLogger, tmp_path: Path) -> None:
    exchanges = 360
    held: list[int] = []

    async def long_call() -> None:
        clock = FastClock()
        bot = Bot([Answer(("I am fine.",)) for _ in range(exchanges)], clock=clock, idle_timeout_secs=None)
        observer = attach(bot.worker, calls)
        async with running(bot):
            for number in range(1, exchanges + 1):
                clock.now_ns += 5_000_000_000
                await bot.ask("How are you?")
                await bot.until("LLMContextAssistantTurnFrame")
                if number % (exchanges // 3) == 0:
                    held.append(held_by(observer, set()))

    asyncio.run(long_call())
    assert calls.flush()
    assert calls.health().pending == 0
    assert calls.close()
    (call,) = read(tmp_path)
    assert call.metadata["duration_ms"] >= 0
    assert len(call.turns) == 2 * exchanges
    assert call.metadata["callscope"]["lost"] == {}
    assert len(call.events) / exchanges < 25
    assert abs(held[2] - held[0]) <= 20, held


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
