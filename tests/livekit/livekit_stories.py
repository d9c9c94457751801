"""The calls that the tests of the adapter look at, some of them at a time, in one loop.

So they show that several sessions of a process stay apart. A machine that has other work makes other calls of them:
gaps in words, a word after the sentence that it was to interrupt. A caller notices that by its own clock, and such a
call is recorded again (`record_all`).
"""
# No postponed annotations here: LiveKit reads those of the tools.

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from livekit.agents import Agent, AgentSession, function_tool
from livekit.agents.llm import FallbackAdapter
from livekit.plugins import openai
from model_server import Answer
from offline_agent import Caller, Truth, model_client, offline_call

from callscope.adapters.livekit import SessionRecorder, record
from callscope.recorder.logger import CallLogger

STORY = "It went from our house to Hamburg, where it lies in the shop at the corner of the market place."
TRIES = 2
"""Of a synthesis that is refused: see `make_session`."""
AT_ONCE = 3
"""Calls at a time: all of them together would keep one core busy, and be in each other's way."""
RECORDINGS = 3
"""At most, of a call."""
DISTURBED_MS = 150
"""A caller whose clock was more behind than this had a call that the machine disturbed."""
LONG = (
    "Your parcel left our house on Monday, then it went to the large hall in Hamburg, and from there a driver "
    "brought it to the shop at the corner where you can pick it up."
)


class Desk(Agent):  # type: ignore[misc]  # LiveKit is not followed by the type checker
    """Answers with two functions: one gives a dict, the other one fails."""

    def __init__(self) -> None:
        super().__init__(instructions="You are the parcel desk.", id="desk")

    @function_tool  # type: ignore[untyped-decorator]
    async def find_parcel(self, number: str) -> dict[str, Any]:
        """Where a parcel is."""
        await asyncio.sleep(0.15)
        return {"number": number, "places": ["Berlin", "Hamburg"], "late": False}

    @function_tool  # type: ignore[untyped-decorator]
    async def call_driver(self) -> str:
        """Ask the driver."""
        raise RuntimeError("the driver's phone is off")


class Complaints(Agent):  # type: ignore[misc]  # LiveKit is not followed by the type checker
    """Whom a call is handed to."""

    def __init__(self) -> None:
        super().__init__(instructions="You take complaints.", id="complaints")

    async def on_enter(self) -> None:
        await self.session.say("This is complaints.")


class Reception(Agent):  # type: ignore[misc]  # LiveKit is not followed by the type checker
    """Hands a call on."""

    def __init__(self) -> None:
        super().__init__(instructions="You are the reception.", id="reception")

    @function_tool  # type: ignore[untyped-decorator]
    async def to_complaints(self) -> Agent:
        """Hand the caller to complaints."""
        return Complaints()


async def _tools(caller: Caller) -> None:
    await caller.session.say("Parcel desk, hello.")
    await caller.say("Where is my parcel?")
    await caller.listen()
    await caller.say("Please call the driver.")
    await caller.listen()


async def _barge_in(caller: Caller) -> None:
    await caller.say("What happened to my parcel?")
    await caller.hear(more_than_ms=1500)
    await caller.say("No, where is it now?")
    await caller.listen()


async def _cough(caller: Caller) -> None:
    await caller.say("Tell me the whole story.")
    await caller.hear(more_than_ms=1200)
    await caller.say("ah ah ah ah", expected="")
    await caller.listen(silence_ms=1600)


async def _one_question(caller: Caller) -> None:
    await caller.say("Are you open today?")
    await caller.listen()


async def _nobody_answers(caller: Caller) -> None:
    await caller.say("Is anybody there?")
    await caller.until(lambda: caller.models.speeches_refused == TRIES)
    await caller.say("Hello, can you hear me?")
    await caller.until(caller.closed.is_set)


async def _hang_up(caller: Caller) -> None:
    await caller.say("Please tell me everything.")
    await caller.hear(more_than_ms=1500)
    caller.hang_up()


async def _handoff(caller: Caller) -> None:
    await caller.say("I want to complain.")
    await caller.listen()


async def _typed(caller: Caller) -> None:
    await caller.session.run(user_input="Are you open today?")
    await caller.session.run(user_input="And where is my parcel?")


