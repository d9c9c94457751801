"""An agent in jobs of LiveKit's own server, without a LiveKit: ``python job_agent.py EXECUTOR FOLDER FATE...``.

EXECUTOR is ``thread`` or ``process``. Each FATE is a job, one after the other, in a room of that name: ``ends`` (the
job is shut down with a reason) or ``dies`` (its process is killed between two turns), where the caller types;
``speaks`` (a question and its answer, recorded by LiveKit too) or ``falls-silent`` (its process is killed in the middle
of the answer), where the caller speaks. FOLDER is for the signs that jobs give of their ends, and for LiveKit's own
recordings, ``FATE.ogg``.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
import wave
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import openai as sdk
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, JobExecutorType
from livekit.plugins import openai

from callscope.adapters.livekit import on_session_end, record
from callscope.recorder.call_log import CallLog

SPOKEN: tuple[str, ...] = ("speaks", "falls-silent")
_AUDIBLE: int = 400
"""Of 32767: quieter samples are silence."""
SHUTDOWN: str = "the shift is over"
BLOCKED_SECONDS: float = 0.6


async def entrypoint(ctx: JobContext) -> None:
    """Two turns; between them what the job's fate says."""
    if ctx.job.room.name in SPOKEN:
        await spoken(ctx)
        return
    web = sdk.DefaultAsyncHttpxClient(verify=False)
    client = sdk.AsyncClient(base_url=os.environ["OFFLINE_MODELS"], api_key="none", max_retries=0, http_client=web)
    session = AgentSession(llm=openai.LLM(model="gpt-4.1-mini", client=client), vad=None, turn_detection=None)
    recorder = record(session, ctx, labels={"agent_version": "2.4"})
    ctx.add_shutdown_callback(_tell_the_end)
    await session.start(Agent(instructions="Answer in one sentence."))
    await session.run(user_input="Are you open today?")
    if ctx.job.room.name == "dies":
        await _until(lambda: _rows(recorder.call) == 2)  # a row waits 10 ms, on a busy machine longer
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(BLOCKED_SECONDS)  # noqa: ASYNC251 -- this is what is to be found out
    await session.run(user_input="And tomorrow?")
    ctx.shutdown(reason=SHUTDOWN)


async def spoken(ctx: JobContext) -> None:
    """A question and its answer, in which the process may be killed."""
    from livekit_stories import LONG
    from model_server import Answer, ModelServer
    from offline_agent import Caller, _close_models, connect, make_session

    async with ModelServer([Answer(text=LONG)]).serving() as models:
        session = make_session(models)
        mouth, ear = connect(session)
        recorder = record(session, ctx)
        caller = Caller(session, models, mouth, ear)
        await session.start(Agent(instructions="Answer in one sentence."), record=True)
        await caller.say("Where is my parcel?")
        if ctx.job.room.name == "falls-silent":
            await _until(lambda: _heard_seconds(recorder.call) > 1)
            os.kill(os.getpid(), signal.SIGKILL)
        await caller.listen()
        await session.aclose()
        await _close_models(session)
    ctx.add_shutdown_callback(_tell_the_end)
    ctx.shutdown(reason=SHUTDOWN)


async def keep_sound(ctx: JobContext) -> None:
    """Keep what LiveKit recorded itself, whose directory is deleted with the job."""
    theirs = ctx.session_directory / "audio.ogg"
    if await asyncio.to_thread(theirs.exists):
        ours = Path(os.environ["OFFLINE_FOLDER"]) / f"{ctx.job.room.name}.ogg"
        await asyncio.to_thread(shutil.copyfile, theirs, ours)
    await on_session_end(ctx)


async def _tell_the_end() -> None:
    sign = Path(os.environ["OFFLINE_FOLDER"]) / "over"
    await asyncio.to_thread(sign.touch)


async def _until(holds: Callable[[], bool]) -> None:
    """Wait for something on the disk. Who started this program has patience, not this function."""
    while not await asyncio.to_thread(holds):  # noqa: ASYNC110 -- another process or thread writes it
        await asyncio.sleep(0.02)


def _rows(call: CallLog | None) -> int:
    assert call is not None
    assert call.path is not None
    file = call.path / "transcript.jsonl"
    return file.read_bytes().count(b"\n") if file.exists() else 0


def _heard_seconds(call: CallLog | None) -> float:
    """How much of the agent's sound is on the disk."""
    assert call is not None
    assert call.path is not None
    file = call.path / "recording.wav"
    if not file.exists():
        return 0.0
    with wave.open(str(file)) as sound:
        agent = np.frombuffer(sound.readframes(sound.getnframes()), dtype=np.int16)[1::2]
        loud = np.flatnonzero(np.abs(agent.astype(np.int32)) > _AUDIBLE)
        return float(loud[-1] - loud[0]) / sound.getframerate() if loud.size else 0.0


def _is_kept(fate: str) -> bool:
    """Whether all is on the disk that a job leaves: its callbacks run side by side, and its sign may be first."""
    for file in Path(os.environ["PATTER_LOG_DIR"]).rglob("metadata.json"):
        metadata = json.loads(file.read_text())
        if metadata["callscope"]["labels"].get("room") == fate and metadata["status"] != "in_progress":
            return (file.parent / "source" / "livekit_report.json").exists()
    return False


async def main(executor: str, folder: Path, fates: list[str]) -> None:
    """Serve the jobs, and leave when the last one is over."""
    from model_server import Answer, ModelServer

    server = AgentServer(
        job_executor_type=JobExecutorType(executor),
        num_idle_processes=0,
        host="127.0.0.1",
        port=0,
        load_fnc=lambda: 0.0,
    )
    server.rtc_session(entrypoint, on_session_end=keep_sound)
    answers = [Answer(text="Yes, until six."), Answer(text="Tomorrow, too."), Answer(text="Yes, until six.")]
    async with ModelServer(answers).serving() as models:
        os.environ["OFFLINE_MODELS"] = models.base_url
        started = asyncio.Event()
        server.on("worker_started", started.set)
        running = asyncio.create_task(server.run(unregistered=True))
        await started.wait()
        for fate in fates:
            await server.simulate_job(fate, fake_job=True)
            while server.active_jobs and not await asyncio.to_thread((folder / "over").exists):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            if fate in {"ends", "speaks"}:
                await _until(partial(_is_kept, fate))
            await asyncio.to_thread((folder / "over").unlink, missing_ok=True)
        if not {"dies", "falls-silent"}.isdisjoint(fates):
            os._exit(0)  # what the jobs' processes left is all that there is; the server would wait for them
        await server.aclose()
        await running


if __name__ == "__main__":
    os.environ["OFFLINE_FOLDER"] = sys.argv[2]
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
