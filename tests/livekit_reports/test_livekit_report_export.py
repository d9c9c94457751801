"""Calls as LiveKit's reports: an imported one as the file that it came from, any other one as such a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from older_reports import DERIVED, REAL, SETTINGS, call_of, content_of, happened, report, said

from callscope.cli.commands.export import command
from callscope.config import Settings
from callscope.errors import SettingError
from callscope.model.event import Event
from callscope.model.whole import WholeCall, WholeTurn
from callscope.recorder.keeper import Keeper

START_MS = 1_795_323_580_000


def export(root: Path, call_id: str, *options: str) -> Result:
    arguments = ["--root", str(root), call_id, "--format", "livekit", *options]
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def exported(root: Path, call_id: str, *options: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(export(root, call_id, *options).stdout_bytes)
    return document


def put(root: Path, call: WholeCall, settings: Settings = SETTINGS) -> None:
    with Keeper(root, settings) as keeper:
        keeper.put(call)


def by_service(usage: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {data["service"]: data for data in usage}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All reports in one archive, each under a room of its own."""
    root = tmp_path_factory.mktemp("imported")
    for number, name in enumerate([*REAL, *DERIVED]):
        put(root, call_of({**report(name), "room_id": f"RM_{number}"}))
    return root


@pytest.mark.parametrize(("number", "name"), enumerate([*REAL, *DERIVED]))
def test_a_report_that_was_imported_is_exported_byte_for_byte(imported: Path, number: int, name: str) -> None:
    expected = content_of({**report(name), "room_id": f"RM_{number}"})
    assert export(imported, f"RM_{number}").stdout_bytes == expected


@pytest.mark.parametrize(("number", "name"), enumerate([*REAL, *DERIVED]))
def test_a_report_made_anew_from_its_call_tells_the_same_call(imported: Path, number: int, name: str) -> None:
    document = {**report(name), "room_id": f"RM_{number}"}
    first, again = call_of(document), call_of(exported(imported, f"RM_{number}", "--anew"))
    assert said(again) == said(first)
    assert [row.interrupted for row in again.rows if isinstance(row, WholeTurn)] == [
        row.interrupted for row in first.rows if isinstance(row, WholeTurn)
    ]
    for kind in ("tool_call", "false_interruption", "handoff"):
        assert happened(again, kind) == happened(first, kind)
    assert by_service(happened(again, "usage")) == by_service(happened(first, "usage"))
    assert [data["outcome"] for data in happened(again, "tool_result")] == [
        data["outcome"] for data in happened(first, "tool_result")
    ]
    assert len(happened(again, "error")) == len(happened(first, "error"))
    assert (again.end, again.fields["provider_mode"]) == (first.end, first.fields["provider_mode"])


def our_call() -> WholeCall:
    return WholeCall(
        call_id="CA1",
        started_at_ms=START_MS,
        ended_at_ms=START_MS + 9_000,
        fields={
            "caller": "+15550001234",
            "telephony_provider": "twilio",
            "labels": {"agent_version": "7"},
            "framework": {"name": "pipecat", "version": "1.14.0"},
        },
        rows=(
            Event(ts_ms=START_MS + 1_000, type="user_started_speaking", data={}),
            WholeTurn(role="user", text="When are you open?", at_ms=START_MS + 1_000, duration_ms=1_000),
            Event(ts_ms=START_MS + 2_000, type="user_stopped_speaking", data={"delay_ms": 200}),
            Event(
                ts_ms=START_MS + 2_100,
                type="tool_call",
                data={"tool_call_id": "t1", "name": "hours", "arguments": {"day": "today"}},
            ),
            Event(
                ts_ms=START_MS + 2_300,
                type="tool_result",
                data={"tool_call_id": "t1", "result": {"until": 9}, "outcome": "completed"},
            ),
            Event(ts_ms=START_MS + 2_400, type="usage", data={"service": "llm", "model": "m", "output_tokens": 9}),
            Event(ts_ms=START_MS + 2_500, type="error", data={"message": "Bearer what went wrong", "stage": "tts"}),
            Event(ts_ms=START_MS + 3_000, type="agent_started_speaking", data={}),
            WholeTurn(
                role="assistant", text="Until nine, and", at_ms=START_MS + 3_000, interrupted=True, heard="Until nine"
            ),
            Event(ts_ms=START_MS + 4_000, type="barge_in", data={}),
            Event(ts_ms=START_MS + 4_000, type="agent_stopped_speaking", data={"interrupted": True}),
            Event(ts_ms=START_MS + 5_000, type="dtmf", data={"by": "caller"}),
            WholeTurn(role="assistant", text="Nobody heard this.", at_ms=START_MS + 6_000, heard=""),
            Event(ts_ms=START_MS + 9_000, type="call_ended", data={"reason": "hung up", "initiator": "caller"}),
        ),
        source={"format": "test", "id": "CA1"},
    )