def _with_fallback(session: AgentSession[Any]) -> None:
    """Put a model that is not there before the one that is."""
    alive = session.llm
    assert isinstance(alive, openai.LLM)
    dead = openai.LLM(model="gone", client=model_client("http://127.0.0.1:9/v1"))
    session._llm = FallbackAdapter([dead, alive], attempt_timeout=20.0, retry_interval=0.1)


STORIES: dict[str, dict[str, Any]] = {
    "tools": {
        "story": _tools,
        "agent": Desk,
        "answers": [
            Answer(tool="find_parcel", arguments={"number": "4711"}),
            Answer(text="It is in Berlin."),
            Answer(tool="call_driver"),
            Answer(text="The driver does not answer."),
        ],
    },
    "barge-in": {"story": _barge_in, "answers": [Answer(text=LONG), Answer(text="It is at the corner.")]},
    "cough": {"story": _cough, "answers": [Answer(text=STORY)]},
    "llm-recovers": {"story": _one_question, "answers": [Answer(status=500), Answer(text="Yes, until six.")]},
    "no-voice": {
        "story": _nobody_answers,
        "mute": True,
        "answers": [Answer(text="Yes, I am here."), Answer(text="Yes, I hear you.")],
    },
    "hang-up": {"story": _hang_up, "answers": [Answer(text=LONG)]},
    "handoff": {"story": _handoff, "agent": Reception, "answers": [Answer(tool="to_complaints")]},
    "typed": {
        "story": _typed,
        "text_only": True,
        "agent": Desk,
        "stt": None,
        "tts": None,
        "vad": None,
        "answers": [
            Answer(text="Yes, until six."),
            Answer(tool="find_parcel", arguments={"number": "1"}),
            Answer(text="In Berlin."),
        ],
    },
    "fallback": {"story": _one_question, "prepare": _with_fallback, "answers": [Answer(text="Yes, until six.")]},
}


SOUND: dict[str, dict[str, Any]] = {
    "tools": {"sound": True},
    "barge-in": {"sound": True},
    "cough": {"sound": True},
    "no-voice": {"sound": True},
    "hang-up": {"sound": True},
    "typed": {"sound": True},
}
"""Options of `record` for the stories whose sound is to be kept."""
START: dict[str, dict[str, Any]] = {"llm-recovers": {"record": True}, "fallback": {"record": {"audio": False}}}
"""Options of ``AgentSession.start``: what LiveKit itself is told to record."""


def record_all(root: Path, *, progress: Callable[[str], None]) -> dict[str, tuple[Truth, Path]]:
    """Record all stories; by name, which is also the call's id: what the caller said and heard, and the archive.

    A call that the machine disturbed is recorded again in another archive, at most `RECORDINGS` times in all, and
    ``progress`` is told so. What its caller knows last is what counts, disturbed or not. Raises `RuntimeError` when
    a caller has waited in vain.
    """
    made: dict[str, tuple[Truth, Path]] = {}
    names = list(STORIES)
    for number in range(RECORDINGS):
        archive = root / f"recording-{number}"
        truths = _record(archive, names)
        made |= {name: (truth, archive) for name, truth in truths.items()}
        names = [name for name, truth in truths.items() if truth.late_ms > DISTURBED_MS]
        for name in names:
            progress(f"{name}: the machine was {truths[name].late_ms:.0f} ms late. {truths[name].gave_up}")
        if not names:
            break
    for name, (truth, _) in made.items():
        if truth.gave_up:
            raise RuntimeError(f"{name}: {truth.gave_up}")
    return made


def _record(root: Path, names: list[str]) -> dict[str, Truth]:
    calls = CallLogger(root)
    lines = asyncio.Semaphore(AT_ONCE)

    async def one(name: str, prepare: Callable[[Any], None] | None = None, **story: Any) -> Truth:
        def begin(session: AgentSession[Any]) -> SessionRecorder:
            if prepare is not None:
                prepare(session)
            return record(session, logger=calls, call_id=name, labels={"agent_version": "2.4"}, **SOUND.get(name, {}))

        agent = story.pop("agent", None)
        async with lines:
            return await offline_call(
                before_start=begin, agent=agent() if agent else None, start=START.get(name), **story
            )

    async def everything() -> dict[str, Truth]:
        tasks = {name: asyncio.create_task(one(name, **STORIES[name])) for name in names}
        await asyncio.gather(*tasks.values())
        return {name: task.result() for name, task in tasks.items()}

    truths = asyncio.run(everything())
    assert calls.close()
    return truths
