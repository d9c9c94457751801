"""A session of the real client against a server on loopback: what is recorded is what both of them did."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import openai
import pytest
from realtime_events import pcm, server
from realtime_events import session as told
from realtime_server import ANSWER, PLAYED_MS, Script, playing
from websockets.sync.server import ServerConnection, serve

from callscope.adapters.openai_realtime import recorded
from callscope.archive.reader import CallRecord, read_call
from callscope.recorder.logger import CallLogger
from callscope.timeline.summary import summarise


async def agent(connection: Any, noted: dict[str, float]) -> None:
    """A voice agent, as the package's own documentation has it."""
    await connection.session.update(session={"type": "realtime", "instructions": "Tell the weather."})
    for _ in range(40):
        await connection.input_audio_buffer.append(audio=pcm(50))
    async for event in connection:
        if event.type == "response.output_item.done" and event.item.type == "function_call":
            noted["result"] = int(time.time() * 1000)
            output = {"type": "function_call_output", "call_id": event.item.call_id, "output": '{"celsius": 4}'}
            await connection.conversation.item.create(item=output)
            await connection.response.create()
        elif event.type == "response.output_audio.delta":
            noted.setdefault("heard", int(time.time() * 1000))
        elif event.type == "input_audio_buffer.speech_started" and "heard" in noted:
            cut = {"item_id": "a1", "content_index": 0, "audio_end_ms": PLAYED_MS}
            await connection.conversation.item.truncate(**cut)
            noted["truncated"] = int(time.time() * 1000)


async def session(logger: CallLogger, noted: dict[str, float]) -> tuple[Script, Any]:
    async with playing() as script:
        client = openai.AsyncOpenAI(api_key="sk-none", websocket_base_url=f"ws://127.0.0.1:{script.port}/v1")
        async with client, client.realtime.connect(model="gpt-realtime") as connection:
            with recorded(connection, logger=logger, labels={"environment": "test"}) as recorder:
                await agent(connection, noted)
            assert "send" not in vars(connection)
        return script, recorder


@pytest.mark.e2e
def test_a_session_of_the_real_client_is_recorded_as_it_went(tmp_path: Path) -> None:
    noted: dict[str, float] = {}
    with_logger = CallLogger(tmp_path)
    script, recorder = asyncio.run(session(with_logger, noted))
    assert with_logger.close()
    record = read_call(recorder.call.path, now_ms=int(time.time() * 1000))

    assert script.took.count("input_audio_buffer.append") == 40
    assert [(turn.role, turn.text, turn.interrupted) for turn in record.turns] == [
        ("user", "What is the weather in Oslo?", False),
        ("assistant", ANSWER, True),
    ]
    heard = record.turns[1].heard
    assert heard == " ".join(ANSWER.split()[:6])  # a second and a half of three
    assert _events(record, "tool_result") == [{"tool_call_id": "call_1", "name": "weather", "result": '{"celsius": 4}'}]
    assert [each["heard_ms"] for each in _events(record, "barge_in")] == [PLAYED_MS]
    used = {line["service"]: line["units"] for line in record.call.callscope["usage"]}
    assert (used["realtime"]["input_tokens"], used["realtime"]["cached_audio_tokens"]) == (540, 32)
    assert used["stt"]["input_audio_tokens"] == 30
    assert record.call.end_reason == "the session expired"
    assert record.call.labels["environment"] == "test"
    _moments_lie_between_what_was_done(record, script, noted)


def _moments_lie_between_what_was_done(record: CallRecord, script: Script, noted: dict[str, float]) -> None:
    """Each moment after what must have been before it, and before what can only have been after it."""
    at_ms = {event.type: event.ts_ms for event in record.events if event.ts_ms is not None}
    assert noted["result"] <= at_ms["tool_result"] <= script.did_ms["asked"]
    assert script.did_ms["sound"] <= at_ms["agent_started_speaking"] <= noted["heard"]
    assert at_ms["agent_started_speaking"] <= at_ms["agent_stopped_speaking"] <= noted["truncated"]
    timeline = summarise(record.call.started_at_ms, record.call.ended_at_ms, record.turns, record.events)
    (first,) = [each for each in timeline.exchanges if each.response_ms is not None and each.kind == "exchange"]
    ended_ms = next(event.ts_ms for event in record.events if event.type == "user_stopped_speaking")
    assert ended_ms is not None
    assert first.response_ms == at_ms["agent_started_speaking"] - ended_ms
    assert sum(part.duration_ms for part in first.parts) == first.response_ms
    assert "tool" in {part.stage for part in first.parts} or at_ms["tool_result"] == at_ms["tool_call"]


@pytest.mark.e2e
def test_the_connection_is_not_touched_when_recording_is_off() -> None:
    noted: dict[str, float] = {}
    script, recorder = asyncio.run(session(CallLogger(None), noted))
    assert script.took[-1] == "conversation.item.truncate"
    assert recorder.call is None


def test_the_synchronous_client_is_recorded_too(tmp_path: Path) -> None:
    def play(socket: ServerConnection) -> None:
        socket.send(json.dumps(server("session.created", session=told())))
        socket.recv()

    logger = CallLogger(tmp_path)
    with serve(play, "127.0.0.1", 0) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        place = f"ws://127.0.0.1:{listening.socket.getsockname()[1]}/v1"
        client = openai.OpenAI(api_key="sk-none", websocket_base_url=place)
        with (
            client,
            client.realtime.connect(model="gpt-realtime") as connection,
            recorded(connection, logger=logger) as recorder,
        ):
            assert connection.recv().type == "session.created"
            item: Any = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}
            connection.conversation.item.create(item=item)
        listening.shutdown()
    assert logger.close()
    assert recorder.call is not None
    assert recorder.call.path is not None
    record = read_call(recorder.call.path, now_ms=int(time.time() * 1000))
    assert (record.call.call_id, [turn.text for turn in record.turns]) == ("sess_1", ["Hi"])


def test_what_is_no_connection_is_said_at_once() -> None:
    with pytest.raises(TypeError, match="object is no connection of the openai package"), recorded(object()):
        pass


def _events(record: CallRecord, kind: str) -> list[dict[str, Any]]:
    return [event.data for event in record.events if event.type == kind]
