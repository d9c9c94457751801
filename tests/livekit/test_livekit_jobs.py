"""Jobs of LiveKit's own server, in a thread and in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from livekit_calls import Kept, kept_calls
from livekit_sound import AGENT, CALLER, Recording, loud, of_ogg

pytestmark = pytest.mark.e2e

PROGRAM = Path(__file__).with_name("job_agent.py")


CLOSE_MS = 100
"""How far a sound may be from where LiveKit's own recorder has it, or from the edge that is told."""


@pytest.fixture(scope="module")
def signs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where jobs in processes leave what LiveKit made."""
    return tmp_path_factory.mktemp("signs")


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory, signs: Path) -> dict[str, Kept]:
    """One job in a thread, and four in processes: two end, one of them spoken, and two are killed, of which one is."""
    thread = _serve("thread", ["ends"], tmp_path_factory.mktemp("thread"), tmp_path_factory.mktemp("thread-signs"))
    fates = ["ends", "speaks", "falls-silent", "dies"]
    process = _serve("process", fates, tmp_path_factory.mktemp("process"), signs)
    return {"thread": thread["ends"], "process": process.pop("ends"), "killed": process.pop("dies"), **process}


def _serve(executor: str, fates: list[str], root: Path, signs: Path) -> dict[str, Kept]:
    """Run jobs to their ends; what they left, by the names of their rooms."""
    subprocess.run(
        [sys.executable, str(PROGRAM), executor, str(signs), *fates],
        env={**os.environ, "PATTER_LOG_DIR": str(root)},
        timeout=240,
        check=True,
        capture_output=True,
    )
    return {kept.metadata["callscope"]["labels"]["room"]: kept for kept in kept_calls(root).values()}


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_a_job_is_recorded_to_its_end_with_the_reason_that_it_gave(jobs: dict[str, Kept], executor: str) -> None:
    kept = jobs[executor]
    assert kept.metadata["status"] == "completed"
    assert kept.metadata["callscope"]["end_reason"] == "the shift is over"
    assert kept.metadata["callscope"]["labels"]["agent_version"] == "2.4"
    assert [role for role, _ in kept.said] == ["user", "assistant", "user", "assistant"]


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_a_job_that_blocks_its_event_loop_is_told(jobs: dict[str, Kept], executor: str) -> None:
    blocked = [warning for warning in jobs[executor].of("warning") if warning["code"] == "event_loop_blocked"]
    assert max(warning["duration_ms"] for warning in blocked) >= 500


@pytest.mark.parametrize("executor", ["thread", "process"])
def test_livekits_own_report_is_kept_beside_the_call(jobs: dict[str, Kept], executor: str) -> None:
    kept = jobs[executor]
    report = json.loads((kept.path / "source" / "livekit_report.json").read_text())
    assert report["room_id"] == kept.metadata["call_id"]
    assert [item["content"] for item in report["chat_history"]["items"] if item.get("role") == "assistant"] == [
        ["Yes, until six."],
        ["Tomorrow, too."],
    ]


def test_a_job_that_is_killed_leaves_its_finished_turns(jobs: dict[str, Kept]) -> None:
    assert jobs["killed"].said == [("user", "Are you open today?"), ("assistant", "Yes, until six.")]
    assert jobs["killed"].metadata["status"] == "in_progress"


def test_a_job_that_livekit_records_has_the_same_sound_in_the_call(jobs: dict[str, Kept], signs: Path) -> None:
    kept = jobs["speaks"]
    report = json.loads((kept.path / "source" / "livekit_report.json").read_text())
    theirs, rate = of_ogg(signs / "speaks.ogg")
    for side in (CALLER, AGENT):
        expected = loud(theirs[:, side], rate, report["audio_recording_started_at"] * 1000)
        assert len(expected) == 1
        assert Recording(kept).stretches(side) == [pytest.approx(expected[0], abs=CLOSE_MS)]


def test_a_job_that_is_killed_leaves_the_sound_of_an_answer_that_is_not_over(jobs: dict[str, Kept]) -> None:
    kept = jobs["falls-silent"]
    assert kept.metadata["status"] in {"in_progress", "abandoned"}  # the next job may have found that it is dead
    recording = Recording(kept)
    assert len(recording.stretches(CALLER)) == 1
    ((began_ms, ended_ms),) = recording.stretches(AGENT)
    assert began_ms == pytest.approx(kept.moments("agent_started_speaking")[0], abs=CLOSE_MS)
    assert ended_ms - began_ms > 900
