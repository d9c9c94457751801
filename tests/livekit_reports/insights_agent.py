"""Spoken calls in jobs of LiveKit's own server, with everything LiveKit tells of them: its report, and its uploads.

``python insights_agent.py EXECUTOR FOLDER STORY...``: EXECUTOR is ``thread`` or ``process``; each STORY is one of
`livekit_stories.STORIES`, a job in a room of that name. Into FOLDER go ``STORY.json``, LiveKit's report as it makes it,
and ``STORY.truth.json``, what the caller said and heard and what the models counted. Where the uploads go, and the
recorder's calls, is in the environment, as with any agent: ``LIVEKIT_OBSERVABILITY_URL`` and ``PATTER_LOG_DIR``.
"""

import asyncio
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "livekit"))

from livekit.agents import Agent, AgentServer, JobContext, JobExecutorType
from livekit_stories import STORIES
from model_server import ModelServer
from offline_agent import Caller, Ear, Mouth, _close_models, connect, make_session

from callscope.adapters.livekit import on_session_end, record

SHUTDOWN: str = "the story is told"


async def entrypoint(ctx: JobContext) -> None:
    """One story, recorded in all the ways that there are."""
    story = dict(STORIES[ctx.job.room.name])
    tell, answers, prepare = story.pop("story"), story.pop("answers"), story.pop("prepare", None)
    agent, mute, text_only = story.pop("agent", None), story.pop("mute", False), story.pop("text_only", False)
    async with ModelServer(answers, mute=mute).serving() as models:
        session = make_session(models, **story)
        if prepare is not None:
            prepare(session)
        mouth, ear = (Mouth(), Ear()) if text_only else connect(session)
        record(session, ctx)
        caller = Caller(session, models, mouth, ear)
        await session.start(agent() if agent else Agent(instructions="Answer in one sentence."), record=True)
        await tell(caller)
        if session._closing_task is None:
            await session.aclose()
        with suppress(TimeoutError):
            await asyncio.wait_for(caller.closed.wait(), 10)
        await _close_models(session)
    truth = {
        "said": [[each.text, each.started_at_ms, each.stopped_at_ms] for each in caller.said],
        "heard": [[each.started_at_ms, each.stopped_at_ms] for each in ear.heard],
        "input_tokens": sum(chat.prompt_tokens for chat in models.chats if chat.usage_told),
        "output_tokens": sum(chat.completion_tokens for chat in models.chats if chat.usage_told),
        "characters": models.characters_spoken,
        "seconds_heard": models.seconds_heard,
    }
    await asyncio.to_thread(_place(ctx, ".truth.json").write_text, json.dumps(truth))
    ctx.add_shutdown_callback(_tell_the_end)
    ctx.shutdown(reason=SHUTDOWN)


async def keep_report(ctx: JobContext) -> None:
    """LiveKit's report, as ``console --record`` writes it."""
    report: dict[str, Any] = ctx.make_session_report().to_dict()
    await asyncio.to_thread(_place(ctx, ".json").write_text, json.dumps(report, indent=2))
    await on_session_end(ctx)


def _place(ctx: JobContext, suffix: str) -> Path:
    return Path(os.environ["OFFLINE_FOLDER"]) / f"{ctx.job.room.name}{suffix}"


async def _tell_the_end() -> None:
    """The callbacks of a job run side by side, as tasks of one name: this one waits for those of others."""
    own = asyncio.current_task()
    assert own is not None
    others = {each for each in asyncio.all_tasks() if each.get_name() == own.get_name()} - {own}
    if others:
        await asyncio.wait(others)
    sign = Path(os.environ["OFFLINE_FOLDER"]) / "over"
    await asyncio.to_thread(sign.touch)


async def main(executor: str, folder: Path, stories: list[str]) -> None:
    """Serve the jobs, one after the other, and leave when the last one is over."""
    server = AgentServer(
        job_executor_type=JobExecutorType(executor),
        num_idle_processes=0,
        host="127.0.0.1",
        port=0,
        load_fnc=lambda: 0.0,
    )
    server.rtc_session(entrypoint, on_session_end=keep_report)
    started = asyncio.Event()
    server.on("worker_started", started.set)
    running = asyncio.create_task(server.run(unregistered=True))
    await started.wait()
    for story in stories:
        await server.simulate_job(story, fake_job=True)
        while server.active_jobs and not await asyncio.to_thread((folder / "over").exists):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await asyncio.to_thread((folder / "over").unlink, missing_ok=True)
    await server.aclose()
    await running


if __name__ == "__main__":
    os.environ["OFFLINE_FOLDER"] = sys.argv[2]
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
