"""One real session, told three ways: by the adapter, by what it uploads to us, by LiveKit's report of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from callscope.archive.reader import CallRecord, read_call
from callscope.clock import now_ms
from callscope.config import Settings
from callscope.importers.base import run
from callscope.recorder.keeper import Keeper

pytestmark = pytest.mark.e2e

AGENT = Path(__file__).with_name("insights_agent.py")
STORIES = ("barge-in", "tools")
KEYS = {"LIVEKIT_API_KEY": "devkey", "LIVEKIT_API_SECRET": "a-secret-of-thirty-two-characters"}
_NEAR_MS = 60


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """The three tellings of a call, and what its caller and its models know."""

    adapter: CallRecord
    insights: CallRecord
    imported: CallRecord
    truth: dict[str, Any]
    was_live: bool
    """It was seen in progress."""

    @property
    def records(self) -> tuple[CallRecord, CallRecord, CallRecord]:
        return self.adapter, self.insights, self.imported


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ways]:
    """All stories, in the threads of one server, with `callscope serve` beside it."""
    return tell("thread", tmp_path_factory.mktemp("thread"))


def tell(executor: str, place: Path) -> dict[str, Ways]:
    """Run the stories with an executor; their tellings by story."""
    folder = place / "folder"
    folder.mkdir()
    received = place / "received"
    command = [sys.executable, "-m", "callscope", "serve", "--root", str(received), "--port", "0", "--no-watch"]
    with subprocess.Popen(command, env={**os.environ, **KEYS}, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            address = server.stderr.readline().split(" on ")[1].split()[0].rstrip("/")
            live = _run_agent(executor, folder, place / "recorded", received, address)
            _until(lambda: len(_ended(received)) == len(STORIES))
        finally:
            server.terminate()
    imported = place / "imported"
    paths = [str(folder / f"{story}.json") for story in STORIES]
    with Keeper(imported, Settings(retention_days=0)) as keeper:
        assert run.run("livekit", paths, keeper=keeper).new == len(STORIES)
    found = [_by_id(root) for root in (place / "recorded", received, imported)]
    ids = {story: json.loads((folder / f"{story}.json").read_text())["room_id"] for story in STORIES}
    assert [set(each) for each in found] == [set(ids.values())] * 3
    adapter, insights, reports = found
    return {
        story: Ways(
            adapter=adapter[id_],
            insights=insights[id_],
            imported=reports[id_],
            truth=json.loads((folder / f"{story}.truth.json").read_text()),
            was_live=id_ in live,
        )
        for story, id_ in ids.items()
    }


def _run_agent(
    executor: str, folder: Path, recorded: Path, received: Path, address: str, stories: Sequence[str] = STORIES
) -> set[str]:
    """Run the agent to its end; the calls that were seen to go on meanwhile."""
    environment = {
        **os.environ,
        **KEYS,
        "LIVEKIT_OBSERVABILITY_URL": address,
        "PATTER_LOG_DIR": str(recorded),
        "OTEL_BSP_SCHEDULE_DELAY": "500",
    }
    live: set[str] = set()
    with subprocess.Popen(
        [sys.executable, str(AGENT), executor, str(folder), *stories],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as agent:
        give_up = time.monotonic() + 80
        while agent.poll() is None and time.monotonic() < give_up:
            live |= {id_ for id_, each in _by_id(received).items() if each.call.status == "in_progress"}
            time.sleep(0.2)
        if agent.poll() is None:
            agent.kill()
    assert agent.returncode == 0
    return live


def _until(holds: Any) -> None:
    give_up = time.monotonic() + 20
    while not holds() and time.monotonic() < give_up:
        time.sleep(0.1)


def _by_id(root: Path) -> dict[str, CallRecord]:
    paths = root.glob("calls/*/*/*/*/metadata.json")
    records = [read_call(path.parent, now_ms=now_ms()) for path in paths]
    return {each.call.call_id: each for each in records}


def _ended(root: Path) -> list[CallRecord]:
    """Calls with all that will come of them: the sound comes last."""
    return [each for each in _by_id(root).values() if each.call.status != "in_progress" and each.call.recording_path]


def facts(record: CallRecord, kind: str) -> list[dict[str, Any]]:
    return [event.data for event in record.events if event.type == kind]


def used(record: CallRecord) -> dict[str, float]:
    """By service and unit, without sums of others."""
    return {
        f"{line['service']} {unit}": value
        for line in record.call.callscope["usage"]
        for unit, value in line["units"].items()
        if unit != "total_tokens"
    }


@pytest.mark.parametrize("story", STORIES)
def test_the_three_tell_the_same_turns_and_words(ways: dict[str, Ways], story: str) -> None:
    adapter, insights, imported = ways[story].records
    for record in (insights, imported):
        assert [turn.role for turn in record.turns] == [turn.role for turn in adapter.turns]
        assert [turn.ts_ms for turn in record.turns] == pytest.approx(
            [turn.ts_ms for turn in adapter.turns], abs=_NEAR_MS
        )
    assert [turn.text for turn in insights.turns] == [turn.text for turn in adapter.turns]
    assert [turn.heard for turn in insights.turns] == [turn.heard for turn in adapter.turns]
    # A report has what was heard of an answer that was cut off, not what was generated.
    assert [turn.text for turn in imported.turns] == [turn.heard or turn.text for turn in adapter.turns]
    said = [text for text, *_ in ways[story].truth["said"]]
    assert [turn.text for turn in adapter.turns if turn.role == "user"] == said


@pytest.mark.parametrize("story", STORIES)
def test_the_three_tell_the_same_waits(ways: dict[str, Ways], story: str) -> None:
    waits = [
        [turn.latency["response_ms"] for turn in record.turns if turn.latency is not None]
        for record in ways[story].records
    ]
    assert len(waits[0]) == 2
    assert waits[1] == pytest.approx(waits[0], abs=_NEAR_MS)
    assert waits[2] == pytest.approx(waits[0], abs=_NEAR_MS)
    for record in ways[story].records:
        parts = [turn.latency for turn in record.turns if turn.latency is not None]
        assert all(sum(each.values()) == 2 * each["response_ms"] for each in parts)


@pytest.mark.parametrize("story", STORIES)
def test_the_three_tell_the_same_usage_which_is_that_of_the_models(ways: dict[str, Ways], story: str) -> None:
    adapter, insights, imported = (used(record) for record in ways[story].records)
    truth = ways[story].truth
    assert insights == pytest.approx(adapter, abs=0.001)
    assert imported == pytest.approx(adapter, abs=0.001)
    assert adapter["llm input_tokens"] == truth["input_tokens"]
    assert adapter["llm output_tokens"] == truth["output_tokens"]
    assert adapter["tts characters"] == truth["characters"]
    assert adapter["stt audio_seconds"] == pytest.approx(truth["seconds_heard"], abs=0.05)


def test_the_three_tell_the_same_interruption(ways: dict[str, Ways]) -> None:
    for record in ways["barge-in"].records:
        assert record.call.callscope["interruptions"] == 1
        assert [turn.interrupted for turn in record.turns] == [False, True, False, False]
        assert len(facts(record, "barge_in")) == 1
    spoken = [record.turns[1].duration_ms for record in ways["barge-in"].records]
    assert max(spoken) - min(spoken) < _NEAR_MS  # type: ignore[type-var,operator]  # all three know it
    for record in ways["tools"].records:
        assert record.call.callscope["interruptions"] == 0


def test_the_three_tell_the_same_tools(ways: dict[str, Ways]) -> None:
    for record in ways["tools"].records:
        assert [(data["name"], data["arguments"]) for data in facts(record, "tool_call")] == [
            ("find_parcel", {"number": "4711"}),
            ("call_driver", {}),
        ]
        found, called = facts(record, "tool_result")
        assert found["result"] == {"number": "4711", "places": ["Berlin", "Hamburg"], "late": False}
        assert (called["outcome"], called["message"]) == ("failed", "the driver's phone is off")
        assert facts(record, "error") == []  # what a tool gives is no error of the call


@pytest.mark.parametrize("story", STORIES)
def test_the_three_tell_the_same_beginning_end_and_status(ways: dict[str, Ways], story: str) -> None:
    adapter = ways[story].adapter.call
    for record in ways[story].records:
        call = record.call
        assert (call.status, call.error, call.provider_mode) == ("completed", None, "pipeline")
        assert call.started_at_ms == pytest.approx(adapter.started_at_ms, abs=300)
        assert call.ended_at_ms == pytest.approx(adapter.ended_at_ms, abs=300)
        assert (call.agent["model"], call.agent["tts"]["model"]) == ("gpt-4.1-mini", "tts-1")
        assert call.labels["job_id"] == adapter.labels["job_id"]
        (end,) = facts(record, "call_ended")
        assert end["initiator"] == "agent"
    # LiveKit's report takes a job that is shut down for the agent's own wish.
    assert ways[story].insights.call.end_reason == adapter.end_reason == "the story is told"


@pytest.mark.parametrize("story", STORIES)
def test_a_call_is_seen_while_it_goes_on_and_has_its_sound_when_it_is_over(ways: dict[str, Ways], story: str) -> None:
    assert ways[story].was_live
    record = ways[story].insights
    with wave.open(str(Path(record.call.path) / "recording.wav")) as sound:
        rate = sound.getframerate()
        samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype=np.int16).reshape(-1, 2)
    offset_ms = record.call.callscope["recording"]["offset_ms"] + (record.call.started_at_ms or 0)

    def loudest(channel: int, since_ms: float, until_ms: float) -> int:
        first, last = (round((moment - offset_ms) * rate / 1000) for moment in (since_ms, until_ms))
        return int(np.abs(samples[first:last, channel].astype(np.int32)).max())

    for _, began_ms, ended_ms in ways[story].truth["said"]:
        assert loudest(0, began_ms, ended_ms) > 1_000
    for began_ms, ended_ms in ways[story].truth["heard"]:
        assert loudest(1, began_ms, ended_ms) > 1_000


def test_the_adapter_and_insights_in_one_archive_are_one_call(tmp_path: Path) -> None:
    folder, root = tmp_path / "folder", tmp_path / "calls"
    folder.mkdir()
    command = [sys.executable, "-m", "callscope", "receive", "--root", str(root), "--port", "0"]
    with subprocess.Popen(command, env={**os.environ, **KEYS}, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            first, *_ = lines = [server.stderr.readline() for _ in range(3)]
            address = first.split(" on ")[1].split()[0].rstrip("/")
            assert f"  LIVEKIT_OBSERVABILITY_URL={address}\n" in lines
            _run_agent("process", folder, root, root, address, ["tools"])
            _until(lambda: _is_whole(root))
        finally:
            server.terminate()
            assert server.stderr is not None
            said = server.stderr.read()
    assert _is_whole(root), said
    (path,) = root.glob("calls/*/*/*/[!.]*/metadata.json")
    record = read_call(path.parent, now_ms=now_ms())
    story = json.loads((folder / "tools.json").read_text())
    assert record.call.call_id == record.call.callscope["also_told"]["id"] == story["room_id"]
    assert (record.call.status, record.call.end_reason) == ("completed", "the story is told")
    assert "source" not in record.call.callscope  # it is the adapter's
    assert json.loads((path.parent / "source" / "livekit_report.json").read_text())["events"]
    with wave.open(str(path.parent / "recording.wav")) as sound:
        assert sound.getnchannels() == 2


def _is_whole(root: Path) -> bool:
    """Whether the call has what the adapter, the spans and the upload tell."""
    for each in _by_id(root).values():
        told = each.call.callscope.get("also_told", {})
        if "report" in told and each.call.recording_path and each.call.status == "completed":
            return True
    return False
