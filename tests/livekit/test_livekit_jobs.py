"""Jobs of LiveKit's own server, in a thread and in a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from livekit_calls import Kept, kept_calls

pytestmark = pytest.mark.e2e

AGENT = Path(__file__).with_name("job_agent.py")


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kept]:
    """Three jobs: one in a thread, one in a process, and one whose process is killed."""
    thread = _serve("thread", ["ends"], tmp_path_factory.mktemp("thread"))
    process = _serve("process", ["ends", "dies"], tmp_path_factory.mktemp("process"))
    return {"thread": thread["ends"], "process": process["ends"], "killed": process["dies"]}


def _serve(executor: str, fates: list[str], place: Path) -> dict[str, Kept]:
    """Run jobs to their ends; what they left, by the names of their rooms."""
    root, signs = place / "root", place / "signs"
    signs.mkdir()
    subprocess.run(
        [sys.executable, str(AGENT), executor, str(signs), *fates],
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