def test_a_call_of_ours_has_the_shape_of_a_report(tmp_path: Path) -> None:
    put(tmp_path, our_call())
    document = exported(tmp_path, "CA1")
    theirs = report("tools-1.8.9")
    assert list(document) == list(theirs)
    assert (document["room_id"], document["close_reason"]) == ("CA1", "CR_PARTICIPANT_DISCONNECTED")
    assert (document["timestamp"], document["duration_ms"]) == ((START_MS + 9_000) / 1000, 9_000)
    assert (document["user_turns"], document["errors"]["tts"]) == (1, 1)
    assert (document["sdk_version"], document["options"], document["tags"]) == ("", {}, [])
    assert document["usage"] == [{"type": "llm_usage", "provider": "", "model": "m", "output_tokens": 9}]
    kinds = {item["type"]: item for item in theirs["chat_history"]["items"]}
    for item in document["chat_history"]["items"]:
        assert set(item) <= {*kinds[item["type"]], "metrics"}
    items = document["chat_history"]["items"]
    assert [item.get("content") or item["name"] for item in items] == [
        ["When are you open?"], "hours", "hours", ["Until nine"],
    ]  # fmt: skip
    assert items[1]["arguments"] == '{"day":"today"}'
    assert items[2]["output"] == "{'until': 9}"
    assert items[3]["interrupted"] is True
    assert items[3]["metrics"]["e2e_latency"] == pytest.approx(1.0)


def test_what_a_report_has_no_place_for_is_named(tmp_path: Path) -> None:
    put(tmp_path, our_call())
    done = export(tmp_path, "CA1")
    assert "what went wrong" not in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("note: not in LiveKit's report: ")
    for what in ("caller", "error text", "telephony provider", "labels", "event dtmf", "reply that nobody heard"):
        assert what in line
    assert "rest of a reply that was cut off" in line


def test_the_same_call_is_exported_the_same_each_time(tmp_path: Path) -> None:
    put(tmp_path, our_call())
    assert export(tmp_path, "CA1").stdout_bytes == export(tmp_path, "CA1").stdout_bytes


def test_a_report_that_the_policy_redacted_says_so(tmp_path: Path) -> None:
    document = report("tools-1.8.9")
    document["chat_history"]["items"][3]["content"] = ["My card is 4111 1111 1111 1111"]
    put(tmp_path, call_of(document), Settings(transcript="redact", retention_days=0))
    done = export(tmp_path, document["room_id"])
    assert "4111" not in done.stdout
    assert "note: LiveKit's own report, redacted when it was kept" in done.stderr
    assert json.loads(done.stdout)["usage"] == document["usage"]


def test_one_call_has_to_be_named(tmp_path: Path) -> None:
    put(tmp_path, our_call())
    with pytest.raises(SettingError, match="of one call"):
        export(tmp_path, "--since", "2026-01-01")
